"""Punches by HTTP: at the camera, and many at once."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from chalice.test import HTTPResponse

from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.directory import Directory
from chalicelib.domain.person import Person
from chalicelib.domain.timeline import Stint
from chalicelib.domain.workday import events_by_day
from chalicelib.services import corrections
from tests.conftest import Clock, Finish, Http, unknown_session
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person, change_settings, stamp, stamped
from tests.support.faces import enrolled, lookalike
from tests.support.photos import no_face_photo, photo_of_b, photos_of_a
from tests.support.punches import create_session, list_punches, punch, todays_punches

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
COLLECTION = "rollcall-local"


@pytest.fixture
def ann(http: Http) -> str:
    """A person with a face; gives the id."""
    person_id = add_person(http)
    enrolled(http, person_id, photos_of_a()[0])
    return person_id


# --- at the camera ------------------------------------------------------------------------------


def test_a_live_and_known_face_is_a_punch_with_its_evidence(http: Http, finish: Finish, ann: str) -> None:
    session_id = finish(create_session(http), photos_of_a()[1])
    before = datetime.now(UTC)
    answer = punch(http, session_id)
    assert answer.status_code == 201
    receipt = answer.json_body
    at = datetime.fromisoformat(receipt.pop("at"))
    [kept] = todays_punches(http)
    evidence = kept.pop("evidence")
    assert receipt == {
        "punch_id": kept["punch_id"],
        "person_id": ann,
        "name": "Nguyễn Văn Ánh",
        "direction": "in",
        "work_day": (at - timedelta(hours=4)).date().isoformat(),
        "duplicate": False,
    }
    assert before <= at <= datetime.now(UTC)
    assert at.utcoffset() == timedelta(hours=7)
    assert (kept["source"], kept["direction"], kept["reason"]) == ("face", "auto", None)
    assert evidence["similarity"] > evidence["similarity_threshold"] == 95
    assert (evidence["liveness"], evidence["liveness_threshold"], evidence["margin"]) == (99, 90, 2)
    assert evidence["session_id"] == session_id


def test_the_first_punch_is_in_then_they_alternate_and_what_is_said_is_kept(
    http: Http, finish: Finish, ann: str
) -> None:
    change_settings(http, duplicate_window_s=0)
    asked = ["auto", "auto", "auto", "in", "auto", "out", "out"]
    ways = []
    for way in asked:
        answer = punch(http, finish(create_session(http), photos_of_a()[1]), direction=way)
        ways.append(answer.json_body["direction"])
    assert ways == ["in", "out", "in", "in", "out", "out", "out"]
    assert [kept["direction"] for kept in todays_punches(http)] == asked


def test_a_second_punch_at_once_is_the_first_again(http: Http, finish: Finish, ann: str) -> None:
    first = punch(http, finish(create_session(http), photos_of_a()[1]), direction="in")
    second = punch(http, finish(create_session(http), photos_of_a()[2]), direction="out")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json_body == {**first.json_body, "duplicate": True}
    assert len(todays_punches(http)) == 1


@pytest.mark.usefixtures("processes")
def test_a_session_is_one_punch(http: Http, finish: Finish, ann: str) -> None:
    session_id = finish(create_session(http), photos_of_a()[1])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: punch(http, session_id), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    assert {code_of(a) for a in answers if a.status_code == 409} == {"SessionUsed"}
    assert len(todays_punches(http)) == 1


def test_the_same_request_sent_again_gets_the_same_answer(http: Http, finish: Finish, ann: str) -> None:
    body = {"liveness_session_id": finish(create_session(http), photos_of_a()[1])}
    first, second = (http.post("/v1/punches", body, {"Idempotency-Key": "one"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json_body == first.json_body


@pytest.mark.parametrize(
    ("content", "how", "code"),
    [
        pytest.param("own", {"confidence": 89.9}, "NotLive", id="under the threshold"),
        pytest.param("own", {"enough": False}, "NotLive", id="the check failed"),
        pytest.param("other", {}, "NotRecognised", id="a stranger"),
        pytest.param("none", {}, "NotRecognised", id="no face in the picture"),
    ],
)
def test_who_is_not_known_to_be_there_is_refused_and_the_session_spent(
    http: Http, finish: Finish, ann: str, content: str, how: dict[str, Any], code: str
) -> None:
    pictures = {"own": photos_of_a()[1], "other": photo_of_b(), "none": no_face_photo()}
    session_id = finish(create_session(http), pictures[content], **how)
    answer = punch(http, session_id)
    check_refused(answer, 422, code)
    assert not any(word in str(answer.json_body) for word in ("similarity", "onfidence", "89.9"))
    assert code_of(punch(http, session_id)) == "SessionUsed"
    assert todays_punches(http) == []


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        pytest.param(create_session, 409, "SessionPending", id="not finished"),
        pytest.param(lambda _: unknown_session(), 404, "SessionNotFound", id="unknown"),
        pytest.param(lambda _: "1; drop", 400, "InvalidRequest", id="not an id"),
    ],
)
def test_sessions_that_are_no_punch(http: Http, make: Callable[[Http], str], status: int, code: str) -> None:
    answer = punch(http, make(http))
    check_refused(answer, status, code)


def test_a_face_that_fits_two_people_is_nobodys_punch(
    http: Http, finish: Finish, ann: str, boto: Callable[[str], Any]
) -> None:
    lookalike(http, boto("rekognition"), photos_of_a()[0])
    answer = punch(http, finish(create_session(http), photos_of_a()[1]))
    check_refused(answer, 422, "AmbiguousMatch")
    assert todays_punches(http) == []


def test_who_is_inactive_is_not_recognised(http: Http, finish: Finish, ann: str) -> None:
    http.call("PATCH", f"/v1/people/{ann}", {"status": "inactive"})
    answer = punch(http, finish(create_session(http), photos_of_a()[1]))
    check_refused(answer, 422, "NotRecognised")


# --- many at once -------------------------------------------------------------------------------


def assert_rebuilt_is_the_same(
    attendance_store: AttendanceStore, person_id: str, since: date, until: date
) -> None:
    """What the days say is what the punches say."""
    days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    records = {
        record.work_day: record.events for record in attendance_store.days(person_id, days) if record.events
    }
    punches = attendance_store.punches(person_id, since, until)
    assert records == events_by_day(kept.event() for kept in punches)
    assert corrections.rebuild(attendance_store, person_id, since, until) == 0


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_interleaving_of_punches_gives_the_day_that_a_rebuild_gives(
    http: Http, attendance_store: AttendanceStore, finish: Finish, ann: str, seed: int
) -> None:
    change_settings(http, duplicate_window_s=0)
    now = datetime.now(UTC)
    dice = random.Random(seed)  # noqa: S311 - the same every time
    first = [stamped(http, ann, (now - timedelta(minutes=n)).isoformat()) for n in range(1, 4)]
    sessions = [finish(create_session(http), photos_of_a()[1]) for _ in range(4)]
    work: list[Callable[[], HTTPResponse]] = [partial(punch, http, one) for one in sessions]
    for _ in range(8):
        at = (now - timedelta(seconds=dice.randrange(100_000))).isoformat()
        work.append(partial(stamp, http, ann, at))
    for one in [*first, first[0]]:
        work.append(partial(stamp, http, ann, supersedes=one, void=True))
    dice.shuffle(work)
    today = now.date()
    since, until = today - timedelta(days=4), today + timedelta(days=1)
    with ThreadPoolExecutor(9) as pool:
        rebuilt = pool.submit(
            lambda: [corrections.rebuild(attendance_store, ann, since, until) for _ in range(4)]
        )
        answers = list(pool.map(lambda call: call(), work))
    assert sorted(answer.status_code for answer in answers) == [*[201] * 15, 409]
    assert rebuilt.result() == [0] * 4
    assert len(todays_punches(http, person_id=ann)) >= 4 + 3
    assert_rebuilt_is_the_same(attendance_store, ann, since, until)
    assert len(list(attendance_store.punches(ann, since, until))) == 3 + 15


def test_many_punches_of_one_person_at_once_are_one_punch(
    http: Http, finish: Finish, clock: Clock, ann: str
) -> None:
    sessions = [finish(create_session(http), photos_of_a()[1]) for _ in range(24)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda one: punch(http, one), sessions))
    assert sorted(answer.status_code for answer in answers) == [*[200] * 23, 201]
    assert len({answer.json_body["punch_id"] for answer in answers}) == 1
    assert len(todays_punches(http)) == 1


def test_200_manual_punches_of_one_person_at_once_all_count(
    http: Http, attendance_store: AttendanceStore
) -> None:
    change_settings(http, duplicate_window_s=0)  # they are a second apart
    person = add_person(http)
    start = datetime(2026, 8, 11, 1, tzinfo=UTC)
    times = [(start + timedelta(seconds=n)).isoformat() for n in range(200)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda at: stamp(http, person, at), times))
    assert [answer.status_code for answer in answers] == [201] * 200
    assert len(list_punches(http, from_="2026-08-11", to="2026-08-11")) == 200
    assert_rebuilt_is_the_same(attendance_store, person, date(2026, 8, 10), date(2026, 8, 12))


def seeded(directory: Directory, count: int) -> Iterator[str]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for n in range(count):
        stints = (Stint(since=now.date()),)
        person = Person(person_id=f"p{n}", name=f"P {n}", stints=stints, created_at=now, updated_at=now)
        directory.add_person(person)
        yield person.person_id


def test_200_people_at_once_are_200_punches(http: Http, directory: Directory) -> None:
    people = list(seeded(directory, 200))
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda one: stamp(http, one, "2026-08-11T01:00:00Z"), people))
    assert [answer.status_code for answer in answers] == [201] * 200
    shown = list_punches(http, from_="2026-08-11", to="2026-08-11", limit=150)
    assert sorted(kept["person_id"] for kept in shown) == sorted(people)
    assert http.get("/v1/attendance", date_="2026-08-11").json_body["counts"]["present"] == 200


def test_somebody_whose_last_day_is_known_punches_like_everybody(http: Http, finish: Finish) -> None:
    person_id = add_person(http)
    http.call("PATCH", f"/v1/people/{person_id}", {"until": "2199-12-31"})
    enrolled(http, person_id, photos_of_a()[0])
    assert punch(http, finish(create_session(http), photos_of_a()[1])).status_code == 201
