"""The routes of the lab, with its request and response formats, on top of our use cases.

The lab's `ExternalImageId` is `<person id>_<name>` here: its pages show the part after the first underscore
and send the whole back as an opaque handle.
"""

import base64
import binascii
import re
from datetime import datetime
from typing import Any, ClassVar, NoReturn
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.bucket import Bucket
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.items import name_sort_key
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.domain.errors import (
    FaceBelongsToAnother,
    FaceNotFound,
    IdempotencyKeyReused,
    InvalidRequest,
    NoFaceFound,
    PersonNotFound,
    Refused,
    RollcallError,
    SessionPending,
    TooManyFaces,
)
from chalicelib.domain.person import Consent, Person, PersonId
from chalicelib.domain.photo import Photo, photo
from chalicelib.domain.session import SessionId
from chalicelib.domain.token import Caller
from chalicelib.lab.shapes import (
    LabCandidate,
    LabCheckIn,
    LabDeleted,
    LabDeletion,
    LabFaces,
    LabForm,
    LabImage,
    LabImageDetails,
    LabLive,
    LabMatch,
    LabNotCheckedIn,
    LabNotLive,
    LabPhotoForm,
    LabPunch,
    LabRefusal,
    LabRegistered,
    LabRegistration,
    LabSession,
    LabToday,
)
from chalicelib.services import enrolment, liveness_sessions, punching
from chalicelib.services.limits import count_request
from chalicelib.services.punching import SessionResult
from chalicelib.web import bodies
from chalicelib.web.request import Reply, Request, status_of

Body = dict[str, Any]


_NO_FACE = "No face detected in image"


_NO_FACES = "No faces detected in the uploaded image"


_NO_MATCH = "No matching face found in collection"


_UNKNOWN = "You are verified as a live person, but your face is not in our system."


_NOT_LIVE = "Liveness verification failed. Please try again."


MISSING_SESSION = "Missing session ID"


_DATA_URL = re.compile("\\Adata:[A-Za-z0-9/+.-]{0,100};base64,")


_FAILED = "Failed to process liveness results. Please try again."


def error_body(error: RollcallError, request: Request) -> tuple[int, LabRefusal]:
    """Format an error for the lab. What our rules refuse is a 200 with `success` false.

    The lab's pages show a reason only with a 200; of other responses they know the status alone.
    """
    by_rule = isinstance(error, Refused | FaceBelongsToAnother | TooManyFaces)
    if by_rule and not isinstance(error, IdempotencyKeyReused):
        return 200, {"success": False, "message": str(error), "error": str(error)}
    return status_of(error), {"success": False, "error": str(error)}


def result_error_body(error: RollcallError, request: Request) -> tuple[int, LabRefusal]:
    """Format an error of a liveness result for the lab."""
    status, body = error_body(error, request)
    return status, body if status == 400 else body | {"message": _FAILED}


class Registration(Struct, frozen=True):
    """The body of /index-face: a name and a photo, as JSON with base64 or as a multipart form."""

    TAKES: ClassVar = {"application/json": LabRegistration, "multipart/form-data": LabForm}
    name: str
    photo: Photo

    @classmethod
    def from_request(cls, request: Request) -> "Registration":
        """Read the body in either format; raises InvalidRequest, InvalidPhoto or PhotoTooLarge."""
        if request.content_type == "multipart/form-data":
            fields = bodies.form_fields(request.body, request.headers["content-type"])
            if not fields.get("name") or not fields.get("photo"):
                raise InvalidRequest("Missing required fields")
            return cls(_text(fields["name"]), photo(fields["photo"]))
        body = _json(request)
        sent = [body.get(name) for name in ("name", "fileBase64", "fileName", "fileType")]
        if not all(isinstance(value, str) and value for value in sent):
            raise InvalidRequest("Missing required fields")
        return cls(body["name"], photo(_base64(body["fileBase64"])))


class Upload(Struct, frozen=True):
    """The body of /checkin: a photo, raw or as a field of a multipart form."""

    TAKES: ClassVar = {"multipart/form-data": LabPhotoForm, "image/jpeg": bytes, "image/png": bytes}
    photo: Photo

    @classmethod
    def from_request(cls, request: Request) -> "Upload":
        """Read the body in either format; raises InvalidRequest, InvalidPhoto or PhotoTooLarge."""
        content = request.body
        if request.content_type == "multipart/form-data":
            content = bodies.form_fields(request.body, request.headers["content-type"]).get("photo", b"")
        elif request.content_type == "application/json":
            # The lab's page means to send a form, but its axios turns it into {"photo": {}}.
            content = b""
        if not content:
            raise InvalidRequest("No photo uploaded")
        return cls(photo(content))


