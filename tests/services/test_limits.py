"""How often is too often: counted in the table, so that it holds across all Lambdas."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.aws.attendance_store import AttendanceStore, Snapshot
from chalicelib.aws.directory import Directory
from chalicelib.aws.dynamodb import Table
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.domain.errors import InvalidToken, TooManyRequests
from chalicelib.domain.settings import Limits
from chalicelib.domain.token import Caller, Role
from chalicelib.services import limits
from chalicelib.services.tokens import Authenticator
from local.aws.embedded import Embedded
from tests.conftest import Clock, Finish, Http, Lab
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person, change_settings, stamp
from tests.support.faces import JPEG, enrolled
from tests.support.kiosk import Kiosk
from tests.support.lab import index
from tests.support.patience import PATIENCE_S
from tests.support.photos import no_face_photo, photo_of_b, photos_of_a


@pytest.fixture
def door(http: Http, clock: Clock) -> Kiosk:
    return Kiosk(http, "door")


@pytest.fixture
def gate(http: Http, clock: Clock) -> Kiosk:
    return Kiosk(http, "gate")


def limited(http: Http, **changes: int) -> None:
    """Change some of the limits."""
    answer = change_settings(http, limits=changes)
    assert answer.status_code == 200, answer.json_body


def check_too_often(answer: HTTPResponse, code: str, retry_after_s: int) -> None:
    check_refused(answer, 429, code)
    assert answer.headers["Retry-After"] == str(retry_after_s)
    assert answer.json_body["Details"] == {"retry_after_s": retry_after_s}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


# --- sessions and enrolments, per token -----------------------------------------------------------


def test_a_kiosk_starts_thirty_sessions_a_minute(http: Http, clock: Clock, door: Kiosk, gate: Kiosk) -> None:
    for _ in range(30):
        assert door.post("/v1/liveness-sessions").status_code == 201
    clock.forward(seconds=20)
    check_too_often(door.post("/v1/liveness-sessions"), "TooManyRequests", 40)
    assert gate.post("/v1/liveness-sessions").status_code == 201
    clock.forward(seconds=40)
    assert door.post("/v1/liveness-sessions").status_code == 201


def test_it_holds_for_the_labs_route_too_and_both_count_together(http: Http, lab: Lab, door: Kiosk) -> None:
    lab("on")
    limited(http, sessions_per_minute=2)
    assert door.post("/v1/liveness-sessions").status_code == 201
    assert door.get("/session").status_code == 200
    refused = door.get("/session")
    assert (refused.status_code, refused.json_body["success"]) == (429, False)
    assert int(refused.headers["Retry-After"]) > 0
    assert door.post("/v1/liveness-sessions").status_code == 429


def test_the_count_is_of_all_processes_together(http: Http, directory: Directory) -> None:
    limited(http, sessions_per_minute=6, enrolments_per_minute=6)
    caller, now = Caller("t", Role.KIOSK, "door"), datetime(2026, 11, 23, 8, tzinfo=UTC)
    name, client = wiring.environment().table, directory._table._client
    processes = [RateLimits(Table(client, name)) for _ in range(3)]
    for number in range(6):
        limits.count_request(directory, processes[number % 3], "session", caller, now=now)
    for access in processes:
        with pytest.raises(TooManyRequests):
            limits.count_request(directory, access, "session", caller, now=now + timedelta(seconds=59))
        limits.count_request(
            directory, access, "enrolment", caller, now=now
        )  # of other things it has as many
    limits.count_request(directory, processes[0], "session", caller, now=now + timedelta(seconds=60))


def test_enrolments_are_limited_before_a_photo_is_looked_at(http: Http, clock: Clock) -> None:
    limited(http, enrolments_per_minute=2)
    person_id = add_person(http)
    path = f"/v1/people/{person_id}/faces"
    assert http.post(path, no_face_photo(), JPEG).status_code == 422  # what fails counts as well
    assert http.post(path, photos_of_a()[0], JPEG).status_code == 201
    check_too_often(http.post(path, photos_of_a()[1], JPEG), "TooManyRequests", 60)
    assert http.as_("manager").post(path, photos_of_a()[1], JPEG).status_code == 201
    clock.forward(minutes=1)
    assert http.post(path, photos_of_a()[2], JPEG).status_code == 201


def test_enrolments_by_the_labs_route_count_as_well(http: Http, clock: Clock, lab: Lab) -> None:
    limited(http, enrolments_per_minute=1)
    index(http, "", b"")  # open: nobody says who they are, and nothing is counted
    lab("on")
    assert index(http, "Anybody", photos_of_a()[0]).status_code == 403  # no consent, and it counted
    assert index(http, "Anybody", photos_of_a()[0]).status_code == 429


def test_limits_are_settings_and_hold_at_once(http: Http, door: Kiosk) -> None:
    limited(http, sessions_per_minute=1)
    assert door.post("/v1/liveness-sessions").status_code == 201
    assert door.post("/v1/liveness-sessions").status_code == 429
    limited(http, sessions_per_minute=3)
    assert door.post("/v1/liveness-sessions").status_code == 201


@pytest.mark.parametrize("value", [0, -1, 100_001, 1.5, "30", None])
def test_a_limit_that_locks_everybody_out_or_nobody_is_refused(http: Http, value: Any) -> None:
    before = http.get("/v1/settings").json_body
    for name in Limits.__struct_fields__:
        changed = {**before, "limits": {**before["limits"], name: value}}
        assert http.call("PUT", "/v1/settings", changed).status_code == 400, name


@pytest.mark.parametrize(
    ("limit", "path"),
    [
        ("identifications_per_minute", "/v1/identify"),
        ("verifications_per_minute", "/v1/people/{0}/verify"),
        ("uploads_per_minute", "/v1/uploads"),
    ],
)
def test_what_managers_pay_for_is_limited(http: Http, clock: Clock, limit: str, path: str) -> None:
    limited(http, **{limit: 2})
    body, headers = (None, None) if path.endswith("uploads") else (photo_of_b(), JPEG)
    url = path.format(add_person(http))
    assert [http.post(url, body, headers).status_code < 300 for _ in range(2)] == [True, True]
    check_too_often(http.post(url, body, headers), "TooManyRequests", 60)
    assert http.as_("manager").post(url, body, headers).status_code < 300
    clock.forward(minutes=1)
    assert http.post(url, body, headers).status_code < 300


# --- punches that use up nothing ------------------------------------------------------------------


@pytest.fixture
def paid(http: Http) -> Iterator[list[str]]:
    """Collects what Rekognition is asked for."""
    asked: list[str] = []
    events = wiring.collection()._client.meta.events
    events.register("before-call", lambda model, **_: asked.append(model.name), unique_id="paid")
    yield asked
    events.unregister("before-call", unique_id="paid")


def test_a_spent_or_foreign_session_costs_nothing(
    http: Http, door: Kiosk, gate: Kiosk, finish: Finish, paid: list[str]
) -> None:
    session_id = finish(door.session(), photo_of_b())
    paid.clear()
    assert code_of(gate.punch(session_id)) == "SessionNotFound"
    assert code_of(gate.punch("11111111-2222-3333-4444-555555555555")) == "SessionNotFound"
    assert paid == []
    assert code_of(door.punch(session_id)) == "NotRecognised"
    assert paid == ["GetFaceLivenessSessionResults", "SearchFacesByImage"]
    paid.clear()
    assert [code_of(door.punch(session_id)) for _ in range(3)] == ["SessionUsed"] * 3
    assert paid == []


def test_punches_that_use_up_no_session_are_limited_and_cost_nothing_then(
    http: Http, clock: Clock, door: Kiosk, gate: Kiosk, finish: Finish, paid: list[str]
) -> None:
    limited(http, punches_per_minute=3)
    session_id = door.session()
    assert [code_of(door.punch(session_id)) for _ in range(3)] == ["SessionPending"] * 3
    paid.clear()
    check_too_often(door.punch(session_id), "LockedOut", 60)
    finish(session_id, photo_of_b())
    assert code_of(door.punch(session_id)) == "LockedOut"
    assert paid == []
    assert code_of(gate.punch(finish(gate.session(), photo_of_b()))) == "NotRecognised"
    clock.forward(minutes=1)
    assert code_of(door.punch(session_id)) == "NotRecognised"


def test_photo_punches_are_limited(http: Http, door: Kiosk, lab: Lab, paid: list[str]) -> None:
    lab("on")
    limited(http, punches_per_minute=2)
    sent = [door._http.post("/checkin", photo_of_b(), door._headers | JPEG).status_code for _ in range(3)]
    assert sent == [200, 200, 429]
    assert paid == ["SearchFacesByImage"] * 2


# --- failed punches -------------------------------------------------------------------------------

Fails = Callable[[Kiosk], HTTPResponse]


@pytest.fixture
def anh(http: Http) -> str:
    """A person with a face; gives the id."""
    person_id = add_person(http)
    enrolled(http, person_id, photos_of_a()[0])
    return person_id


@pytest.fixture
def stranger(finish: Finish) -> Fails:
    """Fails a punch as nobody in particular."""
    return lambda kiosk: kiosk.punch(finish(kiosk.session(), photo_of_b()))


@pytest.fixture
def mask(finish: Finish) -> Fails:
    """Fails a punch with a picture of the person that is held up."""
    return lambda kiosk: kiosk.punch(finish(kiosk.session(), photos_of_a()[1], confidence=5.0))


@pytest.fixture
def honest(finish: Finish) -> Fails:
    """Punches as the person themselves."""
    return lambda kiosk: kiosk.punch(finish(kiosk.session(), photos_of_a()[2]))


def test_a_kiosk_with_too_many_failures_is_locked_for_a_while(
    http: Http, clock: Clock, door: Kiosk, gate: Kiosk, anh: str, stranger: Fails, honest: Fails
) -> None:
    limited(http, kiosk_failures=3, kiosk_window_s=300, kiosk_lock_s=120)
    assert [stranger(door).status_code for _ in range(3)] == [422] * 3
    clock.forward(seconds=50)
    check_too_often(honest(door), "LockedOut", 70)
    assert honest(gate).status_code == 201
    clock.forward(seconds=69)
    check_too_often(honest(door), "LockedOut", 1)
    clock.forward(seconds=1)
    assert honest(door).status_code == 201


def test_a_person_with_too_many_failures_is_locked_at_every_kiosk(
    http: Http, clock: Clock, door: Kiosk, gate: Kiosk, anh: str, mask: Fails, honest: Fails
) -> None:
    limited(http, person_failures=3, person_window_s=180, person_lock_s=1800)
    assert [code_of(mask(kiosk)) for kiosk in (door, gate, door)] == ["NotLive"] * 3
    check_too_often(honest(gate), "LockedOut", 1800)
    # Others come and go, and a manager can help the one who cannot.
    other = add_person(http, "Somebody Else")
    enrolled(http, other, photo_of_b())
    assert stamp(http, anh, clock.now.isoformat()).status_code == 201
    clock.forward(seconds=1800)
    assert honest(gate).status_code == 201


def test_failures_far_apart_lock_nobody(
    http: Http, clock: Clock, door: Kiosk, anh: str, mask: Fails, honest: Fails
) -> None:
    limited(http, person_failures=3, person_window_s=180, kiosk_failures=3, kiosk_window_s=180)
    for _ in range(4):
        mask(door)
        clock.forward(seconds=180)
    assert honest(door).status_code == 201


def test_a_stranger_who_looks_like_nobody_locks_no_person(
    http: Http, door: Kiosk, anh: str, stranger: Fails, honest: Fails
) -> None:
    limited(http, person_failures=1)
    stranger(door)
    assert honest(door).status_code == 201


def test_asking_again_for_one_failure_is_one_failure(
    http: Http, door: Kiosk, finish: Finish, anh: str, honest: Fails
) -> None:
    limited(http, kiosk_failures=2, person_failures=2)
    session_id = finish(door.session(), photos_of_a()[1], confidence=5.0)
    assert [code_of(door.punch(session_id)) for _ in range(4)] == ["NotLive"] + ["SessionUsed"] * 3
    assert honest(door).status_code == 201


def test_asking_twice_at_once_for_one_failure_is_one_failure(
    aws: Embedded, door: Kiosk, finish: Finish, anh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As between two processes: both have read that the session is not spent before either spends it.
    read, meet, calls = AttendanceStore.snapshot, threading.Barrier(2), itertools.count()

    def snapshot(*arguments: Any, **named: Any) -> Snapshot:
        found = read(*arguments, **named)
        if next(calls) < 2:
            meet.wait(PATIENCE_S)
        return found

    monkeypatch.setattr(AttendanceStore, "person_lock", lambda *_: threading.Lock())
    monkeypatch.setattr(AttendanceStore, "snapshot", snapshot)
    session_id = finish(door.session(), photos_of_a()[1], confidence=5.0)
    with ThreadPoolExecutor(2) as pool:
        codes = [code_of(answer) for answer in pool.map(door.punch, [session_id] * 2)]
    assert sorted(codes) == ["NotLive", "SessionUsed"]
    items = aws.client("dynamodb").scan(TableName="rollcall-local")["Items"]
    counts = {item["pk"]["S"].split("#")[1]: item["count"]["N"] for item in items if "count" in item}
    assert (counts["failed-kiosk"], counts["failed-person"]) == ("1", "1")


def test_a_session_refused_by_a_lock_is_not_spent(
    http: Http, clock: Clock, door: Kiosk, finish: Finish, anh: str, stranger: Fails
) -> None:
    limited(http, kiosk_failures=1, kiosk_lock_s=60)
    session_id = finish(door.session(), photos_of_a()[1])
    stranger(door)
    assert code_of(door.punch(session_id)) == "LockedOut"
    clock.forward(seconds=60)
    assert door.punch(session_id).status_code == 201


def test_locks_hold_in_the_lab_too(
    http: Http, door: Kiosk, finish: Finish, anh: str, lab: Lab, stranger: Fails
) -> None:
    lab("on")
    limited(http, kiosk_failures=1)
    assert door.get(f"/liveness-result/{finish(door.session(), photo_of_b())}").status_code == 200
    locked = door.get(f"/liveness-result/{finish(door.session(), photos_of_a()[1])}")
    assert (locked.status_code, locked.json_body["success"]) == (429, False)
    sent = door._http.post("/checkin", photos_of_a()[1], door._headers | JPEG)
    assert (sent.status_code, sent.json_body["success"]) == (429, False)


# --- wrong tokens, per address --------------------------------------------------------------------


def guess(http: Http, number: int) -> HTTPResponse:
    return http.call("GET", "/v1/people", headers={"Authorization": f"Bearer rc_{number:043}"})


def test_an_address_with_many_unknown_tokens_waits_and_its_good_ones_do_not(http: Http, clock: Clock) -> None:
    limited(http, unknown_tokens_per_minute=20)
    wrong = partial(guess, http)
    assert [wrong(number).status_code for number in range(20)] == [401] * 20
    clock.forward(seconds=30)
    for number in range(20, 25):
        check_too_often(wrong(number), "TooManyRequests", 30)
    for role in ("admin", "manager"):  # the second is one that no process has seen yet
        assert http.as_(role).get("/v1/people").status_code == 200
    assert http.as_(None).get("/v1/people").status_code == 401  # no token is no guess
    clock.forward(seconds=30)
    assert wrong(25).status_code == 401


def test_addresses_are_counted_apart(http: Http) -> None:
    now, gate = (
        datetime.now(UTC),
        Authenticator(wiring.token_store, wiring.rate_limits, lambda: Limits(unknown_tokens_per_minute=2)),
    )
    wrong = "Bearer rc_" + "A" * 43
    for _ in range(2):
        with pytest.raises(InvalidToken):
            gate.authenticate(wrong, "admin", "192.0.2.1", now=now)
    with pytest.raises(TooManyRequests):
        gate.authenticate(wrong, "admin", "192.0.2.1", now=now)
    with pytest.raises(InvalidToken):  # what cannot be a token is no guess
        gate.authenticate("Bearer nonsense", "admin", "192.0.2.1", now=now)
    with pytest.raises(InvalidToken):
        gate.authenticate(wrong, "admin", "192.0.2.2", now=now)


def test_guessing_fills_neither_the_memory_of_a_process_nor_the_audit(http: Http, clock: Clock) -> None:
    limited(http, unknown_tokens_per_minute=20)
    clock.forward(seconds=1)
    for number in range(60):
        guess(http, number)
    assert len(wiring.authenticator()._known) <= 1
    noted = http.get("/v1/audit").json_body["items"][:-1]  # but for the change of the settings
    assert {(one["by"], one["status"], one["code"]) for one in noted} == {
        (None, 401, "InvalidToken"),
        (None, 429, "TooManyRequests"),
    }
    assert len(noted) == 2


def test_counts_and_locks_go_by_themselves(
    aws: Embedded, http: Http, clock: Clock, door: Kiosk, stranger: Fails
) -> None:
    limited(http, kiosk_failures=1)
    stranger(door)
    guess(http, 1)
    left = aws.client("dynamodb").scan(TableName="rollcall-local")["Items"]
    kept = [item for item in left if item["pk"]["S"].startswith(("LIMIT#", "LOCK#"))]
    assert {item["pk"]["S"].split("#")[1] for item in kept} >= {
        "session",
        "failed-kiosk",
        "kiosk",
        "unknown-token",
    }
    latest = (clock.now + timedelta(days=1)).timestamp()
    assert all(clock.now.timestamp() < int(item["expires"]["N"]) < latest for item in kept)
