"""The Rekognition stand-in as boto3 sees it, over HTTP."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.serving import make_server

from local import weights
from local.rekognition import validation
from local.rekognition.engine import Engine, cosine, similarity
from local.rekognition.exceptions import SerializationException, ValidationException
from local.rekognition.models import Box, Faces, NewFace, StateDamaged
from local.rekognition.urls import RekognitionApp
from tests.support import photos as pictures

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_rekognition import RekognitionClient

OBJECTS: dict[tuple[str, str], bytes] = {}
SESSION = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(weights.models_folder())


@pytest.fixture(scope="module")
def faces() -> Iterator[Faces]:
    store = Faces(":memory:")
    yield store
    store.close()


@pytest.fixture(scope="module")
def url(engine: Engine, faces: Faces) -> Iterator[str]:
    def read_object(bucket: str, key: str, version: str | None) -> bytes:
        return OBJECTS[bucket, key]

    def session(request: dict[str, Any]) -> dict[str, Any]:
        if request["SessionId"] != SESSION:
            raise RuntimeError("a secret of the inside")
        image = {"Bytes": b"\xff\xd8", "BoundingBox": {"Left": 0.1}}
        return {"SessionId": SESSION, "Status": "SUCCEEDED", "ReferenceImage": image, "Unknown": 1}

    app = RekognitionApp(faces, engine, read_object, extra={"GetFaceLivenessSessionResults": session})
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def client(url: str) -> Iterator["RekognitionClient"]:
    client: RekognitionClient = boto3.client(
        "rekognition",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=16),
    )
    yield client
    client.close()


@pytest.fixture
def collection(client: "RekognitionClient", request: pytest.FixtureRequest) -> Iterator[str]:
    name = "".join(c for c in request.node.name if c.isalnum())[:100]
    client.create_collection(CollectionId=name)
    yield name
    client.delete_collection(CollectionId=name)


def enrol(client: "RekognitionClient", collection: str, data: bytes, external_id: str) -> str:
    answer = client.index_faces(
        CollectionId=collection, Image={"Bytes": data}, ExternalImageId=external_id, MaxFaces=1
    )
    return answer["FaceRecords"][0]["Face"]["FaceId"]


def post(url: str, target: str, body: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Send what boto3 would not."""
    request = urllib.request.Request(  # noqa: S310
        url, body, {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, dict(answer.headers), json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.load(error)


# Collections


def test_a_collection_is_made_described_listed_and_deleted(client: "RekognitionClient") -> None:
    before = datetime.now(UTC).timestamp()
    made = client.create_collection(CollectionId="life", Tags={"site": "Hà Nội"})
    assert made["StatusCode"] == 200
    assert made["CollectionArn"] == "arn:aws:rekognition:us-east-1:123456789012:collection/life"
    described = client.describe_collection(CollectionId="life")
    assert (described["FaceCount"], described["UserCount"]) == (0, 0)
    assert described["CollectionARN"] == made["CollectionArn"]
    assert described["FaceModelVersion"] == made["FaceModelVersion"]
    assert before - 1 < described["CreationTimestamp"].timestamp() < before + 10
    assert "life" in client.list_collections()["CollectionIds"]
    assert client.delete_collection(CollectionId="life")["StatusCode"] == 200
    assert "life" not in client.list_collections()["CollectionIds"]


def test_a_collection_cannot_be_made_twice(client: "RekognitionClient", collection: str) -> None:
    with pytest.raises(client.exceptions.ResourceAlreadyExistsException, match="already exists"):
        client.create_collection(CollectionId=collection)


def test_collections_are_listed_in_pages_that_hold_each_one_once(client: "RekognitionClient") -> None:
    names = [f"page-{number}" + "x" * 240 for number in range(5)]
    for name in names:
        client.create_collection(CollectionId=name)
    pages = list(client.get_paginator("list_collections").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["CollectionIds"]) == len(page["FaceModelVersions"]) <= 2 for page in pages)
    listed = [name for page in pages for name in page["CollectionIds"]]
    assert [name for name in listed if name in names] == names
    for name in names:
        client.delete_collection(CollectionId=name)


def test_what_is_not_there_is_called_not_found(client: "RekognitionClient") -> None:
    face_id = "00000000-0000-0000-0000-000000000000"
    image: Any = {"Bytes": pictures.no_face_photo()}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (client.describe_collection, {"CollectionId": "gone"}),
        (client.delete_collection, {"CollectionId": "gone"}),
        (client.list_faces, {"CollectionId": "gone"}),
        (client.delete_faces, {"CollectionId": "gone", "FaceIds": [face_id]}),
        (client.search_faces, {"CollectionId": "gone", "FaceId": face_id}),
        (client.search_faces_by_image, {"CollectionId": "gone", "Image": image}),
        (client.index_faces, {"CollectionId": "gone", "Image": image}),
    ]
    for call, arguments in calls:
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            call(**arguments)


