"""The defects of the lab's reference code, each by its id, tried on us."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import convert

from app import app
from chalicelib import enrolment, people, wiring
from chalicelib.calendars import Calendar, Rota
from chalicelib.errors import SessionNotFound
from chalicelib.faces import Faces, LivenessResult
from chalicelib.models import NewConsent, Person
from chalicelib.photos import Photo
from chalicelib.store import Store
from local.embedded import Embedded
from tests.conftest import CONSENT, SERVICE, Finish, Http, unknown_session
from tests.faces import group_photo, photo, photos_of_a
from tests.test_lab import faces, index, punches, session

Boto = Callable[[str], Any]
ROOT = Path(wiring.__file__).parent.parent


@pytest.fixture
def calls(http: Http) -> Iterator[list[str]]:
    """Collects the AWS operations that the app makes, in order."""
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    for gateway in (wiring.store()._table, wiring.faces(), wiring.photos()):
        gateway._client.meta.events.register("before-call", note, unique_id="count")
    yield made
    for gateway in (wiring.store()._table, wiring.faces(), wiring.photos()):
        gateway._client.meta.events.unregister("before-call", unique_id="count")


def test_S1_every_route_names_its_scope() -> None:
    for path, methods in app.routes.items():
        for entry in methods.values():
            view: Any = entry.view_function
            scope = view.endpoint.scope
            assert scope in {"public", "kiosk", "viewer", "manager", "admin"}, path
            assert scope != "public" or path in {"/health", "/openapi.json", "/docs"}, path


def test_S2_without_a_reference_image_nobody_is_checked_in(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "First Enrolled", photos_of_a()[0])
    session_id = finish(session(http), None)
    answer = http.get(f"/liveness-result/{session_id}")
    assert answer.status_code == 409
    assert answer.json_body["success"] is False
    assert punches(boto) == []


def test_S3_the_caller_does_not_choose_the_match(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    index(http, "Bob", photo("biden"))
    bob = next(face for face in faces(http) if face["ExternalImageId"].endswith("Bob"))
    session_id = finish(session(http), photos_of_a()[1])
    shown = http.get(f"/liveness-result/{session_id}", compareFaceId=bob["ExternalImageId"]).json_body
    assert shown["faceMatch"]["name"].endswith("_A")
    assert http.get("/attendance", externalImageId=bob["ExternalImageId"]).json_body["count"] == 0


def test_S4_D3_a_session_is_spent_once_and_nothing_is_overwritten(
    http: Http, finish: Finish, boto: Boto
) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = finish(session(http), photos_of_a()[1])
    first = http.get(f"/liveness-result/{session_id}")
    before = punches(boto)
    assert http.get(f"/liveness-result/{session_id}").body == first.body
    assert punches(boto) == before
    assert len(before) == 1


def test_S5_a_session_that_is_not_ours_is_unknown(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    foreign = boto("rekognition").create_face_liveness_session()["SessionId"]
    answer = http.get(f"/liveness-result/{finish(foreign, photos_of_a()[1])}")
    assert answer.status_code == 404
    assert punches(boto) == []


def test_S6_no_key_of_the_callers_is_deleted(http: Http, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    boto("s3").put_object(Bucket="rollcall-local", Key="liveness/evidence.jpg", Body=b"x")
    [face] = faces(http)
    unknown = http.delete("/delete-face", {"faceId": unknown_session(), "s3Key": "liveness/evidence.jpg"})
    assert unknown.status_code == 404
    assert unknown.json_body["success"] is False
    http.delete("/delete-face", {"faceId": face["FaceId"], "s3Key": "liveness/evidence.jpg"})
    left = [item["Key"] for item in boto("s3").list_objects_v2(Bucket="rollcall-local")["Contents"]]
    assert left == ["liveness/evidence.jpg"]


def test_S7_enrolment_is_a_managers() -> None:
    view: Any = app.routes["/index-face"]["POST"].view_function
    assert view.endpoint.scope == "manager"


def test_S8_one_policy_stored_with_each_punch(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    http.get(f"/liveness-result/{finish(session(http), photos_of_a()[1])}")
    [item] = punches(boto)
    evidence = {name: next(iter(value.values())) for name, value in item["evidence"]["M"].items()}
    assert float(evidence["similarity_threshold"]) == 95
    assert float(evidence["liveness_threshold"]) == 90
    assert float(evidence["similarity"]) >= 95


def test_S9_several_people_in_a_photo_do_not_become_one(http: Http) -> None:
    assert index(http, "A", group_photo()).json_body["success"] is False
    assert faces(http) == []


def test_S10_two_people_too_alike_are_refused_and_nobody_elses_name_is_shown(
    http: Http, finish: Finish, boto: Boto, store: Store
) -> None:
    enrolled, twin, seen = photos_of_a()
    index(http, "A", enrolled)
    twins_face = boto("rekognition").index_faces(
        CollectionId="rollcall-local", Image={"Bytes": twin}, ExternalImageId="twin"
    )["FaceRecords"][0]["Face"]["FaceId"]
    now = datetime.now(UTC)
    store.add_person(
        Person(person_id="twin", name="Twin", created_at=now, updated_at=now, face_ids=(twins_face,))
    )
    shown = http.get(f"/liveness-result/{finish(session(http), seen)}")
    assert shown.json_body["faceMatch"] == {"found": False}
    assert "Twin" not in shown.body.decode()
    assert punches(boto) == []


def test_S11_the_new_api_writes_only_by_post(http: Http) -> None:
    for path, methods in app.routes.items():
        if path.startswith("/v1/punches") or path.startswith("/v1/liveness"):
            assert set(methods) <= {"GET", "POST"}
    assert http.get("/v1/punches", liveness_session_id=unknown_session()).status_code == 400


def test_S12_S13_a_failure_tells_the_caller_nothing_of_the_inside(
    http: Http, boto: Boto, caplog: pytest.LogCaptureFixture
) -> None:
    boto("dynamodb").delete_item(TableName="rollcall-local", Key={"pk": {"S": "SETTINGS"}, "sk": {"S": "-"}})
    boto("dynamodb").put_item(
        TableName="rollcall-local",
        Item={"pk": {"S": "SETTINGS"}, "sk": {"S": "-"}, "document": {"S": "{damaged Ánh"}},
    )
    answer = http.get("/v1/settings")
    assert answer.status_code == 500
    assert answer.json_body["Code"] == "InternalServerError"
    assert re.fullmatch("An internal server error occurred.", answer.json_body["Message"])
    assert "rollcall-local" not in answer.body.decode()
    assert "Ánh" not in caplog.text


def test_S14_no_policy_has_a_wildcard_where_a_name_is_possible() -> None:
    for stage in ("dev", "prod"):
        document = json.loads((ROOT / f".chalice/policy-{stage}.json").read_text())
        for statement in document["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [action for action in actions if "*" in action]


def test_S15_what_a_photo_is_comes_from_its_bytes(http: Http, boto: Boto) -> None:
    body = {
        "name": "A",
        "fileBase64": base64.b64encode(photo("astronaut")).decode(),
        "fileName": "x.html",
        "fileType": "text/html",
    }
    assert http.post("/index-face", body).json_body["success"] is True
    [item] = boto("s3").list_objects_v2(Bucket="rollcall-local")["Contents"]
    head = boto("s3").head_object(Bucket="rollcall-local", Key=item["Key"])
    assert head["ContentType"] == "image/jpeg"
    assert item["Key"].endswith(".jpg")


@pytest.mark.parametrize("session_id", ["..%2F..%2Ffaces", "a%0d%0ab", "%00", "x" * 3000])
def test_S16_session_ids_are_checked_by_form(http: Http, session_id: str) -> None:
    assert http.get(f"/liveness-result/{session_id}").status_code == 400


@pytest.mark.parametrize("path", ["/get-s3-url", "/match-after-liveness", "/attendance/clear"])
def test_S17_what_should_never_have_been_is_not(path: str) -> None:
    assert path not in app.routes


def test_D1_D2_early_morning_in_ho_chi_minh_city_is_that_day() -> None:
    rota = Rota(Calendar(zone="Asia/Ho_Chi_Minh"))
    at = datetime(2025, 8, 11, 6, 55, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    assert at.astimezone(UTC).date().isoformat() == "2025-08-10"
    assert rota.work_day(at.astimezone(UTC)).isoformat() == "2025-08-11"


def test_D5_a_photo_that_is_refused_leaves_no_object(http: Http, boto: Boto) -> None:
    index(http, "A", group_photo())
    assert boto("s3").list_objects_v2(Bucket="rollcall-local")["KeyCount"] == 0


def test_D6_a_second_photo_is_not_a_second_person(http: Http) -> None:
    for content in photos_of_a():
        index(http, "A", content)
    assert len({face["ExternalImageId"] for face in faces(http)}) == 1


@pytest.mark.parametrize("name", ["Nguyễn Văn Ánh", "李小龍", "O'Brien-Łukasz", "محمد", "🙂 Kim"])
def test_D7_names_are_kept_as_they_are(http: Http, name: str) -> None:
    assert index(http, name, photo("astronaut")).json_body["name"] == name
    [face] = faces(http)
    assert " ".join(face["ExternalImageId"].split("_")[1:]) == name


def test_D8_rekognition_and_s3_know_no_name(http: Http, boto: Boto) -> None:
    index(http, "Ada", photo("astronaut"))
    [face] = boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"]
    [item] = boto("s3").list_objects_v2(Bucket="rollcall-local")["Contents"]
    assert "Ada" not in face["ExternalImageId"]
    assert item["Key"].startswith(f"photos/{face['ExternalImageId']}/")


def test_D10_sessions_are_forgotten_in_time(http: Http, boto: Boto) -> None:
    session_id = session(http)
    item = boto("dynamodb").get_item(
        TableName="rollcall-local", Key={"pk": {"S": f"SESSION#{session_id}"}, "sk": {"S": "-"}}
    )["Item"]
    lives = int(item["expires"]["N"]) - datetime.now(UTC).timestamp()
    assert timedelta(hours=1).total_seconds() < lives <= timedelta(days=2).total_seconds()


def test_D12_the_punch_carries_its_evidence(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = finish(session(http), photos_of_a()[1], confidence=97.5)
    http.get(f"/liveness-result/{session_id}")
    [item] = punches(boto)
    evidence = item["evidence"]["M"]
    assert evidence["liveness"]["N"] == "97.5"
    assert evidence["session_id"]["S"] == session_id
    assert evidence["face_id"]["S"] == faces(http)[0]["FaceId"]
    assert item["zone"]["S"] == "Asia/Ho_Chi_Minh"


def test_D13_a_punch_that_cannot_be_written_leaves_the_session_unspent(
    http: Http, finish: Finish, boto: Boto
) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = finish(session(http), photos_of_a()[1])

    class Down(Exception):
        pass

    def fail(**_: Any) -> None:
        raise Down

    events = wiring.store()._table._client.meta.events
    events.register("before-call.dynamodb.TransactWriteItems", fail, unique_id="down")
    try:
        assert http.get(f"/liveness-result/{session_id}").status_code == 500
    finally:
        events.unregister("before-call.dynamodb.TransactWriteItems", unique_id="down")
    assert punches(boto) == []
    assert http.get(f"/liveness-result/{session_id}").json_body["faceMatch"]["found"] is True
    assert len(punches(boto)) == 1


def test_D14_an_unfinished_or_expired_session_has_a_clear_answer(
    http: Http, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = session(http)
    waiting = http.get(f"/liveness-result/{session_id}")
    assert waiting.json_body["confidence"] is None
    assert "undefined" not in waiting.body.decode()

    def forgotten(_: object, session_id: str) -> LivenessResult:
        raise SessionNotFound

    monkeypatch.setattr(Faces, "session", forgotten)  # as Rekognition does after three minutes
    assert http.get(f"/liveness-result/{session_id}").status_code == 410


def test_P1_a_check_in_makes_four_calls(http: Http, finish: Finish, calls: list[str]) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = finish(session(http), photos_of_a()[1])
    calls.clear()
    http.get(f"/liveness-result/{session_id}")
    assert calls == [
        "GetFaceLivenessSessionResults",
        "SearchFacesByImage",
        "BatchGetItem",
        "TransactWriteItems",
    ]


def test_P2_P3_the_list_and_todays_mark_are_few_calls_and_no_scan(http: Http, calls: list[str]) -> None:
    index(http, "A", photos_of_a()[0])
    calls.clear()
    [face] = faces(http)
    assert calls == ["Query"] * wiring.environment().shards
    calls.clear()
    http.get("/attendance", externalImageId=face["ExternalImageId"])
    assert calls == ["BatchGetItem"]


def test_P4_credentials_come_from_the_default_chain() -> None:
    source = (ROOT / "chalicelib/wiring.py").read_text()
    assert "aws_access_key_id" not in source


def test_P7_bad_json_is_the_callers_fault(http: Http) -> None:
    headers = {"Content-Type": "application/json"}
    assert http.post("/index-face", b"{", headers).status_code == 400
    assert http.call("DELETE", "/delete-face", b"{", headers).status_code == 400


def test_P8_a_photo_that_is_too_large_is_told_so(http: Http) -> None:
    too_large = b"\xff\xd8\xff" + bytes(5 * 1024 * 1024)
    assert http.post("/checkin", too_large, {"Content-Type": "image/jpeg"}).status_code == 413


def test_a_crash_in_the_middle_of_enrolment_is_swept(
    http: Http, store: Store, boto: Boto, aws: Embedded
) -> None:
    class Crash(BaseException):
        pass

    def crash(**_: Any) -> None:
        raise Crash

    events = store._table._client.meta.events
    events.register("before-call.dynamodb.TransactWriteItems", crash, unique_id="crash")
    try:
        with pytest.raises(Crash):
            enrolment.register(
                store,
                wiring.faces(),
                wiring.photos(),
                "A",
                Photo(photo("astronaut"), "image/jpeg"),
                consent=people.consented(convert(CONSENT, NewConsent), by=None, now=datetime.now(UTC)),
                now=datetime.now(UTC),
            )
    finally:
        events.unregister("before-call.dynamodb.TransactWriteItems", unique_id="crash")
    assert boto("s3").list_objects_v2(Bucket="rollcall-local")["KeyCount"] == 1
    assert len(boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"]) == 1

    later = datetime.now(UTC) + timedelta(minutes=2)
    assert enrolment.sweep(store, wiring.faces(), wiring.photos(), now=later) == 1

    assert boto("s3").list_objects_v2(Bucket="rollcall-local")["KeyCount"] == 0
    assert boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"] == []
    left = [item["pk"]["S"] for item in boto("dynamodb").scan(TableName="rollcall-local")["Items"]]
    assert [pk for pk in left if not pk.startswith(SERVICE)] == []
