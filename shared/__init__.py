"""Mechanism and contracts that several services use; no business rule and no service's table."""
