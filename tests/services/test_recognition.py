"""Recognition for a caller who may see some groups only: people of others still count."""

from datetime import UTC, datetime

import pytest

from chalicelib.aws.visibility import limited_to
from chalicelib.domain.errors import AmbiguousMatch, NotRecognised
from chalicelib.domain.face import Match
from chalicelib.domain.person import Person
from chalicelib.domain.settings import default_settings
from chalicelib.domain.timeline import always
from chalicelib.services.recognition import recognise_visible

DAY = datetime(2026, 3, 2, tzinfo=UTC)
SETTINGS = default_settings(local=False, zone="Asia/Ho_Chi_Minh")  # 99 % and a margin of 1
PEOPLE = {
    name: Person(
        person_id=name,
        name=name,
        created_at=DAY,
        updated_at=DAY,
        groups=always(group),
        face_ids=(f"{name}-1",),
    )
    for name, group in (("ann", "12A1"), ("bob", "12A2"))
}


@pytest.mark.parametrize(
    ("ann", "bob", "refusal"),
    [
        pytest.param(99.9, 98.0, None, id="their own, clear of the other group"),
        pytest.param(99.9, 99.5, AmbiguousMatch, id="too close to somebody of the other group"),
        pytest.param(99.0, 100.0, NotRecognised, id="somebody of the other group who resembles their own"),
    ],
)
def test_nobody_is_taken_for_somebody_of_the_callers_group(
    ann: float, bob: float, refusal: type[Exception] | None
) -> None:
    found = [Match("ann", "ann-1", ann), Match("bob", "bob-1", bob)]
    matches = sorted(found, key=lambda match: -match.similarity)
    with limited_to(frozenset({"12A1"}), DAY.date()):
        if refusal is None:
            assert recognise_visible(matches, PEOPLE, SETTINGS)[0] == PEOPLE["ann"]
            return
        with pytest.raises(refusal):
            recognise_visible(matches, PEOPLE, SETTINGS)