# Recognition


def test_a_person_is_found_by_another_photo_and_a_stranger_is_not(
    client: "RekognitionClient", collection: str
) -> None:
    first, second, third = pictures.photos_of_a()
    face_id = enrol(client, collection, first, "person-a")
    for photo in (second, third):
        found = client.search_faces_by_image(
            CollectionId=collection, Image={"Bytes": photo}, FaceMatchThreshold=95
        )
        (match,) = found["FaceMatches"]
        assert match["Face"]["FaceId"] == face_id
        assert match["Face"]["ExternalImageId"] == "person-a"
        assert 95 <= match["Similarity"] <= 100
        assert found["SearchedFaceConfidence"] > 90
    for photo in (pictures.photo_of_b(), pictures.photo_of_c()):
        found = client.search_faces_by_image(
            CollectionId=collection, Image={"Bytes": photo}, FaceMatchThreshold=80
        )
        assert found["FaceMatches"] == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: pictures.turned(data, 30), id="tilted by 30 degrees"),
        pytest.param(lambda data: pictures.turned(data, -50), id="tilted by -50 degrees"),
        pytest.param(lambda data: pictures.turned(data, 90), id="lying on the side"),
        pytest.param(lambda data: pictures.turned(data, 180), id="upside down"),
        pytest.param(lambda data: pictures.shrunk(data, 0.13), id="face of 50 px"),
        pytest.param(lambda data: pictures.jpeg(pictures.pixels(data), 20), id="poor JPEG"),
    ],
)
def test_a_person_is_found_though_the_photo_is(
    client: "RekognitionClient", collection: str, change: Any
) -> None:
    first, second, _ = pictures.photos_of_a()
    enrol(client, collection, first, "person-a")
    found = client.search_faces_by_image(
        CollectionId=collection, Image={"Bytes": change(second)}, FaceMatchThreshold=95
    )
    assert len(found["FaceMatches"]) == 1


def test_the_largest_face_is_the_one_searched_for(client: "RekognitionClient", collection: str) -> None:
    enrol(client, collection, pictures.photos_of_a()[1], "person-a")
    enrol(client, collection, pictures.photo_of_b(), "person-b")
    found = client.search_faces_by_image(CollectionId=collection, Image={"Bytes": pictures.group_photo()})
    assert [match["Face"]["ExternalImageId"] for match in found["FaceMatches"]] == ["person-a"]
    assert found["SearchedFaceBoundingBox"]["Left"] > 2 / 3


def test_every_face_of_a_group_is_indexed_unless_it_is_limited(
    client: "RekognitionClient", collection: str
) -> None:
    image: Any = {"Bytes": pictures.group_photo()}
    two = client.index_faces(CollectionId=collection, Image=image, MaxFaces=2, ExternalImageId="g")
    assert [face["Reasons"] for face in two["UnindexedFaces"]] == [["EXCEEDS_MAX_FACES"]]
    heights = [record["Face"]["BoundingBox"]["Height"] for record in two["FaceRecords"]]
    assert len(heights) == 2
    assert heights[0] > heights[1] > two["UnindexedFaces"][0]["FaceDetail"]["BoundingBox"]["Height"]
    assert len({record["Face"]["ImageId"] for record in two["FaceRecords"]}) == 1
    # The same picture under the same id again: only the face that was left out is new.
    again = client.index_faces(CollectionId=collection, Image=image, ExternalImageId="g")
    ids = [record["Face"]["FaceId"] for record in again["FaceRecords"]]
    assert ids[:2] == [record["Face"]["FaceId"] for record in two["FaceRecords"]]
    assert len(set(ids)) == 3
    assert client.describe_collection(CollectionId=collection)["FaceCount"] == 3
    client.index_faces(CollectionId=collection, Image=image, ExternalImageId="other")
    assert client.describe_collection(CollectionId=collection)["FaceCount"] == 6


