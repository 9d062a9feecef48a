"""Bringing the collection and the bucket in line with a table that was restored to an earlier moment.

Such a table has people again who were erased since, and lacks the faces that were enrolled since. What is
being enrolled or removed at this moment has an item in the table before anything else, so it is never taken
for stray.
"""

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from msgspec import convert

from chalicelib.aws.bucket import Bucket, erasure_key, withdrawal_key
from chalicelib.aws.directory import Directory
from chalicelib.domain.erasure import AttendanceHandling
from chalicelib.domain.face import FaceState


def erased_people(directory: Directory, bucket: Bucket) -> list[tuple[str, AttendanceHandling]]:
    """List the people of the table who were erased before, and what the erasure did with their attendance."""
    recorded = bucket.erasures()
    keys = {person.person_id: erasure_key(person.person_id) for person in directory.all_people()}
    return [
        (person_id, convert(bucket.erased_attendance(key), AttendanceHandling))
        for person_id, key in sorted(keys.items())
        if key in recorded
    ]


def withdrawn_consents(directory: Directory, bucket: Bucket) -> list[str]:
    """List the people of the table who withdrew the consent that it has; one recorded later is another."""
    recorded = bucket.erasures()
    given = {
        person.person_id: person.consent
        for person in directory.all_people()
        if person.consent and not person.consent.withdrawn_at
    }
    return [
        person_id
        for person_id, consent in sorted(given.items())
        if (key := withdrawal_key(person_id)) in recorded and consent.recorded_at <= bucket.withdrawn_at(key)
    ]


def stray_faces(
    directory: Directory, faces: Sequence[tuple[str, str]], *, without: Collection[str] = ()
) -> list[str]:
    """Select the faces of the collection that nobody has, of (person id, face id); returns the face ids.

    The faces of people who are to be erased, `without`, are not counted.
    """
    people = directory.people({person_id for person_id, _ in faces})
    stray = []
    for person_id, face_id in faces:
        if person_id in without or (person_id in people and face_id in people[person_id].face_ids):
            continue
        stored = directory.faces(person_id)
        if not any(face.face_id == face_id or face.state is not FaceState.ACTIVE for face in stored):
            stray.append(face_id)
    return stray


def stray_photos(directory: Directory, keys: Sequence[str], *, without: Collection[str] = ()) -> list[str]:
    """Select the photos without a face in the table, by their keys in the bucket, except `without` people."""
    places = {key: (PurePosixPath(key).parent.name, PurePosixPath(key).stem) for key in keys}
    stored = directory.stored_faces(places.values())
    return [key for key, place in places.items() if place not in stored and place[0] not in without]