class Deletion(Struct, frozen=True):
    """The body of DELETE /delete-face. The page also sends `s3Key`, which is ignored."""

    TAKES: ClassVar = {"application/json": LabDeletion}
    face_id: str

    @classmethod
    def from_request(cls, request: Request) -> "Deletion":
        """Read the body; raises InvalidRequest."""
        body = _json(request)
        if not all(isinstance(body.get(name), str) and body[name] for name in ("faceId", "s3Key")):
            raise InvalidRequest("Missing faceId or s3Key")
        return cls(body["faceId"])


def _json(request: Request) -> Body:
    try:
        body = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise InvalidRequest("Invalid JSON body") from None
    if not isinstance(body, dict):
        raise InvalidRequest("Invalid JSON body")
    return body


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("The name is not UTF-8.") from None


def _fits(text: str, kind: Any) -> bool:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"\s", "", _DATA_URL.sub("", text, count=1)), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("fileBase64 is not base64.") from None


def start_session(
    directory: Directory,
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    *,
    caller: Caller | None,
    now: datetime,
) -> LabSession:
    """Serve GET /session."""
    session = liveness_sessions.start(
        directory, attendance_store, rate_limits, collection, caller=caller, now=now
    )
    return {"sessionId": session.session_id, "success": True}


def result_without_session() -> NoReturn:
    """Answer GET /liveness-result without a session id; raises InvalidRequest."""
    raise InvalidRequest("Missing session ID")


def session_result(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    session_id: str,
    *,
    caller: Caller | None,
    now: datetime,
) -> LabLive | LabNotLive:
    """Serve GET /liveness-result/{sessionId}: the first call decides, later calls return the same result.

    Where the lab is open (no caller) the result has scores and the full name, as in the lab; a kiosk receives
    the given name only. Other people with similar faces are never listed.
    """
    scores = caller is None
    if not _fits(session_id, SessionId):
        raise InvalidRequest("Invalid session ID format")
    try:
        result = punching.use_session(
            attendance_store, rate_limits, collection, session_id, caller=caller, now=now
        )
    except SessionPending:
        return _not_live(None, "Liveness check failed")
    outcome = result.outcome
    liveness = outcome.liveness if scores else None
    if outcome.code == "NotLive":
        low = f"Low confidence score: {liveness:g}%" if liveness else "Liveness check failed"
        return _not_live(liveness, low)
    match, message = _match(result, scores)
    return {
        "success": True,
        "isLive": True,
        "confidence": None if liveness is None else round(liveness / 100, 4),
        "faceMatch": match,
        "sessionId": session_id,
        "capturedImage": _captured(outcome.image_bytes, "JPEG"),
        "timestamp": _javascript(outcome.at),
        "message": message,
    }


def _not_live(liveness: float | None, reason: str) -> LabNotLive:
    return {
        "success": True,
        "isLive": False,
        "confidence": None if liveness is None else round(liveness / 100, 4),
        "reason": reason,
        "message": _NOT_LIVE,
    }


def _match(result: SessionResult, scores: bool) -> tuple[LabMatch, str]:
    outcome, person = result.outcome, result.person
    if person is None:
        return {"found": False}, _UNKNOWN
    if not scores or outcome.similarity is None:
        shown = result.greeting
        return {"found": True, "name": shown, "faceId": None, "allMatches": []}, f"Welcome {shown}!"
    name = external_id(person)
    one: LabCandidate = {"name": name, "similarity": outcome.similarity, "faceId": outcome.face_id}
    message = f"Welcome {name}! Face verified with {outcome.similarity:.1f}% similarity."
    match: LabMatch = {"found": True, **one, "allMatches": [one]}
    return match, message


