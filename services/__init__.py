"""Every folder here is a service that owns its tables, its API, its events and its worker."""
