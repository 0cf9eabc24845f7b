"""The platform of organizations and their accounts: who exists, what each may do, by which numbers, and who is told.

Owns organizations, enterprise accounts, the platform policy (profiles and overrides), API keys, and webhook
endpoints with what is sent to them. Promises: a key is shown once and never stored; a revoked key stops working
everywhere within a minute; every account's policy is published, resolved, with a version that only grows; an
endpoint is told at least once, or the delivery fails after ten tries and can be sent again. When it is
down, callers whose key was used in the last minute go on, others get 503; the services keep
working with the policy they heard last. It asks no other service, and PostgreSQL away means 503.
"""
