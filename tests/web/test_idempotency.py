"""Idempotency-Key: a mutation that is sent again is answered again, and not done again."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib.aws.stored_replies import StoredReplies
from chalicelib.domain.errors import Busy
from chalicelib.domain.stored_reply import StoredReply
from chalicelib.services import people
from chalicelib.web import idempotency
from tests.conftest import CONSENT, Finish, Http
from tests.support.answers import check_refused
from tests.support.patience import PATIENCE_S
from tests.support.photos import photo_of_c

PUNCH = {"at": "2026-03-02T08:00:00+07:00", "reason": "x"}
LEAVE = {"since": "2026-03-02", "until": "2026-03-03", "kind": "sick"}
KEY = {"Idempotency-Key": "3f1c9a"}
CSV = {"Content-Type": "text/csv", **KEY}


def names(http: Http) -> list[str]:
    return [person["name"] for person in http.get("/v1/people").json_body["items"]]


def assert_replayed(first: HTTPResponse, again: HTTPResponse) -> None:
    assert (again.status_code, again.json_body) == (first.status_code, first.json_body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, http: Http) -> Any:
    """Set the time that the app tells, so many seconds from now."""
    import app

    ahead = [timedelta(0)]
    for owner in (app, app.endpoint):
        monkeypatch.setattr(owner, "now", lambda: datetime.now(UTC) + ahead[0])
    return lambda by: ahead.__setitem__(0, by)


def test_a_person_is_created_once(http: Http) -> None:
    first = http.post("/v1/people", {"name": "Ánh"}, KEY)
    again = http.post("/v1/people", {"name": "Ánh"}, KEY)
    assert first.status_code == 201
    assert_replayed(first, again)
    assert names(http) == ["Ánh"]
    http.post("/v1/people", {"name": "Ánh"}, {"Idempotency-Key": "another"})
    http.post("/v1/people", {"name": "Ánh"})
    assert names(http) == ["Ánh"] * 3


def test_the_response_of_a_punch_is_replayed(http: Http, finish: Finish) -> None:
    person_id = http.post("/v1/people", {"name": "A", "consent": CONSENT}).json_body["person_id"]
    http.post(f"/v1/people/{person_id}/faces", photo_of_c(), {"Content-Type": "image/jpeg"})
    session_id = http.post("/v1/liveness-sessions").json_body["session_id"]
    finish(session_id, photo_of_c())
    first = http.post("/v1/punches", {"liveness_session_id": session_id}, KEY)
    again = http.post("/v1/punches", {"liveness_session_id": session_id}, KEY)
    assert first.status_code == 201, first.body
    assert_replayed(first, again)
    body = {"person_id": person_id, "reason": "camera broken", "at": "2026-11-20T01:00:00Z"}
    manual = {"Idempotency-Key": "manual"}
    assert_replayed(
        http.post("/v1/punches/manual", body, manual), http.post("/v1/punches/manual", body, manual)
    )
    log = http.get("/v1/punches", person_id=person_id, from_="2026-11-01", to="2026-11-30").json_body
    assert len([punch for punch in log["items"] if punch["reason"] == "camera broken"]) == 1


def test_the_response_of_an_import_is_replayed(http: Http) -> None:
    first = http.post("/v1/imports", b"name\nA\nB", CSV)
    assert_replayed(first, http.post("/v1/imports", b"name\nA\nB", CSV))
    assert names(http) == ["A", "B"]


def test_the_response_of_a_deletion_is_replayed_without_a_body(http: Http) -> None:
    person_id = http.post("/v1/people", {"name": "A", "consent": CONSENT}).json_body["person_id"]
    body = {"since": "2026-11-01", "until": "2026-11-02", "kind": "sick"}
    leave = http.post(f"/v1/people/{person_id}/leaves", body).json_body["leave_id"]
    path = f"/v1/people/{person_id}/leaves/{leave}"
    first, again = http.call("DELETE", path, headers=KEY), http.call("DELETE", path, headers=KEY)
    assert (first.status_code, again.status_code) == (204, 204)
    assert (first.body, again.body) == (b"", b"")


@pytest.mark.parametrize(
    ("path", "body", "headers", "query"),
    [
        pytest.param("/v1/people", {"name": "B"}, KEY, {}, id="another body"),
        pytest.param("/v1/uploads", None, KEY, {}, id="another route"),
        pytest.param("/v1/imports", b"name\nA", CSV, {"dry_run": "true"}, id="another query"),
    ],
)
def test_a_key_of_another_request_is_a_422(
    http: Http, path: str, body: Any, headers: dict[str, str], query: dict[str, str]
) -> None:
    if query:
        http.post(path, body, headers)
    else:
        http.post("/v1/people", {"name": "A"}, KEY)
    answer = http.post(path, body, headers, **query)
    check_refused(answer, 422, "IdempotencyKeyReused")
    assert names(http) == ["A"]


def test_a_key_of_a_request_in_progress_is_a_409(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, done = threading.Event(), threading.Event()
    create = people.create

    def slow(*arguments: Any, **named: Any) -> Any:
        begun.set()
        assert done.wait(PATIENCE_S)
        return create(*arguments, **named)

    monkeypatch.setattr(people, "create", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(http.post, "/v1/people", {"name": "A"}, KEY)
        assert begun.wait(PATIENCE_S)
        meanwhile = http.post("/v1/people", {"name": "A"}, KEY)
        other = http.post("/v1/people", {"name": "B"}, KEY)
        done.set()
    check_refused(meanwhile, 409, "RequestInProgress")
    check_refused(other, 422, "IdempotencyKeyReused")
    assert_replayed(first.result(), http.post("/v1/people", {"name": "A"}, KEY))


def test_concurrent_requests_with_one_key_run_once(http: Http) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: http.post("/v1/people", {"name": "A"}, KEY), range(16)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.body for answer in answers if answer.status_code == 201}) == 1
    assert names(http) == ["A"]


def test_a_key_is_valid_for_24_hours(http: Http, clock: Any) -> None:
    http.post("/v1/people", {"name": "A"}, KEY)
    clock(timedelta(hours=23, minutes=59))
    assert "Idempotency-Replayed" in http.post("/v1/people", {"name": "A"}, KEY).headers
    clock(timedelta(hours=24, seconds=5))
    assert http.post("/v1/people", {"name": "B"}, KEY).status_code == 201
    assert names(http) == ["A", "B"]


def test_a_request_that_died_may_be_repeated_after_the_gateways_timeout(
    http: Http, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: StoredReplies, place: str, answer: StoredReply, **_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(StoredReplies, "save", killed)
        dying.setattr(StoredReplies, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            http.post("/v1/people", {"name": "A", "code": "1"}, KEY)
    at_once = http.post("/v1/people", {"name": "A", "code": "1"}, KEY)
    check_refused(at_once, 409, "RequestInProgress")
    clock(idempotency.ABANDONED_AFTER + timedelta(seconds=1))
    later = http.post("/v1/people", {"name": "A", "code": "1"}, KEY)
    assert (later.status_code, later.json_body["code"]) == (201, "1"), "as it had been made"
    assert len(http.get("/v1/people").json_body["items"]) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"name": ""}, 400, id="invalid"),
        pytest.param({"name": "B", "code": "T"}, 409, id="taken"),
    ],
)
def test_a_refused_request_may_be_repeated_with_its_key(http: Http, body: Any, status: int) -> None:
    http.post("/v1/people", {"name": "T", "code": "t"})
    for _ in range(2):
        refused = http.post("/v1/people", body, KEY)
        assert (refused.status_code, "Idempotency-Replayed" in refused.headers) == (status, False)
    assert http.post("/v1/people", {"name": "A"}, KEY).status_code == 201


def test_a_refused_import_may_be_corrected_and_repeated(http: Http) -> None:
    assert http.post("/v1/imports", b"name\n\x07", CSV).status_code == 422
    assert http.post("/v1/imports", b"name\nA", CSV).json_body["created"] == 1


def test_a_failed_request_may_be_repeated(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> Any:
        raise Busy

    with monkeypatch.context() as broken:
        broken.setattr(people, "create", busy)
        assert http.post("/v1/people", {"name": "A"}, KEY).status_code == 503
    assert http.post("/v1/people", {"name": "A"}, KEY).status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "a b", "ă", ""])
def test_a_key_has_1_to_255_visible_characters(http: Http, key: str) -> None:
    answer = http.post("/v1/people", {"name": "A"}, {"Idempotency-Key": key})
    check_refused(answer, 400, "InvalidRequest")
    assert names(http) == []
    assert http.post("/v1/people", {"name": "A"}, {"Idempotency-Key": "~" * 255}).status_code == 201


def test_a_get_ignores_the_key(http: Http) -> None:
    for _ in range(2):
        answer = http.call("GET", "/v1/people", headers=KEY)
        assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (200, False)
    assert http.post("/v1/people", {"name": "A"}, KEY).status_code == 201


def test_a_resource_is_created_once_if_its_response_is_too_large_to_store(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "LARGEST", 10)
    first = http.post("/v1/people", {"name": "A"}, KEY)
    again = http.post("/v1/people", {"name": "A"}, KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json_body == again.json_body
    assert "Idempotency-Replayed" not in again.headers


@pytest.mark.parametrize(
    ("path", "body", "repeated"),
    [
        pytest.param("/v1/people", {"name": "Ánh", "code": "A-1"}, 409, id="a person"),
        pytest.param("/v1/people", {"name": "Ánh"}, 201, id="a person without a code"),
        pytest.param("/v1/people/{person_id}/leaves", LEAVE, 200, id="a leave, which is there"),
        pytest.param("/v1/punches/manual", PUNCH, 200, id="a punch, which is there"),
    ],
)
def test_a_request_whose_response_was_lost_does_not_run_again(
    http: Http, boto: Callable[[str], Any], path: str, body: dict[str, Any], repeated: int
) -> None:
    person_id = http.post("/v1/people", {"name": "Bình", "consent": CONSENT}).json_body["person_id"]
    path = path.format(person_id=person_id)
    body = body | {"person_id": person_id} if "punches" in path else body
    first = http.post(path, body, KEY)
    for item in boto("dynamodb").scan(TableName="rollcall-local")["Items"]:
        if item["pk"]["S"].startswith("IDEMPOTENCY#"):  # as if it had never been written
            boto("dynamodb").delete_item(TableName="rollcall-local", Key={"pk": item["pk"], "sk": item["sk"]})
    again = http.post(path, body, KEY)
    assert again.status_code == first.status_code == 201
    assert "Idempotency-Replayed" not in again.headers
    assert again.json_body == first.json_body
    other = http.post(path, body, {"Idempotency-Key": "another"})
    assert other.status_code == repeated
