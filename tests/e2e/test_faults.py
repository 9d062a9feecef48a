"""Punches while AWS fails: every answer comes in time and is true, and nothing is lost or doubled."""

import itertools
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.aws.embedded import Embedded
from tests.e2e.conftest import MakeSite, variables
from tests.e2e.contract import Site
from tests.e2e.contract.site import code
from tests.e2e.emulator import Emulator
from tests.e2e.faults import KINDS, Faults, Kind
from tests.e2e.package import Package
from tests.support.photos import photo_of_b, photo_of_c, photos_of_a, shrunk

KIOSKS = 6
AGAIN = {409, 500, 502, 503, 504}
"""After these a kiosk asks again."""

TRIES = 40


@dataclass
class Tally:
    """What the kiosks were told."""

    punches: dict[str, str | None] = field(default_factory=dict)
    """By session: the id of its punch; None where a retry was only told that the session is used."""
    answers: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def failing(package: Package, aws: Embedded, faults: Faults, tmp_path: Path) -> Iterator[Emulator]:
    """The packaged app over an AWS that fails when told to."""
    over = variables(aws, faults.url)
    with Emulator(package.sam, tmp_path, over, environments=KIOSKS) as emulator:
        yield emulator


@pytest.fixture
def client(failing: Emulator, site: MakeSite) -> Site:
    """A client of it."""
    return site(failing.url)


def enrol_three(site: Site) -> dict[str, bytes]:
    """Enrol three people of whom each punch counts; gives another photo of each by id."""
    settings = site.get("/v1/settings")
    assert site.call("PUT", "/v1/settings", {**settings, "duplicate_window_s": 0}).status_code == 200
    first, second, _ = photos_of_a()
    shown = {}
    for name, enrolled, seen in (
        ("A", first, shrunk(second, 0.6)),
        ("B", photo_of_b(), shrunk(photo_of_b(), 0.7)),
        ("C", photo_of_c(), shrunk(photo_of_c(), 0.9)),
    ):
        person_id = site.person(name)
        assert site.enrol(person_id, enrolled).status_code == 201
        shown[person_id] = seen
    return shown


def punch_until_settled(site: Site, photo: bytes, key: dict[str, str], tally: Tally) -> None:
    """Be a kiosk: start a session, show a live face, and ask until the punch is known to be recorded."""
    session_id = begin(site, tally)
    site.finish(session_id, photo)
    for _ in range(TRIES):
        answer = site.punch(session_id, key)
        told = f"{answer.status_code} {answer.json().get('Code', '')}".strip()
        tally.answers[told] += 1
        if answer.status_code == 201:
            tally.punches[session_id] = answer.json()["punch_id"]
            return
        if told == "409 SessionUsed":
            tally.punches[session_id] = None
            return
        # Nobody may be told that they are not live or not known because a network failed.
        assert answer.status_code in AGAIN, told
        time.sleep(0.5 if answer.status_code != 409 else 3)
    raise AssertionError(f"{session_id} was never settled")


def begin(site: Site, tally: Tally) -> str:
    for _ in range(TRIES):
        answer = site.call("POST", "/v1/liveness-sessions", role="kiosk")
        if answer.status_code == 201:
            session_id: str = answer.json()["session_id"]
            return session_id
        assert answer.status_code in AGAIN, answer.text
        time.sleep(0.5)
    raise AssertionError("no session could be started")


def around_today() -> dict[str, date]:
    """Give the days that today may be anywhere."""
    today = datetime.now(UTC).date()
    return {"from_": today - timedelta(days=1), "to": today + timedelta(days=1)}


def log(site: Site) -> list[dict[str, Any]]:
    """Read all punches of around today."""
    page = site.get("/v1/punches", limit=1000, **around_today())
    found: list[dict[str, Any]] = page["items"]
    while page["next_cursor"]:
        page = site.get("/v1/punches", limit=1000, cursor=page["next_cursor"], **around_today())
        found += page["items"]
    return found


def sessions_of(punches: list[dict[str, Any]]) -> list[str]:
    """Give the session that each was made with."""
    return [punch["evidence"]["session_id"] for punch in punches]


def marks(site: Site, person_id: str) -> list[str]:
    """Read a person's punches as the timesheet has them, from the day's projection."""
    days = site.get(f"/v1/attendance/{person_id}", **around_today())["days"]
    return [punch["id"] for day in days for punch in day["punches"]]


