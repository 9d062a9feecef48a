"""Use cases: what the service does, given gateways and the time."""
