"""Erasure: nothing is left of a person anywhere, whatever crashes or runs at the same time."""

import base64
import itertools
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.aws.personal_data import PersonalData
from chalicelib.aws.stored_replies import StoredReplies
from tests.conftest import Finish, Http, Lab
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person, set_calendar, stamp, stamped
from tests.support.crashes import Crash, crash_at
from tests.support.faces import JPEG, enrolled, stored_faces
from tests.support.photos import photo_of_b, photo_of_c
from tests.support.punches import create_session, list_punches, punch, todays_punches
from tests.support.traces import CODE, EMAIL, NAME, Someone, sweep, traces_of
from tests.support.uploads import create_upload, post_upload

Boto = Callable[[str], Any]
BUCKET = TABLE = "rollcall-local"


def erase(http: Http, person_id: str, **query: Any) -> HTTPResponse:
    path = f"/v1/people/{person_id}"
    return http.call("DELETE", path, **query)


OF_NOBODY = (
    "an upload names nobody any more; it is known until its form has expired, because of what that brings"
)


def test_an_erased_person_is_nowhere_and_their_attendance_has_no_name(
    http: Http, someone: Someone, boto: Boto
) -> None:
    assert set(traces_of(boto, *someone.words)) == set(someone.words), "the search itself works"
    receipt = erase(http, someone.id)
    assert receipt.status_code == 200
    assert receipt.json_body == {
        "complete": True,
        "attendance": "pseudonymise",
        "removed": {
            "faces": 2,
            "photos": 2,
            "liveness_images": 0,
            "uploads": 1,
            "exports": 1,
            "consents": 1,
            "leaves": 1,
            "sessions": 2,
            "answers": 2,
            "punches": 4,
            "work_days": 3,
        },
    }
    assert traces_of(boto, *someone.words, *someone.session_ids) == [someone.upload_id], OF_NOBODY
    assert code_of(erase(http, someone.id)) == "PersonNotFound"
    assert http.get(f"/v1/people/{someone.id}").status_code == 404
    left = todays_punches(http) + list_punches(http, from_="2026-03-01", to="2026-03-09")
    assert len(left) == 4
    [pseudonym] = {one["person_id"] for one in left}
    assert pseudonym != someone.id
    for one in left:
        named = {name: one[name] for name in ("device", "site", "reason", "by", "evidence")}
        assert named == dict.fromkeys(named)
    assert http.get("/v1/timesheets", from_="2026-03-01", to="2026-03-09").json_body["items"] == []
    sweep()
    assert traces_of(boto, *someone.words) == []


def test_what_a_used_form_brings_after_an_erasure_is_swept(http: Http, someone: Someone, boto: Boto) -> None:
    upload = create_upload(http)
    post_upload(upload, photo_of_b())
    with pytest.raises(Crash), crash_at("DeleteObject"):
        http.post(f"/v1/people/{someone.id}/verify", {"upload_id": upload["upload_id"]})
    assert erase(http, someone.id).status_code == 200
    post_upload(upload, photo_of_b())
    sweep(timedelta(minutes=1))
    assert not boto("s3").list_objects_v2(Bucket=BUCKET, Prefix="uploads/").get("Contents")


def test_attendance_may_be_removed_too(http: Http, someone: Someone, boto: Boto) -> None:
    receipt = erase(http, someone.id, attendance="remove").json_body
    assert (receipt["complete"], receipt["removed"]["punches"]) == (True, 4)
    assert traces_of(boto, *someone.words) == [someone.upload_id], OF_NOBODY
    assert todays_punches(http) == []
    left = boto("dynamodb").scan(TableName=TABLE)["Items"]
    assert not [item for item in left if item["pk"]["S"].startswith(("DAY#", "PERSON#"))]


