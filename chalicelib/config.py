"""Constants of a deployment: the version, the environment variables of a stage, limits of request bodies."""

from collections.abc import Mapping
from typing import Literal

import msgspec

Challenge = Literal["FaceMovementAndLightChallenge", "FaceMovementChallenge"]
"""What a liveness session asks for; the second flashes no colours, and proves less."""


TEXT_BYTES = 6 * 1024 * 1024
"""Most bytes of JSON with a photo in it: what Lambda takes at all. The photo has a limit of its own."""


BODY_BYTES = 4_500_000
"""Most bytes of a body that is not text: as base64, which is how Lambda gets it, 6 MB, the most it takes."""


JSON_BYTES = 1_000_000
"""Most bytes of JSON, unless a photo is in it. The largest are settings: 300 kB as they are kept, and more
when a client escapes what is not ASCII."""


VERSION = "0.1.0"


class Environment(msgspec.Struct, frozen=True, rename=lambda name: f"ROLLCALL_{name.upper()}"):
    """The environment variables of a stage; set in .chalice/config.json."""

    stage: str
    table: str
    bucket: str
    collection: str
    zone: str = "Asia/Ho_Chi_Minh"
    origin: str = "*"
    shards: int = 4
    streaming_role: str = ""
    stream_url: str = ""
    lab: Literal["off", "on", "open"] = "off"
    challenge: Challenge = "FaceMovementAndLightChallenge"
    log: Literal["off", "json"] = "json"


def refuse_open_production(variables: Mapping[str, str]) -> None:
    """Raise ValueError for a production stage whose lab routes would need no token."""
    stage = variables.get("ROLLCALL_STAGE", "").lower()
    if stage.startswith("prod") and variables.get("ROLLCALL_LAB") == "open":
        raise ValueError("ROLLCALL_LAB=open lets everybody in: it is not for a production stage")
