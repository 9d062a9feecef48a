"""Enrolment and removal of faces, safe against a crash at any step.

Enrolment: a pending face item, then the photo in S3, the face in the collection, the item active. Removal:
the item is marked as removing, then the face leaves the collection, the photo S3, and the item is deleted.
Only an active face is matched. The sweep finds unfinished items and undoes or finishes them.
"""

from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from chalicelib.aws.bucket import Bucket, photo_key
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.visibility import all_people_visible, is_visible
from chalicelib.domain.errors import (
    ConsentMissing,
    ConsentNotFound,
    EnrolmentInProgress,
    FaceBelongsToAnother,
    FaceDiffers,
    FaceNotFound,
    InvalidPhoto,
    NoFaceFound,
    PersonNotFound,
    PoorPhoto,
    RollcallError,
    TooManyFaces,
    WriteConflict,
)
from chalicelib.domain.face import MAX_FACES, Face, FaceState, Match
from chalicelib.domain.ids import new_id
from chalicelib.domain.person import Consent, Person, PersonView
from chalicelib.domain.photo import Photo
from chalicelib.domain.schedule import Schedule
from chalicelib.domain.settings import Settings
from chalicelib.domain.text import clean, fold
from chalicelib.domain.timeline import Stint
from chalicelib.services.retries import retry

SAME_PERSON = 80.0
"""Least similarity (percent) at which two photos may show the same person, in a one-to-one comparison."""


ABANDONED_AFTER = timedelta(seconds=40)
"""A Lambda function is stopped after 29 s, so an older unfinished enrolment or removal was abandoned."""


def register(
    directory: Directory,
    collection: FaceCollection,
    bucket: Bucket,
    name: str,
    photo: Photo,
    *,
    consent: Consent | None,
    now: datetime,
) -> Face:
    """Enrol a photo by name, for the lab: find the person of that name whom it shows, or create one.

    A new person gets the given `consent`. Raises ConsentMissing without one, and FaceBelongsToAnother when
    the face is enrolled under another name.
    """
    name = clean(name)
    collection.require_one_face(photo)
    matches = collection.search(photo, floor=SAME_PERSON)
    for match in matches:
        try:
            person = directory.person(match.person_id)
        except PersonNotFound:
            continue  # the face is left over from an unfinished enrolment
        if match.face_id in person.face_ids and fold(person.name) == fold(name):
            settings, person, known = directory.enrolment_state(person.person_id, photo.digest)
            if enrolled := _enrolled(directory, collection, bucket, person, known, now):
                return enrolled
            return _enrol(directory, collection, bucket, person, photo, settings, now=now)
    settings = directory.settings()
    person = Person(
        person_id=new_id(),
        name=name,
        stints=(Stint(Schedule(settings.calendars).first_day(now)),),
        created_at=now,
        updated_at=now,
        consent=consent,
    )
    _refuse_another(directory, matches, person, settings)
    _require_consent(person)
    return _enrol(directory, collection, bucket, person, photo, settings, now=now)


def add(
    directory: Directory,
    collection: FaceCollection,
    bucket: Bucket,
    person_id: str,
    photo: Photo,
    *,
    allow_different: bool,
    now: datetime,
) -> tuple[Face, bool]:
    """Enrol a photo of a person; returns the face and whether it is new.

    Raises PersonNotFound, ConsentMissing, NoFaceFound, SeveralFaces, PoorPhoto, FaceBelongsToAnother,
    TooManyFaces and, unless `allow_different`, FaceDiffers if it does not resemble their other faces.
    """
    settings, person, known = directory.enrolment_state(person_id, photo.digest)
    if enrolled := _enrolled(directory, collection, bucket, person, known, now):
        return enrolled, False
    collection.require_one_face(photo)
    matches = collection.search(photo, floor=SAME_PERSON)
    _refuse_another(directory, matches, person, settings)
    if person.face_ids and not allow_different and person_id not in {match.person_id for match in matches}:
        raise FaceDiffers
    return _enrol(directory, collection, bucket, person, photo, settings, now=now), True


def list_faces(directory: Directory, person_id: str) -> list[Face]:
    """List the enrolled faces of a person, oldest first; raises PersonNotFound."""
    directory.person(person_id)
    active = [face for face in directory.faces(person_id) if face.state is FaceState.ACTIVE]
    return sorted(active, key=lambda face: face.since)


def find_face(directory: Directory, person_id: str, face_id: str) -> Face:
    """Return one enrolled face of a person; raises PersonNotFound or FaceNotFound."""
    for face in list_faces(directory, person_id):
        if face.face_id == face_id:
            return face
    raise FaceNotFound(face_id)


def _require_consent(person: Person) -> None:
    if person.consent is None:
        raise ConsentMissing


def _enrolled(
    directory: Directory,
    collection: FaceCollection,
    bucket: Bucket,
    person: Person,
    known: Face | None,
    now: datetime,
) -> Face | None:
    """Return the face of a photo if it is enrolled already; otherwise check that it may be enrolled.

    `known` is the stored face of the photo; if its enrolment was abandoned, that is undone. Raises
    ConsentMissing, TooManyFaces or EnrolmentInProgress.
    """
    _require_consent(person)
    if known and known.state is FaceState.ACTIVE:
        return known
    if person.faces >= MAX_FACES:
        raise TooManyFaces(MAX_FACES)
    if known:
        if now - known.since < ABANDONED_AFTER:
            raise EnrolmentInProgress
        discard(directory, collection, bucket, known)
    return None


def _of_others(matches: list[Match], person: Person, settings: Settings) -> list[Match]:
    """Pick the matches by which a punch would take the photo for another person."""
    least = settings.similarity_threshold
    return [match for match in matches if match.person_id != person.person_id and match.similarity >= least]


