"""The settings of a site. They are kept in the table and read together with the decision they govern."""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from chalicelib.domain.schedule import Calendar, Schedule
from chalicelib.domain.text import fold
from chalicelib.domain.timeline import Dated, Timeline, first_difference, value_on
from chalicelib.domain.types import Language, Percent

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


class LeaveKind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of leave, the letter that stands for it in the monthly sheet, and whether it is paid."""

    kind: Annotated[str, Meta(min_length=1, max_length=40, examples=["annual"])]
    letter: Annotated[str, Meta(min_length=1, max_length=3, examples=["V"])]
    paid: bool = True


MARKS = frozenset("PLHAFO?/*")
"""What else stands in the monthly sheet, which no kind of leave may have as its letter."""


LEAVE_KINDS = (
    LeaveKind(kind="annual", letter="V"),
    LeaveKind(kind="sick", letter="S"),
    LeaveKind(kind="unpaid", letter="U", paid=False),
)


class SiteRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings that hold at once and have no dates.

    `similarity_threshold`, `liveness_threshold` and `margin` (least distance to the second-best person) are
    in percent. `photo_punch` allows punches by a photo without liveness, and `identify` allows to ask who is
    in a photo. `unsafe` admits a `liveness_threshold` below 80 and a `margin` below 0.5, for a lab;
    production stages refuse these. A punch within `duplicate_window_s` seconds of the last one is a
    duplicate. `site_name` and `language` are what front ends show first. `name_order` selects the given name
    with which a kiosk greets: the last word of "Nguyễn Văn Ánh", the first of "Ada Lovelace". `version` must
    be the current one; it increases with each change.
    """

    similarity_threshold: Threshold
    photo_punch: bool
    identify: bool = False
    unsafe: bool = False
    margin: Margin = 1.0
    liveness_threshold: Percent = 90.0
    duplicate_window_s: Annotated[int, Meta(ge=0, le=3600)] = 60
    site_name: Annotated[str, Meta(max_length=100, examples=["Trường THPT Nguyễn Trãi"])] = ""
    language: Language = "vi"
    name_order: Literal["family_first", "given_first"] = "family_first"
    leave_kinds: Annotated[tuple[LeaveKind, ...], Meta(min_length=1, max_length=50)] = LEAVE_KINDS
    limits: Limits = Limits()
    retention: Retention = Retention()
    version: Annotated[int, Meta(ge=0, le=2**53)] = 0

    def leave_kind(self, kind: str) -> str | None:
        """Return the name of a kind of leave as the settings write it, whatever its case; None if unknown."""
        return next((known.kind for known in self.leave_kinds if fold(known.kind) == fold(kind)), None)

    def leave_problems(self) -> list[str]:
        """List the contradictions within the kinds of leave, each as `field: what is wrong`."""
        problems = []
        kinds: set[str] = set()
        letters: set[str] = set()
        for known in self.leave_kinds:
            kind, letter = fold(known.kind), fold(known.letter)
            if kind in kinds:
                problems.append(f"leave_kinds: {known.kind!r} is there twice")
            if letter in letters:
                problems.append(f"leave_kinds: the letter {known.letter!r} is there twice")
            if known.letter.upper() in MARKS:
                problems.append(f"leave_kinds: the letter {known.letter!r} means something else in the sheet")
            kinds.add(kind)
            letters.add(letter)
        return problems

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


class SettingsView(SiteRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of a site, with the `calendar` in force today: zone, cut-off, shifts and rotations."""

    calendar: Calendar


class CalendarVersion(Struct, frozen=True, kw_only=True):
    """The `calendar` that holds from a date on (null: since ever) until the next one begins.

    `version` is that of the settings, which increases with each change.
    """

    effective_from: date | None
    calendar: Calendar
    version: int


class Settings(SiteRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings as stored, with all calendars, each from a date on."""

    calendars: Timeline[Calendar]

    def today(self, now: datetime) -> date:
        """Return the current work day of people on the default shift."""
        return Schedule(self.calendars).work_day(now)

    def calendar(self, on: date) -> Calendar:
        """Return the calendar in force on a date."""
        return value_on(self.calendars, on, self.calendars[0].value)

    def shift_names(self) -> set[str]:
        """Return the shifts and rotations of all calendars, past and planned."""
        return {name for one in self.calendars for name in one.value.names()}

    def view(self, on: date) -> SettingsView:
        """Show the settings as they are on a date."""
        rules = {name: getattr(self, name) for name in SiteRules.__struct_fields__}
        return SettingsView(**rules, calendar=self.calendar(on))

    def replaced(self, body: SettingsView, since: date | None) -> "Settings":
        """Replace all rules, and the calendar from a date on until the next one.

        Nothing is added for a calendar that is in force then anyway, and one that goes back to the calendar
        before it is taken out, so that a caller who changes only rules makes no history.
        """
        rules = {name: getattr(body, name) for name in SiteRules.__struct_fields__}
        calendars = self.calendars
        if self.calendar(since or date.min) != body.calendar:
            calendars = with_version(calendars, since, body.calendar)
            before = without_version(calendars, since)
            if since and first_difference(before, calendars, body.calendar) is None:
                calendars = before
        return Settings(**rules, calendars=calendars)


def with_version(calendars: Timeline[Calendar], since: date | None, calendar: Calendar) -> Timeline[Calendar]:
    """Replace or add the calendar that begins on a date (None: since ever); the others stay."""
    others = without_version(calendars, since)
    return tuple(sorted((*others, Dated(calendar, since)), key=lambda one: one.effective_from or date.min))


def without_version(calendars: Timeline[Calendar], since: date | None) -> Timeline[Calendar]:
    """Remove the calendar that begins on a date; the one before it goes on."""
    return tuple(one for one in calendars if one.effective_from != since)


def default_settings(*, local: bool, zone: str) -> Settings:
    """Return the settings of a stage whose table holds none yet.

    Amazon recommends a similarity of 99 % for use cases such as access control. The local engine has its
    own scale, on which 95 % is as strict (no false match in 78,000 pairs). Photos without liveness and
    identification are accepted in the local stage only.
    """
    calendars = (Dated(Calendar(zone=zone)),)
    if local:
        return Settings(
            calendars=calendars, similarity_threshold=95.0, margin=2.0, photo_punch=True, identify=True
        )
    return Settings(calendars=calendars, similarity_threshold=99.0, photo_punch=False)