def register(
    directory: Directory,
    rate_limits: RateLimits,
    collection: FaceCollection,
    bucket: Bucket,
    body: Registration,
    *,
    caller: Caller | None,
    now: datetime,
) -> Reply:
    """Serve POST /index-face.

    The lab's page cannot ask for consent. Where the lab is open, using the page counts as consent; elsewhere
    it must have been recorded before.
    """
    count_request(directory, rate_limits, "enrolment", caller, now=now)
    consent = None
    if caller is None:
        consent = Consent(text_version="lab", language="en", method="lab_page", given_at=now, recorded_at=now)
    try:
        face = enrolment.register(
            directory, collection, bucket, body.name, body.photo, consent=consent, now=now
        )
    except NoFaceFound:
        refusal: LabRefusal = {"success": False, "message": _NO_FACE}
        return Reply(200, refusal)
    registered: LabRegistered = {"success": True, "name": body.name}
    return Reply(200, registered, about=(face.person_id,))


def list_faces(directory: Directory) -> LabFaces:
    """Serve GET /list-collections: all faces, in order of name."""
    people = sorted(directory.all_people(), key=name_sort_key)
    return {
        "success": True,
        "faces": [
            {
                "FaceId": face_id,
                "ExternalImageId": external_id(person),
                "s3Key": f"faces/{external_id(person)}.jpg",
            }
            for person in people
            for face_id in person.face_ids
        ],
    }


def delete_face(
    directory: Directory, collection: FaceCollection, bucket: Bucket, body: Deletion, *, now: datetime
) -> LabDeleted:
    """Serve DELETE /delete-face."""
    owner = collection.owner(body.face_id)
    if owner is None:
        raise FaceNotFound(body.face_id)
    try:
        enrolment.remove(directory, collection, bucket, owner, body.face_id, now=now)
    except PersonNotFound:
        raise FaceNotFound(body.face_id) from None  # the caller named a face, and must not learn whose it is
    return {"success": True, "message": "Face and image deleted successfully"}


def today(attendance_store: AttendanceStore, handle: str, *, now: datetime) -> LabToday:
    """Serve GET /attendance: a person's first punch of today, in the site's zone."""
    if not handle:
        raise InvalidRequest("Missing externalImageId")
    person_id = handle.partition("_")[0]
    event = (
        punching.first_event_today(attendance_store, person_id, now=now)
        if _fits(person_id, PersonId)
        else None
    )
    items: list[LabPunch] = []
    if event:
        at = event.at.astimezone(ZoneInfo(event.zone))
        items = [
            {
                "externalImageId": handle,
                "checkinDay": event.work_day.isoformat(),
                "checkinTime": at.strftime("%H:%M:%S"),
            }
        ]
    return {"success": True, "count": len(items), "items": items}


def check_in(
    attendance_store: AttendanceStore,
    rate_limits: RateLimits,
    collection: FaceCollection,
    body: Upload,
    *,
    caller: Caller | None,
    now: datetime,
) -> Reply:
    """Serve POST /checkin: a punch by a photo without liveness, where the settings allow it."""
    captured = _captured(len(body.photo.content), body.photo.content_type.removeprefix("image/").upper())
    try:
        result = punching.punch_by_photo(
            attendance_store, rate_limits, collection, body.photo, caller=caller, now=now
        )
    except NoFaceFound:
        return Reply(200, _not_checked_in(_NO_FACES, captured))
    except Refused:
        return Reply(200, _not_checked_in(_NO_MATCH, captured))
    assert result.person is not None  # noqa: S101 - recognised
    checked_in: LabCheckIn = {
        "success": True,
        "name": result.greeting if caller else external_id(result.person),
        "similarity": None if caller else result.outcome.similarity,
        "capturedImage": captured,
    }
    return Reply(200, checked_in, about=(result.person.person_id,))


def _not_checked_in(message: str, captured: LabImage) -> LabNotCheckedIn:
    return {"success": False, "message": message, "capturedImage": captured}


def _captured(size: int | None, kind: str) -> LabImage:
    if size is None:
        return {"found": False, "details": None, "previewUrl": None}
    details: LabImageDetails = {
        "sizeKB": round(size / 1024, 2),
        "sizeMB": round(size / 1024**2, 2),
        "isValid": True,
        "format": kind,
    }
    return {"found": True, "details": details, "previewUrl": None}


def external_id(person: Person) -> str:
    """Return a person's `ExternalImageId`."""
    return f"{person.person_id}_{person.name}"


def _javascript(at: datetime) -> str:
    """Format an instant like JavaScript's toISOString."""
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
