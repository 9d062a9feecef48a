"""Consent, erasure, the right to see, and retention: by HTTP, with a search for traces in every place."""

import itertools
import json
import threading
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.domain.text import fold
from chalicelib.services import retention
from chalicelib.services.sweep import sweep as run_sweep
from tests.conftest import CONSENT, Finish, Http
from tests.support.builders import add_person, change_settings, set_calendar, stamp, stamped
from tests.support.crashes import Crash, crash_at
from tests.support.faces import JPEG, enrolled, stored_faces
from tests.support.photos import photo_of_b, photo_of_c, photos_of_a
from tests.support.punches import create_session, list_punches, punch, todays_punches
from tests.support.uploads import create_upload, post_upload

Boto = Callable[[str], Any]
Json = dict[str, Any]
BUCKET = TABLE = COLLECTION = "rollcall-local"
NAME, CODE, EMAIL = "Trần Thị Ngọc Diệp", "HS-4711", "diep@example.com"


def everything(boto: Boto) -> str:
    """Write down all that is stored anywhere, so that it can be searched."""
    found: list[str] = []
    for page in boto("dynamodb").get_paginator("scan").paginate(TableName=TABLE):
        for item in page["Items"]:
            body = item.pop("body", {}).get("B")
            found.append(json.dumps(item, ensure_ascii=False, default=str))
            found.append(zlib.decompress(body).decode() if body else "")
    versions = boto("s3").list_object_versions(Bucket=BUCKET)
    for entry in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
        found.append(entry["Key"])
    for entry in versions.get("Versions", []):
        content = boto("s3").get_object(Bucket=BUCKET, Key=entry["Key"], VersionId=entry["VersionId"])
        found.append(content["Body"].read().decode(errors="ignore"))
    found += [str(face) for face in boto("rekognition").list_faces(CollectionId=COLLECTION)["Faces"]]
    return "\n".join(found)


def traces_of(boto: Boto, *words: str) -> list[str]:
    text = everything(boto)
    return [word for word in words if word in text or fold(word) in fold(text)]


def erase(http: Http, person_id: str, **query: Any) -> HTTPResponse:
    path = f"/v1/people/{person_id}"
    return http.call("DELETE", path, **query)


def sweep(later: timedelta = timedelta(hours=1)) -> dict[str, int]:
    now = datetime.now(UTC) + later
    return run_sweep(
        wiring.directory(), wiring.personal_data(), wiring.collection(), wiring.bucket(), now=now
    )


class Someone:
    """A person with something of theirs in every place there is."""

    def __init__(self, http: Http, finish: Finish) -> None:
        key = {"Idempotency-Key": "someone"}
        body = {"name": NAME, "code": CODE, "email": EMAIL, "since": "2020-01-01", "consent": CONSENT}
        self.id: str = http.post("/v1/people", body, key).json_body["person_id"]
        self.face_ids = [enrolled(http, self.id, photo) for photo in photos_of_a()[:2]]
        self.session_ids = [finish(create_session(http), photos_of_a()[2]) for _ in range(2)]
        for session_id in self.session_ids:  # the second repeats the first
            assert punch(http, session_id).status_code in (200, 201)
        stamped(http, self.id, "2026-03-02T08:00:00+07:00", reason="her badge was lost")
        late = stamped(http, self.id, "2026-03-03T08:30:00+07:00")
        stamp(http, self.id, "2026-03-03T08:00:00+07:00", supersedes=late)
        leave = {"since": "2026-03-04", "until": "2026-03-05", "kind": "sick"}
        assert http.post(f"/v1/people/{self.id}/leaves", leave, {"Idempotency-Key": "l"}).status_code == 201
        assert http.get("/v1/attendance", format_="xlsx").status_code == 303
        upload = create_upload(http)
        post_upload(upload, photo_of_b())
        with pytest.raises(Crash), crash_at("DeleteObject"):  # the upload is used, but not yet removed
            http.post(f"/v1/people/{self.id}/verify", {"upload_id": upload["upload_id"]})
        self.upload_id: str = upload["upload_id"]
        failed = finish(create_session(http), photos_of_a()[2], confidence=10.0)
        assert punch(http, failed).json_body["Code"] == "NotLive"
        self.words = [NAME, CODE, EMAIL, self.id, *self.face_ids, self.upload_id, "her badge was lost"]


