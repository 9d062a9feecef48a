"""The operations of Rekognition. Requests are checked against the service model and their blobs decoded."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from local.rekognition import shapes
from local.rekognition.engine import (
    MAX_BYTES,
    MAX_S3_BYTES,
    Embedding,
    Engine,
    Face,
    Image,
    Quality,
    cosine,
    decode,
    shortcomings,
    similarity,
)
from local.rekognition.exceptions import (
    InvalidPaginationTokenException,
    InvalidParameterException,
    InvalidS3ObjectException,
    ResourceNotFoundException,
)
from local.rekognition.index import Vector
from local.rekognition.models import Faces, NewFace

Request = dict[str, Any]
Result = dict[str, Any]
_Item = TypeVar("_Item")
ReadObject = Callable[[str, str, str | None], bytes]

ACCOUNT: Final = "123456789012"
_MAX_FACES: Final = 100  # that are seen in one picture
_MAX_MATCHES: Final = 4096
_MAX_PAGE: Final = 4096
_DEFAULT_THRESHOLD: Final = 80.0


@dataclass(frozen=True)
class _Seen:
    """A face in a picture, embedded and measured."""

    face: Face
    quality: Quality
    embedding: Embedding
    reasons: list[str]
    """The reasons for which the quality filter refuses it; empty if it passes."""


class Rekognition:
    """The operations, by the names that the service model gives them."""

    def __init__(self, faces: Faces, engine: Engine, read_object: ReadObject, region: str) -> None:
        self._faces = faces
        self._engine = engine
        self._read_object = read_object
        self._region = region

    def operations(self) -> dict[str, Callable[[Request], Result]]:
        """Return the supported operations by name."""
        return {
            "CompareFaces": self.compare_faces,
            "CreateCollection": self.create_collection,
            "DeleteCollection": self.delete_collection,
            "DeleteFaces": self.delete_faces,
            "DescribeCollection": self.describe_collection,
            "DetectFaces": self.detect_faces,
            "IndexFaces": self.index_faces,
            "ListCollections": self.list_collections,
            "ListFaces": self.list_faces,
            "SearchFaces": self.search_faces,
            "SearchFacesByImage": self.search_faces_by_image,
        }

    # Collections

    def create_collection(self, request: Request) -> Result:
        """Create a collection."""
        collection_id = request["CollectionId"]
        self._faces.create_collection(collection_id)
        return {
            "StatusCode": 200,
            "CollectionArn": self._arn(collection_id),
            "FaceModelVersion": shapes.FACE_MODEL_VERSION,
        }

    def describe_collection(self, request: Request) -> Result:
        """Describe a collection."""
        collection = self._faces.collection(request["CollectionId"])
        return {
            "FaceCount": collection.face_count,
            "FaceModelVersion": shapes.FACE_MODEL_VERSION,
            "CollectionARN": self._arn(collection.collection_id),
            "CreationTimestamp": round(collection.created, 3),
            "UserCount": 0,
        }

    def list_collections(self, request: Request) -> Result:
        """List collections, oldest first."""
        after = _position(request, "collections") or "0"
        page, rest = _page(self._faces.collections(int(after), _page_size(request) + 1), request)
        return {
            "CollectionIds": [collection_id for _, collection_id in page],
            "FaceModelVersions": [shapes.FACE_MODEL_VERSION] * len(page),
            "NextToken": _token("collections", str(page[-1][0])) if rest else None,
        }

    def delete_collection(self, request: Request) -> Result:
        """Remove a collection and all its faces."""
        self._faces.delete_collection(request["CollectionId"])
        return {"StatusCode": 200}

    # Faces in collections

    def index_faces(self, request: Request) -> Result:
        """Store the faces of a picture: those that pass the filter, the largest MaxFaces of them."""
        collection_id, external_id = request["CollectionId"], request.get("ExternalImageId")
        self._faces.collection(collection_id)
        content, image = self._image(request["Image"])
        seen = self._see(image, request.get("QualityFilter", "AUTO"), _MAX_FACES)
        good = [one for one in seen if not one.reasons]
        most = min(request.get("MaxFaces", _MAX_FACES), _MAX_FACES)
        new = [
            NewFace(shapes.box(image, one.face), shapes.confidence(one.face), one.embedding.vector)
            for one in good[:most]
        ]
        stored = self._faces.add(collection_id, _image_key(content, external_id), external_id, new)
        refused = [(one, one.reasons) for one in seen if one.reasons]
        refused += [(one, ["EXCEEDS_MAX_FACES"]) for one in good[most:]]
        return {
            "FaceRecords": [
                {
                    "Face": shapes.stored_face(face),
                    "FaceDetail": shapes.face_detail(image, one.face, one.quality),
                }
                for face, one in zip(stored, good, strict=False)
            ],
            "FaceModelVersion": shapes.FACE_MODEL_VERSION,
            "UnindexedFaces": [
                {"Reasons": reasons, "FaceDetail": shapes.face_detail(image, one.face, one.quality)}
                for one, reasons in refused
            ],
        }

    def list_faces(self, request: Request) -> Result:
        """List the faces of a collection by face id."""
        collection_id = request["CollectionId"]
        if "UserId" in request:
            self._faces.collection(collection_id)
            raise ResourceNotFoundException(f"The user id: {request['UserId']} does not exist")
        scope = f"faces of {collection_id}"
        after = _position(request, scope) or ""
        found = self._faces.page(collection_id, after, _page_size(request) + 1, request.get("FaceIds"))
        page, rest = _page(found, request)
        return {
            "Faces": [shapes.stored_face(face) for face in page],
            "FaceModelVersion": shapes.FACE_MODEL_VERSION,
            "NextToken": _token(scope, page[-1].face_id) if rest else None,
        }

    def delete_faces(self, request: Request) -> Result:
        """Delete faces. Unknown ids are reported and do not fail the call."""
        deleted, missing = self._faces.delete(request["CollectionId"], request["FaceIds"])
        return {
            "DeletedFaces": deleted,
            "UnsuccessfulFaceDeletions": [
                {"FaceId": face_id, "Reasons": ["FACE_NOT_FOUND"]} for face_id in missing
            ],
        }

    def search_faces(self, request: Request) -> Result:
        """Search for faces similar to a stored one, which is left out."""
        collection_id, face_id = request["CollectionId"], request["FaceId"]
        vector = self._faces.vector(collection_id, face_id)
        if vector is None:
            raise InvalidParameterException("faceId was not found in the collection")
        return {
            "SearchedFaceId": face_id,
            "FaceMatches": self._matches(request, vector, face_id),
            "FaceModelVersion": shapes.FACE_MODEL_VERSION,
        }

    def search_faces_by_image(self, request: Request) -> Result:
        """Search for faces similar to the largest face of an image."""
        self._faces.collection(request["CollectionId"])
        _, image = self._image(request["Image"])
        searched = self._largest(image, request.get("QualityFilter", "NONE"))
        return {
            "SearchedFaceBoundingBox": shapes.bounding_box(shapes.box(image, searched.face)),
            "SearchedFaceConfidence": shapes.confidence(searched.face),
            "FaceMatches": self._matches(request, searched.embedding.vector),
            "FaceModelVersion": shapes.FACE_MODEL_VERSION,
        }

    def _matches(self, request: Request, query: Vector, other_than: str | None = None) -> list[Result]:
        least = cosine(request.get("FaceMatchThreshold", _DEFAULT_THRESHOLD))
        most = request.get("MaxFaces", _MAX_MATCHES)
        found = self._faces.search(request["CollectionId"], query, least, most, other_than)
        return [{"Similarity": _percent(near), "Face": shapes.stored_face(face)} for face, near in found]

    # Faces in pictures only

    def detect_faces(self, request: Request) -> Result:
        """Describe the faces of a picture, the largest first."""
        _, image = self._image(request["Image"])
        faces = self._engine.faces(image, _MAX_FACES)
        return {
            "FaceDetails": [
                shapes.face_detail(image, face, self._engine.measure(image, face)) for face in faces
            ]
        }

    def compare_faces(self, request: Request) -> Result:
        """Compare the largest face of one picture with all faces of another, best first."""
        least = cosine(request.get("SimilarityThreshold", _DEFAULT_THRESHOLD))
        level = request.get("QualityFilter", "NONE")
        _, source_image = self._image(request["SourceImage"])
        _, target_image = self._image(request["TargetImage"])
        source = self._largest(source_image, level, "source image")
        targets = [one for one in self._see(target_image, level, _MAX_FACES) if not one.reasons]
        if not targets:
            raise _no_faces("target image")
        near = [(float(one.embedding.vector @ source.embedding.vector), one) for one in targets]
        near.sort(key=lambda pair: -pair[0])
        return {
            "SourceImageFace": {
                "BoundingBox": shapes.bounding_box(shapes.box(source_image, source.face)),
                "Confidence": shapes.confidence(source.face),
            },
            "FaceMatches": [
                {
                    "Similarity": _percent(value),
                    "Face": shapes.face_detail(target_image, one.face, one.quality),
                }
                for value, one in near
                if value >= least
            ],
            "UnmatchedFaces": [
                shapes.face_detail(target_image, one.face, one.quality)
                for value, one in near
                if value < least
            ],
        }

    # Pictures

    def _image(self, source: Request) -> tuple[bytes, Image]:
        """Read a picture from the request or from S3: its bytes and its pixels."""
        if ("Bytes" in source) == ("S3Object" in source):
            raise InvalidParameterException("Requested image should either contain bytes or s3 object.")
        if "Bytes" in source:
            return source["Bytes"], decode(source["Bytes"], limit=MAX_BYTES)
        place = source["S3Object"]
        if "Bucket" not in place or "Name" not in place:
            raise InvalidParameterException("Request has invalid parameters: S3Object needs Bucket and Name.")
        try:
            content = self._read_object(place["Bucket"], place["Name"], place.get("Version"))
        except KeyError:
            raise InvalidS3ObjectException(
                "Unable to get object metadata from S3. Check object key, region and/or access permissions."
            ) from None
        return content, decode(content, limit=MAX_S3_BYTES)

    def _see(self, image: Image, level: str, most: int) -> list[_Seen]:
        """Find, measure and embed the `most` largest faces, largest first."""
        seen = []
        for face in self._engine.faces(image, most):
            quality, embedding = self._engine.measure(image, face), self._engine.embed(image, face)
            seen.append(
                _Seen(face, quality, embedding, shortcomings(face, quality, embedding.norm, image, level))
            )
        return seen

    def _largest(self, image: Image, level: str, name: str = "image") -> _Seen:
        """See the largest face that passes the filter. Raises InvalidParameterException if none does."""
        most = 1 if level == "NONE" else _MAX_FACES
        for one in self._see(image, level, most):
            if not one.reasons:
                return one
        raise _no_faces(name)

    def _arn(self, collection_id: str) -> str:
        return f"arn:aws:rekognition:{self._region}:{ACCOUNT}:collection/{collection_id}"


def _no_faces(name: str) -> InvalidParameterException:
    return InvalidParameterException(f"There are no faces in the {name}. Should be at least 1.")


def _percent(value: float) -> float:
    """Return a similarity for display. Thresholds are compared with the cosine, which is not rounded."""
    return round(similarity(value), 4)


def _image_key(content: bytes, external_id: str | None) -> bytes:
    """Return a key of an image and external id, by which the same image is indexed only once."""
    return hashlib.sha256(f"{external_id or ''}\n".encode() + content).digest()


def _page_size(request: Request) -> int:
    return request.get("MaxResults") or _MAX_PAGE


def _page(found: list[_Item], request: Request) -> tuple[list[_Item], bool]:
    """Split one item more than a page into the page and whether anything follows it."""
    size = _page_size(request)
    return found[:size], len(found) > size


def _token(scope: str, position: str) -> str:
    """Write a NextToken: where a list goes on, signed with the name of the list."""
    return base64.urlsafe_b64encode(_signature(scope, position) + position.encode()).decode()


def _position(request: Request, scope: str) -> str | None:
    """Read the NextToken; None if there is none. Raises InvalidPaginationTokenException."""
    token = request.get("NextToken")
    if token is None:
        return None
    try:
        content = base64.b64decode(token, altchars=b"-_", validate=True)
        position = content[8:].decode()
    except (binascii.Error, ValueError):
        raise InvalidPaginationTokenException("Invalid Token") from None
    if content[:8] != _signature(scope, position):
        raise InvalidPaginationTokenException("Invalid Token")
    return position


def _signature(scope: str, position: str) -> bytes:
    return hashlib.blake2b(f"{scope}\n{position}".encode(), digest_size=8, person=b"rollcall").digest()
