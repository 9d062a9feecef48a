"""The right of access: everything that is stored about a person."""

from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import asdict

from chalicelib.aws.bucket import Bucket
from chalicelib.aws.directory import Directory
from chalicelib.aws.dynamodb import Item
from chalicelib.aws.personal_data import PersonalData
from chalicelib.domain.face import FaceView
from chalicelib.domain.leave import LeaveRecord
from chalicelib.domain.person import Consent, PersonView
from chalicelib.domain.session import SessionState
from chalicelib.domain.types import SignedLink
from chalicelib.services import enrolment
from chalicelib.services.corrections import PunchView


class FaceData(FaceView, frozen=True, kw_only=True):
    """An enrolled face, with a link to its photo that is valid for one minute."""

    photo: SignedLink


class LivenessSessionData(Struct, frozen=True, kw_only=True):
    """A liveness session that was used by the person. Scores are in percent."""

    session_id: str
    created_at: datetime
    state: SessionState
    outcome: str
    similarity: float | None
    liveness: float | None


class PersonData(Struct, frozen=True, kw_only=True):
    """All data held about a person."""

    person: PersonView
    consents: list[Consent]
    faces: list[FaceData]
    leaves: list[LeaveRecord]
    punches: list[PunchView]
    sessions: list[LivenessSessionData]


def person_data(
    directory: Directory, personal_data: PersonalData, bucket: Bucket, person_id: str, *, now: datetime
) -> PersonData:
    """Collect everything that is stored about a person; raises PersonNotFound."""
    person = directory.person(person_id)
    return PersonData(
        person=PersonView.of(person),
        consents=directory.consents(person_id),
        faces=[
            FaceData(**asdict(FaceView.of(face)), photo=bucket.link(face.photo_key, now=now))
            for face in enrolment.list_faces(directory, person_id)
        ],
        leaves=directory.leaves(date.min, date.max, person_id),
        punches=[PunchView.of(punch) for punch in personal_data.punches(person_id)],
        sessions=[
            _session(item)
            for item in personal_data.temporary_items(person_id)
            if item["pk"].startswith("SESSION#")
        ],
    )


def _session(item: Item) -> LivenessSessionData:
    outcome = item["outcome"]
    return LivenessSessionData(
        session_id=item["session_id"],
        created_at=datetime.fromisoformat(item["created_at"]),
        state=SessionState(item["state"]),
        outcome=outcome["code"],
        similarity=outcome.get("similarity"),
        liveness=outcome.get("liveness"),
    )
