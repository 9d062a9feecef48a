"""The settings of a site. They are kept in the table and read together with the decision they govern."""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chalicelib.domain.schedule import Calendar, Schedule
from chalicelib.domain.types import Percent

Margin = Annotated[float, Meta(ge=0, le=10)]


Threshold = Annotated[float, Meta(ge=80, le=100)]


Count = Annotated[int, Meta(ge=1, le=100_000)]


Seconds = Annotated[int, Meta(ge=1, le=86_400)]


Days = Annotated[int, Meta(ge=1, le=36_500)]


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often is too often; counted in the table, so that it holds across all Lambdas.

    Sessions and enrolments are per token, unknown tokens per address, each in a minute by the clock. So
    many failed punches within a window lock a kiosk, or a person, out. Amazon advises 5 failures in 3
    minutes and half an hour for a person; a kiosk serves many.
    """

    sessions_per_minute: Count = 30
    enrolments_per_minute: Count = 60
    unknown_tokens_per_minute: Count = 120
    kiosk_failures: Count = 30
    kiosk_window_s: Seconds = 300
    kiosk_lock_s: Seconds = 300
    person_failures: Count = 5
    person_window_s: Seconds = 180
    person_lock_s: Seconds = 1800


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many days things are kept.

    Faces and photos: from the day a person became inactive or left. Liveness: whatever a session left.
    Punches with their work days, and audit entries: from the day they were made. The audit is kept for a
    month at least: nobody rubs out today what they did yesterday.
    """

    photos_days: Days = 30
    liveness_days: Days = 1
    punches_days: Days = 3650
    audit_days: Annotated[int, Meta(ge=30, le=36_500)] = 730


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One site's rules.

    `calendar` says where and when people are due and when a new work day begins.
    `similarity_threshold`, `margin` (to the second-best person) and `liveness_threshold`
    are percent; see docs/decisions.md for where the defaults come from. `name_order` tells which word
    of a name a kiosk greets by: the last of "Nguyễn Văn Ánh", the first of "Ada Lovelace".
    """

    calendar: Calendar
    similarity_threshold: Threshold
    photo_punch: bool
    margin: Margin = 1.0
    liveness_threshold: Percent = 90.0
    duplicate_window_s: Annotated[int, Meta(ge=0, le=3600)] = 60
    name_order: Literal["family_first", "given_first"] = "family_first"
    limits: Limits = Limits()
    retention: Retention = Retention()
    version: Annotated[int, Meta(ge=0, le=2**53)] = 0

    def today(self, now: datetime) -> date:
        """Return the current work day of people on the default shift."""
        return Schedule(self.calendar).work_day(now)


def default_settings(*, local: bool, zone: str) -> Settings:
    """Return the settings of a stage whose table holds none yet.

    Amazon recommends a similarity of 99 % for use cases such as access control. The local engine has its
    own scale, on which 95 % is as strict (no false match in 78,000 pairs). Photos without liveness are
    accepted in the local stage only.
    """
    calendar = Calendar(zone=zone)
    if local:
        return Settings(calendar=calendar, similarity_threshold=95.0, margin=2.0, photo_punch=True)
    return Settings(calendar=calendar, similarity_threshold=99.0, photo_punch=False)
