"""Restoring faces that the collection lost, from the enrolled photos."""

import msgspec

from chalicelib.aws.bucket import Bucket
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import InvalidPhoto, NoFaceFound, PersonNotFound, PoorPhoto, WriteConflict
from chalicelib.domain.face import Face, FaceState
from chalicelib.services.retries import retry


class Reindexed(msgspec.Struct, frozen=True):
    """How many faces were there, how many were restored, and which are lost (person and photo)."""

    kept: int = 0
    restored: int = 0
    lost: tuple[str, ...] = ()

    def __add__(self, other: "Reindexed") -> "Reindexed":
        return Reindexed(self.kept + other.kept, self.restored + other.restored, self.lost + other.lost)


def reindex(directory: Directory, collection: FaceCollection, bucket: Bucket, person_id: str) -> Reindexed:
    """Restore the active faces of a person that the collection lacks; raises Busy.

    Safe to repeat: indexing the same photo of the same person again returns the same face id.
    """
    total = Reindexed()
    for face in directory.faces(person_id):
        if face.state is FaceState.ACTIVE and face.face_id is not None:
            total += _restore(directory, collection, bucket, face)
    return total


def _restore(directory: Directory, collection: FaceCollection, bucket: Bucket, face: Face) -> Reindexed:
    assert face.face_id is not None  # noqa: S101 - an active face has one
    if collection.owner(face.face_id) == face.person_id:
        return Reindexed(kept=1)
    photo = bucket.get_photo(face.photo_key)
    if photo is None:
        return Reindexed(lost=(f"{face.person_id} {face.photo_key}: no photo",))
    try:
        indexed = collection.index(photo, face.person_id)
    except (InvalidPhoto, NoFaceFound, PoorPhoto) as error:
        return Reindexed(lost=(f"{face.person_id} {face.photo_key}: {type(error).__name__}",))

    def attempt() -> Reindexed:
        try:
            directory.move_face(face, indexed.face_id, indexed.model)
        except (PersonNotFound, WriteConflict):
            current = directory.face(face.person_id, face.digest)
            if current == face:  # only the person changed
                raise WriteConflict from None
            # The face is removed or being removed, or another run was first.
            if current is None or current.face_id != indexed.face_id:
                collection.delete_faces([indexed.face_id])
            return Reindexed()
        return Reindexed(restored=1)

    return retry(attempt)
