"""Face Liveness: its sessions, its streams, and the judge of what a stream brings."""