def test_poor_faces_are_not_indexed_and_the_reasons_are_given(
    client: "RekognitionClient", collection: str
) -> None:
    dark = pictures.jpeg((pictures.pixels(pictures.photo_of_b()) * 0.2).astype(np.uint8), 98)
    small = pictures.shrunk(pictures.photo_of_c(), 0.3)
    for data, reason in ((dark, "LOW_BRIGHTNESS"), (small, "SMALL_BOUNDING_BOX")):
        refused = client.index_faces(CollectionId=collection, Image={"Bytes": data})
        assert refused["FaceRecords"] == []
        assert reason in refused["UnindexedFaces"][0]["Reasons"]
        taken = client.index_faces(CollectionId=collection, Image={"Bytes": data}, QualityFilter="NONE")
        assert len(taken["FaceRecords"]) == 1
        assert taken["UnindexedFaces"] == []


def test_a_picture_of_nobody_gives_no_faces_or_is_refused_for_a_search(
    client: "RekognitionClient", collection: str
) -> None:
    nobody: Any = {"Bytes": pictures.no_face_photo()}
    somebody: Any = {"Bytes": pictures.photo_of_c()}
    indexed = client.index_faces(CollectionId=collection, Image=nobody)
    assert (indexed["FaceRecords"], indexed["UnindexedFaces"]) == ([], [])
    assert client.detect_faces(Image=nobody)["FaceDetails"] == []
    refused = client.exceptions.InvalidParameterException
    with pytest.raises(refused, match=r"There are no faces in the image\. Should be at least 1\."):
        client.search_faces_by_image(CollectionId=collection, Image=nobody)
    with pytest.raises(refused, match="source image"):
        client.compare_faces(SourceImage=nobody, TargetImage=somebody)
    with pytest.raises(refused, match="target image"):
        client.compare_faces(SourceImage=somebody, TargetImage=nobody)


def test_a_detected_face_is_described_by_what_was_measured(client: "RekognitionClient") -> None:
    (face,) = client.detect_faces(Image={"Bytes": pictures.photo_of_c()}, Attributes=["ALL"])["FaceDetails"]
    box = face["BoundingBox"]
    points = {mark["Type"]: (mark["X"], mark["Y"]) for mark in face["Landmarks"]}
    assert list(points) == ["eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"]
    assert points["eyeLeft"][0] < points["nose"][0] < points["eyeRight"][0]
    assert points["eyeLeft"][1] < points["nose"][1] < points["mouthLeft"][1]
    for x, y in points.values():
        assert box["Left"] < x < box["Left"] + box["Width"]
        assert box["Top"] < y < box["Top"] + box["Height"]
    assert face["Confidence"] > 95
    assert abs(face["Pose"]["Yaw"]) < 15
    assert 0 < face["Pose"]["Roll"] < 15
    assert 40 < face["Quality"]["Brightness"] < 80
    assert face["Quality"]["Sharpness"] > 50
    (turned,) = client.detect_faces(Image={"Bytes": pictures.turned(pictures.photo_of_c(), 25)})[
        "FaceDetails"
    ]
    assert turned["Pose"]["Roll"] - face["Pose"]["Roll"] == pytest.approx(25, abs=6)


def test_faces_of_two_pictures_are_compared(client: "RekognitionClient") -> None:
    answer = client.compare_faces(
        SourceImage={"Bytes": pictures.photos_of_a()[2]}, TargetImage={"Bytes": pictures.group_photo()}
    )
    (match,) = answer["FaceMatches"]
    assert match["Similarity"] > 95
    assert match["Face"]["BoundingBox"]["Left"] > 2 / 3
    assert len(match["Face"]["Landmarks"]) == 5
    assert len(answer["UnmatchedFaces"]) == 2
    assert answer["SourceImageFace"]["Confidence"] > 90
    all_of_them = client.compare_faces(
        SourceImage={"Bytes": pictures.photos_of_a()[2]},
        TargetImage={"Bytes": pictures.group_photo()},
        SimilarityThreshold=0,
    )["FaceMatches"]
    assert len(all_of_them) == 3
    assert [m["Similarity"] for m in all_of_them] == sorted(
        (m["Similarity"] for m in all_of_them), reverse=True
    )