@pytest.mark.parametrize("attendance", ["pseudonymise", "remove"])
def test_a_crash_anywhere_in_an_erasure_is_finished_by_the_sweep(
    http: Http, boto: Boto, finish: Finish, attendance: str
) -> None:
    other = add_person(http, "Bình")
    enrolled(http, other, photo_of_b())
    stamped(http, other, "2026-03-02T08:00:00+07:00")
    seen = set()
    for number in itertools.count():
        person_id = add_person(http, NAME, code=f"{CODE}-{number}", email=EMAIL)
        face_id = enrolled(http, person_id, photo_of_c())
        stamped(http, person_id, "2026-03-02T08:00:00+07:00")
        stamped(http, person_id, "2026-03-02T17:00:00+07:00")
        try:
            with crash_at(number) as calls:
                answer = erase(http, person_id, attendance=attendance)
        except Crash:
            seen.add(calls[-1])
            sweep()
            if http.get(f"/v1/people/{person_id}").status_code == 200:
                # It had not begun: nothing is lost, and it can be done.
                assert http.get(f"/v1/people/{person_id}").json_body["faces"] == 1
                erase(http, person_id, attendance=attendance)
        else:
            break
        assert traces_of(boto, NAME, person_id, face_id, CODE, EMAIL) == [], calls
    assert answer.json_body["complete"] is True
    assert {"TransactWriteItems", "DeleteObject", "DeleteFaces", "UpdateItem", "ListFaces"} <= seen
    kept_punches = http.get("/v1/punches", from_="2026-03-01", to="2026-03-09").json_body["items"]
    assert len(kept_punches) == 1 + (2 * (number + 1) if attendance == "pseudonymise" else 0)
    assert http.get(f"/v1/people/{other}").json_body["faces"] == 1


def test_the_same_call_goes_on_where_an_erasure_stopped(http: Http, someone: Someone, boto: Boto) -> None:
    with pytest.raises(Crash), crash_at("DeleteFaces"):
        erase(http, someone.id, attendance="remove")
    assert http.get(f"/v1/people/{someone.id}").status_code == 404
    assert code_of(stamp(http, someone.id, "2026-03-06T08:00:00+07:00")) == "PersonNotFound"
    assert http.post(f"/v1/people/{someone.id}/faces", photo_of_c(), JPEG).status_code == 404
    receipt = erase(http, someone.id).json_body
    assert (receipt["complete"], receipt["attendance"]) == (True, "remove"), "as it was said first"
    assert receipt["removed"]["faces"] == 2, "counted when it began"
    assert traces_of(boto, *someone.words) == [someone.upload_id], OF_NOBODY


def test_an_enrolment_under_way_is_waited_for(http: Http, boto: Boto) -> None:
    person_id = add_person(http, NAME)
    with pytest.raises(Crash), crash_at("SearchFaces"):  # in the collection already, and the process dies
        http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG)
    answer = erase(http, person_id)
    assert (answer.status_code, answer.json_body["complete"]) == (202, False)
    assert http.get(f"/v1/people/{person_id}").status_code == 404
    assert traces_of(boto, NAME) == [], "the name is gone at once"
    assert sweep()["erasures"] == 1
    assert traces_of(boto, NAME, person_id) == []
    assert stored_faces(boto) == ([], [], [])


def test_erasing_while_punches_run_leaves_nothing_and_nobody_else_is_touched(
    http: Http, boto: Boto, finish: Finish
) -> None:
    set_calendar(http)
    people = [add_person(http, f"Người {n:02d}", code=f"N-{n:02d}") for n in range(12)]
    gone, stop = people[5], threading.Event()
    answers: dict[str, list[HTTPResponse]] = {person_id: [] for person_id in people}

    def keep_punching(person_id: str, hour: int) -> None:
        for minute in range(400):
            if stop.is_set():
                return
            at = f"2026-03-02T{hour + minute // 60:02d}:{minute % 60:02d}:00+07:00"
            answers[person_id].append(stamp(http, person_id, at))

    # Two of the same person at other times, because the same punch again would be a duplicate.
    starts = ((gone, 8), (gone, 16), (people[1], 8), (people[2], 8))
    threads = [threading.Thread(target=keep_punching, args=start) for start in starts]
    for thread in threads:
        thread.start()
    while len(answers[gone]) < 6:
        stop.wait(0.01)
    receipt = erase(http, gone)
    counted = len(answers[people[1]])
    while len(answers[people[1]]) < counted + 3:
        stop.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert receipt.json_body["complete"] is True
    assert {answer.status_code for answer in answers[gone]} == {201, 404}
    assert traces_of(boto, gone, "Người 05", "N-05") == []
    log = http.get("/v1/punches", from_="2026-03-02", to="2026-03-02", limit=1000).json_body["items"]
    made = [answer for answer in answers[gone] if answer.status_code == 201]
    assert receipt.json_body["removed"]["punches"] == len(made)
    for person_id in (people[1], people[2]):
        assert {answer.status_code for answer in answers[person_id]} == {201}
        assert sum(one["person_id"] == person_id for one in log) == len(answers[person_id])
    assert len(log) == sum(len(answers[person_id]) for person_id in (people[1], people[2])) + len(made)
    listed = http.get("/v1/people").json_body["items"]
    assert [one["person_id"] for one in listed] == [one for one in people if one != gone]


