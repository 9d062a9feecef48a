"""The defects of the lab's reference code, each by its id, tried on us."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from msgspec import convert

from app import app
from chalicelib import wiring
from chalicelib.aws.collection import FaceCollection, LivenessResult
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import SessionNotFound
from chalicelib.domain.person import NewConsent, Person
from chalicelib.domain.photo import Photo
from chalicelib.domain.schedule import Calendar, Schedule
from chalicelib.domain.timeline import always
from chalicelib.services import enrolment, people
from local.aws.embedded import Embedded
from tests.conftest import CONSENT, SERVICE, Clock, Finish, Http, Lab, Scan, unknown_session
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person, day_of, set_calendar, stamp
from tests.support.faces import enrolled
from tests.support.lab import index, list_faces, start_session, stored_punches
from tests.support.photos import group_photo, photo, photos_of_a
from tests.support.punches import create_session, punch

Boto = Callable[[str], Any]
ROOT = Path(wiring.__file__).parent.parent


@pytest.fixture
def calls(http: Http) -> Iterator[list[str]]:
    """Collects the AWS operations that the app makes, in order."""
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    for gateway in (wiring.directory()._table, wiring.collection(), wiring.bucket()):
        gateway._client.meta.events.register("before-call", note, unique_id="count")
    yield made
    for gateway in (wiring.directory()._table, wiring.collection(), wiring.bucket()):
        gateway._client.meta.events.unregister("before-call", unique_id="count")


def test_S1_without_a_token_nobody_reads_or_changes_anything(http: Http, finish: Finish, scan: Scan) -> None:
    person_id = add_person(http, "First Enrolled")
    enrolled(http, person_id, photos_of_a()[0])
    session_id = finish(create_session(http.as_("kiosk")), photos_of_a()[1])

    def kept() -> list[Any]:  # without the notes of who was refused
        notes = ("AUDIT#", "LIMIT#noted#")
        return [item for item in json.loads(scan()) if not item["pk"]["S"].startswith(notes)]

    nobody, before = http.as_(None), kept()
    for method, path, body in (
        ("GET", "/v1/people", None),
        ("GET", f"/v1/people/{person_id}/data", None),
        ("GET", "/v1/attendance", None),
        ("GET", "/v1/punches?from=2026-11-01&to=2026-11-30", None),
        ("POST", "/v1/punches", {"liveness_session_id": session_id}),
        ("POST", "/v1/liveness-sessions", None),
        ("POST", "/v1/people", {"name": "Mallory", "consent": CONSENT}),
        ("DELETE", f"/v1/people/{person_id}", None),
        ("POST", "/v1/tokens", {"role": "admin", "label": "mine"}),
        ("GET", "/v1/settings", None),
    ):
        answer = nobody.call(method, path, body)
        check_refused(answer, 401, "TokenMissing")
        assert "First" not in answer.body.decode()
    assert kept() == before


def test_S1_every_route_names_its_scope() -> None:
    for path, methods in app.routes.items():
        for entry in methods.values():
            view: Any = entry.view_function
            scope = view.endpoint.scope
            assert scope in {"public", "any", "kiosk", "viewer", "manager", "admin"}, path
            assert scope != "public" or path in {"/", "/health", "/openapi.json", "/docs"}, path


def test_S2_without_a_reference_image_nobody_is_checked_in(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "First Enrolled", photos_of_a()[0])
    session_id = finish(start_session(http), None)
    answer = http.get(f"/liveness-result/{session_id}")
    assert answer.status_code == 409
    assert answer.json_body["success"] is False
    assert stored_punches(boto) == []


def test_S3_the_caller_does_not_choose_the_match(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    index(http, "Bob", photo("biden"))
    bob = next(face for face in list_faces(http) if face["ExternalImageId"].endswith("Bob"))
    session_id = finish(start_session(http), photos_of_a()[1])
    shown = http.get(f"/liveness-result/{session_id}", compareFaceId=bob["ExternalImageId"]).json_body
    assert shown["faceMatch"]["name"].endswith("_A")
    assert http.get("/attendance", externalImageId=bob["ExternalImageId"]).json_body["count"] == 0


def test_S3_S17_nothing_beside_a_session_says_who_is_there(http: Http, finish: Finish, boto: Boto) -> None:
    enrolled(http, add_person(http, "A Person"), photos_of_a()[0])
    bob = add_person(http, "Bob Person")
    enrolled(http, bob, photo("biden"))
    kiosk = http.as_("kiosk")
    body = {"liveness_session_id": finish(create_session(kiosk), photos_of_a()[1])}
    picture = base64.b64encode(photo("biden")).decode()
    for extra in ({"compareFaceId": bob}, {"person_id": bob}, {"photo": picture}, {"similarity": 100}):
        assert kiosk.post("/v1/punches", {**body, **extra}).status_code == 400
    assert kiosk.post("/v1/punches", body, person_id=bob).status_code == 400
    assert stored_punches(boto) == []
    assert kiosk.post("/v1/punches", body).json_body["name"] == "Person"
    [item] = stored_punches(boto)
    assert item["person_id"]["S"] != bob


def test_S4_D3_a_session_is_used_once_and_nothing_is_overwritten(
    http: Http, finish: Finish, boto: Boto
) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = finish(start_session(http), photos_of_a()[1])
    first = http.get(f"/liveness-result/{session_id}")
    before = stored_punches(boto)
    assert http.get(f"/liveness-result/{session_id}").body == first.body
    assert stored_punches(boto) == before
    assert len(before) == 1


def test_S5_a_session_that_is_not_ours_is_unknown(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    foreign = boto("rekognition").create_face_liveness_session()["SessionId"]
    answer = http.get(f"/liveness-result/{finish(foreign, photos_of_a()[1])}")
    assert answer.status_code == 404
    assert stored_punches(boto) == []


def test_S5_a_session_is_its_kiosks_and_there_are_only_so_many(
    http: Http, finish: Finish, boto: Boto, clock: Clock
) -> None:
    enrolled(http, add_person(http), photos_of_a()[0])
    session_id = finish(create_session(http.as_("kiosk")), photos_of_a()[1])
    thief = http.as_("admin")
    assert thief.post("/v1/punches", {"liveness_session_id": session_id}).status_code == 404
    assert thief.get(f"/v1/liveness-sessions/{session_id}").status_code == 404
    assert stored_punches(boto) == []
    started = [http.as_("kiosk").post("/v1/liveness-sessions").status_code for _ in range(35)]
    assert started == [201] * 29 + [429] * 6  # one was there before


def test_S6_no_key_of_the_callers_is_deleted(http: Http, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    boto("s3").put_object(Bucket="rollcall-local", Key="liveness/evidence.jpg", Body=b"x")
    [face] = list_faces(http)
    unknown = http.delete("/delete-face", {"faceId": unknown_session(), "s3Key": "liveness/evidence.jpg"})
    assert unknown.status_code == 404
    assert unknown.json_body["success"] is False
    http.delete("/delete-face", {"faceId": face["FaceId"], "s3Key": "liveness/evidence.jpg"})
    left = [item["Key"] for item in boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])]
    assert left == ["liveness/evidence.jpg"]


def test_S7_nobody_enrols_themselves_as_anybody(http: Http, lab: Lab, boto: Boto) -> None:
    lab("on")
    person_id = add_person(http, "Ann Person", consent=None)
    jpeg = {"Content-Type": "image/jpeg"}
    for role, status in ((None, 401), ("kiosk", 403), ("viewer", 403)):
        caller = http.as_(role)
        assert index(caller, "Ann Person", photos_of_a()[0]).status_code == status
        assert caller.post(f"/v1/people/{person_id}/faces", photos_of_a()[0], jpeg).status_code == status
    manager = http.as_("manager")
    assert index(manager, "Ann Person", photos_of_a()[0]).status_code == 403
    refused = manager.post(f"/v1/people/{person_id}/faces", photos_of_a()[0], jpeg)
    check_refused(refused, 403, "ConsentMissing")
    assert boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"] == []
    left = boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])
    assert left == []


def test_S8_one_policy_stored_with_each_punch(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    http.get(f"/liveness-result/{finish(start_session(http), photos_of_a()[1])}")
    [item] = stored_punches(boto)
    evidence = {name: next(iter(value.values())) for name, value in item["evidence"]["M"].items()}
    assert float(evidence["similarity_threshold"]) == 95
    assert float(evidence["liveness_threshold"]) == 90
    assert float(evidence["similarity"]) >= 95


def test_S9_several_people_in_a_photo_do_not_become_one(http: Http) -> None:
    assert index(http, "A", group_photo()).json_body["success"] is False
    assert list_faces(http) == []


def test_S10_two_people_too_alike_are_refused_and_nobody_elses_name_is_shown(
    http: Http, finish: Finish, boto: Boto, directory: Directory
) -> None:
    enrolled, twin, seen = photos_of_a()
    index(http, "A", enrolled)
    twins_face = boto("rekognition").index_faces(
        CollectionId="rollcall-local", Image={"Bytes": twin}, ExternalImageId="twin"
    )["FaceRecords"][0]["Face"]["FaceId"]
    now = datetime.now(UTC)
    directory.add_person(
        Person(person_id="twin", name="Twin", created_at=now, updated_at=now, face_ids=(twins_face,))
    )
    shown = http.get(f"/liveness-result/{finish(start_session(http), seen)}")
    assert shown.json_body["faceMatch"] == {"found": False}
    assert "Twin" not in shown.body.decode()
    assert stored_punches(boto) == []


def test_S11_the_new_api_writes_only_by_post(http: Http) -> None:
    for path, methods in app.routes.items():
        if path.startswith("/v1/punches") or path.startswith("/v1/liveness"):
            assert set(methods) <= {"GET", "HEAD", "POST"}
    assert http.get("/v1/punches", liveness_session_id=unknown_session()).status_code == 400


def test_S11_reading_a_session_does_not_use_it(http: Http, finish: Finish, boto: Boto) -> None:
    enrolled(http, add_person(http), photos_of_a()[0])
    kiosk = http.as_("kiosk")
    session_id = finish(create_session(kiosk), photos_of_a()[1])
    for _ in range(3):
        assert kiosk.get(f"/v1/liveness-sessions/{session_id}").json_body["status"] == "finished"
    assert stored_punches(boto) == []


def test_S12_a_whole_day_at_the_service_logs_nobody(
    http: Http, finish: Finish, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"), caplog.at_level("INFO", "rollcall"):
        person_id = add_person(http, "Nguyễn Văn Ánh", email="anh@example.com")
        enrolled(http, person_id, photos_of_a()[0])
        kiosk = http.as_("kiosk")
        for content in (photos_of_a()[1], photo("biden")):
            kiosk.post("/v1/punches", {"liveness_session_id": finish(create_session(kiosk), content)})
        http.post("/v1/identify", photos_of_a()[1], {"Content-Type": "image/jpeg"})
        http.get("/v1/attendance")
        http.delete(f"/v1/people/{person_id}")
    said = [record.getMessage() for record in caplog.records if record.name in ("root", "rollcall")]
    assert said == []


def test_S12_S13_a_failure_exposes_no_internals(
    http: Http, boto: Boto, caplog: pytest.LogCaptureFixture
) -> None:
    boto("dynamodb").delete_item(TableName="rollcall-local", Key={"pk": {"S": "SETTINGS"}, "sk": {"S": "-"}})
    boto("dynamodb").put_item(
        TableName="rollcall-local",
        Item={"pk": {"S": "SETTINGS"}, "sk": {"S": "-"}, "document": {"S": "{damaged Ánh"}},
    )
    answer = http.get("/v1/settings")
    assert answer.status_code == 500
    assert code_of(answer) == "InternalServerError"
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
    [item] = boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])
    head = boto("s3").head_object(Bucket="rollcall-local", Key=item["Key"])
    assert head["ContentType"] == "image/jpeg"
    assert item["Key"].endswith(".jpg")


@pytest.mark.parametrize("session_id", ["..%2F..%2Ffaces", "a%0d%0ab", "%00", "x" * 3000])
def test_S16_session_ids_are_checked_by_form(http: Http, session_id: str) -> None:
    assert http.get(f"/liveness-result/{session_id}").status_code == 400


@pytest.mark.parametrize("session_id", ["../../faces", "a\r\nb", "", "x" * 3000, "A" * 36, None, 7])
def test_S16_the_new_api_checks_them_too(http: Http, session_id: Any) -> None:
    kiosk = http.as_("kiosk")
    assert kiosk.post("/v1/punches", {"liveness_session_id": session_id}).status_code == 400
    if isinstance(session_id, str) and session_id:
        assert kiosk.get(f"/v1/liveness-sessions/{quote(session_id, safe='')}").status_code == 400


@pytest.mark.parametrize("path", ["/get-s3-url", "/match-after-liveness", "/attendance/clear"])
def test_S17_dangerous_routes_of_the_lab_do_not_exist(http: Http, boto: Boto, path: str) -> None:
    index(http, "A", photos_of_a()[0])
    [key] = [item["Key"] for item in boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])]
    for method in ("GET", "POST", "DELETE"):
        answer = http.call(method, f"{path}?key={quote(key)}")
        assert answer.status_code in (403, 404, 405)
        assert "X-Amz-Signature" not in answer.body.decode()
    assert path not in app.routes


def test_D1_D2_early_morning_in_ho_chi_minh_city_is_that_day() -> None:
    schedule = Schedule(always(Calendar(zone="Asia/Ho_Chi_Minh")))
    at = datetime(2025, 8, 11, 6, 55, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    assert at.astimezone(UTC).date().isoformat() == "2025-08-10"
    assert schedule.work_day(at.astimezone(UTC)).isoformat() == "2025-08-11"


def test_D1_D2_a_punch_early_in_the_morning_is_one_instant_of_that_day(http: Http) -> None:
    set_calendar(http)
    person_id = add_person(http)
    made = stamp(http, person_id, "2025-08-10T23:55:00Z").json_body
    assert (made["at"], made["work_day"]) == ("2025-08-11T06:55:00+07:00", "2025-08-11")
    day = day_of(http, person_id, "2025-08-11")
    assert day["first_in"] == "2025-08-11T06:55:00+07:00"


def test_D3_leaving_does_not_overwrite_coming(http: Http) -> None:
    set_calendar(http)
    person_id = add_person(http)
    for at in ("2025-08-11T08:00:00+07:00", "2025-08-11T17:00:00+07:00"):
        assert stamp(http, person_id, at).status_code == 201
    day = day_of(http, person_id, "2025-08-11")
    assert (day["first_in"], day["last_out"]) == ("2025-08-11T08:00:00+07:00", "2025-08-11T17:00:00+07:00")


def test_D4_the_table_is_made_by_our_own_tool(boto: Boto, aws: Embedded) -> None:
    made = boto("dynamodb").describe_table(TableName="rollcall-local")["Table"]
    assert {part["AttributeName"]: part["KeyType"] for part in made["KeySchema"]} == {
        "pk": "HASH",
        "sk": "RANGE",
    }
    resources = (ROOT / "infra/resources.yaml").read_text()
    assert resources.count("Type: AWS::DynamoDB::Table") == 1


def test_D5_a_photo_that_is_refused_leaves_no_object(http: Http, boto: Boto) -> None:
    index(http, "A", group_photo())
    left = boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])
    assert left == []


def test_D6_a_second_photo_is_not_a_second_person(http: Http) -> None:
    for content in photos_of_a():
        index(http, "A", content)
    assert len({face["ExternalImageId"] for face in list_faces(http)}) == 1


@pytest.mark.parametrize("name", ["Nguyễn Văn Ánh", "李小龍", "O'Brien-Łukasz", "محمد", "🙂 Kim"])
def test_D7_names_are_kept_as_they_are(http: Http, name: str) -> None:
    assert index(http, name, photo("astronaut")).json_body["name"] == name
    [face] = list_faces(http)
    assert " ".join(face["ExternalImageId"].split("_")[1:]) == name


def test_D8_rekognition_and_s3_know_no_name(http: Http, boto: Boto) -> None:
    index(http, "Ada", photo("astronaut"))
    [face] = boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"]
    [item] = boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])
    assert "Ada" not in face["ExternalImageId"]
    assert item["Key"].startswith(f"photos/{face['ExternalImageId']}/")


@pytest.mark.parametrize("attendance", ["pseudonymise", "remove"])
def test_D9_who_is_deleted_is_gone_from_everywhere(
    http: Http, finish: Finish, boto: Boto, scan: Scan, attendance: str
) -> None:
    person_id = add_person(http, "Gone Person", code="GONE-1", email="gone@example.com")
    for content in photos_of_a()[:2]:
        enrolled(http, person_id, content)
    kiosk = http.as_("kiosk")
    assert punch(kiosk, finish(create_session(kiosk), photos_of_a()[2])).status_code == 201
    erased = http.call("DELETE", f"/v1/people/{person_id}", attendance=attendance)
    assert (erased.status_code, erased.json_body["complete"]) == (200, True)
    assert boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"] == []
    left = boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])
    assert [entry["Key"].split("/")[0] for entry in left] == ["erasures"], "a digest, for restored backups"
    for trace in (person_id, "Gone", "gone", "GONE-1"):
        assert trace not in scan()
    assert len(stored_punches(boto)) == (1 if attendance == "pseudonymise" else 0)


def test_D10_sessions_are_forgotten_in_time(http: Http, boto: Boto) -> None:
    session_id = start_session(http)
    item = boto("dynamodb").get_item(
        TableName="rollcall-local", Key={"pk": {"S": f"SESSION#{session_id}"}, "sk": {"S": "-"}}
    )["Item"]
    lives = int(item["expires"]["N"]) - datetime.now(UTC).timestamp()
    assert timedelta(hours=1).total_seconds() < lives <= timedelta(days=2).total_seconds()


def test_D11_no_image_of_a_session_goes_to_s3(http: Http, boto: Boto) -> None:
    asked: list[dict[str, Any]] = []
    events = wiring.collection()._client.meta.events
    events.register(
        "provide-client-params.rekognition", lambda params, **_: asked.append(params), unique_id="asked"
    )
    try:
        create_session(http.as_("kiosk"))
    finally:
        events.unregister("provide-client-params.rekognition", unique_id="asked")
    assert ["OutputConfig" in one.get("Settings", {}) for one in asked] == [False]


def test_D12_the_punch_carries_its_evidence(http: Http, finish: Finish, boto: Boto) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = finish(start_session(http), photos_of_a()[1], confidence=97.5)
    http.get(f"/liveness-result/{session_id}")
    [item] = stored_punches(boto)
    evidence = item["evidence"]["M"]
    assert evidence["liveness"]["N"] == "97.5"
    assert evidence["session_id"]["S"] == session_id
    assert evidence["face_id"]["S"] == list_faces(http)[0]["FaceId"]
    assert item["zone"]["S"] == "Asia/Ho_Chi_Minh"


def test_D13_a_punch_that_cannot_be_written_leaves_the_session_unused(
    http: Http, finish: Finish, boto: Boto
) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = finish(start_session(http), photos_of_a()[1])

    class Down(Exception):
        pass

    def fail(**_: Any) -> None:
        raise Down

    events = wiring.directory()._table._client.meta.events
    events.register("before-call.dynamodb.TransactWriteItems", fail, unique_id="down")
    try:
        assert http.get(f"/liveness-result/{session_id}").status_code == 500
    finally:
        events.unregister("before-call.dynamodb.TransactWriteItems", unique_id="down")
    assert stored_punches(boto) == []
    assert http.get(f"/liveness-result/{session_id}").json_body["faceMatch"]["found"] is True
    assert len(stored_punches(boto)) == 1


def test_D14_an_unfinished_or_expired_session_has_a_clear_error(
    http: Http, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = start_session(http)
    waiting = http.get(f"/liveness-result/{session_id}")
    assert waiting.json_body["confidence"] is None
    assert "undefined" not in waiting.body.decode()

    def forgotten(_: object, session_id: str) -> LivenessResult:
        raise SessionNotFound

    monkeypatch.setattr(FaceCollection, "session", forgotten)  # as Rekognition does after three minutes
    assert http.get(f"/liveness-result/{session_id}").status_code == 410


def test_P1_a_check_in_makes_five_calls(http: Http, finish: Finish, calls: list[str]) -> None:
    index(http, "A", photos_of_a()[0])
    session_id = finish(start_session(http), photos_of_a()[1])
    calls.clear()
    http.get(f"/liveness-result/{session_id}")
    assert calls == [
        "BatchGetItem",  # whose session it is, and whether it was used, before anything is paid for
        "GetFaceLivenessSessionResults",
        "SearchFacesByImage",
        "BatchGetItem",
        "TransactWriteItems",
    ]


def test_P1_a_token_costs_a_check_in_no_call_once_it_is_known(
    http: Http, finish: Finish, calls: list[str]
) -> None:
    enrolled(http, add_person(http), photos_of_a()[0])
    kiosk = http.as_("kiosk")
    session_id = finish(create_session(kiosk), photos_of_a()[1])
    calls.clear()
    assert kiosk.post("/v1/punches", {"liveness_session_id": session_id}).status_code == 201
    assert calls == [
        "BatchGetItem",  # whose session it is, and whether it was used, before anything is paid for
        "GetFaceLivenessSessionResults",
        "SearchFacesByImage",
        "BatchGetItem",
        "TransactWriteItems",
    ]


def test_P2_P3_the_list_and_todays_punch_are_few_calls_and_no_scan(http: Http, calls: list[str]) -> None:
    index(http, "A", photos_of_a()[0])
    calls.clear()
    [face] = list_faces(http)
    assert calls == ["Query"] * wiring.environment().shards
    calls.clear()
    http.get("/attendance", externalImageId=face["ExternalImageId"])
    assert calls == ["BatchGetItem"]


def test_P4_credentials_come_from_the_default_chain() -> None:
    source = (ROOT / "chalicelib/wiring.py").read_text()
    assert "aws_access_key_id" not in source


def test_P5_a_browser_may_read_every_response(http: Http, finish: Finish) -> None:
    answers = [
        index(http, "A", photos_of_a()[0]),
        index(http, "A", group_photo()),
        http.delete("/delete-face", {"faceId": unknown_session(), "s3Key": "x"}),
        http.get("/attendance", externalImageId="x"),
        http.get("/attendance"),
        http.get(f"/liveness-result/{finish(start_session(http), photos_of_a()[1])}"),
        http.get(f"/liveness-result/{unknown_session()}"),
        http.as_(None).get("/v1/people"),
        http.as_("kiosk").get("/v1/people"),
        http.call("PUT", "/v1/people"),
        http.post("/v1/people", b"<x/>", {"Content-Type": "text/xml"}),
    ]
    assert {answer.status_code for answer in answers} == {200, 400, 401, 403, 404, 405, 415}
    assert [answer.headers.get("Access-Control-Allow-Origin") for answer in answers] == ["*"] * len(answers)


def test_P6_a_lambda_has_the_time_and_the_memory_that_it_needs() -> None:
    config = json.loads((ROOT / ".chalice/config.json").read_text())
    assert config["lambda_timeout"] == 29  # as long as API Gateway waits
    assert config["lambda_memory_size"] >= 512


def test_P7_bad_json_is_the_callers_fault(http: Http) -> None:
    headers = {"Content-Type": "application/json"}
    assert http.post("/index-face", b"{", headers).status_code == 400
    assert http.call("DELETE", "/delete-face", b"{", headers).status_code == 400


def test_P8_a_photo_that_is_too_large_is_a_clear_error(http: Http) -> None:
    too_large = b"\xff\xd8\xff" + bytes(5 * 1024 * 1024)
    assert http.post("/checkin", too_large, {"Content-Type": "image/jpeg"}).status_code == 413


def test_P9_more_faces_than_a_page_are_listed_once_each(http: Http, directory: Directory) -> None:
    now = datetime.now(UTC)
    people = [
        Person(person_id=f"p{n}", name="A", created_at=now, updated_at=now, face_ids=(f"f{n}", f"g{n}"))
        for n in range(130)
    ]
    assert directory.add_people(people) == []
    listed = [face["FaceId"] for face in list_faces(http)]
    assert len(listed) == len(set(listed)) == 260


def test_a_crash_in_the_middle_of_enrolment_is_swept(
    http: Http, directory: Directory, boto: Boto, aws: Embedded
) -> None:
    class Crash(BaseException):
        pass

    def crash(**_: Any) -> None:
        raise Crash

    events = directory._table._client.meta.events
    events.register("before-call.dynamodb.TransactWriteItems", crash, unique_id="crash")
    try:
        with pytest.raises(Crash):
            enrolment.register(
                directory,
                wiring.collection(),
                wiring.bucket(),
                "A",
                Photo(photo("astronaut"), "image/jpeg"),
                consent=people.new_consent(convert(CONSENT, NewConsent), by=None, now=datetime.now(UTC)),
                now=datetime.now(UTC),
            )
    finally:
        events.unregister("before-call.dynamodb.TransactWriteItems", unique_id="crash")
    assert boto("s3").list_objects_v2(Bucket="rollcall-local")["KeyCount"] == 1
    assert len(boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"]) == 1

    later = datetime.now(UTC) + timedelta(minutes=2)
    assert enrolment.sweep(directory, wiring.collection(), wiring.bucket(), now=later) == 1

    left = boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])
    assert left == []
    assert boto("rekognition").list_faces(CollectionId="rollcall-local")["Faces"] == []
    left = [item["pk"]["S"] for item in boto("dynamodb").scan(TableName="rollcall-local")["Items"]]
    assert [pk for pk in left if not pk.startswith(SERVICE)] == []