def test_a_picture_is_wholly_similar_to_itself(client: "RekognitionClient") -> None:
    image: Any = {"Bytes": pictures.photo_of_c()}
    (match,) = client.compare_faces(SourceImage=image, TargetImage=image, SimilarityThreshold=100)[
        "FaceMatches"
    ]
    assert match["Similarity"] == 100


def test_a_stored_face_finds_its_like_but_not_itself(client: "RekognitionClient", collection: str) -> None:
    ids = [enrol(client, collection, data, "a") for data in pictures.photos_of_a()]
    enrol(client, collection, pictures.photo_of_b(), "b")
    found = client.search_faces(CollectionId=collection, FaceId=ids[0], FaceMatchThreshold=95)
    assert found["SearchedFaceId"] == ids[0]
    assert {match["Face"]["FaceId"] for match in found["FaceMatches"]} == set(ids[1:])
    one = client.search_faces(CollectionId=collection, FaceId=ids[0], MaxFaces=1)["FaceMatches"]
    assert one == found["FaceMatches"][:1]
    everyone = client.search_faces(CollectionId=collection, FaceId=ids[0], FaceMatchThreshold=0)
    assert len(everyone["FaceMatches"]) == 3
    with pytest.raises(client.exceptions.InvalidParameterException, match="faceId was not found"):
        client.search_faces(CollectionId=collection, FaceId="00000000-0000-0000-0000-000000000000")


def test_a_picture_in_s3_may_be_larger(client: "RekognitionClient") -> None:
    data = pictures.photo_of_c()
    OBJECTS["bucket", "some/key.jpg"] = data + bytes(6 * 1024 * 1024)  # what follows the picture is ignored
    OBJECTS["bucket", "huge.jpg"] = data + bytes(15 * 1024 * 1024)
    answer = client.detect_faces(Image={"S3Object": {"Bucket": "bucket", "Name": "some/key.jpg"}})
    assert len(answer["FaceDetails"]) == 1
    with pytest.raises(client.exceptions.ImageTooLargeException):
        client.detect_faces(Image={"S3Object": {"Bucket": "bucket", "Name": "huge.jpg"}})
    with pytest.raises(client.exceptions.ImageTooLargeException):
        client.detect_faces(Image={"Bytes": OBJECTS["bucket", "some/key.jpg"]})
    with pytest.raises(client.exceptions.InvalidS3ObjectException, match="Unable to get object metadata"):
        client.detect_faces(Image={"S3Object": {"Bucket": "bucket", "Name": "absent"}})


# Faces of a collection


def test_faces_are_listed_in_pages_and_deleted(
    client: "RekognitionClient", collection: str, faces: Faces
) -> None:
    box = Box(0.1, 0.1, 0.2, 0.2)
    vectors = pictures.strangers(25)
    ids = set()
    for number, vector in enumerate(vectors):
        (face,) = faces.add(collection, bytes([number]), f"p{number}", [NewFace(box, 99.0, vector)])
        ids.add(face.face_id)
    pages = list(
        client.get_paginator("list_faces").paginate(
            CollectionId=collection, PaginationConfig={"PageSize": 10}
        )
    )
    assert [len(page["Faces"]) for page in pages] == [10, 10, 5]
    listed = [face["FaceId"] for page in pages for face in page["Faces"]]
    assert listed == sorted(ids)
    some = client.list_faces(CollectionId=collection, FaceIds=[*listed[:3], listed[0][:-4] + "ffff"])
    assert [face["FaceId"] for face in some["Faces"]] == listed[:3]
    token = pages[0]["NextToken"]
    gone = client.delete_faces(CollectionId=collection, FaceIds=[*listed[8:12], listed[8]])
    assert gone["DeletedFaces"] == listed[8:12]
    assert gone["UnsuccessfulFaceDeletions"] == []
    again = client.delete_faces(CollectionId=collection, FaceIds=[listed[8], listed[0]])
    assert again["DeletedFaces"] == [listed[0]]
    assert again["UnsuccessfulFaceDeletions"] == [{"FaceId": listed[8], "Reasons": ["FACE_NOT_FOUND"]}]
    rest = client.list_faces(CollectionId=collection, NextToken=token, MaxResults=4096)
    assert [face["FaceId"] for face in rest["Faces"]] == listed[12:]
    assert client.describe_collection(CollectionId=collection)["FaceCount"] == 20


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "é", "", "eyJhIjoxfQ=="])
def test_a_page_token_that_was_never_given_out_is_refused(
    client: "RekognitionClient", collection: str, token: str
) -> None:
    with pytest.raises(client.exceptions.InvalidPaginationTokenException):
        client.list_faces(CollectionId=collection, NextToken=token)
    with pytest.raises(client.exceptions.InvalidPaginationTokenException):
        client.list_collections(NextToken=token)


