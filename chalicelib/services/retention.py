"""Deletion of data whose retention period is over."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import asdict

from chalicelib.aws.audit_log import AuditLog
from chalicelib.aws.bucket import Bucket
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.personal_data import PersonalData
from chalicelib.domain.errors import NotFound
from chalicelib.domain.person import Person
from chalicelib.services import enrolment
from chalicelib.services.erasure import erase
from chalicelib.services.retries import retry


class RetentionPlan(Struct, frozen=True, kw_only=True):
    """The data past its retention period. Each `..._before` is the first date or instant that is kept.

    For photos, leaves, consents and profiles that is the last day of their person.
    """

    photos_before: date
    leaves_before: date
    consents_before: date
    profiles_before: date
    liveness_before: datetime
    punches_before: date
    audit_before: date
    people_without_faces: int
    faces: int
    leaves: int
    consents: int
    profiles: int
    liveness_images: int
    punches: int
    work_days: int
    audit_entries: int

    def counts(self) -> dict[str, int]:
        """Return the counts without the dates."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, int)}


def apply_retention(
    directory: Directory,
    audit_log: AuditLog,
    personal_data: PersonalData,
    collection: FaceCollection,
    bucket: Bucket,
    *,
    dry_run: bool,
    now: datetime,
) -> RetentionPlan:
    """Delete the data whose retention period is over; with `dry_run` only count them."""
    settings = directory.settings()
    kept, today = settings.retention, settings.today(now)
    before_photos, before_leaves = _ago(today, kept.photos_days), _ago(today, kept.leaves_days)
    # A consent is the reason for having faces, so it goes last.
    before_consents = min(before_photos, _ago(today, kept.consents_days))
    before_profiles, before_punches = _ago(today, kept.profiles_days), _ago(today, kept.punches_days)
    before_liveness = now - timedelta(days=kept.liveness_days)
    before_audit = _ago(now.astimezone(UTC).date(), kept.audit_days)
    people = directory.all_people()

    with_faces = [person for person in _left(people, before_photos) if person.face_ids]
    for person in with_faces if not dry_run else ():
        for face_id in person.face_ids:
            with suppress(NotFound):  # somebody else removed it meanwhile
                enrolment.remove(directory, collection, bucket, person.person_id, face_id, now=now)
    leaves = consents = punches = days = 0
    for person in _left(people, before_leaves):
        found = personal_data.keys(person.person_id, "LEAVE")  # with the item that counts them
        leaves += sum(sk.startswith("LEAVE#") for _, sk in found)
        if not dry_run:
            personal_data.delete(found)
    for person in _left(people, before_consents):
        found = personal_data.keys(person.person_id, "CONSENT#")
        consents += len(found)
        if not dry_run:
            _forget_consents(directory, personal_data, person.person_id, found)
    for person_id in [*(person.person_id for person in people), *personal_data.pseudonyms()]:
        old = list(personal_data.punches(person_id, before_punches))
        punches, days = punches + len(old), days + len({punch.work_day for punch in old})
        if not dry_run:
            personal_data.remove_attendance(person_id, old)
    leavers = _left(people, before_profiles)
    for person in leavers if not dry_run else ():
        with suppress(NotFound):
            gateways = directory, personal_data, collection, bucket
            erase(*gateways, person.person_id, "pseudonymise", now=now)
    return RetentionPlan(
        photos_before=before_photos,
        leaves_before=before_leaves,
        consents_before=before_consents,
        profiles_before=before_profiles,
        liveness_before=before_liveness,
        punches_before=before_punches,
        audit_before=before_audit,
        people_without_faces=len(with_faces),
        faces=sum(person.faces for person in with_faces),
        leaves=leaves,
        consents=consents,
        profiles=len(leavers),
        liveness_images=bucket.delete_all("liveness/", before=before_liveness, dry_run=dry_run),
        punches=punches,
        work_days=days,
        audit_entries=audit_log.delete_entries(before_audit, dry_run=dry_run),
    )


def _forget_consents(
    directory: Directory, personal_data: PersonalData, person_id: str, found: Sequence[tuple[str, str]]
) -> None:
    def attempt() -> None:
        person = directory.person(person_id)
        if person.consent:
            directory.forget_consent(person)

    with suppress(NotFound):
        retry(attempt)
    personal_data.delete(found)


def _left(people: Sequence[Person], before: date) -> list[Person]:
    """Select the people whose last day was before a date."""
    return [person for person in people if person.last_day and person.last_day < before]


def _ago(today: date, days: int) -> date:
    """Return the date `days` before `today`, at least the first date of the calendar."""
    return date.fromordinal(max(1, today.toordinal() - days))
