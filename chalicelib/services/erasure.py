"""Erasure of a person: resumable, counted and checked."""

import zlib
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chalicelib.aws.bucket import Bucket
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.personal_data import PersonalData
from chalicelib.domain.erasure import AttendanceHandling, ErasedCounts, Erasure
from chalicelib.domain.errors import Busy, WriteConflict
from chalicelib.domain.face import FaceState
from chalicelib.domain.ids import new_id
from chalicelib.domain.person import Person
from chalicelib.services import enrolment, uploads
from chalicelib.services.enrolment import ABANDONED_AFTER

TRIES = 5


class ErasureReceipt(Struct, frozen=True, kw_only=True):
    """What an erasure removed, counted when it began. Punches and work days may have been anonymised instead.

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
    """Erase a person, or go on where an erasure stopped (`attendance` is then as it was said first).

    Raises PersonNotFound.
    """
    erasure = personal_data.erasure(person_id) or _begin(directory, personal_data, person_id, attendance, now)
    return resume(directory, personal_data, collection, bucket, erasure, now)


def _begin(
    directory: Directory,
    personal_data: PersonalData,
    person_id: str,
    attendance: AttendanceHandling,
    now: datetime,
) -> Erasure:
    for _ in range(TRIES):
        person = directory.person(person_id)
        _forget_answers(
            personal_data, person.person_id, *_names(person)
        )  # the last moment at which we know what names the person
        erasure = Erasure(person_id=person_id, erasing=now, attendance=attendance, pseudonym=new_id())
        try:
            personal_data.begin(person, erasure)
        except WriteConflict:
            continue
        return erasure
    raise Busy


def resume(
    directory: Directory,
    personal_data: PersonalData,
    collection: FaceCollection,
    bucket: Bucket,
    erasure: Erasure,
    now: datetime,
) -> ErasureReceipt:
    """Carry on with an erasure from wherever it stopped; each step may be repeated."""
    person_id = erasure.person_id
    if erasure.found is None:
        erasure = _counted(directory, personal_data, bucket, erasure)
    waiting = False
    for face in directory.faces(person_id):
        if face.state is FaceState.PENDING and now - face.since < ABANDONED_AFTER:
            waiting = True  # whoever enrols it is still at work, and will take it back
        else:
            enrolment.discard(directory, collection, bucket, face)
    if not waiting:
        bucket.remove_all(f"photos/{person_id}/")
    bucket.remove_all("exports/")  # files made before may name the person
    for upload_id in personal_data.uploads(person_id):
        uploads.discard(directory, bucket, upload_id)
    kept = personal_data.kept(person_id)
    for item in kept:
        if item["pk"].startswith("SESSION#"):
            bucket.remove_all(f"liveness/{item['session_id']}/")
    personal_data.remove((item["pk"], item["sk"]) for item in kept)
    _forget_answers(personal_data, person_id)
    personal_data.remove(personal_data.failures(person_id))
    personal_data.remove(personal_data.own(person_id, "LEAVE#") + personal_data.own(person_id, "CONSENT#"))
    if erasure.attendance == "remove":
        personal_data.remove_attendance(person_id, personal_data.punches(person_id))
    else:
        personal_data.move_attendance(person_id, erasure.pseudonym, personal_data.punches(person_id))
    gone = not waiting and _nothing_left(personal_data, collection, bucket, erasure)
    if gone:
        personal_data.end(erasure)
    return ErasureReceipt(
        complete=gone, attendance=erasure.attendance, removed=erasure.found or ErasedCounts()
    )


def _counted(directory: Directory, personal_data: PersonalData, bucket: Bucket, erasure: Erasure) -> Erasure:
    person_id = erasure.person_id
    kept = personal_data.kept(person_id)
    sessions = [item["session_id"] for item in kept if item["pk"].startswith("SESSION#")]
    own = directory.faces(person_id)
    punches = list(personal_data.punches(person_id))
    found = ErasedCounts(
        faces=len(own),
        photos=len(bucket.names(f"photos/{person_id}/")),
        liveness_images=sum(len(bucket.names(f"liveness/{session_id}/")) for session_id in sessions),
        uploads=len(personal_data.uploads(person_id)),
        exports=len(bucket.names("exports/")),
        consents=len(personal_data.own(person_id, "CONSENT#")),
        leaves=len(personal_data.own(person_id, "LEAVE#")),
        sessions=len(sessions),
        answers=len(kept) - len(sessions),
        punches=len(punches),
        work_days=len({punch.work_day for punch in punches}),
    )
    face_ids = tuple(face.face_id for face in own if face.face_id)
    erasure = replace(erasure, found=found, face_ids=face_ids)
    personal_data.note(erasure)
    return erasure


def _nothing_left(
    personal_data: PersonalData, collection: FaceCollection, bucket: Bucket, erasure: Erasure
) -> bool:
    """Look everywhere again."""
    person_id = erasure.person_id
    return (
        not personal_data.left(person_id)
        and not personal_data.kept(person_id)
        and not bucket.names(f"photos/{person_id}/")
        and not any(collection.owner(face_id) for face_id in erasure.face_ids)
    )


def _names(person: Person) -> list[str]:
    return [text for text in (person.name, person.code, person.email) if text]


def _forget_answers(personal_data: PersonalData, person_id: str, *names: str) -> None:
    """Drop kept answers of nobody in particular that mention a person, by id or as a whole text of theirs."""
    wanted = [person_id.encode(), *map(msgspec.json.encode, names)]
    found = [
        (item["pk"], item["sk"])
        for item in personal_data.answers()
        if any(word in zlib.decompress(item["body"]) for word in wanted)
    ]
    personal_data.remove(found)
