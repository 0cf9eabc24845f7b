"""Every service in one place for one machine: embedded servers, a supervisor, one command."""
