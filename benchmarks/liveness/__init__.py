"""Research on the liveness judge of the local mode: attacks, filmed people and rendered heads."""
