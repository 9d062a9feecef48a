"""The right of access: everything that is stored about a person."""

from datetime import UTC, date, datetime

from msgspec import Struct, convert
from msgspec.structs import asdict

from chalicelib.aws.audit_log import AuditLog
from chalicelib.aws.bucket import Bucket
from chalicelib.aws.directory import Directory
from chalicelib.aws.dynamodb import Item
from chalicelib.aws.personal_data import PersonalData
from chalicelib.aws.signing_key import SigningKey
from chalicelib.domain.dates import ROLLCALL_BEGAN
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


class ActionData(Struct, frozen=True, kw_only=True):
    """Something that staff did or looked at about the person, by the audit; `by` is the id of a token."""

    at: datetime
    what: str
    by: str | None
    role: str | None
    status: int | None


class UploadData(Struct, frozen=True, kw_only=True):
    """An uploaded photo that was used for the person, and is deleted within minutes."""

    upload_id: str
    expires_at: datetime


class LockData(Struct, frozen=True, kw_only=True):
    """Recent failed punches that resembled the person, and until when they are locked out, if they are."""

    failed_punches: int
    locked_until: datetime | None


class PersonData(Struct, frozen=True, kw_only=True):
    """All data held about a person. `stored_responses` is the number of copies kept for repeated requests."""

    person: PersonView
    consents: list[Consent]
    faces: list[FaceData]
    leaves: list[LeaveRecord]
    punches: list[PunchView]
    sessions: list[LivenessSessionData]
    actions: list[ActionData]
    uploads: list[UploadData]
    lock: LockData
    stored_responses: int


def person_data(
    directory: Directory,
    personal_data: PersonalData,
    audit_log: AuditLog,
    signing_key: SigningKey,
    bucket: Bucket,
    person_id: str,
    *,
    now: datetime,
) -> PersonData:
    """Collect everything that is stored about a person; raises PersonNotFound."""
    person = directory.person(person_id)
    temporary = personal_data.temporary_items(person_id)
    sessions = [item for item in temporary if item["pk"].startswith("SESSION#")]
    replies = len(temporary) - len(sessions) + len(personal_data.shared_replies(person_id))
    masked = signing_key.mask(person_id)
    audit = audit_log.entries(ROLLCALL_BEGAN.date(), now.astimezone(UTC).date())
    return PersonData(
        person=PersonView.of(person, directory.settings().today(now)),
        consents=directory.consents(person_id),
        faces=[
            FaceData(**asdict(FaceView.of(face)), photo=bucket.link(face.photo_key, now=now))
            for face in enrolment.list_faces(directory, person_id)
        ],
        leaves=directory.leaves(date.min, date.max, person_id),
        punches=[PunchView.of(punch) for punch in personal_data.punches(person_id)],
        sessions=[_session(item) for item in sessions],
        actions=[
            convert(entry, ActionData, from_attributes=True)
            for _, entry in audit
            if masked in entry.about.values()
        ],
        uploads=[_upload(item) for item in personal_data.uploads(person_id)],
        lock=_lock(personal_data.failures(person_id)),
        stored_responses=replies,
    )


def _upload(item: Item) -> UploadData:
    expires, _, upload_id = item["listing_sk"].partition("#")
    return UploadData(upload_id=upload_id, expires_at=datetime.fromisoformat(expires))


def _lock(failures: list[Item]) -> LockData:
    until = next((item["until"] for item in failures if "until" in item), None)
    return LockData(
        failed_punches=sum(item.get("count", 0) for item in failures),
        locked_until=datetime.fromtimestamp(until, UTC) if until else None,
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
