"""Fuzzing: what strangers may send, made up by the thousand. `make fuzz` runs `python -m tests.fuzz`."""

from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
"""What is worth trying again: inputs by decoder, and under `calls` whole requests; each with tests/test_fuzz.py."""

FOUND = Path(".cache") / "fuzz"
"""What a run finds."""
