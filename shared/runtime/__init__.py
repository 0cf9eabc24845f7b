"""What runs a service: its resources, its API process, its worker process, its health."""

from shared.runtime.resources import Resources
from shared.runtime.service import Api, Service, Worker, new_api

__all__ = ["Api", "Resources", "Service", "Worker", "new_api"]
