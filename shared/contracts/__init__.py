"""What crosses a border between services: envelopes, events, internal APIs. Data only, no I/O."""
