"""Who a face is, decided by our rules and not by "the closest wins"."""

from msgspec import Struct

from chalicelib.aws.faces import Faces
from chalicelib.aws.photos import Photo
from chalicelib.aws.store import Store
from chalicelib.domain.errors import AmbiguousMatch, NotRecognised
from chalicelib.domain.models import Evidence, Match, Person, Status
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


class Candidate(Struct, frozen=True):
    """Somebody who resembles a photo; percent."""

    person_id: str
    name: str
    similarity: float


class Identification(Struct, frozen=True):
    """Who a photo shows, by the rules of a punch; `outcome` is Recognised or what a punch would say."""

    outcome: str
    person_id: str | None
    candidates: list[Candidate]


class Verification(Struct, frozen=True):
    """Whether a photo shows a certain person; `similarity` is null when it is under the search's floor."""

    same_person: bool
    similarity: float | None
    similarity_threshold: float


def identify(store: Store, faces: Faces, photo: Photo) -> Identification:
    """Find whom a photo shows (1:N), without any effect; raises NoFaceFound or InvalidPhoto."""
    matches = faces.search(photo)
    people = store.people({match.person_id for match in matches})
    best: dict[str, Candidate] = {}
    for match in matches:
        person = people.get(match.person_id)
        if person and match.face_id in person.face_ids:
            best.setdefault(person.person_id, Candidate(person.person_id, person.name, match.similarity))
    first = people.get(matches[0].person_id) if matches else None
    try:
        person, _ = recognise(matches, first, store.settings())
    except (NotRecognised, AmbiguousMatch) as refusal:
        return Identification(type(refusal).__name__, None, list(best.values()))
    return Identification("Recognised", person.person_id, list(best.values()))


def verify(store: Store, faces: Faces, person_id: str, photo: Photo) -> Verification:
    """Compare a photo with a person's faces (1:1); raises PersonNotFound, NoFaceFound, InvalidPhoto."""
    person, threshold = store.person(person_id), store.settings().similarity_threshold
    own = [match for match in faces.search(photo) if match.face_id in person.face_ids]
    similarity = max((match.similarity for match in own), default=None)
    return Verification(similarity is not None and similarity >= threshold, similarity, threshold)
