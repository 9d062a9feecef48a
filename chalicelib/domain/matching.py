"""The decision whose face was matched: above the threshold, and by a margin over the second-best person."""

from collections.abc import Mapping, Sequence

from chalicelib.domain.errors import AmbiguousMatch, NotRecognised
from chalicelib.domain.face import Match
from chalicelib.domain.person import Person, Status
from chalicelib.domain.punch import Evidence
from chalicelib.domain.settings import Settings


def owned(matches: Sequence[Match], people: Mapping[str, Person]) -> list[Match]:
    """Select the matches with active faces of `people`, who are those of the matches that exist, by id.

    The others are nobody's: faces that are being enrolled or removed, and faces that the collection still has
    although the table, after it was restored, does not know them.
    """
    return [
        match
        for match in matches
        if match.person_id in people and match.face_id in people[match.person_id].face_ids
    ]


def recognise(
    matches: Sequence[Match], people: Mapping[str, Person], settings: Settings
) -> tuple[Person, Evidence]:
    """Decide who a face is: over the threshold, and clear of the second-best person.

    `matches` are best first, and `people` are those of the matches who exist, by id. Raises NotRecognised
    or AmbiguousMatch: never "the closest wins".
    """
    candidates = owned(matches, people)
    if not candidates:
        raise NotRecognised
    best = candidates[0]
    person = people[best.person_id]
    if person.status is not Status.ACTIVE or best.similarity < settings.similarity_threshold:
        raise NotRecognised
    others = (match.similarity for match in candidates if match.person_id != person.person_id)
    runner_up = max(others, default=None)
    if runner_up is not None and best.similarity - runner_up < settings.margin:
        raise AmbiguousMatch
    return person, Evidence(
        similarity=best.similarity,
        similarity_threshold=settings.similarity_threshold,
        runner_up=runner_up,
        margin=settings.margin,
        face_id=best.face_id,
    )
