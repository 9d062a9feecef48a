"""Product benchmarks (`python -m benchmarks`), and research on the liveness judge (`benchmarks.liveness`)."""
