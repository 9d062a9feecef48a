"""The lab's routes, by HTTP, in the lab's own shapes."""

import gc
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from chalicelib import wiring
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.person import Person
from local.aws.embedded import Embedded
from tests.conftest import Clock, Finish, Http, unknown_session
from tests.support.lab import index, list_faces, start_session, stored_punches
from tests.support.photos import group_photo, no_face_photo, photo, photos_of_a


def test_a_person_is_enrolled_recognised_from_another_photo_and_present_today(
    http: Http, finish: Finish
) -> None:
    enrolled, seen, _ = photos_of_a()
    created = index(http, "Nguyễn Văn Ánh", enrolled)
    assert (created.status_code, created.json_body) == (200, {"success": True, "name": "Nguyễn Văn Ánh"})
    [face] = list_faces(http)
    assert face["ExternalImageId"].split("_")[1:] == ["Nguyễn Văn Ánh"]
    assert face["s3Key"] == f"faces/{face['ExternalImageId']}.jpg"
    handle = face["ExternalImageId"]
    assert http.get("/attendance", externalImageId=handle).json_body["count"] == 0

    shown = http.get(f"/liveness-result/{finish(start_session(http), seen)}", preview="true").json_body

    assert shown["success"] is True
    assert shown["isLive"] is True
    assert shown["confidence"] == 0.99
    assert shown["faceMatch"]["found"] is True
    assert shown["faceMatch"]["name"] == handle
    assert shown["faceMatch"]["similarity"] > 95
    assert shown["message"].startswith(f"Welcome {handle}! Face verified with ")
    assert "error" not in shown
    assert shown["capturedImage"]["details"]["format"] == "JPEG"
    today = http.get("/attendance", externalImageId=handle).json_body
    assert today["count"] == 1
    assert set(today["items"][0]) == {"externalImageId", "checkinDay", "checkinTime"}


def test_a_person_counts_from_the_day_of_their_enrolment(http: Http) -> None:
    index(http, "Ánh", photos_of_a()[0])
    roster = http.get("/v1/attendance").json_body
    [member] = roster["items"]
    assert http.get(f"/v1/people/{member['person_id']}").json_body["since"] == roster["date"]
    before = date.fromisoformat(roster["date"]) - timedelta(days=1)
    assert http.get("/v1/attendance", date=before.isoformat()).json_body["items"] == []


def test_a_stranger_is_live_but_not_in_the_system(http: Http, finish: Finish) -> None:
    index(http, "A", photos_of_a()[0])
    shown = http.get(f"/liveness-result/{finish(start_session(http), photo('biden'))}").json_body
    assert shown["isLive"] is True
    assert shown["faceMatch"] == {"found": False}
    assert shown["message"].startswith("You are verified as a live person, but your face is not")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        pytest.param({"confidence": 60.0}, "Low confidence score: 60%", id="low score"),
        pytest.param({"enough": False}, "Liveness check failed", id="failed"),
        pytest.param(None, "Liveness check failed", id="not finished"),
    ],
)
def test_not_live_is_a_200_with_a_reason(
    http: Http, finish: Finish, how: dict[str, Any] | None, reason: str
) -> None:
    session_id = start_session(http)
    if how is not None:
        finish(session_id, photos_of_a()[0], **how)
    shown = http.get(f"/liveness-result/{session_id}")
    assert shown.status_code == 200
    assert shown.json_body["success"] is True
    assert shown.json_body["isLive"] is False
    assert shown.json_body["reason"] == reason
    assert "NaN" not in shown.body.decode()


def test_reading_an_unfinished_session_does_not_use_it(http: Http, finish: Finish) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = start_session(http)
    http.get(f"/liveness-result/{session_id}")
    finish(session_id, photos_of_a()[1])
    assert http.get(f"/liveness-result/{session_id}").json_body["faceMatch"]["found"] is True


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        pytest.param("/liveness-result", 400, "Missing session ID", id="no id"),
        pytest.param("/liveness-result/abc", 400, "Invalid session ID format", id="not a session id"),
        pytest.param("/liveness-result/%27%20or%201", 400, "Invalid session ID format", id="quotes"),
        pytest.param(
            f"/liveness-result/{unknown_session()}", 404, "There is no such liveness session.", id="unknown"
        ),
    ],
)
def test_results_of_unknown_sessions_are_errors(http: Http, path: str, status: int, error: str) -> None:
    answer = http.get(path)
    assert answer.status_code == status
    assert answer.json_body["success"] is False
    assert answer.json_body["error"] == error


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"name": "A", "fileBase64": "", "fileName": "a", "fileType": "image/jpeg"}, id="empty"),
        pytest.param({"name": "A", "fileBase64": "aaaa", "fileType": "image/jpeg"}, id="no file name"),
        pytest.param({"name": 1, "fileBase64": "aa", "fileName": "a", "fileType": "image/jpeg"}, id="type"),
    ],
)
def test_enrolment_requires_all_four_fields(http: Http, body: Any) -> None:
    answer = http.post("/index-face", body)
    assert answer.status_code == 400
    assert answer.json_body == {"success": False, "error": "Missing required fields"}


