"""Removal of what has been kept for as long as the settings say."""

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
        """Give the numbers alone."""
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
    """Remove what has been kept for as long as the settings say; with `dry_run` only say what that is."""
    settings = directory.settings()
    kept, today = settings.retention, settings.today(now)
    before_photos = _ago(today, kept.photos_days)
    before_punches = _ago(today, kept.punches_days)
    before_liveness = now - timedelta(days=kept.liveness_days)
    before_audit = _ago(now.astimezone(UTC).date(), kept.audit_days)
    people = directory.everybody()
    left = [person for person in people if person.face_ids and _left(person, today) < before_photos]
    face_count = 0
    for person in left:
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
        people_without_faces=len(left),
        faces=face_count,
        liveness_images=bucket.remove_all("liveness/", before=before_liveness, dry_run=dry_run),
        punches=punches,
        work_days=days,
        audit_entries=audit_log.forget_entries(before_audit, dry_run=dry_run),
    )


def _ago(today: date, days: int) -> date:
    """Give the date so many days before, or the first there is."""
    return date.fromordinal(max(1, today.toordinal() - days))


def _left(person: Person, today: date) -> date:
    """Say since when a person no longer comes; the last of all dates for who does."""
    if person.until and person.until < today:
        return person.until
    return person.updated_at.date() if person.status is Status.INACTIVE else date.max