def test_a_page_token_is_good_for_its_own_list_only(client: "RekognitionClient", collection: str) -> None:
    client.create_collection(CollectionId="second-one")
    token = client.list_collections(MaxResults=1)["NextToken"]
    client.delete_collection(CollectionId="second-one")
    with pytest.raises(client.exceptions.InvalidPaginationTokenException):
        client.list_faces(CollectionId=collection, NextToken=token)


def test_many_threads_index_search_and_delete_at_once(client: "RekognitionClient", collection: str) -> None:
    enrol(client, collection, pictures.photos_of_a()[0], "a")

    def work(number: int) -> tuple[str, int]:
        face_id = enrol(client, collection, pictures.photo_of_c(), f"c{number % 4}")
        found = client.search_faces_by_image(
            CollectionId=collection, Image={"Bytes": pictures.photo_of_c()}, FaceMatchThreshold=99
        )
        return face_id, len(found["FaceMatches"])

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(12)))
    ids = {face_id for face_id, _ in results}
    assert len(ids) == 4  # the same picture under the same id is one face
    assert all(1 <= count <= 4 for _, count in results)
    assert client.describe_collection(CollectionId=collection)["FaceCount"] == 5


# What is refused


@pytest.mark.parametrize(
    ("operation", "arguments", "message"),
    [
        ("create_collection", {"CollectionId": "two words"}, r"regular expression pattern: \[a-zA-Z0-9_"),
        ("create_collection", {"CollectionId": "x" * 256}, "length less than or equal to 255"),
        ("list_faces", {"CollectionId": "c", "MaxResults": 4097}, "value less than or equal to 4096"),
        ("list_collections", {"MaxResults": 5000}, "at 'maxResults' failed to satisfy constraint"),
        ("search_faces", {"CollectionId": "c", "FaceId": "no uuid"}, "at 'faceId'"),
        ("delete_faces", {"CollectionId": "c", "FaceIds": ["no uuid"]}, "at 'faceIds.1.member'"),
        ("search_faces_by_image", {"CollectionId": "c", "Image": {}, "MaxFaces": 4097}, "at 'maxFaces'"),
        ("search_faces_by_image", {"CollectionId": "c", "Image": {}, "FaceMatchThreshold": 101.0}, "to 100"),
        ("index_faces", {"CollectionId": "c", "Image": {}, "ExternalImageId": "Ánh"}, "at 'externalImageId'"),
        ("index_faces", {"CollectionId": "c", "Image": {}, "QualityFilter": "BEST"}, "enum value set"),
        (
            "detect_faces",
            {"Image": {"S3Object": {"Bucket": "b*d", "Name": "n"}}},
            "at 'image.s3Object.bucket'",
        ),
    ],
)
def test_a_request_against_the_service_model_is_refused_in_the_words_of_aws(
    client: "RekognitionClient", operation: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message) as refusal:
        getattr(client, operation)(**arguments)
    assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({"Bytes": b"GIF89a" + bytes(100)}, "InvalidImageFormatException"),
        ({"Bytes": pictures.png(np.zeros((79, 300, 3), np.uint8))}, "InvalidParameterException"),
        ({}, "InvalidParameterException"),
        ({"Bytes": b"x", "S3Object": {"Bucket": "bucket", "Name": "n"}}, "InvalidParameterException"),
        ({"S3Object": {"Bucket": "bucket"}}, "InvalidParameterException"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_by_name(
    client: "RekognitionClient", collection: str, image: Any, name: str
) -> None:
    refused = getattr(client.exceptions, name)
    with pytest.raises(refused):
        client.index_faces(CollectionId=collection, Image=image)
    with pytest.raises(refused):
        client.search_faces_by_image(CollectionId=collection, Image=image)
    with pytest.raises(refused):
        client.detect_faces(Image=image)
    with pytest.raises(refused):
        client.compare_faces(SourceImage=image, TargetImage={"Bytes": pictures.photo_of_c()})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "ValidationException"),
        (b"{}", "ValidationException"),
        (b'{"CollectionId": null}', "ValidationException"),
        (b'{"CollectionId": ""}', "ValidationException"),
        (b'{"CollectionId": 7}', "SerializationException"),
        (b'{"CollectionId": ["c"]}', "SerializationException"),
        (b'{"CollectionId": "\\ud800"}', "SerializationException"),
        (b"[]", "SerializationException"),
        (b"null", "SerializationException"),
        (b"{", "SerializationException"),
        (b"\xff\xfe\xfd", "SerializationException"),
        (b"[" * 100_000, "SerializationException"),
        (b'{"CollectionId": "c", "MaxFaces": NaN}', "SerializationException"),
        (b'{"CollectionId": "c", "Image": {"Bytes": "*"}}', "SerializationException"),
        (b'{"CollectionId": "c", "Image": {}, "MaxFaces": 1.5}', "SerializationException"),
        (b'{"CollectionId": "c", "Image": {}, "MaxFaces": true}', "SerializationException"),
    ],
)
def test_a_request_that_boto3_would_not_send_is_a_clear_400(url: str, body: bytes, code: str) -> None:
    status, headers, answer = post(url, "RekognitionService.IndexFaces", body)
    assert (status, answer["__type"]) == (400, code)
    assert headers["Content-Type"] == "application/x-amz-json-1.1"
    assert headers["x-amzn-RequestId"] == answer["Logref"]
    assert answer["Message"]


