"""Recognition: who a face belongs to, given the enrolled faces that resemble it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import AmbiguousMatch, NotRecognised
from chalicelib.domain.face import Match
from chalicelib.domain.matching import owned, recognise
from chalicelib.domain.person import Person, Status
from chalicelib.domain.settings import default_settings

SETTINGS = default_settings(local=False, zone="Asia/Ho_Chi_Minh")  # 99 % and a margin of 1
DAY = datetime(2026, 3, 2, tzinfo=UTC)


def person(person_id: str, *face_ids: str, status: Status = Status.ACTIVE) -> Person:
    return Person(
        person_id=person_id, name=person_id, created_at=DAY, updated_at=DAY, face_ids=face_ids, status=status
    )


PEOPLE = {one.person_id: one for one in (person("an", "a1", "a2"), person("binh", "b1"))}


@pytest.mark.parametrize(
    "matches",
    [
        pytest.param([Match("an", "a1", 99.79)], id="alone"),
        pytest.param([Match("gone", "g1", 99.85), Match("an", "a1", 99.79)], id="behind a face of nobody"),
        pytest.param(
            [Match("an", "old", 99.85), Match("an", "a1", 99.79)], id="behind a lost face of theirs"
        ),
        pytest.param([Match("binh", "old", 99.85), Match("an", "a1", 99.79)], id="behind one of another's"),
        pytest.param(
            [Match("an", "a1", 99.79), Match("binh", "b1", 98.79)], id="clear of another by the margin"
        ),
        pytest.param([Match("an", "a1", 99.79), Match("an", "a2", 99.7)], id="by two faces"),
    ],
)
def test_the_best_face_that_somebody_owns_decides(matches: list[Match]) -> None:
    found, evidence = recognise(matches, PEOPLE, SETTINGS)
    assert (found.person_id, evidence.face_id, evidence.similarity) == ("an", "a1", 99.79)


@pytest.mark.parametrize(
    ("matches", "refusal"),
    [
        pytest.param([], NotRecognised, id="nobody"),
        pytest.param([Match("gone", "g1", 99.85)], NotRecognised, id="only a face of nobody"),
        pytest.param([Match("an", "a1", 98.99)], NotRecognised, id="below the threshold"),
        pytest.param([Match("an", "a1", 99.79), Match("binh", "b1", 98.8)], AmbiguousMatch, id="too close"),
        pytest.param(
            [Match("gone", "g1", 99.9), Match("an", "a1", 99.79), Match("binh", "b1", 99.7)],
            AmbiguousMatch,
            id="too close behind a face of nobody",
        ),
    ],
)
def test_the_closest_does_not_win(matches: list[Match], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        recognise(matches, PEOPLE, SETTINGS)


def test_a_face_of_somebody_inactive_is_not_recognised_and_hides_the_next() -> None:
    people = PEOPLE | {"chi": person("chi", "c1", status=Status.INACTIVE)}
    with pytest.raises(NotRecognised):
        recognise([Match("chi", "c1", 99.85), Match("an", "a1", 99.79)], people, SETTINGS)
    with pytest.raises(AmbiguousMatch):
        recognise([Match("an", "a1", 99.79), Match("chi", "c1", 99.7)], people, SETTINGS)


_matches = st.lists(
    st.builds(
        Match,
        person_id=st.sampled_from(["an", "binh", "gone"]),
        face_id=st.sampled_from(["a1", "a2", "b1", "old"]),
        similarity=st.floats(70, 100).map(lambda value: round(value, 2)),
    ),
    max_size=8,
).map(lambda found: sorted(found, key=lambda match: -match.similarity))


@given(_matches)
def test_faces_of_nobody_change_nothing(matches: list[Match]) -> None:
    def outcome(seen: list[Match]) -> object:
        try:
            return recognise(seen, PEOPLE, SETTINGS)
        except (NotRecognised, AmbiguousMatch) as refusal:
            return type(refusal)

    assert outcome(matches) == outcome(owned(matches, PEOPLE))
