"""The developer routes of liveness sessions: to finish one with a photo, and to have one explained."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import cv2
import pytest

from local import httpserver
from local.aws.embedded import Embedded
from local.liveness.developer_routes import DeveloperRoutes
from tests.conftest import CONSENT, Http
from tests.support.photos import jpeg, no_face_photo, photo_of_c, pixels

JPEG = {"Content-Type": "image/jpeg"}


def begin(http: Http) -> str:
    session_id: str = http.post("/v1/liveness-sessions").json_body["session_id"]
    return session_id


def call(
    aws: Embedded, session_id: str, photo: bytes | None, query: str = "", method: str = "POST"
) -> tuple[int, dict[str, Any]]:
    """Finish a session as a front end or curl does: without a signature."""
    url = f"{aws.aws_url}/_rollcall/liveness-sessions/{session_id}/finish{query}"
    request = Request(url, photo, JPEG, method=method)  # noqa: S310 - our own server
    try:
        with urlopen(request) as response:  # noqa: S310
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def punch(http: Http, session_id: str) -> tuple[int, str | None]:
    answer = http.post("/v1/punches", {"liveness_session_id": session_id})
    return answer.status_code, answer.json_body.get("Code")


@pytest.fixture
def person(http: Http) -> str:
    person_id: str = http.post("/v1/people", {"name": "A", "consent": CONSENT}).json_body["person_id"]
    assert http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG).status_code == 201
    return person_id


def test_a_session_finished_with_a_photo_is_a_punch_of_its_person(
    http: Http, aws: Embedded, person: str
) -> None:
    session_id = begin(http)
    status, said = call(aws, session_id, photo_of_c())
    assert (status, said["status"], said["confidence"]) == (200, "SUCCEEDED", 99)
    answer = http.post("/v1/punches", {"liveness_session_id": session_id})
    assert (answer.status_code, answer.json_body["person_id"]) == (201, person)


def test_a_session_finished_as_a_spoof_is_refused(http: Http, aws: Embedded, person: str) -> None:
    session_id = begin(http)
    status, said = call(aws, session_id, photo_of_c(), "?live=false")
    assert (status, said["reason"]) == (200, "finished with a photo as a spoof")
    assert punch(http, session_id) == (422, "NotLive")


def test_the_reference_image_is_one_that_rekognition_could_give(
    http: Http, aws: Embedded, boto: Callable[[str], Any]
) -> None:
    session_id = begin(http)
    large = cv2.resize(pixels(photo_of_c()), (3000, 4000))
    assert call(aws, session_id, jpeg(large))[0] == 200
    reference = boto("rekognition").get_face_liveness_session_results(SessionId=session_id)["ReferenceImage"]
    assert reference["Bytes"].startswith(b"\xff\xd8\xff")
    assert len(reference["Bytes"]) <= 204_800
    assert pixels(reference["Bytes"]).shape[:2] == (1280, 960), "a frame of a video, not a telephone's photo"
    box = reference["BoundingBox"]
    assert 0 < box["Width"] < 1
    assert 0 < box["Height"] < 1


@pytest.mark.parametrize(
    ("photo", "query", "message"),
    [
        pytest.param(b"", "", "Send a JPEG or PNG as the body", id="no photo"),
        pytest.param(b'{"photo": "..."}', "", "invalid image format", id="not a photo"),
        pytest.param(photo_of_c()[:3000], "", "invalid image format", id="half a photo"),
        pytest.param(no_face_photo(), "", "no face", id="no face"),
        pytest.param(photo_of_c(), "?live=no", "true or false", id="neither true nor false"),
    ],
)
def test_what_is_wrong_with_the_request_is_said_and_the_session_stays_good(
    http: Http, aws: Embedded, photo: bytes, query: str, message: str
) -> None:
    session_id = begin(http)
    status, said = call(aws, session_id, photo, query)
    assert status == 400
    assert message in said["message"]
    assert call(aws, session_id, photo_of_c())[0] == 200


def test_an_unknown_session_is_a_404(aws: Embedded) -> None:
    status, said = call(aws, "nobody-asked", photo_of_c())
    assert (status, said["__type"]) == (404, "SessionNotFoundException")
    assert "does not exist, or it has expired" in said["message"]


def test_an_expired_session_is_a_404(http: Http, aws: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = begin(http)
    monkeypatch.setattr(aws.sessions, "_now", lambda: datetime.now(UTC) + timedelta(minutes=3, seconds=1))
    assert call(aws, session_id, photo_of_c())[0] == 404


def test_a_session_is_finished_once(http: Http, aws: Embedded) -> None:
    session_id = begin(http)
    assert call(aws, session_id, photo_of_c(), "?live=false")[0] == 200
    status, said = call(aws, session_id, photo_of_c())
    assert (status, said["__type"]) == (409, "SessionTaken")
    assert punch(http, session_id) == (422, "NotLive")


def test_a_session_with_an_open_stream_belongs_to_the_stream(http: Http, aws: Embedded) -> None:
    session_id = begin(http)
    aws.sessions.start(session_id)
    assert call(aws, session_id, photo_of_c())[0] == 409


def test_only_a_post_finishes_a_session(http: Http, aws: Embedded) -> None:
    session_id = begin(http)
    status, said = call(aws, session_id, None, method="GET")
    assert (status, said["message"].startswith("Use POST for ")) == (405, True)
    assert call(aws, session_id, photo_of_c())[0] == 200


def test_a_developers_page_may_call(http: Http, aws: Embedded) -> None:
    url = f"{aws.aws_url}/_rollcall/liveness-sessions/{begin(http)}/finish"
    page = {"Origin": "http://localhost:5173"}
    with urlopen(Request(url, headers=page, method="OPTIONS")) as response:  # noqa: S310
        assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
        assert "POST" in response.headers["Access-Control-Allow-Methods"]


def test_a_page_of_another_origin_finishes_no_session(http: Http, aws: Embedded) -> None:
    session_id = begin(http)
    url = f"{aws.aws_url}/_rollcall/liveness-sessions/{session_id}/finish"
    page = {"Origin": "https://evil.example", "Content-Type": "text/plain"}  # needs no preflight
    with pytest.raises(HTTPError) as refused, urlopen(Request(url, photo_of_c(), page)):  # noqa: S310
        pass
    with refused.value as answer:
        assert (answer.code, answer.headers["Access-Control-Allow-Origin"]) == (403, None)
    assert punch(http, session_id) == (409, "SessionPending")


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_another_stage_than_local_has_no_such_route(http: Http, aws: Embedded, stage: str) -> None:
    session_id = begin(http)
    routes = DeveloperRoutes(aws.sessions, aws.engine, stage)
    target = f"/_rollcall/liveness-sessions/{session_id}/finish"
    request = httpserver.Request("POST", target, Message(), photo_of_c(), "127.0.0.1")
    assert routes.handle(request) is None
    assert routes.handle(request._replace(method="GET", target=target.replace("finish", "explain")))
    assert call(aws, session_id, photo_of_c())[0] == 200