def test_a_failed_punch_that_an_erasure_overtakes_leaves_no_counter(
    http: Http, finish: Finish, boto: Boto
) -> None:
    person_id = add_person(http)
    enrolled(http, person_id, photo_of_c())
    session_id = finish(create_session(http), photo_of_c(), confidence=10.0)
    receipts: list[HTTPResponse] = []

    def overtake(params: dict[str, Any], **_: Any) -> None:
        if params["Key"]["pk"]["S"] == f"LIMIT#failed-person#{person_id}":
            eraser = threading.Thread(target=lambda: receipts.append(erase(http, person_id)))
            eraser.start()
            eraser.join()

    events: Any = wiring.table()._client.meta.events
    events.register("provide-client-params.dynamodb.UpdateItem", overtake, "overtake")
    try:
        check_refused(punch(http, session_id), 422, "NotLive")
    finally:
        events.unregister("provide-client-params.dynamodb.UpdateItem", unique_id="overtake")
    assert receipts[0].json_body["complete"] is True
    assert traces_of(boto, person_id) == []


def test_the_audit_of_an_erasure_names_nobody(http: Http, someone: Someone) -> None:
    erase(http, someone.id)
    entries = http.get("/v1/audit", person_id=someone.id).json_body["items"]
    assert entries[0]["what"] == "DELETE /v1/people/{person_id}"
    assert (entries[0]["status"], entries[0]["by"]) == (200, http.token_id("admin"))
    text = json.dumps(http.get("/v1/audit", limit=1000).json_body, ensure_ascii=False)
    assert not [word for word in someone.words if word in text]


KEY = {"Idempotency-Key": "7c1d"}


def test_a_kiosks_stored_receipt_goes_with_the_person(http: Http, finish: Finish, boto: Boto) -> None:
    person_id = add_person(http, NAME)
    enrolled(http, person_id, photo_of_c())
    kiosk = http.as_("kiosk")
    session_id = finish(create_session(kiosk), photo_of_c())
    receipt = kiosk.post("/v1/punches", {"liveness_session_id": session_id}, KEY)
    assert (receipt.json_body["name"], receipt.json_body["person_id"]) == ("Diệp", None)
    repeat = finish(create_session(kiosk), photo_of_c())
    assert (
        kiosk.post("/v1/punches", {"liveness_session_id": repeat}, {"Idempotency-Key": "2"}).status_code
        == 200
    )
    removed = erase(http, person_id).json_body["removed"]
    assert (removed["answers"], removed["sessions"]) == (2, 2)
    assert traces_of(boto, "Diệp") == []


def test_the_labs_stored_responses_go_with_the_person(http: Http, boto: Boto, lab: Lab) -> None:
    lab("open")
    body = {
        "name": "Trần  Thị\tNgọc  Diệp",  # echoed as it was sent
        "fileBase64": base64.b64encode(photo_of_c()).decode(),
        "fileName": "d.jpg",
        "fileType": "image/jpeg",
    }
    assert http.as_(None).post("/index-face", body, KEY).json_body == {"success": True, "name": body["name"]}
    checked = http.as_(None).post("/checkin", photo_of_c(), {**JPEG, "Idempotency-Key": "checkin"})
    assert checked.json_body["success"] is True
    [person] = http.get("/v1/people").json_body["items"]
    assert erase(http, person["person_id"]).json_body["removed"]["answers"] == 2
    assert traces_of(boto, "Diệp", "Ngọc") == []


