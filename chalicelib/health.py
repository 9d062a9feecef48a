"""Whether the service is up and how it is set up."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chalicelib.wiring import VERSION, Environment

OPEN = "The lab's routes are OPEN: anybody who reaches this service can enrol, list and delete faces."


class Health(Struct, frozen=True):
    """What anybody may know. `warning` says so where the lab's routes take calls from everybody."""

    status: Literal["ok"]
    stage: str
    version: str
    lab: str
    time: datetime
    warning: str | None


def health(environment: Environment, *, now: datetime) -> Health:
    """Answer while the process can answer at all."""
    warning = OPEN if environment.lab == "open" else None
    return Health("ok", environment.stage, VERSION, environment.lab, now, warning)
