"""Fuzzing: what strangers may send, made up by the thousand. `make fuzz` runs `python -m tests.fuzz`."""

from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
"""What tests/test_fuzz.py tries again: inputs by decoder, and whole requests under `calls`."""

FOUND = Path(".cache") / "fuzz"
"""What a run finds."""
