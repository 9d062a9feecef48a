"""Fuzzing: what strangers may send, made up by the thousand. `make fuzz`; see `python -m tests.fuzz --help`."""
