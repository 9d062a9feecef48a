"""The settings of a site. They are kept in the table and read together with the decision they govern."""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chalicelib.domain.schedule import Calendar, Schedule
from chalicelib.domain.types import Percent

Margin = Annotated[float, Meta(ge=0, le=10)]


Threshold = Annotated[float, Meta(ge=80, le=100)]


LEAST_LIVENESS, LEAST_MARGIN = 80.0, 0.5
"""Below these (percent) a held-up photo, or somebody who looks alike, may pass; a lab may want that."""


Count = Annotated[int, Meta(ge=1, le=100_000)]


Seconds = Annotated[int, Meta(ge=1, le=86_400)]


Days = Annotated[int, Meta(ge=1, le=36_500)]


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rate limits and lockouts.

    Sessions, enrolments, identifications, verifications and uploads are limited per token and minute; so are
    punches that use up no session, while those that do are limited by the sessions. Unknown tokens are
    limited per address. A kiosk or a person is locked out for `..._lock_s` seconds after `..._failures`
    failed punches within `..._window_s` seconds. For a person, Amazon recommends 5 failures in 3 minutes and
    half an hour; a kiosk serves many.
    """

    sessions_per_minute: Count = 30
    enrolments_per_minute: Count = 60
    punches_per_minute: Count = 60
    identifications_per_minute: Count = 60
    verifications_per_minute: Count = 60
    uploads_per_minute: Count = 60
    unknown_tokens_per_minute: Count = 120
    kiosk_failures: Count = 30
    kiosk_window_s: Seconds = 300
    kiosk_lock_s: Seconds = 300
    person_failures: Count = 5
    person_window_s: Seconds = 180
    person_lock_s: Seconds = 1800


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many days data is kept.

    Faces and photos, leaves, consents, and at last the profile with all that is left of the person: counted
    from the day they left or became inactive. Consents stay as long as there are faces; punches and work days
    outlive the profile under a pseudonym. Liveness images: from the session. Punches with their work days,
    and audit entries: from the day they were created. Audit entries are kept for at least 30 days, so that
    nobody can erase their traces.
    """

    photos_days: Days = 30
    leaves_days: Days = 365
    consents_days: Days = 1095
    profiles_days: Days = 1095
    liveness_days: Days = 1
    punches_days: Days = 3650
    audit_days: Annotated[int, Meta(ge=30, le=36_500)] = 730


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a site.

    `calendar` holds the zone, shifts and holidays. `similarity_threshold`, `liveness_threshold` and
    `margin` (least distance to the second-best person) are in percent. `photo_punch` allows punches by a
    photo without liveness, and `identify` allows to ask who is in a photo. `unsafe` admits a
    `liveness_threshold` below 80 and a `margin` below 0.5, for a lab; production stages refuse these.
    A punch within `duplicate_window_s` seconds of the last one is a duplicate. `name_order` selects the given
    name with which a kiosk greets: the last word of "Nguyễn Văn Ánh", the first of "Ada Lovelace". `version`
    must be the current one; it increases with each change.
    """

    calendar: Calendar
    similarity_threshold: Threshold
    photo_punch: bool
    identify: bool = False
    unsafe: bool = False
    margin: Margin = 1.0
    liveness_threshold: Percent = 90.0
    duplicate_window_s: Annotated[int, Meta(ge=0, le=3600)] = 60
    name_order: Literal["family_first", "given_first"] = "family_first"
    limits: Limits = Limits()
    retention: Retention = Retention()
    version: Annotated[int, Meta(ge=0, le=2**53)] = 0

    def weak(self, *, local: bool) -> list[str]:
        """Say which values would let a photo or a look-alike pass; stage `local` is for trying photos."""
        found = []
        if self.photo_punch and not local:
            found.append("photo_punch: a photo of somebody is enough to punch for them")
        if self.liveness_threshold < LEAST_LIVENESS:
            found.append(f"liveness_threshold: below {LEAST_LIVENESS:g} a photo may pass as a person")
        if self.margin < LEAST_MARGIN:
            found.append(f"margin: below {LEAST_MARGIN:g} the wrong one of two who look alike may pass")
        return found

    def today(self, now: datetime) -> date:
        """Return the current work day of people on the default shift."""
        return Schedule(self.calendar).work_day(now)


def default_settings(*, local: bool, zone: str) -> Settings:
    """Return the settings of a stage whose table holds none yet.

    Amazon recommends a similarity of 99 % for use cases such as access control. The local engine has its
    own scale, on which 95 % is as strict (no false match in 78,000 pairs). Photos without liveness and
    identification are accepted in the local stage only.
    """
    calendar = Calendar(zone=zone)
    if local:
        return Settings(
            calendar=calendar, similarity_threshold=95.0, margin=2.0, photo_punch=True, identify=True
        )
    return Settings(calendar=calendar, similarity_threshold=99.0, photo_punch=False)
