"""What is fixed for a deployment: version, environment variables, limits of request bodies."""

import sys
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import msgspec

Challenge = Literal["FaceMovementAndLightChallenge", "FaceMovementChallenge"]
"""The challenge of a liveness session; the second flashes no colours and is weaker."""


TEXT_BYTES = 6 * 1024 * 1024
"""The most bytes of JSON with a photo, which is Lambda's own limit. The photo has a limit of its own."""


BODY_BYTES = 4_500_000
"""The most bytes of a binary body: Lambda receives it as base64, and then it has 6 MB, Lambda's limit."""


JSON_BYTES = 1_000_000
"""The most bytes of JSON without a photo. The largest are settings: 300 kB as stored, and more if a client
escapes what is not ASCII."""


VERSION = "0.1.0"


ANY = "*"
"""Stands for all web origins."""


def web_origins(text: str) -> tuple[str, ...]:
    """Return the web origins of a list, divided by commas or spaces; `*` alone stands for all.

    Raises ValueError for what no browser would send as its origin.
    """
    found = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if not found or (ANY in found and len(found) > 1):
        raise ValueError(f"{text!r} is neither {ANY} nor a list of web origins")
    for origin in found:
        _check_origin(origin)
    return found


def _check_origin(origin: str) -> None:
    if origin == ANY:
        return
    try:
        parts = urlsplit(origin)
        whole = f"{parts.scheme}://{parts.netloc}"
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError:  # a port that is not a number
        whole, sound = "", False
    if not sound or ANY in origin:
        raise ValueError(f"{origin} is not a web origin; one is https://hr.example.com")
    if origin != whole:
        raise ValueError(
            f"an origin has no path, and browsers would not match {origin}; {whole} would be right"
        )
    if origin != origin.lower():
        raise ValueError(f"browsers send origins in lower case; {origin.lower()} would be right")


class Environment(msgspec.Struct, frozen=True, rename=lambda name: f"ROLLCALL_{name.upper()}"):
    """The environment variables of a stage, set in .chalice/config.json."""

    stage: str
    table: str
    bucket: str
    collection: str
    zone: str = "Asia/Ho_Chi_Minh"
    origin: str = ANY
    shards: int = 4
    streaming_role: str = ""
    stream_url: str = ""
    lab: Literal["off", "on", "open"] = "off"
    challenge: Challenge = "FaceMovementAndLightChallenge"
    log: Literal["off", "json"] = "json"

    @property
    def production(self) -> bool:
        """Whether this is a production stage, by its name."""
        return is_production(self.stage)


def is_production(stage: str) -> bool:
    """Say whether a stage is one of production: its name begins with `prod`."""
    return stage.lower().startswith("prod")


def require_stage(variables: Mapping[str, str]) -> None:
    """Stop Chalice's command line at a stage that is not configured; Chalice itself takes any name."""
    if "AWS_CHALICE_CLI_MODE" in variables and "ROLLCALL_STAGE" not in variables:
        # Written here, because `chalice local` imports the app in a thread, where SystemExit says nothing.
        sys.stderr.write(
            "error: .chalice/config.json has no such stage (name one of those there, as in --stage local; "
            "`python -m infra stage new NAME` makes one)\n"
        )
        raise SystemExit(2)


def refuse_open_lab(variables: Mapping[str, str]) -> None:
    """Raise ValueError for any stage but `local` whose lab routes would need no token."""
    stage = variables.get("ROLLCALL_STAGE", "")
    if stage != "local" and variables.get("ROLLCALL_LAB") == "open":
        raise ValueError(f"ROLLCALL_LAB=open lets everybody in: only stage local may, and this is {stage!r}")