def lift_limits(client: Site) -> None:
    """Let a kiosk begin as many sessions as it likes: those of this test would be refused by right."""
    settings = client.get("/v1/settings", role="admin")
    limits = settings["limits"] | {"sessions_per_minute": 100_000}
    answer = client.call("PUT", "/v1/settings", settings | {"limits": limits}, role="admin")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("kinds", "rate", "share"),
    [
        pytest.param(["throttled"], 0.08, 0.2, id="throttled"),
        pytest.param(["failed"], 0.08, 0.2, id="failed"),
        pytest.param(["lost"], 0.08, 0.2, id="lost"),
        pytest.param(["half"], 0.08, 0.2, id="half"),
        pytest.param(["silent"], 0.01, 0.2, id="silent"),
        pytest.param(["expired"], 0.04, 0.2, id="expired"),
        pytest.param(KINDS, 0.05, 1.0, id="all at once"),
    ],
)
def test_every_punch_is_settled_and_recorded_once(
    kinds: Sequence[Kind],
    rate: float,
    share: float,
    faults: Faults,
    failing: Emulator,
    site: MakeSite,
    request: pytest.FixtureRequest,
) -> None:
    count = round(request.config.getoption("--punches") * share)
    shown = enrol_three(site(failing.url))
    lift_limits(site(failing.url))
    tally = Tally()
    sites = [site(failing.url) for _ in range(KIOSKS)]
    faults.inject(kinds, rate)

    def kiosk(number: int) -> None:
        own = sites[number]
        for turn, photo in zip(range(number, count, KIOSKS), itertools.cycle(shown.values())):
            # Every other punch comes with a key, as from a kiosk that keeps one for its retries.
            key = {"Idempotency-Key": f"{uuid.uuid4()}"} if turn % 2 else {}
            punch_until_settled(own, photo, key, tally)

    with ThreadPoolExecutor(KIOSKS) as pool:
        list(pool.map(kiosk, range(KIOSKS)))
    faults.inject((), 0)

    print(dict(tally.answers), sum(faults.injected.values()), "faults")
    assert sum(faults.injected.values()) > count * rate
    calm = site(failing.url)
    recorded = log(calm)
    by_session = Counter(sessions_of(recorded))
    assert by_session == dict.fromkeys(tally.punches, 1)
    ids = {punch["evidence"]["session_id"]: punch["punch_id"] for punch in recorded}
    told = {session_id: punch_id for session_id, punch_id in tally.punches.items() if punch_id}
    assert told == {session_id: ids[session_id] for session_id in told}
    in_days = [punch_id for person_id in shown for punch_id in marks(calm, person_id)]
    assert sorted(in_days) == sorted(ids.values())


# --- an outcome that nobody knows, and the same key again ----------------------------------------

WRITE = "DynamoDB_20120810.TransactWriteItems"


def stamp(site: Site, person_id: str, key: str) -> int:
    """Record a manual punch as a careful client does: again with the same key until it is settled."""
    body = {"person_id": person_id, "reason": "forgot the badge", "at": "2026-03-02T08:00:00+07:00"}
    for _ in range(TRIES):
        answer = site.call("POST", "/v1/punches/manual", body, {"Idempotency-Key": key})
        if answer.status_code == 201:
            break
        assert answer.status_code in AGAIN, answer.text
        time.sleep(2)
    found = site.get("/v1/punches", from_="2026-03-02", to="2026-03-02", person_id=person_id)["items"]
    return len(found)


def test_a_manual_punch_whose_answer_was_lost_for_good_is_recorded_once(faults: Faults, client: Site) -> None:
    person_id = client.person()
    faults.fail(WRITE, times=3, kind="lost")  # as often as the app tries
    assert stamp(client, person_id, "once") == 1


def test_a_manual_punch_whose_answer_was_lost_on_the_way_is_recorded_once(
    faults: Faults, client: Site
) -> None:
    person_id = client.person()
    faults.fail(WRITE, times=2, kind="half")  # the third try is answered: the same transaction, not a second
    assert stamp(client, person_id, "once") == 1
    assert faults.injected[WRITE, "half"] == 2


def live(site: Site) -> str:
    """Enrol people, and finish a session that shows one of them."""
    shown = enrol_three(site)
    session_id = site.session()
    site.finish(session_id, next(iter(shown.values())))
    return session_id


@pytest.mark.parametrize("kind", ["failed", "lost"])
def test_what_happened_to_a_session_is_told_after_its_answer_was_lost(
    kind: Kind, faults: Faults, client: Site
) -> None:
    session_id = live(client)
    faults.fail(WRITE, times=3, kind=kind)
    assert code(client.punch(session_id)) == (503, "Busy")
    again = client.punch(session_id)
    if kind == "failed":
        assert again.status_code == 201
    else:
        assert code(again) == (409, "SessionUsed")
        assert client.get(f"/v1/liveness-sessions/{session_id}", role="kiosk")["status"] == "used"
    assert sessions_of(log(client)) == [session_id]


@pytest.mark.parametrize(
    "operation",
    [
        "DynamoDB_20120810.BatchGetItem",
        WRITE,
        "RekognitionService.GetFaceLivenessSessionResults",
        "RekognitionService.SearchFacesByImage",
    ],
)
def test_an_answer_that_is_cut_off_each_time_is_never_read_as_another_one(
    operation: str, faults: Faults, client: Site
) -> None:
    session_id = live(client)
    faults.fail(operation, times=3, kind="half")
    answer = client.punch(session_id)
    faults.fail(operation, times=0)
    if answer.status_code != 201:
        assert answer.status_code in AGAIN, answer.text
        assert client.punch(session_id).status_code in (201, 409)
    assert sessions_of(log(client)) == [session_id]


def test_expired_credentials_are_an_honest_error_and_record_nothing(faults: Faults, client: Site) -> None:
    session_id = live(client)
    faults.fail("DynamoDB_", times=1, kind="expired")
    assert code(client.punch(session_id))[0] in (500, 503)
    assert log(client) == []
    assert client.punch(session_id).status_code == 201
