"""The decision whose face was matched: above the threshold, and by a margin over the second-best person."""

from chalicelib.domain.errors import AmbiguousMatch, NotRecognised
from chalicelib.domain.face import Match
from chalicelib.domain.person import Person, Status
from chalicelib.domain.punch import Evidence
from chalicelib.domain.settings import Settings


def recognise(matches: list[Match], person: Person | None, settings: Settings) -> tuple[Person, Evidence]:
    """Decide whose face was matched, and return the person with the evidence.

    `matches` are sorted best first, and `person` is the person of the first one. The best match must reach
    the similarity threshold and exceed the second-best person by the margin. Raises NotRecognised or
    AmbiguousMatch.
    """
    if not matches or person is None or person.status is not Status.ACTIVE:
        raise NotRecognised
    # Only active faces count: not one whose enrolment or removal is in progress.
    best = next((m for m in matches if m.face_id in person.face_ids), None)
    if best is None or best.similarity < settings.similarity_threshold:
        raise NotRecognised
    runner_up = max((m.similarity for m in matches if m.person_id != person.person_id), default=None)
    if runner_up is not None and best.similarity - runner_up < settings.margin:
        raise AmbiguousMatch
    return person, Evidence(
        similarity=best.similarity,
        similarity_threshold=settings.similarity_threshold,
        runner_up=runner_up,
        margin=settings.margin,
        face_id=best.face_id,
    )
