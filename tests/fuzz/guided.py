"""`python -m tests.fuzz.guided SECONDS [DECODER]`: feed the decoders with what leads to code not reached yet.

In a process of its own, because libFuzzer never returns. Starts from the saved corpus; what it finds on the
way is kept in .cache/fuzz, and an input that breaks a decoder is left there as `broken-*`. The first byte of
an input is the decoder's number.
"""

import sys
import tempfile
from pathlib import Path

import atheris

from tests.fuzz import CORPUS, FOUND

with atheris.instrument_imports(include=["chalicelib", "local", "multipart"]):
    from tests.fuzz.decoders import DECODERS

NAMES = list(DECODERS)
OPTIONS = ("-max_len=4096", "-timeout=60", "-verbosity=1", "-print_final_stats=1")
"""What is to be reached lies within small inputs; large ones only take time."""


def main(seconds: str, only: str | None = None) -> None:
    """Run until the time is over or something breaks."""

    def one(data: bytes) -> None:
        name = only or NAMES[data[0] % len(NAMES) if data else 0]
        DECODERS[name](data[1:])

    found = FOUND / (only or "decoders")
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rollcall-fuzz-") as seeds:
        for number, name in enumerate(NAMES):
            for seed in (CORPUS / name).iterdir() if only in (None, name) else ():
                Path(seeds, f"{name}-{seed.name}").write_bytes(bytes([number]) + seed.read_bytes())
        time = f"-max_total_time={seconds}"
        atheris.Setup(
            [sys.argv[0], time, *OPTIONS, f"-artifact_prefix={FOUND}/broken-", str(found), seeds], one
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
