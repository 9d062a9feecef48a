"""Deletion of data whose retention period is over."""

from datetime import UTC, date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import asdict

from chalicelib.aws.audit_log import AuditLog
from chalicelib.aws.bucket import Bucket
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.personal_data import PersonalData
from chalicelib.domain.person import Person, Status
from chalicelib.services import enrolment


class RetentionPlan(Struct, frozen=True, kw_only=True):
    """The data past its retention period. Each `..._before` is the first date or instant that is kept."""

    photos_before: date
    liveness_before: datetime
    punches_before: date
    audit_before: date
    people_without_faces: int
    faces: int
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
    before_photos = _ago(today, kept.photos_days)
    before_punches = _ago(today, kept.punches_days)
    before_liveness = now - timedelta(days=kept.liveness_days)
    before_audit = _ago(now.astimezone(UTC).date(), kept.audit_days)
    people = directory.all_people()
    leavers = [person for person in people if person.face_ids and _last_day(person, today) < before_photos]
    face_count = 0
    for person in leavers:
        face_count += person.faces
        for face_id in person.face_ids if not dry_run else ():
            enrolment.remove(directory, collection, bucket, person.person_id, face_id, now=now)
    punches = days = 0
    for person_id in [*(person.person_id for person in people), *personal_data.pseudonyms()]:
        old = list(personal_data.punches(person_id, before_punches))
        punches, days = punches + len(old), days + len({punch.work_day for punch in old})
        if not dry_run:
            personal_data.remove_attendance(person_id, old)
    return RetentionPlan(
        photos_before=before_photos,
        liveness_before=before_liveness,
        punches_before=before_punches,
        audit_before=before_audit,
        people_without_faces=len(leavers),
        faces=face_count,
        liveness_images=bucket.delete_all("liveness/", before=before_liveness, dry_run=dry_run),
        punches=punches,
        work_days=days,
        audit_entries=audit_log.delete_entries(before_audit, dry_run=dry_run),
    )


def _ago(today: date, days: int) -> date:
    """Return the date `days` before `today`, at least the first date of the calendar."""
    return date.fromordinal(max(1, today.toordinal() - days))


def _last_day(person: Person, today: date) -> date:
    """Return the last day of a person who left or became inactive; the last date of all for others."""
    if person.until and person.until < today:
        return person.until
    return person.updated_at.date() if person.status is Status.INACTIVE else date.max
