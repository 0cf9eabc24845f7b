"""HTTP at every border: clients, errors, callers, idempotency."""
