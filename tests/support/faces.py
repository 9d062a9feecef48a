"""Faces in tests: enrolled by HTTP, and what is stored of them anywhere."""

from collections.abc import Callable
from typing import Any

from chalice.test import HTTPResponse
from msgspec.structs import replace

from chalicelib import wiring
from tests.conftest import Http
from tests.support.builders import add_person

JPEG = {"Content-Type": "image/jpeg"}


def enrol(
    http: Http, person_id: str, content: bytes, headers: dict[str, str] | None = None, **query: Any
) -> HTTPResponse:
    """Send a photo to be enrolled."""
    return http.post(f"/v1/people/{person_id}/faces", content, {**JPEG, **(headers or {})}, **query)


def enrolled(http: Http, person_id: str, content: bytes) -> str:
    """Enrol a photo that must be accepted; returns the face id."""
    answer = enrol(http, person_id, content)
    assert answer.status_code == 201, answer.json_body
    face_id: str = answer.json_body["face_id"]
    return face_id


def list_faces(http: Http, person_id: str) -> list[dict[str, Any]]:
    """List the enrolled faces of a person."""
    found: list[dict[str, Any]] = http.get(f"/v1/people/{person_id}/faces").json_body["items"]
    return found


def stored_faces(boto: Callable[[str], Any]) -> tuple[list[str], list[str], list[str]]:
    """Return what is stored of faces: keys in S3, face ids in the collection, states in the table.

    The list of erasures, which says nothing of faces, is left out.
    """
    objects = boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])
    vectors = boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"]
    items = boto("dynamodb").scan(TableName="rollcall-local")["Items"]
    return (
        sorted(entry["Key"] for entry in objects if not entry["Key"].startswith("erasures/")),
        sorted(face["FaceId"] for face in vectors),
        sorted(item["state"]["S"] for item in items if item["sk"]["S"].startswith("FACE#")),
    )


def lookalike(http: Http, rekognition: Any, photo: bytes) -> str:
    """Add a person "Twin" who owns a face of another's photo, which the API would refuse; gives the id."""
    twin = wiring.directory().person(add_person(http, "Twin"))
    indexed = rekognition.index_faces(
        CollectionId="rollcall-local", Image={"Bytes": photo}, ExternalImageId=twin.person_id
    )
    face_id = indexed["FaceRecords"][0]["Face"]["FaceId"]
    wiring.directory().change_person(twin, replace(twin, face_ids=(face_id,)))
    return twin.person_id
