"""Taking faces in and out, so that a crash at any point leaves nothing behind.

Enrolment goes pending note -> photo in S3 -> face in the collection -> active; removal goes
removing note -> face out of the collection -> photo out of S3 -> note gone. Only an active face counts.
What a crash leaves half-done is found by its note and undone by the sweep.
"""

from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from chalicelib.aws.bucket import Bucket, key_of
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import (
    Busy,
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
from chalicelib.domain.text import clean, fold

SAME_PERSON = 80.0
"""Least similarity (percent) of a new photo with the faces of a namesake to be taken for the same
person; the calibration's point for a one-to-one comparison."""


ABANDONED_AFTER = timedelta(seconds=40)
"""A Lambda is stopped at 29 s: what is older and unfinished has no one left to finish it."""


TRIES = 5
"""How often a write that lost against another on the same person is tried again."""


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
    """Enrol a photo under a name, as the lab does it: whoever it shows is found or made.

    Who is made has the given `consent`. Raises ConsentMissing without one, and FaceBelongsToAnother when
    the face is enrolled under another name.
    """
    name = clean(name)
    collection.require_one_face(photo)
    matches = collection.search(photo, floor=SAME_PERSON)
    for match in matches:
        try:
            person = directory.person(match.person_id)
        except PersonNotFound:
            continue  # a face that an unfinished enrolment left in the collection
        if match.face_id in person.face_ids and fold(person.name) == fold(name):
            return _enrol(directory, collection, bucket, person, photo, now=now)
    person = Person(person_id=new_id(), name=name, created_at=now, updated_at=now, consent=consent)
    _refuse_another(directory, matches, person)
    return _enrol(directory, collection, bucket, person, photo, now=now)


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
    """Enrol a photo of a person; says too whether it is new.

    Raises PersonNotFound, ConsentMissing, NoFaceFound, SeveralFaces, PoorPhoto, FaceBelongsToAnother,
    TooManyFaces, and (unless `allow_different`) FaceDiffers when it does not look like their other faces.
    """
    person = directory.person(person_id)
    _require_consent(person)
    known = directory.face(person_id, photo.digest)
    if known and known.state is FaceState.ACTIVE:
        return known, False
    collection.require_one_face(photo)
    matches = collection.search(photo, floor=SAME_PERSON)
    _refuse_another(directory, matches, person)
    if person.face_ids and not allow_different and person_id not in {match.person_id for match in matches}:
        raise FaceDiffers
    return _enrol(directory, collection, bucket, person, photo, now=now), True


def listed(directory: Directory, person_id: str) -> list[Face]:
    """Read a person's enrolled faces, oldest first; raises PersonNotFound."""
    directory.person(person_id)
    active = [face for face in directory.faces(person_id) if face.state is FaceState.ACTIVE]
    return sorted(active, key=lambda face: face.since)


def find(directory: Directory, person_id: str, face_id: str) -> Face:
    """Read one enrolled face of a person; raises PersonNotFound or FaceNotFound."""
    for face in listed(directory, person_id):
        if face.face_id == face_id:
            return face
    raise FaceNotFound(face_id)


def _require_consent(person: Person) -> None:
    if person.consent is None:
        raise ConsentMissing


def _refuse_another(directory: Directory, matches: list[Match], person: Person) -> None:
    """Raise FaceBelongsToAnother if a match is an active face of somebody else."""
    threshold = directory.settings().similarity_threshold
    for match in matches:
        if match.person_id == person.person_id or match.similarity < threshold:
            continue
        try:
            other = directory.person(match.person_id)
        except PersonNotFound:
            continue
        if match.face_id in other.face_ids:
            raise FaceBelongsToAnother(other.person_id)


def _refuse_unfinished(directory: Directory, matches: list[Match], person: Person) -> None:
    """Raise EnrolmentInProgress if a match may be a face that somebody else is just enrolling."""
    others = [match for match in matches if match.person_id != person.person_id]
    threshold = directory.settings().similarity_threshold if others else 0.0
    for other in {match.person_id for match in others if match.similarity >= threshold}:
        if any(face.state is FaceState.PENDING for face in directory.faces(other)):
            raise EnrolmentInProgress


def _enrol(
    directory: Directory,
    collection: FaceCollection,
    bucket: Bucket,
    person: Person,
    photo: Photo,
    *,
    now: datetime,
) -> Face:
    """Take a one-face photo in for a person; the same photo again is the same face."""
    _require_consent(person)
    known = directory.face(person.person_id, photo.digest)
    if known and known.state is FaceState.ACTIVE:
        return known
    if person.faces >= MAX_FACES:
        raise TooManyFaces(MAX_FACES)
    if known:
        if now - known.since < ABANDONED_AFTER:
            raise EnrolmentInProgress
        discard(directory, collection, bucket, known)
    face = Face(
        person_id=person.person_id,
        digest=photo.digest,
        photo_key=key_of(person.person_id, photo),
        state=FaceState.PENDING,
        since=now,
    )
    try:
        directory.begin_face(face, person)
    except WriteConflict:
        if person.version:
            directory.person(person.person_id)  # raises PersonNotFound for who is being erased
        raise EnrolmentInProgress from None
    try:
        bucket.keep(face.photo_key, photo)
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
        # Two people enrolling one face at the same moment both found nobody before. Now that each is in
        # the collection, whoever looks last sees the other: first as unfinished, for then it may be active.
        resembling = collection.resembling(indexed.face_id, floor=SAME_PERSON)
        _refuse_unfinished(directory, resembling, person)
        _refuse_another(directory, resembling, person)
        _activate(directory, face, person)
    except RollcallError:
        discard(directory, collection, bucket, face)
        raise
    return face


def _activate(directory: Directory, face: Face, person: Person) -> None:
    for _ in range(TRIES):
        try:
            return directory.activate_face(face, person)
        except WriteConflict:
            person = directory.person(person.person_id)  # another of the person's faces came or went
            _require_consent(person)
            if person.faces >= MAX_FACES:
                raise TooManyFaces(MAX_FACES) from None
    raise Busy


def remove(
    directory: Directory,
    collection: FaceCollection,
    bucket: Bucket,
    person_id: str,
    face_id: str,
    *,
    now: datetime,
) -> None:
    """Remove an enrolled face, its photo and its vector; raises PersonNotFound or FaceNotFound.

    The photo's key comes from the table: nothing that a caller says about it is used.
    """
    for _ in range(TRIES):
        face = find(directory, person_id, face_id)
        try:
            removing = directory.begin_removal(face, directory.person(person_id), now)
        except WriteConflict:
            continue  # another of the person's faces came or went
        return discard(directory, collection, bucket, removing)
    raise Busy


def withdraw_consent(
    directory: Directory, collection: FaceCollection, bucket: Bucket, person_id: str, *, now: datetime
) -> PersonView:
    """End a person's consent: from one moment on no face counts, then faces and photos go.

    What a crash leaves of them is the sweep's. Raises PersonNotFound or ConsentNotFound.
    """
    for _ in range(TRIES):
        person = directory.person(person_id)
        if person.consent is None:
            raise ConsentNotFound
        active = [face for face in directory.faces(person_id) if face.state is FaceState.ACTIVE]
        withdrawn = msgspec.structs.replace(person.consent, withdrawn_at=now)
        try:
            directory.withdraw_consent(person, withdrawn, active, now)
        except WriteConflict:
            continue  # a face came or went
        for face in active:
            discard(directory, collection, bucket, face)
        return PersonView.of(directory.person(person_id))
    raise Busy


def sweep(directory: Directory, collection: FaceCollection, bucket: Bucket, *, now: datetime) -> int:
    """Undo enrolments and finish removals that a crash left half-done; says how many."""
    unfinished = directory.unfinished_faces(before=now - ABANDONED_AFTER)
    for face in unfinished:
        discard(directory, collection, bucket, face)
    return len(unfinished)


def discard(directory: Directory, collection: FaceCollection, bucket: Bucket, face: Face) -> None:
    """Take a face that does not count out of everywhere; safe to repeat from any point."""
    photo = bucket.find(face.photo_key)
    if face.face_id:
        collection.remove([face.face_id])
    elif photo:
        # Whether the crash came before or after indexing is not known; the same photo
        # for the same person gives the same face, so this finds it or makes it.
        with suppress(InvalidPhoto, NoFaceFound, PoorPhoto):
            collection.remove([collection.index(photo, face.person_id).face_id])
    bucket.remove(face.photo_key)
    directory.forget_face(face)