def test_a_photo_without_a_face_is_a_200_with_a_reason(http: Http) -> None:
    answer = index(http, "A", no_face_photo())
    assert answer.status_code == 200
    assert answer.json_body == {"success": False, "message": "No face detected in image"}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(b"GIF89a", 400, id="a GIF"),
        pytest.param(b"\xff\xd8\xff garbage", 400, id="a damaged JPEG"),
        pytest.param(b"\xff\xd8\xff" + bytes(6 * 1024 * 1024), 413, id="over 5 MB"),
    ],
)
def test_what_is_not_a_photo_is_refused(http: Http, content: bytes, status: int) -> None:
    answer = index(http, "A", content)
    assert answer.status_code == status
    assert answer.json_body["success"] is False
    assert answer.json_body["error"]


def multipart(**fields: bytes) -> tuple[bytes, dict[str, str]]:
    lines = b""
    for name, content in fields.items():
        filename = b'; filename="checkin.jpg"' if name == "photo" else b""
        head = b'--xyz\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + filename
        lines += head + b"\r\n\r\n" + content + b"\r\n"
    return lines + b"--xyz--\r\n", {"Content-Type": "multipart/form-data; boundary=xyz"}


def test_enrolment_accepts_a_multipart_form(http: Http) -> None:
    answer = http.post("/index-face", *multipart(name="Ánh".encode(), photo=photo("astronaut")))
    assert answer.json_body == {"success": True, "name": "Ánh"}
    assert len(list_faces(http)) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"--xyz", id="cut off"),
        pytest.param(b"", id="empty"),
        pytest.param(b"x" * 99, id="no parts"),
    ],
)
@pytest.mark.parametrize("path", ["/index-face", "/checkin"])
def test_a_damaged_form_is_a_400(http: Http, path: str, body: bytes) -> None:
    answer = http.post(path, body, {"Content-Type": "multipart/form-data; boundary=xyz"})
    assert answer.status_code == 400
    assert answer.json_body["success"] is False


def test_a_photo_checks_in_where_the_site_allows_it(http: Http) -> None:
    index(http, "A", photos_of_a()[0])
    answer = http.post("/checkin", *multipart(photo=photos_of_a()[1])).json_body
    assert answer["success"] is True
    assert answer["name"] == list_faces(http)[0]["ExternalImageId"]
    assert answer["similarity"] > 95
    assert answer["capturedImage"]["found"] is True
    raw = http.post("/checkin", photos_of_a()[2], {"Content-Type": "image/jpeg"}).json_body
    assert raw["success"] is True
    stranger = http.post("/checkin", *multipart(photo=photo("biden"))).json_body
    assert stranger["success"] is False
    assert stranger["message"] == "No matching face found in collection"
    nobody = http.post("/checkin", *multipart(photo=no_face_photo())).json_body
    assert nobody["message"] == "No faces detected in the uploaded image"


def test_what_axios_makes_of_the_form_is_a_clear_400(http: Http) -> None:
    answer = http.post("/checkin", {"photo": {}})
    assert answer.status_code == 400
    assert answer.json_body == {"success": False, "error": "No photo uploaded"}


