"""Taking faces in and out, so that a crash at any point leaves nothing behind.

Enrolment goes pending note -> photo in S3 -> face in the collection -> active; removal goes
removing note -> face out of the collection -> photo out of S3 -> note gone. Only an active face counts.
What a crash leaves half-done is found by its note and undone by the sweep.
"""

from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from chalicelib.aws.faces import Faces
from chalicelib.aws.items import fold
from chalicelib.aws.photos import Photo, Photos, key_of
from chalicelib.aws.store import Store
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
from chalicelib.domain.ids import new_id
from chalicelib.domain.models import MAX_FACES, Consent, Face, FaceState, Match, Person, PersonView
from chalicelib.services.people import clean

SAME_PERSON = 80.0
"""Least similarity (percent) of a new photo with the faces of a namesake to be taken for the same
person; the calibration's point for a one-to-one comparison."""

ABANDONED_AFTER = timedelta(seconds=40)
"""A Lambda is stopped at 29 s: what is older and unfinished has no one left to finish it."""


TRIES = 5
"""How often a write that lost against another on the same person is tried again."""


def register(
    store: Store,
    faces: Faces,
    photos: Photos,
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
    faces.require_one_face(photo)
    matches = faces.search(photo, floor=SAME_PERSON)
    for match in matches:
        try:
            person = store.person(match.person_id)
        except PersonNotFound:
            continue  # a face that an unfinished enrolment left in the collection
        if match.face_id in person.face_ids and fold(person.name) == fold(name):
            return _enrol(store, faces, photos, person, photo, now=now)
    person = Person(person_id=new_id(), name=name, created_at=now, updated_at=now, consent=consent)
    _refuse_another(store, matches, person)
    return _enrol(store, faces, photos, person, photo, now=now)


def add(
    store: Store,
    faces: Faces,
    photos: Photos,
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
    person = store.person(person_id)
    _require_consent(person)
    known = store.face(person_id, photo.digest)
    if known and known.state is FaceState.ACTIVE:
        return known, False
    faces.require_one_face(photo)
    matches = faces.search(photo, floor=SAME_PERSON)
    _refuse_another(store, matches, person)
    if person.face_ids and not allow_different and person_id not in {match.person_id for match in matches}:
        raise FaceDiffers
    return _enrol(store, faces, photos, person, photo, now=now), True


def listed(store: Store, person_id: str) -> list[Face]:
    """Read a person's enrolled faces, oldest first; raises PersonNotFound."""
    store.person(person_id)
    active = [face for face in store.faces(person_id) if face.state is FaceState.ACTIVE]
    return sorted(active, key=lambda face: face.since)


def find(store: Store, person_id: str, face_id: str) -> Face:
    """Read one enrolled face of a person; raises PersonNotFound or FaceNotFound."""
    for face in listed(store, person_id):
        if face.face_id == face_id:
            return face
    raise FaceNotFound(face_id)


def _require_consent(person: Person) -> None:
    if person.consent is None:
        raise ConsentMissing


def _refuse_another(store: Store, matches: list[Match], person: Person) -> None:
    """Raise FaceBelongsToAnother if a match is an active face of somebody else."""
    threshold = store.settings().similarity_threshold
    for match in matches:
        if match.person_id == person.person_id or match.similarity < threshold:
            continue
        try:
            other = store.person(match.person_id)
        except PersonNotFound:
            continue
        if match.face_id in other.face_ids:
            raise FaceBelongsToAnother(other.person_id)


def _refuse_unfinished(store: Store, matches: list[Match], person: Person) -> None:
    """Raise EnrolmentInProgress if a match may be a face that somebody else is just enrolling."""
    others = [match for match in matches if match.person_id != person.person_id]
    threshold = store.settings().similarity_threshold if others else 0.0
    for other in {match.person_id for match in others if match.similarity >= threshold}:
        if any(face.state is FaceState.PENDING for face in store.faces(other)):
            raise EnrolmentInProgress


def _enrol(
    store: Store, faces: Faces, photos: Photos, person: Person, photo: Photo, *, now: datetime
) -> Face:
    """Take a one-face photo in for a person; the same photo again is the same face."""
    _require_consent(person)
    known = store.face(person.person_id, photo.digest)
    if known and known.state is FaceState.ACTIVE:
        return known
    if person.faces >= MAX_FACES:
        raise TooManyFaces(MAX_FACES)
    if known:
        if now - known.since < ABANDONED_AFTER:
            raise EnrolmentInProgress
        discard(store, faces, photos, known)
    face = Face(
        person_id=person.person_id,
        digest=photo.digest,
        photo_key=key_of(person.person_id, photo),
        state=FaceState.PENDING,
        since=now,
    )
    try:
        store.begin_face(face, person)
    except WriteConflict:
        if person.version:
            store.person(person.person_id)  # raises PersonNotFound for who is being erased
        raise EnrolmentInProgress from None
    try:
        photos.keep(face.photo_key, photo)
        indexed = faces.index(photo, person.person_id)
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
        resembling = faces.resembling(indexed.face_id, floor=SAME_PERSON)
        _refuse_unfinished(store, resembling, person)
        _refuse_another(store, resembling, person)
        _activate(store, face, person)
    except RollcallError:
        discard(store, faces, photos, face)
        raise
    return face


def _activate(store: Store, face: Face, person: Person) -> None:
    for _ in range(TRIES):
        try:
            return store.activate_face(face, person)
        except WriteConflict:
            person = store.person(person.person_id)  # another of the person's faces came or went
            _require_consent(person)
            if person.faces >= MAX_FACES:
                raise TooManyFaces(MAX_FACES) from None
    raise Busy


def remove(
    store: Store, faces: Faces, photos: Photos, person_id: str, face_id: str, *, now: datetime
) -> None:
    """Remove an enrolled face, its photo and its vector; raises PersonNotFound or FaceNotFound.

    The photo's key comes from the table: nothing that a caller says about it is used.
    """
    for _ in range(TRIES):
        face = find(store, person_id, face_id)
        try:
            removing = store.begin_removal(face, store.person(person_id), now)
        except WriteConflict:
            continue  # another of the person's faces came or went
        return discard(store, faces, photos, removing)
    raise Busy


def withdraw_consent(
    store: Store, faces: Faces, photos: Photos, person_id: str, *, now: datetime
) -> PersonView:
    """End a person's consent: from one moment on no face counts, then faces and photos go.

    What a crash leaves of them is the sweep's. Raises PersonNotFound or ConsentNotFound.
    """
    for _ in range(TRIES):
        person = store.person(person_id)
        if person.consent is None:
            raise ConsentNotFound
        active = [face for face in store.faces(person_id) if face.state is FaceState.ACTIVE]
        withdrawn = msgspec.structs.replace(person.consent, withdrawn_at=now)
        try:
            store.withdraw_consent(person, withdrawn, active, now)
        except WriteConflict:
            continue  # a face came or went
        for face in active:
            discard(store, faces, photos, face)
        return PersonView.of(store.person(person_id))
    raise Busy


def sweep(store: Store, faces: Faces, photos: Photos, *, now: datetime) -> int:
    """Undo enrolments and finish removals that a crash left half-done; says how many."""
    unfinished = store.unfinished_faces(before=now - ABANDONED_AFTER)
    for face in unfinished:
        discard(store, faces, photos, face)
    return len(unfinished)


def discard(store: Store, faces: Faces, photos: Photos, face: Face) -> None:
    """Take a face that does not count out of everywhere; safe to repeat from any point."""
    photo = photos.find(face.photo_key)
    if face.face_id:
        faces.remove([face.face_id])
    elif photo:
        # Whether the crash came before or after indexing is not known; the same photo
        # for the same person gives the same face, so this finds it or makes it.
        with suppress(InvalidPhoto, NoFaceFound, PoorPhoto):
            faces.remove([faces.index(photo, face.person_id).face_id])
    photos.remove(face.photo_key)
    store.forget_face(face)
