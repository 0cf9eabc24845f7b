"""The connector's rules: signatures, webhooks, answers of the platform, attempts. Pure."""
