"""The table, as a token that is limited to groups sees it."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib import wiring
from chalicelib.aws.directory import Directory
from chalicelib.aws.visibility import all_people_visible, is_visible, limited_to
from chalicelib.domain.errors import GroupNotAllowed, PersonNotFound, WriteConflict
from chalicelib.domain.leave import LeaveRecord
from chalicelib.domain.person import Person
from chalicelib.domain.timeline import Timeline, always, with_value

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OWN = frozenset({"12A1"})
TODAY = NOW.date()


def person(name: str, group: str | None) -> Person:
    groups: Timeline[str | None] = always(group) if group else ()
    return Person(person_id=name, name=name, code=name, groups=groups, created_at=NOW, updated_at=NOW)


def leave(person_id: str) -> LeaveRecord:
    day = date(2026, 11, 23)
    return LeaveRecord(
        leave_id=f"of{person_id}", person_id=person_id, since=day, until=day, kind="annual", half=None
    )


@pytest.fixture
def people(directory: Directory) -> Directory:
    for one in (person("own", "12A1"), person("other", "12A2"), person("none", None)):
        directory.add_person(one)
        directory.add_leave(leave(one.person_id))
    return directory


READS: dict[str, Callable[[Directory], set[str]]] = {
    "all people": lambda directory: {one.person_id for one in directory.all_people()},
    "people by id": lambda directory: set(directory.people(["own", "other", "none", "nobody"])),
    "leave": lambda directory: {one.person_id for one in directory.leaves(date.min, date.max)},
    "codes": lambda directory: set(directory.owners(["own", "other", "none"]).values()),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_limited_caller_reads_of_their_groups_only(
    people: Directory, read: Callable[[Directory], set[str]]
) -> None:
    everybody = {"own", "other", "none"}
    assert read(people) == everybody
    with limited_to(OWN, TODAY):
        assert read(people) == {"own"}
        with all_people_visible():
            assert read(people) == everybody
        assert read(people) == {"own"}
    with limited_to(frozenset(), TODAY):
        assert read(people) == set()
    assert read(people) == everybody


def test_reads_in_other_threads_are_limited_too(people: Directory) -> None:
    with limited_to(OWN, TODAY):
        found = people.in_parallel(*[partial(READS["all people"], people)] * 3)
    assert found == ({"own"}, {"own"}, {"own"})


WRITES: dict[str, tuple[Callable[[Directory], Any], type[Exception]]] = {
    "leave is added": (lambda directory: directory.add_leave(leave("other")), PersonNotFound),
    "leave is removed": (lambda directory: directory.remove_leave("other", "ofother"), PersonNotFound),
    "leave of nobody is removed": (lambda directory: directory.remove_leave("nobody", "x"), PersonNotFound),
    "somebody is added to another group": (
        lambda directory: directory.add_person(person("new", "12A2")),
        GroupNotAllowed,
    ),
    "somebody is added to no group": (
        lambda directory: directory.add_person(person("new", None)),
        GroupNotAllowed,
    ),
    "somebody is moved": (
        lambda directory: directory.change_person(
            directory.person("own"), replace(directory.person("own"), groups=always("12A2"))
        ),
        GroupNotAllowed,
    ),
}


@pytest.mark.parametrize(("write", "error"), WRITES.values(), ids=WRITES)
def test_a_limited_caller_writes_of_their_groups_only(
    people: Directory, write: Callable[[Directory], Any], error: type[Exception]
) -> None:
    with limited_to(OWN, TODAY), pytest.raises(error):
        write(people)
    assert {one.person_id: one.group(TODAY) for one in people.all_people()} == {
        "own": "12A1",
        "other": "12A2",
        "none": None,
    }
    assert READS["leave"](people) == {"own", "other", "none"}


def test_a_limited_caller_takes_nobody_over_by_their_id(people: Directory) -> None:
    with limited_to(OWN, TODAY), pytest.raises(WriteConflict):
        people.add_person(person("other", "12A1"))
    assert people.person("other").group(TODAY) == "12A2"


JANUARY, SUMMER, AUTUMN = date(2026, 1, 1), date(2027, 6, 1), date(2027, 9, 1)


@pytest.mark.parametrize(
    ("since", "group", "allowed"),
    [
        pytest.param(SUMMER, "12A2", False, id="a planned move to another group"),
        pytest.param(SUMMER, None, False, id="a planned move to no group"),
        pytest.param(JANUARY, "12A2", False, id="a move in the past, which holds today"),
        pytest.param(SUMMER, "12A1", True, id="no move at all"),
    ],
)
def test_a_limited_caller_moves_nobody_to_another_group_on_any_date(
    people: Directory, since: date, group: str | None, allowed: bool
) -> None:
    with limited_to(OWN, TODAY):
        before = people.person("own")
        after = replace(before, groups=with_value(before.groups, since, group, None))
        if allowed:
            people.change_person(before, after)
            return
        with pytest.raises(GroupNotAllowed):
            people.change_person(before, after)
    assert people.person("own").groups == always("12A1")


def test_a_limited_caller_rewrites_no_past_to_another_group(people: Directory) -> None:
    moved: Timeline[str | None] = with_value(always("12A3"), JANUARY, "12A1", None)
    people.change_person(people.person("own"), replace(people.person("own"), groups=moved))
    with limited_to(OWN, TODAY):
        before = people.person("own")
        assert before.groups == moved, "the class before is shown"
        earlier = replace(before, groups=with_value(before.groups, date(2025, 9, 1), "12A2", None))
        with pytest.raises(GroupNotAllowed):
            people.change_person(before, earlier)
        people.change_person(before, replace(before, name="Own", groups=moved))


def test_a_move_that_others_planned_leaves_the_rest_to_a_limited_caller(people: Directory) -> None:
    planned = with_value(people.person("own").groups, AUTUMN, "13A1", None)
    people.change_person(people.person("own"), replace(people.person("own"), groups=planned))
    with limited_to(OWN, TODAY):
        before = people.person("own")
        people.change_person(before, replace(before, name="Own"))
    assert people.person("own").groups == planned
    with limited_to(OWN, AUTUMN), pytest.raises(PersonNotFound):
        people.person("own")
    with limited_to(frozenset({"13A1"}), AUTUMN):
        assert people.person("own").name == "Own"


def test_who_is_moved_during_a_request_is_not_shown_any_more(people: Directory) -> None:
    with limited_to(OWN, TODAY):
        before = people.person("own")
        with all_people_visible():
            people.change_person(before, replace(before, groups=always("12A2")))
        with pytest.raises(PersonNotFound):
            people.person("own")
        assert READS["leave"](people) == set()


def test_a_group_is_visible_to_those_who_have_it() -> None:
    assert is_visible(())
    with limited_to(OWN, TODAY):
        found = [is_visible(always(group)) for group in ("12A1", "12a1", "12A2", None)]
    assert found == [True, False, False, False]


def test_what_is_about_nobody_is_seen(people: Directory) -> None:
    with limited_to(OWN, TODAY):
        assert people.settings() == wiring.directory().settings()
