"""Whom a face belongs to (`NotRecognised`, `AmbiguousMatch`): at the bounds, with several faces each."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.domain.errors import AmbiguousMatch, NotRecognised, RollcallError
from chalicelib.domain.face import Match
from chalicelib.domain.matching import owned, recognise
from chalicelib.domain.person import Person, Status
from chalicelib.domain.schedule import Calendar
from chalicelib.domain.settings import Settings
from chalicelib.domain.timeline import Stint, always

NOW = datetime(2026, 8, 11, tzinfo=UTC)
SETTINGS = Settings(calendars=always(Calendar()), similarity_threshold=95.0, margin=2.0, photo_punch=False)
ANN = Person(
    person_id="ann",
    name="Ann",
    stints=(Stint(date(2026, 1, 1)),),
    created_at=NOW,
    updated_at=NOW,
    face_ids=("ann-1", "ann-2", "ann-3"),
)
OTHERS = [replace(ANN, person_id=name, name=name, face_ids=(f"{name}-1",)) for name in ("abe", "bob", "cid")]


def everybody(*people: Person) -> dict[str, Person]:
    return {person.person_id: person for person in (*OTHERS, *people)}


def match(face_id: str, similarity: float) -> Match:
    return Match(face_id.split("-")[0], face_id, similarity)


@pytest.mark.parametrize(
    ("matches", "face_id", "runner_up"),
    [
        pytest.param([match("ann-1", 99)], "ann-1", None, id="alone"),
        pytest.param([match("ann-1", 95)], "ann-1", None, id="exactly the similarity_threshold"),
        pytest.param([match("ann-1", 99), match("bob-1", 97)], "ann-1", 97, id="exactly the margin"),
        pytest.param(
            [match("ann-2", 99), match("ann-1", 98.5), match("ann-3", 98)],
            "ann-2",
            None,
            id="the person's own other faces are no runner-up",
        ),
        pytest.param(
            [match("ann-2", 99), match("ann-1", 98), match("bob-1", 80), match("cid-1", 85)],
            "ann-2",
            85,
            id="the nearest of several others is the runner-up",
        ),
        pytest.param(
            [match("ann-9", 99.9), match("ann-2", 98), match("bob-1", 96)],
            "ann-2",
            96,
            id="the best enrolled face counts where a pending one is better",
        ),
    ],
)
def test_recognised_by_the_best_enrolled_face_with_the_runner_up_as_evidence(
    matches: list[Match], face_id: str, runner_up: float | None
) -> None:
    person, evidence = recognise(matches, everybody(ANN), SETTINGS)
    assert person == ANN
    assert (evidence.face_id, evidence.runner_up) == (face_id, runner_up)
    assert evidence.similarity == next(one.similarity for one in matches if one.face_id == face_id)
    assert (evidence.similarity_threshold, evidence.margin) == (95.0, 2.0)


@pytest.mark.parametrize(
    ("matches", "person", "refusal"),
    [
        pytest.param([], None, NotRecognised, id="nobody resembles it"),
        pytest.param([match("ann-1", 94.99)], ANN, NotRecognised, id="under the similarity_threshold"),
        pytest.param([match("ann-9", 99.9)], ANN, NotRecognised, id="a face that is pending"),
        pytest.param([match("gone-1", 99.9)], None, NotRecognised, id="a face of nobody"),
        pytest.param(
            [match("ann-1", 99.9)],
            replace(ANN, status=Status.INACTIVE),
            NotRecognised,
            id="an inactive person",
        ),
        pytest.param(
            [match("ann-1", 99.9), match("bob-1", 96)],
            replace(ANN, status=Status.INACTIVE),
            NotRecognised,
            id="an inactive person, and never the runner-up in their place",
        ),
        pytest.param(
            [match("ann-9", 99.9), match("ann-1", 94)],
            ANN,
            NotRecognised,
            id="a pending face over the threshold, the enrolled one under it",
        ),
        pytest.param(
            [match("ann-1", 99), match("bob-1", 97.01)], ANN, AmbiguousMatch, id="inside the margin"
        ),
        pytest.param([match("ann-1", 99), match("bob-1", 99)], ANN, AmbiguousMatch, id="two people alike"),
        pytest.param([match("ann-1", 99), match("abe-1", 99)], ANN, AmbiguousMatch, id="whatever their ids"),
        pytest.param(
            [match("ann-1", 99), match("ann-2", 98.8), match("bob-1", 98.5)],
            ANN,
            AmbiguousMatch,
            id="the runner-up behind the person's own second face",
        ),
        pytest.param(
            [match("ann-1", 99), match("ann-2", 98.8), match("ann-3", 98.7), match("bob-1", 98.5)],
            ANN,
            AmbiguousMatch,
            id="the runner-up behind the person's own third face",
        ),
        pytest.param(
            [match("ann-1", 99), match("bob-1", 90), match("cid-1", 98)],
            ANN,
            AmbiguousMatch,
            id="the runner-up behind another person",
        ),
    ],
)
def test_refused_rather_than_the_closest(
    matches: list[Match], person: Person | None, refusal: type[RollcallError]
) -> None:
    with pytest.raises(refusal):
        recognise(matches, everybody(*([person] if person else [])), SETTINGS)


def test_AmbiguousMatch_without_a_margin_only_where_two_are_alike() -> None:
    settings = replace(SETTINGS, margin=0.0)
    near = [match("ann-1", 99), match("bob-1", 98.99)]
    assert recognise(near, everybody(ANN), settings)[0] == ANN


@pytest.mark.parametrize(
    "stray",
    [
        pytest.param("gone-1", id="of somebody who does not exist"),
        pytest.param("ann-9", id="of the same person"),
        pytest.param("bob-9", id="of another person"),
    ],
)
def test_a_face_of_nobody_hides_nobody_and_is_no_runner_up(stray: str) -> None:
    person, evidence = recognise([match(stray, 99.85), match("ann-1", 99.79)], everybody(ANN), SETTINGS)
    assert (person, evidence.face_id, evidence.runner_up) == (ANN, "ann-1", None)
    found = [match(stray, 99.85), match("ann-1", 99.79), match("bob-1", 99.7)]
    with pytest.raises(AmbiguousMatch):
        recognise(found, everybody(ANN), SETTINGS)


_matches = st.lists(
    st.builds(
        match,
        st.sampled_from(["ann-1", "ann-2", "ann-9", "bob-1", "bob-9", "gone-1"]),
        st.floats(70, 100).map(lambda value: round(value, 2)),
    ),
    max_size=8,
).map(lambda found: sorted(found, key=lambda one: -one.similarity))


@given(_matches)
def test_faces_of_nobody_change_nothing(matches: list[Match]) -> None:
    def outcome(seen: list[Match]) -> object:
        try:
            return recognise(seen, everybody(ANN), SETTINGS)
        except (NotRecognised, AmbiguousMatch) as refusal:
            return type(refusal)

    assert outcome(matches) == outcome(owned(matches, everybody(ANN)))