@pytest.fixture
def someone(http: Http, finish: Finish) -> Someone:
    set_calendar(http)
    return Someone(http, finish)


# --- consent ------------------------------------------------------------------------------------


def test_a_face_is_enrolled_only_with_consent(http: Http, boto: Boto) -> None:
    person_id = http.post("/v1/people", {"name": "A"}).json_body["person_id"]
    refused = http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG)
    assert (refused.status_code, refused.json_body["Code"]) == (403, "ConsentMissing")
    assert stored_faces(boto) == ([], [], [])
    given = {**CONSENT, "given_at": "2026-01-05T10:00:00+07:00"}
    shown = http.call("PUT", f"/v1/people/{person_id}/consent", given).json_body["consent"]
    assert shown["given_at"] == "2026-01-05T03:00:00Z"
    assert {name: shown[name] for name in CONSENT} == CONSENT
    assert shown["recorded_by"] == http.token_id("admin")
    enrolled(http, person_id, photo_of_c())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"given_at": "2126-01-01T00:00:00Z"}, id="in the future"),
        pytest.param({"given_at": "0001-01-01T00:00:00+14:00"}, id="before all time"),
        pytest.param({"language": "Vietnamese"}, id="no language tag"),
        pytest.param({"text_version": "\u202e1"}, id="a bidi character"),
        pytest.param({"method": "he said so!"}, id="no word"),
        pytest.param({"who": "x"}, id="an unknown field"),
    ],
)
def test_a_consent_that_makes_no_sense_is_a_400(http: Http, change: Json) -> None:
    person_id = http.post("/v1/people", {"name": "A"}).json_body["person_id"]
    assert http.call("PUT", f"/v1/people/{person_id}/consent", {**CONSENT, **change}).status_code == 400
    assert http.post("/v1/people", {"name": "B", "consent": {**CONSENT, **change}}).status_code == 400


def test_withdrawing_consent_erases_faces_and_keeps_attendance(
    http: Http, boto: Boto, finish: Finish
) -> None:
    person_id = add_person(http)
    enrolled(http, person_id, photos_of_a()[0])
    enrolled(http, person_id, photos_of_a()[1])
    assert punch(http, finish(create_session(http), photos_of_a()[2])).status_code == 201
    before = todays_punches(http)
    shown = http.delete(f"/v1/people/{person_id}/consent").json_body
    assert (shown["consent"], shown["faces"]) == (None, 0)
    assert stored_faces(boto) == ([], [], [])
    assert todays_punches(http) == before
    assert punch(http, finish(create_session(http), photos_of_a()[2])).json_body["Code"] == "NotRecognised"
    again = http.delete(f"/v1/people/{person_id}/consent")
    assert (again.status_code, again.json_body["Code"]) == (404, "ConsentNotFound")
    assert (
        http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG).json_body["Code"] == "ConsentMissing"
    )
    [consent] = http.get(f"/v1/people/{person_id}/data").json_body["consents"]
    assert consent["withdrawn_at"] > consent["recorded_at"]


def test_a_crash_anywhere_in_a_withdrawal_is_finished_by_the_sweep(http: Http, boto: Boto) -> None:
    person_id = add_person(http)
    for number in itertools.count():
        http.call("PUT", f"/v1/people/{person_id}/consent", CONSENT)
        enrolled(http, person_id, photo_of_c())
        try:
            with crash_at(number) as calls:
                http.delete(f"/v1/people/{person_id}/consent")
        except Crash:
            begun = "TransactWriteItems" in calls[:-1]
            sweep()
            if begun:
                assert stored_faces(boto) == ([], [], []), calls
                assert http.get(f"/v1/people/{person_id}").json_body["consent"] is None
            else:
                assert http.get(f"/v1/people/{person_id}").json_body["faces"] == 1
                http.delete(f"/v1/people/{person_id}/consent")
        else:
            break
    assert stored_faces(boto) == ([], [], [])


# --- erasure ------------------------------------------------------------------------------------