def _refuse_another(directory: Directory, matches: list[Match], person: Person, settings: Settings) -> None:
    """Raise FaceBelongsToAnother if a match is an active face of another person, whom the caller may see
    or not: one face for two people would make both of them unrecognisable.
    """
    others = _of_others(matches, person, settings)
    with all_people_visible():
        people = directory.people({match.person_id for match in others}) if others else {}
    for match in others:
        owner = people.get(match.person_id)
        if owner and match.face_id in owner.face_ids:
            raise FaceBelongsToAnother(owner.person_id if is_visible(owner.groups) else None)


def _refuse_unfinished(
    directory: Directory, matches: list[Match], person: Person, settings: Settings
) -> None:
    """Raise EnrolmentInProgress if a match may be a face that is being enrolled for another person."""
    for person_id in {match.person_id for match in _of_others(matches, person, settings)}:
        with all_people_visible():
            faces = directory.faces(person_id)
        if any(face.state is FaceState.PENDING for face in faces):
            raise EnrolmentInProgress


def _enrol(
    directory: Directory,
    collection: FaceCollection,
    bucket: Bucket,
    person: Person,
    photo: Photo,
    settings: Settings,
    *,
    now: datetime,
) -> Face:
    """Enrol a photo that may be enrolled; raises EnrolmentInProgress or FaceBelongsToAnother."""
    face = Face(
        person_id=person.person_id,
        digest=photo.digest,
        photo_key=photo_key(person.person_id, photo),
        state=FaceState.PENDING,
        since=now,
    )
    try:
        directory.add_pending_face(face, person)
    except WriteConflict:
        if person.version:
            directory.person(person.person_id)  # raises PersonNotFound for who is being erased
        raise EnrolmentInProgress from None
    try:
        bucket.put_photo(face.photo_key, photo)
        # As it is stored, and not as it was uploaded: the same photo again must give the same face.
        indexed = collection.index(msgspec.structs.replace(photo, key=face.photo_key), person.person_id)
        face = msgspec.structs.replace(
            face,
            face_id=indexed.face_id,
            confidence=indexed.confidence,
            brightness=indexed.brightness,
            sharpness=indexed.sharpness,
            model=indexed.model,
        )
        # If one face is enrolled for two people at the same time, neither search finds the other before.
        # Both are in the collection now, so the later of these searches does: first look for pending faces,
        # then for active ones, because a face may become active in between.
        resembling = collection.search_by_face(indexed.face_id, floor=SAME_PERSON)
        _refuse_unfinished(directory, resembling, person, settings)
        _refuse_another(directory, resembling, person, settings)
        _activate(directory, face, person)
    except RollcallError:
        discard(directory, collection, bucket, face)
        raise
    return face


def _activate(directory: Directory, face: Face, person: Person) -> None:
    def attempt() -> None:
        nonlocal person
        try:
            directory.activate_face(face, person)
        except WriteConflict:
            person = directory.person(person.person_id)  # another face of theirs was added or removed
            _require_consent(person)
            if person.faces >= MAX_FACES:
                raise TooManyFaces(MAX_FACES) from None
            raise

    retry(attempt)


def remove(
    directory: Directory,
    collection: FaceCollection,
    bucket: Bucket,
    person_id: str,
    face_id: str,
    *,
    now: datetime,
) -> None:
    """Remove an enrolled face, its photo and its vector; raises PersonNotFound or FaceNotFound."""

    def attempt() -> Face:
        face = find_face(directory, person_id, face_id)
        return directory.start_removal(face, directory.person(person_id), now)

    discard(directory, collection, bucket, retry(attempt))


def withdraw_consent(
    directory: Directory, collection: FaceCollection, bucket: Bucket, person_id: str, *, now: datetime
) -> PersonView:
    """Withdraw a person's consent: one transaction deactivates all faces, then faces and photos are deleted.

    If that is interrupted, the sweep finishes it. Raises PersonNotFound or ConsentNotFound.
    """

    def attempt() -> list[Face]:
        person = directory.person(person_id)
        if person.consent is None:
            raise ConsentNotFound
        # Before the table, which a restore may bring back: whoever asked for it has withdrawn.
        bucket.record_withdrawal(person_id, now)
        active = [face for face in directory.faces(person_id) if face.state is FaceState.ACTIVE]
        withdrawn = msgspec.structs.replace(person.consent, withdrawn_at=now)
        directory.withdraw_consent(person, withdrawn, active, now)
        return active

    for face in retry(attempt):
        discard(directory, collection, bucket, face)
    return PersonView.of(directory.person(person_id), directory.settings().today(now))


def sweep(directory: Directory, collection: FaceCollection, bucket: Bucket, *, now: datetime) -> int:
    """Undo abandoned enrolments and finish abandoned removals; returns how many."""
    unfinished = directory.unfinished_faces(before=now - ABANDONED_AFTER)
    for face in unfinished:
        discard(directory, collection, bucket, face)
    return len(unfinished)


def discard(directory: Directory, collection: FaceCollection, bucket: Bucket, face: Face) -> None:
    """Delete a face that is not active from the collection, S3 and the table; safe to repeat."""
    photo = bucket.get_photo(face.photo_key)
    if face.face_id:
        collection.delete_faces([face.face_id])
    elif photo:
        # Nobody knows whether the photo was indexed before the crash. Indexing the same photo for the same
        # person again returns the same face id, so the face can be deleted either way.
        with suppress(InvalidPhoto, NoFaceFound, PoorPhoto):
            collection.delete_faces([collection.index(photo, face.person_id).face_id])
    bucket.delete(face.photo_key)
    directory.delete_face(face)