@pytest.mark.parametrize("operation", ["DetectLabels", "SearchUsers", "Nonsense", "", "../IndexFaces"])
def test_an_operation_that_is_not_offered_is_called_unknown(url: str, operation: str) -> None:
    status, _, answer = post(url, f"RekognitionService.{operation}", b"{}")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_an_image_far_too_large_is_still_answered(client: "RekognitionClient") -> None:
    with pytest.raises(client.exceptions.ImageTooLargeException):
        client.detect_faces(Image={"Bytes": b"\xff\xd8\xff" + bytes(40 * 1024 * 1024)})


def test_a_fault_of_ours_is_a_500_that_tells_nothing(client: "RekognitionClient", url: str) -> None:
    unknown = "99999999-2222-3333-4444-555555555555"
    with pytest.raises(client.exceptions.InternalServerError) as failure:
        client.get_face_liveness_session_results(SessionId=unknown)
    assert "secret" not in str(failure.value)
    body = json.dumps({"SessionId": unknown}).encode()
    status, _, answer = post(url, "RekognitionService.GetFaceLivenessSessionResults", body)
    assert status == 500
    assert "secret" not in json.dumps(answer)
    assert "Traceback" not in json.dumps(answer)


def test_operations_of_others_are_served_by_the_same_rules(client: "RekognitionClient") -> None:
    answer = client.get_face_liveness_session_results(SessionId=SESSION)
    assert answer["Status"] == "SUCCEEDED"
    assert answer["ReferenceImage"]["Bytes"] == b"\xff\xd8"
    assert "Unknown" not in answer
    with pytest.raises(ClientError, match="at 'sessionId'"):
        client.get_face_liveness_session_results(SessionId="x" * 36)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Bytes", "S3Object", "Bucket", "Name", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.sampled_from(
        ["IndexFaces", "ListFaces", "DeleteFaces", "CompareFaces", "CreateCollection", "TagResource"]
    ),
    st.dictionaries(
        st.sampled_from(
            ["CollectionId", "Image", "SourceImage", "MaxFaces", "FaceIds", "Tags", "NextToken", "MaxResults"]
        ),
        json_values,
        max_size=5,
    ),
)
def test_no_request_at_all_breaks_the_reading_of_requests(operation: str, request: dict[str, Any]) -> None:
    model = validation.service().operation_model(operation)
    try:
        parsed = validation.parse(model, json.dumps(request).encode())
    except (SerializationException, ValidationException):
        return
    assert set(parsed) <= set(request)


