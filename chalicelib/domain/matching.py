"""Who a face belongs to: over the threshold, and clear of the second-best person."""

from chalicelib.domain.errors import AmbiguousMatch, NotRecognised
from chalicelib.domain.face import Match
from chalicelib.domain.person import Person, Status
from chalicelib.domain.punch import Evidence
from chalicelib.domain.settings import Settings


def recognise(matches: list[Match], person: Person | None, settings: Settings) -> tuple[Person, Evidence]:
    """Decide who a face is: over the threshold, and clear of the second-best person.

    `matches` are best first, and `person` is whose the first one is. Raises NotRecognised
    or AmbiguousMatch: never "the closest wins".
    """
    if not matches or person is None or person.status is not Status.ACTIVE:
        raise NotRecognised
    # Only an enrolled face counts: not one that is just being enrolled or removed.
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
