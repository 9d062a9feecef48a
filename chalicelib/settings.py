"""What can be set while the service runs; kept in the table, read with the decision it governs."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from chalicelib.calendars import Calendar, Rota
from chalicelib.models import Percent

Margin = Annotated[float, Meta(ge=0, le=10)]
Threshold = Annotated[float, Meta(ge=80, le=100)]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One site's rules.

    `calendar` says where and when people are due and when a new work day begins.
    `similarity_threshold`, `margin` (to the second-best person) and `liveness_threshold`
    are percent; see docs/decisions.md for where the defaults come from.
    """

    calendar: Calendar
    similarity_threshold: Threshold
    photo_punch: bool
    margin: Margin = 1.0
    liveness_threshold: Percent = 90.0
    duplicate_window_s: Annotated[int, Meta(ge=0, le=3600)] = 60
    version: int = 0

    def today(self, now: datetime) -> date:
        """Say which work day it is, for people of the default shift."""
        return Rota(self.calendar).work_day(now)


def defaults(*, local: bool, zone: str) -> Settings:
    """The settings of a stage whose table holds none.

    99 % is what Amazon advises where a match opens a door; the local stand-in has
    its own scale, on which 95 % is as strict (no false match in 78,000 pairs). A
    photo without liveness counts only in the local stage.
    """
    calendar = Calendar(zone=zone)
    if local:
        return Settings(calendar=calendar, similarity_threshold=95.0, margin=2.0, photo_punch=True)
    return Settings(calendar=calendar, similarity_threshold=99.0, photo_punch=False)
