"""Amazon Rekognition: one collection of faces, and liveness sessions.

The ExternalImageId of a face is the person id; names are never sent.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from chalicelib.config import Challenge
from chalicelib.domain.errors import (
    InvalidPhoto,
    NoFaceFound,
    PhotoTooLarge,
    PoorPhoto,
    SessionNotFound,
    SeveralFaces,
)
from chalicelib.domain.face import Match
from chalicelib.domain.photo import LIMIT_BYTES, Photo

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import (
        CreateFaceLivenessSessionRequestTypeDef,
        FaceMatchTypeDef,
        ImageTypeDef,
    )

CANDIDATES = 50
"""Most matches asked for in a search: ten faces of the best person leave room for the second-best."""


SEARCH_FLOOR = 70.0
"""Least similarity searched for. Lower than every threshold, so that the second-best person is seen."""


_FACE_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class IndexedFace(Struct, frozen=True):
    """An indexed face and its quality as Rekognition reports it, in percent."""

    face_id: str
    confidence: float
    brightness: float
    sharpness: float
    model: str


class LivenessResult(Struct, frozen=True):
    """The state of a liveness session.

    `status` is Rekognition's: CREATED, IN_PROGRESS, SUCCEEDED, FAILED or EXPIRED. `confidence`
    is percent. `image` is the reference image: the only one that may ever be matched.
    """

    status: str
    confidence: float | None
    image: Photo | None


class FaceCollection:
    """The collection, through a boto3 Rekognition client; large photos are read from our bucket."""

    def __init__(
        self, client: "RekognitionClient", collection: str, bucket: str, challenge: Challenge
    ) -> None:
        self._client = client
        self._collection = collection
        self._bucket = bucket
        self._challenge = challenge

    def check(self) -> None:
        """Check that the collection exists; raises what boto3 raises."""
        self._client.describe_collection(CollectionId=self._collection)

    def _image(self, photo: Photo) -> "ImageTypeDef":
        if len(photo.content) <= LIMIT_BYTES or photo.key is None:
            return {"Bytes": photo.content}
        return {"S3Object": {"Bucket": self._bucket, "Name": photo.key}}

    @contextmanager
    def _photo_errors(self) -> Iterator[None]:
        errors = self._client.exceptions
        try:
            yield
        except errors.InvalidImageFormatException:
            raise InvalidPhoto from None
        except errors.ImageTooLargeException:
            raise PhotoTooLarge from None

    def create_collection(self) -> None:
        """Create the collection if it does not exist."""
        with suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_collection(CollectionId=self._collection)

    def require_one_face(self, photo: Photo) -> None:
        """Check that a photo shows exactly one face; raises NoFaceFound or SeveralFaces."""
        with self._photo_errors():
            try:
                reply = self._client.detect_faces(Image=self._image(photo))
            except self._client.exceptions.InvalidParameterException:
                raise InvalidPhoto("The photo must be at least 80 pixels on each side.") from None
        count = len(reply["FaceDetails"])
        if count == 0:
            raise NoFaceFound
        if count > 1:
            raise SeveralFaces(count)

    def index(self, photo: Photo, person_id: str) -> IndexedFace:
        """Add the face of a photo with one face to the collection.

        Indexing the same photo for the same person again returns the same face. Raises PoorPhoto with
        Rekognition's reasons when its quality filter refuses the face.
        """
        with self._photo_errors():
            reply = self._client.index_faces(
                CollectionId=self._collection,
                Image=self._image(photo),
                ExternalImageId=person_id,
                MaxFaces=1,
                QualityFilter="AUTO",
                DetectionAttributes=["DEFAULT"],
            )
        if not reply["FaceRecords"]:
            reasons = {reason for face in reply["UnindexedFaces"] for reason in face["Reasons"]}
            if not reasons:
                raise NoFaceFound
            raise PoorPhoto(sorted(reasons))
        record = reply["FaceRecords"][0]
        quality = record["FaceDetail"]["Quality"]
        return IndexedFace(
            face_id=record["Face"]["FaceId"],
            confidence=round(record["Face"]["Confidence"], 2),
            brightness=round(quality["Brightness"], 2),
            sharpness=round(quality["Sharpness"], 2),
            model=reply["FaceModelVersion"],
        )

    def search(self, photo: Photo, *, floor: float = SEARCH_FLOOR) -> list[Match]:
        """Find whose face is the largest in a photo: best first, at least `floor` percent similar.

        Empty when nobody enrolled resembles it. Raises NoFaceFound when there is no face.
        """
        with self._photo_errors():
            try:
                reply = self._client.search_faces_by_image(
                    CollectionId=self._collection,
                    Image=self._image(photo),
                    FaceMatchThreshold=floor,
                    MaxFaces=CANDIDATES,
                    QualityFilter="NONE",
                )
            except self._client.exceptions.InvalidParameterException:
                # Rekognition's way to say "There are no faces in the image".
                raise NoFaceFound from None
        return [_match(match) for match in reply["FaceMatches"]]

    def search_by_face(self, face_id: str, *, floor: float) -> list[Match]:
        """Find the other enrolled faces that resemble an enrolled one, best first."""
        reply = self._client.search_faces(
            CollectionId=self._collection, FaceId=face_id, FaceMatchThreshold=floor, MaxFaces=CANDIDATES
        )
        return [_match(match) for match in reply["FaceMatches"]]

    def pages(self) -> Iterator[list[tuple[str, str]]]:
        """Yield all faces of the collection, up to 1,000 at a time: the ids of person and face."""
        pages = self._client.get_paginator("list_faces").paginate(
            CollectionId=self._collection, PaginationConfig={"PageSize": 1000}
        )
        for page in pages:
            yield [(face["ExternalImageId"], face["FaceId"]) for face in page["Faces"]]

    def owner(self, face_id: str) -> str | None:
        """Return the id of the person of a face; None if the collection has no such face."""
        if not _FACE_ID.fullmatch(face_id):
            return None
        reply = self._client.list_faces(CollectionId=self._collection, FaceIds=[face_id])
        return reply["Faces"][0]["ExternalImageId"] if reply["Faces"] else None

    def delete_faces(self, face_ids: list[str]) -> None:
        """Delete faces from the collection if they exist."""
        if face_ids:
            self._client.delete_faces(CollectionId=self._collection, FaceIds=face_ids)

    def start_session(self, idempotent_id: str | None = None) -> str:
        """Create a liveness session, valid for 3 minutes; the same `idempotent_id` gives the same session.

        None of its images is stored in S3.
        """
        request: CreateFaceLivenessSessionRequestTypeDef = {
            "Settings": {"ChallengePreferences": [{"Type": self._challenge}]}
        }
        if idempotent_id:
            # Includes the challenge, because the same token with other settings would be refused.
            request["ClientRequestToken"] = f"{idempotent_id}-{self._challenge}"
        return self._client.create_face_liveness_session(**request)["SessionId"]

    def session(self, session_id: str) -> LivenessResult:
        """Return the state of a session; raises SessionNotFound when unknown or too old."""
        try:
            reply = self._client.get_face_liveness_session_results(SessionId=session_id)
        except self._client.exceptions.SessionNotFoundException:
            raise SessionNotFound from None
        confidence = reply.get("Confidence")
        image = reply.get("ReferenceImage", {}).get("Bytes")
        return LivenessResult(
            status=reply["Status"],
            confidence=None if confidence is None else round(confidence, 2),
            image=Photo(image, "image/jpeg") if image else None,
        )


def _match(match: "FaceMatchTypeDef") -> Match:
    face = match["Face"]
    return Match(face["ExternalImageId"], face["FaceId"], round(match["Similarity"], 2))