def test_an_erased_person_is_nowhere_and_their_attendance_has_no_name(
    http: Http, someone: Someone, boto: Boto
) -> None:
    assert set(traces_of(boto, *someone.words)) == set(someone.words), "the search itself works"
    receipt = erase(http, someone.id)
    assert receipt.status_code == 200
    assert receipt.json_body == {
        "complete": True,
        "attendance": "anonymise",
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
    assert traces_of(boto, *someone.words, *someone.session_ids) == []
    assert erase(http, someone.id).json_body["Code"] == "PersonNotFound"
    assert http.get(f"/v1/people/{someone.id}").status_code == 404
    left = todays_punches(http) + list_punches(http, from_="2026-03-01", to="2026-03-09")
    assert len(left) == 4
    [pseudonym] = {one["person_id"] for one in left}
    assert pseudonym != someone.id
    for one in left:
        named = {name: one[name] for name in ("device", "site", "reason", "by", "evidence")}
        assert named == dict.fromkeys(named)
    assert http.get("/v1/timesheets", from_="2026-03-01", to="2026-03-09").json_body["items"] == []


def test_attendance_may_be_removed_too(http: Http, someone: Someone, boto: Boto) -> None:
    receipt = erase(http, someone.id, attendance="remove").json_body
    assert (receipt["complete"], receipt["removed"]["punches"]) == (True, 4)
    assert traces_of(boto, *someone.words) == []
    assert todays_punches(http) == []
    left = boto("dynamodb").scan(TableName=TABLE)["Items"]
    assert not [item for item in left if item["pk"]["S"].startswith(("DAY#", "PERSON#"))]


@pytest.mark.parametrize("attendance", ["anonymise", "remove"])
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
    assert len(kept_punches) == 1 + (2 * (number + 1) if attendance == "anonymise" else 0)
    assert http.get(f"/v1/people/{other}").json_body["faces"] == 1


def test_the_same_call_goes_on_where_an_erasure_stopped(http: Http, someone: Someone, boto: Boto) -> None:
    with pytest.raises(Crash), crash_at("DeleteFaces"):
        erase(http, someone.id, attendance="remove")
    assert http.get(f"/v1/people/{someone.id}").status_code == 404
    assert stamp(http, someone.id, "2026-03-06T08:00:00+07:00").json_body["Code"] == "PersonNotFound"
    assert http.post(f"/v1/people/{someone.id}/faces", photo_of_c(), JPEG).status_code == 404
    receipt = erase(http, someone.id).json_body
    assert (receipt["complete"], receipt["attendance"]) == (True, "remove"), "as it was said first"
    assert receipt["removed"]["faces"] == 2, "counted when it began"
    assert traces_of(boto, *someone.words) == []


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

    def keep_punching(person_id: str) -> None:
        for minute in range(400):
            if stop.is_set():
                return
            at = f"2026-03-02T{8 + minute // 60:02d}:{minute % 60:02d}:00+07:00"
            answers[person_id].append(stamp(http, person_id, at))

    threads = [
        threading.Thread(target=keep_punching, args=[one]) for one in (gone, gone, people[1], people[2])
    ]
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


def test_the_audit_of_an_erasure_names_nobody(http: Http, someone: Someone) -> None:
    erase(http, someone.id)
    entries = http.get("/v1/audit", person_id=someone.id).json_body["items"]
    assert entries[0]["what"] == "DELETE /v1/people/{person_id}"
    assert (entries[0]["status"], entries[0]["by"]) == (200, http.token_id("admin"))
    text = json.dumps(http.get("/v1/audit", limit=1000).json_body, ensure_ascii=False)
    assert not [word for word in someone.words if word in text]


# --- to see what is held --------------------------------------------------------------------------


def test_everything_that_is_held_is_shown_with_links_to_the_photos(
    http: Http, someone: Someone, boto: Boto
) -> None:
    held = http.get(f"/v1/people/{someone.id}/data").json_body
    assert (held["person"]["name"], held["person"]["email"]) == (NAME, EMAIL)
    assert [consent["text_version"] for consent in held["consents"]] == ["1"]
    assert [face["face_id"] for face in held["faces"]] == someone.face_ids
    assert all("X-Amz-Signature" in face["photo"]["url"] for face in held["faces"])
    assert [leave["kind"] for leave in held["leaves"]] == ["sick"]
    assert len(held["punches"]) == 4
    assert any(one["evidence"] and one["evidence"]["session_id"] for one in held["punches"])
    assert {one["session_id"] for one in held["sessions"]} == set(someone.session_ids)
    assert http.get("/v1/audit", person_id=someone.id).json_body["items"][0]["what"].endswith("/data")
    assert http.get("/v1/people/0/data").status_code == 404


# --- retention ------------------------------------------------------------------------------------


def retain(later: timedelta, *, dry_run: bool = False) -> dict[str, int]:
    now = datetime.now(UTC) + later
    gateways = (
        wiring.directory(),
        wiring.audit_log(),
        wiring.personal_data(),
        wiring.collection(),
        wiring.bucket(),
    )
    return retention.apply_retention(*gateways, dry_run=dry_run, now=now).counts()


@pytest.fixture
def aged(http: Http, boto: Boto) -> tuple[str, str, str]:
    """Three people: one who stays, one who left, and one who was erased; retention is short."""
    retention = {"photos_days": 10, "liveness_days": 5, "punches_days": 100, "audit_days": 200}
    assert change_settings(http, retention=retention).status_code == 200
    stays, left, erased = (add_person(http, name) for name in ("Ở", "Đi", "Xóa"))
    enrolled(http, stays, photo_of_b())
    enrolled(http, left, photo_of_c())
    for person_id in (stays, left, erased):
        for at in ("2020-03-02T08:00:00+07:00", "2020-03-03T08:00:00+07:00"):
            stamped(http, person_id, at)
        stamped(http, person_id, datetime.now(UTC).isoformat())
    http.call("PATCH", f"/v1/people/{left}", {"status": "inactive"})
    assert erase(http, erased).json_body["complete"] is True
    boto("s3").put_object(Bucket=BUCKET, Key="liveness/some/audit.jpg", Body=b"x")
    return stays, left, erased


def test_each_class_goes_in_its_time_and_a_dry_run_says_what_would(
    http: Http, aged: tuple[str, str, str], boto: Boto
) -> None:
    stays, left, _ = aged
    old = {"punches": 6, "work_days": 6}
    nothing = dict.fromkeys(
        ("people_without_faces", "faces", "liveness_images", "punches", "work_days", "audit_entries"), 0
    )
    plan = http.get("/v1/retention").json_body
    assert {name: plan[name] for name in nothing} == nothing | old
    assert retain(timedelta(0), dry_run=True) == nothing | old
    assert retain(timedelta(0)) == nothing | old
    assert retain(timedelta(0)) == nothing, "nothing is left to go"
    assert len(todays_punches(http)) == 3, "what is young stays, also of who was erased"

    eleven = timedelta(days=12)
    assert retain(eleven, dry_run=True)["faces"] == 1
    assert retain(eleven) == nothing | {"people_without_faces": 1, "faces": 1, "liveness_images": 1}
    assert http.get(f"/v1/people/{left}").json_body["faces"] == 0
    assert http.get(f"/v1/people/{stays}").json_body["faces"] == 1
    assert [key.split("/")[0] for key in stored_faces(boto)[0]] == ["photos"]

    assert retain(timedelta(days=102))["punches"] == 3
    assert todays_punches(http) == []
    assert retain(timedelta(days=202))["audit_entries"] > 5
    assert http.get("/v1/audit").json_body["items"] == []


def test_files_that_have_served_are_swept(http: Http, boto: Boto) -> None:
    add_person(http)
    assert http.get("/v1/attendance", format_="xlsx").status_code == 303
    upload = create_upload(http)
    post_upload(upload, photo_of_c())
    assert sweep(timedelta(minutes=1))["exports"] == 0
    assert sweep(timedelta(minutes=3)) == {"swept": 0, "erasures": 0, "uploads": 0, "exports": 1}
    assert sweep(timedelta(minutes=13))["uploads"] == 1
    assert stored_faces(boto)[0] == []
