"""Manual punches that repeat one that is there, their work days, and what cannot be corrected."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import Http
from tests.support.answers import check_refused
from tests.support.builders import (
    DAY,
    NIGHT,
    Json,
    add_person,
    change_settings,
    day_of,
    set_calendar,
    stamp,
    stamped,
)
from tests.support.punches import list_punches

ON = "2026-06-02"
"""A Tuesday."""


def at(wall: str, on: str = ON) -> str:
    """Give an instant of a wall clock in Saigon."""
    return f"{on}T{wall}+07:00"


def patch(http: Http, person: str, **fields: object) -> None:
    answer = http.call("PATCH", f"/v1/people/{person}", fields)
    assert answer.status_code == 200, answer.json_body


@pytest.fixture
def ann(http: Http) -> str:
    """A person with a code; gives the id."""
    set_calendar(http)
    return add_person(http, code="HS-1")


# --- the same twice ------------------------------------------------------------------------------


def test_the_same_manual_punches_entered_twice_are_still_the_right_day(http: Http, ann: str) -> None:
    first = [stamped(http, ann, at(wall)) for wall in ("08:00:00", "17:00:00")]
    for wall, punch_id in zip(("08:00:00", "17:00:00"), first, strict=True):
        again = stamp(http, ann, at(wall))
        assert (again.status_code, again.json_body["duplicate"]) == (200, True)
        assert again.json_body["punch_id"] == punch_id
    day = day_of(http, ann, ON)
    assert (day["worked_minutes"], day["state"], day["open"]) == (480, "left", False)
    shown = list_punches(http, from_=ON, to=ON)
    assert [(one["punch_id"], one["duplicate"]) for one in shown] == [(one, False) for one in first]


def test_two_auto_punches_within_the_window_are_one(http: Http, ann: str) -> None:
    first = stamped(http, ann, at("08:00:00"))
    for wall in ("08:00:20", "07:59:40"):
        again = stamp(http, ann, at(wall))
        assert (again.status_code, again.json_body["punch_id"]) == (200, first)
    stamped(http, ann, at("17:00:00"))
    assert day_of(http, ann, ON)["worked_minutes"] == 480


@pytest.mark.parametrize(
    ("window_s", "wall", "direction", "status"),
    [
        pytest.param(60, "08:00:59", "auto", 200, id="within the window"),
        pytest.param(60, "08:01:00", "auto", 201, id="at its end"),
        pytest.param(60, "08:00:20", "out", 201, id="an explicit out was meant"),
        pytest.param(0, "08:00:01", "auto", 201, id="no window"),
        pytest.param(0, "08:00:00", "auto", 200, id="no window, the same instant"),
        pytest.param(60, "08:00:00", "out", 200, id="the same instant, another direction"),
    ],
)
def test_what_repeats_a_punch(
    http: Http, ann: str, window_s: int, wall: str, direction: str, status: int
) -> None:
    change_settings(http, duplicate_window_s=window_s)
    stamped(http, ann, at("08:00:00"))
    answer = stamp(http, ann, at(wall), direction=direction)
    assert (answer.status_code, answer.json_body["duplicate"]) == (status, status == 200)


def test_a_punch_that_was_removed_can_be_entered_again(http: Http, ann: str) -> None:
    wrong = stamped(http, ann, at("08:00:00"))
    stamped(http, ann, supersedes=wrong, void=True)
    assert stamp(http, ann, at("08:00:00")).status_code == 201
    moved = stamped(http, ann, at("17:00:00"))
    stamped(http, ann, at("17:30:00"), supersedes=moved)
    assert stamp(http, ann, at("17:00:00")).status_code == 201


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("apart_s", [0, 1])
def test_of_fifty_manual_punches_at_once_that_repeat_each_other_one_counts(
    http: Http, ann: str, apart_s: int
) -> None:
    times = [at(f"08:00:{n * apart_s:02}") for n in range(50)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda time: stamp(http, ann, time), times))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json_body["punch_id"] for answer in answers}) == 1
    assert len(list_punches(http, from_=ON, to=ON)) == 1


def test_a_replay_is_the_first_response_and_no_duplicate(http: Http, ann: str) -> None:
    body = {"person_id": ann, "at": at("08:00:00"), "reason": "forgot the badge"}
    key = {"Idempotency-Key": "one"}
    first, second = (http.post("/v1/punches/manual", body, key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json_body == first.json_body
    assert not first.json_body["duplicate"]
    other = http.post("/v1/punches/manual", body, {"Idempotency-Key": "two"})
    assert (other.status_code, other.json_body["punch_id"]) == (200, first.json_body["punch_id"])


# --- the work day --------------------------------------------------------------------------------

LATE: Json = {"starts": "14:00", "ends": "22:00"}


@pytest.mark.parametrize(
    ("shift", "came", "went", "minutes"),
    [
        # The next work day of this shift begins at 04:00.
        pytest.param("late", at("14:00:00"), at("06:00:00", "2026-06-03"), 16 * 60, id="long after a late"),
        # Half-way between 06:00 and 22:00 the next night's work day begins.
        pytest.param(
            "night", at("22:00:00"), at("14:00:01", "2026-06-03"), 16 * 60, id="a second past the cut-off"
        ),
        pytest.param("day", at("08:00:00"), at("05:00:00", "2026-06-03"), 21 * 60, id="day into morning"),
    ],
)
def test_an_out_after_the_cut_off_is_given_its_work_day(
    http: Http, shift: str, came: str, went: str, minutes: int
) -> None:
    set_calendar(http, shifts={"day": {**DAY, "break_minutes": 0}, "night": NIGHT, "late": LATE})
    person = add_person(http, shift=shift)
    stamped(http, person, came, direction="in")
    answer = stamp(http, person, went, direction="out", work_day=ON)
    assert (answer.status_code, answer.json_body["work_day"]) == (201, ON), answer.json_body
    day = day_of(http, person, ON)
    assert (day["worked_minutes"], day["open"], len(day["pairs"])) == (minutes, False, 1)
    assert day_of(http, person, "2026-06-03")["punches"] == []


@pytest.mark.parametrize("on", ["2026-05-31", "2026-06-04", "1999-12-31"])
def test_InvalidRequest_for_a_work_day_that_is_far_from_the_instant(http: Http, ann: str, on: str) -> None:
    check_refused(stamp(http, ann, at("08:00:00"), work_day=on), 400, "InvalidRequest")
    assert stamp(http, ann, at("08:00:00"), work_day="2026-06-01").status_code == 201


def test_the_same_instant_is_found_on_the_work_day_that_was_chosen(http: Http, ann: str) -> None:
    stamped(http, ann, at("03:00:00", "2026-06-03"), work_day="2026-06-03")  # by rule of the 2nd
    again = stamp(http, ann, at("03:00:00", "2026-06-03"))
    assert (again.status_code, again.json_body["work_day"]) == (200, "2026-06-03")


def test_a_correction_stays_on_its_work_day_after_a_change_of_shift(http: Http, ann: str) -> None:
    wrong = stamped(http, ann, at("08:00:00"))
    stamped(http, ann, at("17:00:00"))
    patch(http, ann, shift="night", effective_from="2026-06-01")  # whose work days end at 14:00
    answer = stamp(http, ann, at("07:55:00"), supersedes=wrong)
    assert (answer.status_code, answer.json_body["work_day"]) == (201, ON)
    day = day_of(http, ann, ON)
    assert (day["first_in"], len(day["pairs"]), day["open"]) == (at("07:55:00"), 1, False)
    assert day_of(http, ann, "2026-06-01")["punches"] == []


def test_a_correction_to_another_date_is_of_the_work_day_by_rule(http: Http, ann: str) -> None:
    wrong = stamped(http, ann, at("08:00:00"))
    moved = stamp(http, ann, at("08:00:00", "2026-06-03"), supersedes=wrong)
    assert moved.json_body["work_day"] == "2026-06-03"
    chosen = stamp(
        http,
        ann,
        at("09:00:00", "2026-06-03"),
        supersedes=moved.json_body["punch_id"],
        work_day="2026-06-02",
    )
    assert chosen.json_body["work_day"] == "2026-06-02"


# --- who, and with what --------------------------------------------------------------------------


def test_a_person_is_named_by_code_and_a_device_is_kept(http: Http, ann: str) -> None:
    body = {"code": " hs-1 ", "at": at("08:00:00"), "reason": "forgot the badge", "device": "gate  2"}
    answer = http.post("/v1/punches/manual", body)
    assert answer.status_code == 201, answer.json_body
    assert (answer.json_body["person_id"], answer.json_body["device"]) == (ann, "gate 2")


def test_PersonNotFound_for_a_code_that_nobody_has(http: Http, ann: str) -> None:
    body = {"code": "HS-2", "at": at("08:00:00"), "reason": "forgot the badge"}
    answer = http.post("/v1/punches/manual", body)
    check_refused(answer, 404, "PersonNotFound")
    assert answer.json_body["Details"] == {"code": "HS-2"}


@pytest.mark.parametrize("fields", [{}, {"code": "HS-1", "person_id": "x"}])
def test_InvalidRequest_unless_one_of_id_and_code_names_the_person(
    http: Http, ann: str, fields: Json
) -> None:
    body = {"at": at("08:00:00"), "reason": "forgot the badge", **fields}
    check_refused(http.post("/v1/punches/manual", body), 400, "InvalidRequest")


# --- what cannot be corrected --------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"void": True}, {"at": at("08:05:00")}])
def test_PunchIsVoid_for_a_punch_that_removes_another(http: Http, ann: str, fields: Json) -> None:
    wrong = stamped(http, ann, at("08:00:00"))
    void = stamped(http, ann, supersedes=wrong, void=True)
    answer = stamp(http, ann, supersedes=void, **fields)
    check_refused(answer, 409, "PunchIsVoid")
    assert answer.json_body["Details"] == {"punch_id": void}
    check_refused(stamp(http, ann, supersedes=wrong, void=True), 409, "PunchSuperseded")
    assert len(list_punches(http, from_=ON, to=ON)) == 2


def test_InvalidRequest_for_a_void_with_a_work_day(http: Http, ann: str) -> None:
    wrong = stamped(http, ann, at("08:00:00"))
    check_refused(stamp(http, ann, supersedes=wrong, void=True, work_day=ON), 400, "InvalidRequest")


@pytest.mark.parametrize("at", ["2026-06-02T08:00:00+07:00", "2026-06-02T08:00:20+07:00"])
def test_PunchExists_for_a_correction_onto_another_punch(http: Http, ann: str, at: str) -> None:
    came = stamped(http, ann, "2026-06-02T08:00:00+07:00")
    left = stamped(http, ann, "2026-06-02T17:00:00+07:00")
    answer = stamp(http, ann, at, supersedes=left)
    check_refused(answer, 409, "PunchExists")
    assert answer.json_body["Details"] == {"punch_id": came}
    assert stamp(http, ann, "2026-06-02T17:00:00+07:00", supersedes=left, direction="out").status_code == 201
    assert day_of(http, ann, "2026-06-02")["worked_minutes"] == 480


def test_a_correction_of_the_time_keeps_direction_and_device(http: Http, ann: str) -> None:
    left = stamped(http, ann, "2026-06-02T17:00:00+07:00", direction="out", device="gate 2")
    corrected = stamp(http, ann, "2026-06-02T16:55:00+07:00", supersedes=left).json_body
    assert (corrected["direction"], corrected["device"]) == ("out", "gate 2")
    again = stamp(
        http,
        ann,
        "2026-06-02T16:50:00+07:00",
        supersedes=corrected["punch_id"],
        direction="in",
        device="desk",
    ).json_body
    assert (again["direction"], again["device"]) == ("in", "desk")