def test_deleting_a_face_deletes_its_photo_and_vector(http: Http, boto: Callable[[str], Any]) -> None:
    index(http, "A", photos_of_a()[0])
    [face] = list_faces(http)
    answer = http.delete("/delete-face", {"faceId": face["FaceId"], "s3Key": face["s3Key"]})
    assert answer.json_body == {"success": True, "message": "Face and image deleted successfully"}
    assert list_faces(http) == []
    assert boto("s3").list_objects_v2(Bucket="rollcall-local")["KeyCount"] == 0
    assert boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"] == []
    again = http.delete("/delete-face", {"faceId": face["FaceId"], "s3Key": face["s3Key"]})
    assert again.status_code == 404


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"{", "Invalid JSON body", id="bad JSON"),
        pytest.param(b"[" * 100_000, "Invalid JSON body", id="deep"),
        pytest.param(b"[]", "Invalid JSON body", id="a list"),
        pytest.param(b'{"faceId": "x"}', "Missing faceId or s3Key", id="no key"),
        pytest.param(b'{"faceId": 1, "s3Key": "y"}', "Missing faceId or s3Key", id="a number"),
    ],
)
def test_invalid_deletions_are_a_400(http: Http, body: bytes, error: str) -> None:
    answer = http.call("DELETE", "/delete-face", body, {"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json_body == {"success": False, "error": error}


def test_attendance_requires_a_person(http: Http) -> None:
    answer = http.get("/attendance")
    assert answer.status_code == 400
    assert answer.json_body == {"success": False, "error": "Missing externalImageId"}
    assert http.get("/attendance", externalImageId="nobody_x").json_body["count"] == 0


def test_fifty_calls_for_one_session_are_one_punch_and_one_response(
    http: Http, finish: Finish, clock: Clock, boto: Callable[[str], Any]
) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = finish(start_session(http), photos_of_a()[1])
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: http.get(f"/liveness-result/{session_id}"), range(50)))
    assert [answer.body for answer in answers if answer.status_code != 200] == []
    assert len({answer.body for answer in answers}) == 1
    assert len(stored_punches(boto)) == 1


def test_every_response_has_cors_headers_and_no_traceback(http: Http) -> None:
    for answer in (
        http.get("/health"),
        http.get("/attendance"),
        http.get("/attendance", nonsense="1"),
        http.post("/health"),
        http.post("/index-face", b"\xff\xfe", {"Content-Type": "application/json"}),
        http.post("/index-face", b"<x/>", {"Content-Type": "text/xml"}),
        http.delete("/delete-face"),
        http.get(f"/liveness-result/{unknown_session()}"),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Traceback" not in answer.body.decode()
        assert answer.status_code < 500
        json.loads(answer.body)


def test_two_photos_of_one_person_under_one_name_are_one_person(http: Http) -> None:
    first, second, _ = photos_of_a()
    index(http, "Ánh", first)
    index(http, "ánh", second)
    index(http, "Ánh", first)
    handles = {face["ExternalImageId"] for face in list_faces(http)}
    assert len(list_faces(http)) == 2
    assert len(handles) == 1


def test_a_face_is_not_enrolled_under_a_second_name(http: Http) -> None:
    first, second, _ = photos_of_a()
    index(http, "A", first)
    answer = index(http, "B", second)
    assert answer.status_code == 200
    assert answer.json_body["success"] is False
    assert answer.json_body["error"] == "This face is already enrolled for another person."
    assert len(list_faces(http)) == 1


def test_faces_are_listed_in_order_of_name(http: Http, directory: Directory) -> None:
    now = datetime.now(UTC)
    for number, name in enumerate(["Zoe", "Đặng", "anh", "Ánh B", "Em"]):
        person = Person(
            person_id=f"p{number}", name=name, created_at=now, updated_at=now, face_ids=(f"f{number}",)
        )
        directory.add_person(person)
    names = [face["ExternalImageId"].partition("_")[2] for face in list_faces(http)]
    assert names == ["anh", "Ánh B", "Đặng", "Em", "Zoe"]


def test_a_group_photo_is_refused_and_leaves_nothing(http: Http, boto: Callable[[str], Any]) -> None:
    answer = index(http, "A", group_photo())
    assert answer.json_body["success"] is False
    assert "3 faces" in answer.json_body["error"]
    assert boto("s3").list_objects_v2(Bucket="rollcall-local")["KeyCount"] == 0


def test_the_lab_is_off_where_the_stage_does_not_switch_it_on(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = msgspec.structs.replace(wiring.environment(), lab="off")
    monkeypatch.setattr(wiring, "environment", lambda: off)
    answer = http.get("/session")
    assert answer.status_code == 404
    assert answer.json_body["success"] is False


def test_reset_leaves_the_resources(aws: Embedded) -> None:
    assert aws.client("dynamodb").list_tables()["TableNames"] == ["rollcall-local"]


def test_a_refusal_keeps_nothing_of_its_request_in_memory(http: Http) -> None:
    for _ in range(3):
        assert http.get("/liveness-result").status_code == 400
    gc.collect()
    kept = [one for one in gc.get_objects() if isinstance(one, InvalidRequest)]
    assert not [one for one in kept if str(one) == "Missing session ID"]