def test_an_identification_goes_with_each_of_its_candidates(http: Http, boto: Boto) -> None:
    person_id = add_person(http, NAME)
    enrolled(http, person_id, photo_of_c())
    found = http.post("/v1/identify", photo_of_c(), {**JPEG, **KEY})
    assert found.json_body["candidates"][0]["name"] == NAME
    erase(http, person_id)
    assert traces_of(boto, NAME, person_id) == []


@pytest.mark.parametrize("request_", ["PATCH", "identify", "punch"])
def test_a_response_is_not_stored_once_its_person_is_erased(
    http: Http, boto: Boto, finish: Finish, monkeypatch: pytest.MonkeyPatch, request_: str
) -> None:
    person_id = add_person(http, NAME)
    enrolled(http, person_id, photo_of_c())
    session_id = finish(create_session(http), photo_of_c())
    save = StoredReplies.save

    def erase_first(self: StoredReplies, *arguments: Any, **named: Any) -> None:
        monkeypatch.undo()
        assert erase(http, person_id).json_body["complete"] is True
        save(self, *arguments, **named)

    monkeypatch.setattr(StoredReplies, "save", erase_first)
    requests: dict[str, Callable[[], HTTPResponse]] = {
        "PATCH": lambda: http.call("PATCH", f"/v1/people/{person_id}", {"email": EMAIL}, KEY),
        "identify": lambda: http.post("/v1/identify", photo_of_c(), {**JPEG, **KEY}),
        "punch": lambda: http.post("/v1/punches", {"liveness_session_id": session_id}, KEY),
    }
    send = requests[request_]
    assert send().status_code < 300, "it was done before the erasure"
    assert traces_of(boto, NAME, EMAIL, person_id) == []
    assert send().status_code == {"PATCH": 404, "identify": 200, "punch": 404}[request_], "it runs again"


def test_a_receipt_is_replayed_and_says_nothing_of_the_person(http: Http, boto: Boto) -> None:
    person_id = add_person(http, NAME)
    first = http.call("DELETE", f"/v1/people/{person_id}", headers=KEY)
    again = http.call("DELETE", f"/v1/people/{person_id}", headers=KEY)
    assert (again.status_code, again.json_body) == (200, first.json_body)
    assert traces_of(boto, NAME, person_id) == []


@pytest.mark.parametrize(
    "left",
    [
        pytest.param({"pk": "LIMIT#failed-person#{}", "sk": "1"}, id="a count of failures"),
        pytest.param({"pk": "LOCK#person#{}", "sk": "-"}, id="a lock-out"),
        pytest.param(
            {"pk": "UPLOAD#1", "state": "in use", "about": "{}", "listing_pk": "UPLOADS", "listing_sk": "1"}
            | {"sk": "-"},
            id="an upload",
        ),
        pytest.param(
            {"pk": "IDEMPOTENCY#1", "sk": "-", "listing_pk": "ABOUT#{}", "listing_sk": "1"}, id="a response"
        ),
        pytest.param({"pk": "PERSON#{}", "sk": "LEAVE#1"}, id="an item of their own"),
    ],
)
def test_an_erasure_is_complete_only_if_every_place_is_empty(
    http: Http, boto: Boto, left: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something is written between the deletion and the check."""
    person_id = add_person(http)
    item = {name: {"S": text.format(person_id)} for name, text in left.items()}
    pseudonymise = PersonalData.move_attendance

    def late(self: PersonalData, *arguments: Any) -> None:
        pseudonymise(self, *arguments)
        boto("dynamodb").put_item(TableName=TABLE, Item=item)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(PersonalData, "move_attendance", late)
        assert erase(http, person_id).status_code == 202
    assert sweep()["erasures"] == 1
    assert traces_of(boto, person_id) == []


def test_a_late_export_makes_an_erasure_incomplete(
    http: Http, boto: Boto, monkeypatch: pytest.MonkeyPatch
) -> None:
    person_id = add_person(http)
    pseudonymise = PersonalData.move_attendance

    def late(self: PersonalData, *arguments: Any) -> None:
        pseudonymise(self, *arguments)
        boto("s3").put_object(Bucket=BUCKET, Key="exports/late.csv", Body=NAME.encode())

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(PersonalData, "move_attendance", late)
        assert erase(http, person_id).status_code == 202
    sweep()
    assert traces_of(boto, NAME, person_id) == []
