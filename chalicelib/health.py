"""Whether the service is up and how it is set up."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chalicelib.wiring import VERSION, Environment


class Health(Struct, frozen=True):
    """What anybody may know. `lab` is `open` where the lab's routes take calls from everybody."""

    status: Literal["ok"]
    stage: str
    version: str
    lab: str
    time: datetime


def health(environment: Environment, *, now: datetime) -> Health:
    """Answer while the process can answer at all."""
    return Health("ok", environment.stage, VERSION, environment.lab, now)