# What is kept


def test_faces_survive_a_restart(tmp_path: "Path") -> None:
    path = tmp_path / "faces.sqlite"
    vectors = pictures.strangers(300)
    box = Box(0.1, 0.2, 0.3, 0.4)
    first = Faces(path)
    first.create_collection("c")
    stored = [first.add("c", b"%d" % n, f"p{n}", [NewFace(box, 98.5, v)])[0] for n, v in enumerate(vectors)]
    first.delete("c", [face.face_id for face in stored[::3]])
    first.close()
    second = Faces(path)
    assert second.collection("c").face_count == 200
    ((face, value),) = second.search("c", vectors[1], 0.9, 10)
    assert (face, round(value, 5)) == (stored[1], 1.0)
    assert second.search("c", vectors[0], 0.9, 10) == []
    assert second.vector("c", stored[0].face_id) is None
    second.close()


def test_nothing_confirmed_is_lost_when_the_process_is_killed(tmp_path: "Path") -> None:
    path = tmp_path / "faces.sqlite"
    program = f"""
import os
from local.rekognition.models import Box, Faces, NewFace
from tests.support.photos import strangers
faces = Faces({str(path)!r})
faces.create_collection("c")
for n, vector in enumerate(strangers(50)):
    faces.add("c", bytes([n]), "x", [NewFace(Box(0, 0, 1, 1), 99, vector)])
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    again = Faces(path)
    assert again.collection("c").face_count == 50
    again.close()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: b"not a database at all" * 50, id="other content"),
        pytest.param(lambda content: content[: len(content) // 2], id="cut off"),
        pytest.param(lambda content: content[:4096] + b"\xa5" * 8192 + content[12288:], id="overwritten"),
    ],
)
def test_a_damaged_file_is_reported_by_its_path(tmp_path: "Path", spoil: Any) -> None:
    path = tmp_path / "faces.sqlite"
    faces = Faces(path)
    faces.create_collection("c")
    faces.add("c", b"k", None, [NewFace(Box(0, 0, 1, 1), 99, vector) for vector in pictures.strangers(40)])
    faces.close()
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(StateDamaged, match=r"faces\.sqlite"):
        Faces(path)


def test_a_second_process_cannot_open_the_same_file(tmp_path: "Path") -> None:
    path = tmp_path / "faces.sqlite"
    faces = Faces(path)
    with pytest.raises(StateDamaged, match="locked"):
        Faces(path)
    faces.close()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60), st.integers(1, 8))
def test_a_search_finds_what_comparing_one_by_one_would(changes: list[tuple[bool, int]], most: int) -> None:
    vectors = pictures.strangers(31)
    faces = Faces(":memory:")
    faces.create_collection("c")
    held: dict[int, str] = {}
    for put, number in changes:
        if put and number not in held:
            (face,) = faces.add("c", bytes([number]), None, [NewFace(Box(0, 0, 1, 1), 99, vectors[number])])
            held[number] = face.face_id
        elif not put and number in held:
            faces.delete("c", [held.pop(number)])
    query = vectors[7]
    expected = sorted(((float(vectors[n] @ query), held[n]) for n in held), reverse=True)[:most]
    found = faces.search("c", query, -2.0, most)
    faces.close()
    assert [face.face_id for face, _ in found] == [face_id for _, face_id in expected]
    assert [value for _, value in found] == pytest.approx([value for value, _ in expected], abs=1e-5)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 100))
def test_similarity_rises_with_the_cosine_and_thresholds_agree_on_both_scales(
    one: float, other: float, percent: float
) -> None:
    assert 0 <= similarity(one) <= 100
    if one < other:
        assert similarity(one) <= similarity(other)
    assert similarity(cosine(percent)) >= percent - 1e-6 or percent == 0


@pytest.mark.parametrize(("value", "percent"), [(0.363, 80.0), (0.4236, 90.0), (0.479, 95.0), (1.0, 100.0)])
def test_similarity_means_what_is_documented(value: float, percent: float) -> None:
    assert similarity(value) == pytest.approx(percent, abs=0.05)
