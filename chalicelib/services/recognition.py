"""Identification (1:N) and verification (1:1) of a photo, by the rules of a punch.

Asking who is in any photo is not what people consented to, so a site must allow it by its settings.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.visibility import all_people_visible, is_visible
from chalicelib.domain.errors import AmbiguousMatch, ConsentMissing, IdentifyOff, NotRecognised
from chalicelib.domain.face import Match
from chalicelib.domain.matching import owned, recognise
from chalicelib.domain.person import Person
from chalicelib.domain.photo import Photo
from chalicelib.domain.punch import Evidence
from chalicelib.domain.settings import Settings


class Candidate(Struct, frozen=True):
    """A person similar to the photo; `similarity` is in percent."""

    person_id: str
    name: str
    similarity: float


class Identification(Struct, frozen=True):
    """The person in a photo, by the rules of a punch. `outcome` is `Recognised` or an error code."""

    outcome: str
    person_id: str | None
    candidates: list[Candidate]

    @property
    def about(self) -> tuple[str, ...]:
        """The people whom it names, by id."""
        return tuple(candidate.person_id for candidate in self.candidates)


class Verification(Struct, frozen=True):
    """Whether a photo shows a given person. `similarity` is in percent, null if it is below 70."""

    same_person: bool
    similarity: float | None
    similarity_threshold: float


def require_identify(directory: Directory) -> None:
    """Raise IdentifyOff unless the settings allow to ask who is in a photo."""
    if not directory.settings().identify:
        raise IdentifyOff


def recognise_visible(
    matches: Sequence[Match], people: Mapping[str, Person], settings: Settings
) -> tuple[Person, Evidence]:
    """Recognise among all people of the site, but only whom the caller may see.

    Other groups count as runners-up, so that nobody is taken for somebody of the caller's groups whom they
    resemble. Raises NotRecognised or AmbiguousMatch.
    """
    person, evidence = recognise(matches, people, settings)
    if not is_visible(person.groups):
        raise NotRecognised
    return person, evidence


def identify(directory: Directory, collection: FaceCollection, photo: Photo) -> Identification:
    """Find whom a photo shows (1:N), without side effects; raises NoFaceFound or InvalidPhoto."""
    matches = collection.search(photo)
    with all_people_visible():
        people = directory.people({match.person_id for match in matches})
    best: dict[str, Candidate] = {}
    for match in owned(matches, people):
        person = people[match.person_id]
        if is_visible(person.groups):
            best.setdefault(person.person_id, Candidate(person.person_id, person.name, match.similarity))
    try:
        person, _ = recognise_visible(matches, people, directory.settings())
    except (NotRecognised, AmbiguousMatch) as refusal:
        return Identification(type(refusal).__name__, None, list(best.values()))
    return Identification("Recognised", person.person_id, list(best.values()))


def verify(directory: Directory, collection: FaceCollection, person_id: str, photo: Photo) -> Verification:
    """Compare a photo with a person's faces (1:1).

    Raises PersonNotFound, ConsentMissing, NoFaceFound or InvalidPhoto.
    """
    person, threshold = directory.person(person_id), directory.settings().similarity_threshold
    if person.consent is None:
        raise ConsentMissing
    own = [match for match in collection.search(photo) if match.face_id in person.face_ids]
    similarity = max((match.similarity for match in own), default=None)
    return Verification(similarity is not None and similarity >= threshold, similarity, threshold)
