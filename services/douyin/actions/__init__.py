"""What the connector does: take webhooks in, send, settle, keep tokens and configuration."""
