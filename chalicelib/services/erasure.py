"""Erasure of a person: it can be resumed after a crash, counts what it removes, and checks the result."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.aws.bucket import Bucket
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.personal_data import PersonalData
from chalicelib.aws.visibility import all_people_visible
from chalicelib.domain.erasure import AttendanceHandling, ErasedCounts, Erasure
from chalicelib.domain.face import FaceState
from chalicelib.domain.ids import new_id
from chalicelib.services import enrolment, uploads
from chalicelib.services.enrolment import ABANDONED_AFTER
from chalicelib.services.retries import retry


class ErasureReceipt(Struct, frozen=True, kw_only=True):
    """What an erasure removed, counted when it began. With `pseudonymise`, punches and work days were moved.

    `complete` means that every place was checked again and nothing is left. Otherwise a request that was
    already running is still to be undone, which takes at most two minutes.
    """

    complete: bool
    attendance: AttendanceHandling
    removed: ErasedCounts


def erase(
    directory: Directory,
    personal_data: PersonalData,
    collection: FaceCollection,
    bucket: Bucket,
    person_id: str,
    attendance: AttendanceHandling,
    *,
    now: datetime,
) -> ErasureReceipt:
    """Erase a person, or resume their erasure (which keeps the `attendance` of the first request).

    Raises PersonNotFound.
    """
    erasure = personal_data.erasure(person_id) or _start(directory, personal_data, person_id, attendance, now)
    with (
        all_people_visible()
    ):  # the rest is of nobody's group: the pseudonym, and replies that name many people
        return resume(directory, personal_data, collection, bucket, erasure, now)


def _start(
    directory: Directory,
    personal_data: PersonalData,
    person_id: str,
    attendance: AttendanceHandling,
    now: datetime,
) -> Erasure:
    def attempt() -> Erasure:
        person = directory.person(person_id)
        erasure = Erasure(person_id=person_id, erasing=now, attendance=attendance, pseudonym=new_id())
        personal_data.start(person, erasure)
        return erasure

    return retry(attempt)


def resume(
    directory: Directory,
    personal_data: PersonalData,
    collection: FaceCollection,
    bucket: Bucket,
    erasure: Erasure,
    now: datetime,
) -> ErasureReceipt:
    """Resume an erasure; each step may be repeated."""
    person_id = erasure.person_id
    # Only now that it began: a restored table must not lose somebody whose erasure never did.
    bucket.record_erasure(person_id, erasure.attendance)
    if erasure.found is None:
        erasure = _count(directory, personal_data, bucket, erasure)
    enrolling = False
    for face in directory.faces(person_id):
        if face.state is FaceState.PENDING and now - face.since < ABANDONED_AFTER:
            enrolling = True  # that request is still running and will undo the enrolment
        else:
            enrolment.discard(directory, collection, bucket, face)
    if not enrolling:
        bucket.delete_all(f"photos/{person_id}/")
    bucket.delete_all("exports/")  # exported files may name the person
    for item in personal_data.uploads(person_id):
        uploads.discard(directory, bucket, item["pk"].removeprefix("UPLOAD#"))
    temporary = personal_data.temporary_items(person_id)
    for item in temporary:
        if item["pk"].startswith("SESSION#"):
            bucket.delete_all(f"liveness/{item['session_id']}/")
    personal_data.delete_items(temporary)
    personal_data.delete_items(personal_data.shared_replies(person_id))
    personal_data.delete_items(personal_data.failures(person_id))
    personal_data.delete(personal_data.keys(person_id, "LEAVE") + personal_data.keys(person_id, "CONSENT#"))
    if erasure.attendance == "remove":
        personal_data.remove_attendance(person_id, personal_data.punches(person_id))
    else:
        personal_data.move_attendance(person_id, erasure.pseudonym, personal_data.punches(person_id))
    complete = not enrolling and _nothing_left(personal_data, collection, bucket, erasure)
    if complete:
        personal_data.finish(erasure)
    return ErasureReceipt(
        complete=complete, attendance=erasure.attendance, removed=erasure.found or ErasedCounts()
    )


def _count(directory: Directory, personal_data: PersonalData, bucket: Bucket, erasure: Erasure) -> Erasure:
    person_id = erasure.person_id
    temporary = personal_data.temporary_items(person_id)
    sessions = [item["session_id"] for item in temporary if item["pk"].startswith("SESSION#")]
    own = directory.faces(person_id)
    punches = list(personal_data.punches(person_id))
    found = ErasedCounts(
        faces=len(own),
        photos=len(bucket.list_keys(f"photos/{person_id}/")),
        liveness_images=sum(len(bucket.list_keys(f"liveness/{session_id}/")) for session_id in sessions),
        uploads=len(personal_data.uploads(person_id)),
        exports=len(bucket.list_keys("exports/")),
        consents=len(personal_data.keys(person_id, "CONSENT#")),
        leaves=len(personal_data.keys(person_id, "LEAVE#")),
        sessions=len(sessions),
        answers=len(temporary) - len(sessions) + len(personal_data.shared_replies(person_id)),
        punches=len(punches),
        work_days=len({punch.work_day for punch in punches}),
    )
    face_ids = tuple(face.face_id for face in own if face.face_id)
    erasure = replace(erasure, found=found, face_ids=face_ids)
    personal_data.save(erasure)
    return erasure


def _nothing_left(
    personal_data: PersonalData, collection: FaceCollection, bucket: Bucket, erasure: Erasure
) -> bool:
    """Check every place again, because a request that was running may have written in between."""
    person_id = erasure.person_id
    return (
        not personal_data.remaining(person_id)
        and not personal_data.temporary_items(person_id)
        and not personal_data.shared_replies(person_id)
        and not personal_data.failures(person_id)
        and not personal_data.uploads(person_id)
        and not bucket.list_keys(f"photos/{person_id}/")
        and not bucket.list_keys("exports/")
        and not any(collection.owner(face_id) for face_id in erasure.face_ids)
    )
