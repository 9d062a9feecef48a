"""Closed days: whatever would change one is refused, until an admin opens them again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.domain.closing import Closing, RunningImport, RunningImports
from chalicelib.domain.errors import PeriodClosed, WriteConflict
from chalicelib.services import closings
from tests.conftest import CONSENT, Clock, Finish, Http
from tests.support.builders import (
    DAY,
    NIGHT,
    Json,
    add_person,
    calendar,
    change_settings,
    set_calendar,
    sheet_of,
    stamp,
    stamped,
)
from tests.support.faces import enrolled
from tests.support.kiosk import Kiosk
from tests.support.photos import photos_of_a

CSV = {"Content-Type": "text/csv"}


def close(http: Http, through: str) -> HTTPResponse:
    return http.post("/v1/closings", {"through": through})


def reopen(http: Http, since: str) -> HTTPResponse:
    return http.post("/v1/closings/reopenings", {"from": since, "reason": "a forgotten leave"})


def refused(answer: HTTPResponse, through: str) -> None:
    """Check that an answer is the refusal of what would change a closed day."""
    assert (answer.status_code, answer.json_body.get("Code")) == (409, "PeriodClosed"), answer.body
    assert answer.json_body["Details"] == {"closed_through": through}


class Books:
    """A site whose books are closed through May, with a person of April, May and June."""

    def __init__(self, http: Http) -> None:
        self.http = http
        set_calendar(http, "2020-01-01")
        set_calendar(http, "2026-05-11", cutoff="03:30")
        set_calendar(http, "2026-06-15", cutoff="03:00")
        http.call("PUT", "/v1/holidays/2026-05-01", {"name": "Quốc tế lao động"})
        self.anh = add_person(http, shift="day")
        self.may = stamped(http, self.anh, "2026-05-29T08:00:00+07:00")
        self.june = stamped(http, self.anh, "2026-06-01T08:00:00+07:00")
        body = {"since": "2026-05-28", "until": "2026-05-28", "kind": "annual"}
        self.leave = http.post(f"/v1/people/{self.anh}/leaves", body).json_body["leave_id"]
        assert close(http, "2026-05-31").status_code == 201

    def sheet(self) -> Json:
        return sheet_of(self.http, self.anh, "2026-04-01", "2026-05-31")

    def patch(self, body: Json) -> HTTPResponse:
        return self.http.call("PATCH", f"/v1/people/{self.anh}", body)

    def add_leave(self, since: str, until: str) -> HTTPResponse:
        body = {"since": since, "until": until, "kind": "annual"}
        return self.http.post(f"/v1/people/{self.anh}/leaves", body)

    def version(self, method: str, begins: str, **changes: Any) -> HTTPResponse:
        body = calendar(**changes) if method == "PUT" else None
        return self.http.call(method, f"/v1/settings/versions/{begins}", body)


@pytest.fixture
def books(http: Http) -> Books:
    return Books(http)


NINE = {"day": {**DAY, "starts": "09:00"}, "night": NIGHT}

CHANGES: dict[str, Callable[[Books], HTTPResponse]] = {
    "a punch": lambda it: stamp(it.http, it.anh, "2026-05-31T23:59:59+07:00"),
    "a punch after midnight": lambda it: stamp(it.http, it.anh, "2026-06-01T03:29:59+07:00"),
    "a correction": lambda it: stamp(it.http, it.anh, "2026-05-29T07:55:00+07:00", supersedes=it.may),
    "a correction out of a closed day": lambda it: stamp(
        it.http, it.anh, "2026-06-02T08:00:00+07:00", supersedes=it.may
    ),
    "a correction into a closed day": lambda it: stamp(
        it.http, it.anh, "2026-05-28T08:00:00+07:00", supersedes=it.june
    ),
    "a void": lambda it: stamp(it.http, it.anh, supersedes=it.may, void=True),
    "leave": lambda it: it.add_leave("2026-05-31", "2026-06-02"),
    "the end of leave": lambda it: it.http.delete(f"/v1/people/{it.anh}/leaves/{it.leave}"),
    "a holiday": lambda it: it.http.call("PUT", "/v1/holidays/2026-05-30", {"name": "x"}),
    "another name of a holiday": lambda it: it.http.call("PUT", "/v1/holidays/2026-05-01", {"name": "x"}),
    "the end of a holiday": lambda it: it.http.delete("/v1/holidays/2026-05-01"),
    "holidays": lambda it: it.http.post(
        "/v1/holidays/imports", b"date,name\n2026-05-30,x\n2026-09-02,y\n", CSV
    ),
    "the check of holidays": lambda it: it.http.post(
        "/v1/holidays/imports?dry_run=true", b"date,name\n2026-05-30,x\n", CSV
    ),
    "settings": lambda it: change_settings(it.http, "2026-05-31", calendar=calendar(shifts=NINE)),
    "a version": lambda it: it.version("PUT", "2026-05-20", shifts=NINE),
    "another version": lambda it: it.version("PUT", "2026-05-11", shifts=NINE),
    "the first version": lambda it: it.version("PUT", "first", shifts=NINE),
    "the end of a version": lambda it: it.version("DELETE", "2026-05-11"),
    "a shift": lambda it: it.patch({"shift": "night", "effective_from": "2026-05-31"}),
    "a group": lambda it: it.patch({"group": "12A2", "effective_from": "2026-05-31"}),
    "a last day": lambda it: it.patch({"until": "2026-05-30"}),
    "a first day": lambda it: it.patch({"since": "2026-05-01"}),
    "no first day": lambda it: it.patch({"since": None}),
    "a status": lambda it: it.patch({"status": "inactive", "effective_from": "2026-05-30"}),
    "a person": lambda it: it.http.post("/v1/people", {"name": "B", "since": "2026-05-31"}),
    "people": lambda it: it.http.post("/v1/imports", b"name,since\nB,2026-05-31\nC,2026-06-01\n", CSV),
    "closing it again": lambda it: close(it.http, "2026-05-31"),
    "closing less": lambda it: close(it.http, "2026-04-30"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_would_change_a_closed_day_is_refused(
    books: Books, change: Callable[[Books], HTTPResponse]
) -> None:
    before = books.sheet()
    refused(change(books), "2026-05-31")
    assert books.sheet() == before


OPEN: dict[str, Callable[[Books], HTTPResponse]] = {
    "a punch": lambda it: stamp(it.http, it.anh, "2026-06-01T03:30:00+07:00"),
    "a correction": lambda it: stamp(it.http, it.anh, "2026-06-01T07:55:00+07:00", supersedes=it.june),
    "leave": lambda it: it.add_leave("2026-06-01", "2026-06-01"),
    "a holiday": lambda it: it.http.call("PUT", "/v1/holidays/2026-06-01", {"name": "x"}),
    "a holiday as it is": lambda it: it.http.call(
        "PUT", "/v1/holidays/2026-05-01", {"name": "Quốc tế lao động"}
    ),
    "holidays, some as they are": lambda it: it.http.post(
        "/v1/holidays/imports",
        "date,name\n2026-05-01,Quốc tế lao động\n2026-09-02,y\n".encode(),
        CSV,
    ),
    "settings": lambda it: change_settings(it.http, "2026-06-01", calendar=calendar(shifts=NINE)),
    "rules without a date": lambda it: change_settings(it.http, margin=3.0),
    "a version": lambda it: it.version("PUT", "2026-06-01", shifts=NINE),
    "another version": lambda it: it.version("PUT", "2026-06-15", shifts=NINE),
    "the end of a version": lambda it: it.version("DELETE", "2026-06-15"),
    "a shift": lambda it: it.patch({"shift": "night", "effective_from": "2026-06-01"}),
    "a shift as it is": lambda it: it.patch({"shift": "day", "effective_from": "2026-05-11"}),
    "a name": lambda it: it.patch({"name": "Nguyễn Văn Anh"}),
    "a last day": lambda it: it.patch({"until": "2026-05-31"}),
    "a person": lambda it: it.http.post("/v1/people", {"name": "B", "since": "2026-06-01"}),
    "people": lambda it: it.http.post("/v1/imports", b"name,since\nC,2026-06-01\n", CSV),
    "more closing": lambda it: close(it.http, "2026-06-01"),
    "an erasure": lambda it: it.http.delete(f"/v1/people/{it.anh}?attendance=remove"),
}


@pytest.mark.parametrize("change", OPEN.values(), ids=OPEN)
def test_what_changes_open_days_alone_is_not_refused(
    books: Books, change: Callable[[Books], HTTPResponse]
) -> None:
    answer = change(books)
    assert answer.status_code in (200, 201, 204), answer.body


def test_nobody_is_left_of_a_refused_import(books: Books) -> None:
    refused(CHANGES["people"](books), "2026-05-31")
    assert [person["person_id"] for person in books.http.get("/v1/people").json_body["items"]] == [books.anh]


def test_an_admin_reopens_days_with_a_reason(books: Books) -> None:
    answer = reopen(books.http, "2026-05-25")
    assert answer.status_code == 201
    assert (answer.json_body["closed_through"], answer.json_body["reopened_from"]) == (
        "2026-05-24",
        "2026-05-25",
    )
    assert stamp(books.http, books.anh, "2026-05-25T08:00:00+07:00").status_code == 201
    refused(stamp(books.http, books.anh, "2026-05-24T08:00:00+07:00"), "2026-05-24")
    assert close(books.http, "2026-05-31").status_code == 201
    found = books.http.as_("viewer").get("/v1/closings").json_body
    assert found["closed_through"] == "2026-05-31"
    history = [(one["closed_through"], one["reopened_from"], one["reason"]) for one in found["history"]]
    assert history == [
        ("2026-05-31", None, None),
        ("2026-05-24", "2026-05-25", "a forgotten leave"),
        ("2026-05-31", None, None),
    ]
    assert {one["by"] for one in found["history"]} == {books.http.token_id("admin")}


@pytest.mark.parametrize("since", ["2026-06-01", "2099-01-01"])
def test_what_is_not_closed_is_not_reopened(books: Books, since: str) -> None:
    answer = reopen(books.http, since)
    assert (answer.status_code, answer.json_body["Code"]) == (400, "InvalidRequest")


def test_without_a_closing_nothing_is_closed(http: Http) -> None:
    assert http.get("/v1/closings").json_body == {"closed_through": None, "history": []}
    assert reopen(http, "2026-05-01").status_code == 400


def test_a_day_is_closed_when_it_is_over_for_five_minutes(http: Http, clock: Clock) -> None:
    set_calendar(http, shifts={"day": DAY})
    clock.now = datetime(2026, 11, 27, 21, 4, 59, tzinfo=UTC)  # the cut-off is at 04:00 in Saigon
    for through in ("2026-11-27", "2026-11-28"):
        answer = close(http, through)
        assert (answer.status_code, answer.json_body["Code"]) == (400, "InvalidRequest")
    clock.forward(seconds=1)
    assert close(http, "2026-11-28").status_code == 400
    assert close(http, "2026-11-27").status_code == 201


EVENING = {**NIGHT, "starts": "18:00", "ends": "23:00"}
EARLY = {**NIGHT, "cutoff": "06:30"}


@pytest.mark.parametrize(
    ("changes", "over"),
    [
        pytest.param({"shifts": {"day": DAY, "night": NIGHT}}, "14:00", id="a shift"),
        pytest.param(
            {"shifts": {"day": DAY, "night": {**NIGHT, "cutoff": "16:00"}}}, "16:00", id="its own cut-off"
        ),
        pytest.param(
            {
                "shifts": {"day": DAY, "night": NIGHT},
                "rotations": {"weekly": {"anchor": "2026-11-23", "weeks": ["night", "day"]}},
            },
            "14:00",
            id="a rotation",
        ),
        # Who comes from one to the other works until 06:00 and again at 18:00: 12:00 is half-way.
        pytest.param({"shifts": {"day": EARLY, "evening": EVENING}}, "12:00", id="from one to another"),
    ],
)
def test_a_day_is_closed_when_it_is_over_for_people_of_every_shift(
    http: Http, clock: Clock, changes: Json, over: str
) -> None:
    set_calendar(http, **changes)
    clock.now = datetime.fromisoformat(f"2026-11-28T{over}:00+07:00") + timedelta(seconds=299)
    answer = close(http, "2026-11-27")
    assert (answer.status_code, answer.json_body["Code"]) == (400, "InvalidRequest")
    assert "The last day that can be closed is 2026-11-26" in answer.json_body["Message"]
    clock.forward(seconds=1)
    assert close(http, "2026-11-27").status_code == 201


def test_the_last_day_of_a_shift_that_is_gone_is_closed_when_it_is_over(http: Http, clock: Clock) -> None:
    set_calendar(http)
    set_calendar(http, "2026-11-28", shifts={"day": {**DAY, "weekdays": ["mon"]}})
    clock.now = datetime.fromisoformat("2026-11-28T13:12:00+07:00")  # a Saturday
    assert close(http, "2026-11-27").status_code == 400
    clock.forward(hours=1)
    assert close(http, "2026-11-27").status_code == 201


def test_a_night_worker_punches_at_a_camera_whatever_was_closed(
    http: Http, finish: Finish, clock: Clock
) -> None:
    set_calendar(http, shifts={"day": DAY, "night": {**NIGHT, "cutoff": "14:00"}})
    clock.now = datetime.fromisoformat("2026-11-27T21:50:00+07:00")
    person = add_person(http, shift="night", consent=CONSENT)
    enrolled(http, person, photos_of_a()[0])
    kiosk = Kiosk(http, "door")
    assert kiosk.punch(finish(kiosk.session(), photos_of_a()[1])).status_code == 201
    clock.now = datetime.fromisoformat("2026-11-28T13:12:00+07:00")
    assert close(http, "2026-11-27").status_code == 400
    assert close(http, "2026-11-26").status_code == 201
    answer = kiosk.punch(finish(kiosk.session(), photos_of_a()[1]))
    assert (answer.status_code, answer.json_body["work_day"]) == (201, "2026-11-27")


def test_an_out_of_somebody_still_in_since_a_closed_day_is_of_its_own_day(
    http: Http, finish: Finish, clock: Clock
) -> None:
    set_calendar(http, shifts={"day": DAY, "late": {**EVENING, "starts": "14:00", "ends": "22:00"}})
    clock.now = datetime.fromisoformat("2026-11-26T14:00:00+07:00")
    person = add_person(http, shift="late", consent=CONSENT)
    enrolled(http, person, photos_of_a()[0])
    kiosk = Kiosk(http, "door")
    assert kiosk.punch(finish(kiosk.session(), photos_of_a()[1])).status_code == 201
    clock.now = datetime.fromisoformat("2026-11-27T04:05:00+07:00")
    assert close(http, "2026-11-26").status_code == 201
    before = sheet_of(http, person, "2026-11-26")
    body = {"liveness_session_id": finish(kiosk.session(), photos_of_a()[1]), "direction": "out"}
    answer = kiosk.post("/v1/punches", body)
    assert (answer.status_code, answer.json_body["work_day"], answer.json_body["direction"]) == (
        201,
        "2026-11-27",
        "out",
    )
    again = kiosk.post("/v1/punches", body)
    assert (again.status_code, again.json_body["Code"]) == (409, "SessionUsed")
    [day] = sheet_of(http, person, "2026-11-27")["days"]
    assert [punch["id"] for punch in day["punches"]] == [answer.json_body["punch_id"]]
    assert sheet_of(http, person, "2026-11-26") == before


def test_a_camera_punch_of_a_closed_day_is_refused_and_keeps_its_session(
    http: Http, finish: Finish, clock: Clock
) -> None:
    set_calendar(http)
    clock.now = datetime(2026, 11, 25, 2, tzinfo=UTC)
    person = add_person(http, shift="night", consent=CONSENT)
    enrolled(http, person, photos_of_a()[0])
    clock.now = datetime(2026, 11, 26, 8, tzinfo=UTC)
    assert close(http, "2026-11-25").status_code == 201
    clock.now = datetime(2026, 11, 25, 23, tzinfo=UTC)  # a clock that is wrong: the night goes on
    kiosk = Kiosk(http, "door")
    session = finish(kiosk.session(), photos_of_a()[1])
    refused(kiosk.punch(session), "2026-11-25")
    assert reopen(http, "2026-11-25").status_code == 201
    answer = kiosk.punch(session)
    assert (answer.status_code, answer.json_body["work_day"]) == (201, "2026-11-25")


def test_a_closing_and_fifty_corrections_at_once_leave_nothing_changed_after_the_answer(http: Http) -> None:
    set_calendar(http)
    people = [add_person(http, f"Person {n}") for n in range(5)]
    punches = {
        (person, n): stamped(http, person, f"2026-05-{n + 11}T08:00:00+07:00")
        for person in people
        for n in range(10)
    }
    sheets: list[list[Json]] = []

    def correct(item: tuple[tuple[str, int], str]) -> int:
        (person, n), punch = item
        at = f"2026-05-{n + 11}T07:30:00+07:00"
        return stamp(http, person, at, supersedes=punch).status_code

    def close_and_read() -> int:
        status = close(http, "2026-05-31").status_code
        sheets.append([sheet_of(http, person, "2026-05-01", "2026-05-31") for person in people])
        return status

    items = list(punches.items())
    with ThreadPoolExecutor(8) as pool:
        before = [pool.submit(correct, item) for item in items[:10]]
        closing = pool.submit(close_and_read)
        during = [pool.submit(correct, item) for item in items[10:40]]
        assert closing.result() == 201
        after = [pool.submit(correct, item) for item in items[40:]]
        answers = [one.result() for one in before + during]
        assert {one.result() for one in after} == {409}
    assert set(answers) <= {201, 409}
    assert [[sheet_of(http, person, "2026-05-01", "2026-05-31") for person in people]] == sheets
    arrivals = [day["first_in"] for sheet in sheets[0] for day in sheet["days"] if day["first_in"]]
    assert sum("T07:30" in arrival for arrival in arrivals) == answers.count(201)


def test_two_closings_at_once_are_one_after_the_other(http: Http) -> None:
    days = [date(2026, 5, 1) + timedelta(days=n) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda day: close(http, f"{day}"), days))
    assert {answer.status_code for answer in answers} <= {201, 409}
    found = http.get("/v1/closings").json_body
    assert found["closed_through"] == "2026-05-06"
    assert len(found["history"]) == sum(answer.status_code == 201 for answer in answers)


def test_no_day_is_closed_while_an_import_of_earlier_days_runs(http: Http, clock: Clock) -> None:
    with (
        closings.importing(wiring.site_store(), date(2026, 5, 20), now=clock.now),
        closings.importing(wiring.site_store(), date(2026, 5, 10), now=clock.now),
    ):
        answer = close(http, "2026-05-31")
        assert (answer.status_code, answer.json_body["Code"]) == (503, "Busy")
        assert answer.headers["Retry-After"]
    assert close(http, "2026-05-31").status_code == 201
    with (
        pytest.raises(PeriodClosed),
        closings.importing(wiring.site_store(), date(2026, 5, 31), now=clock.now),
    ):
        pytest.fail("these days are closed")
    with closings.importing(wiring.site_store(), date(2026, 6, 1), now=clock.now):
        assert reopen(http, "2026-05-31").status_code == 201


def test_an_import_that_crashed_is_over_after_a_minute(http: Http, clock: Clock) -> None:
    crashed = RunningImport("crashed", clock.now + closings.IMPORT_LASTS)
    wiring.site_store().save_running_imports(RunningImports(), [crashed])
    assert close(http, "2026-05-31").status_code == 503
    clock.forward(minutes=1)
    with closings.importing(wiring.site_store(), date(2026, 5, 20), now=clock.now):
        assert [one.import_id for one in wiring.site_store().running_imports().imports] != ["crashed"]
    assert close(http, "2026-05-31").status_code == 201


def test_an_import_that_begins_while_days_are_closed_is_not_overlooked(http: Http) -> None:
    store = wiring.site_store()
    during = store.running_imports()
    with closings.importing(store, date(2026, 5, 20), now=wiring.now()):
        closing = Closing(closed_through=date(2026, 5, 31), at=wiring.now(), by="x")
        with pytest.raises(WriteConflict):
            store.close(None, closing, "id", during=during)


def test_only_a_manager_of_the_whole_site_closes_days(http: Http) -> None:
    assert http.as_("manager").post("/v1/closings", {"through": "2026-05-31"}).status_code == 201
    body = {"from": "2026-05-31", "reason": "x"}
    assert http.as_("manager").post("/v1/closings/reopenings", body).status_code == 403
