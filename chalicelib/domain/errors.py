"""The errors that callers see, in families by meaning.

    RollcallError
    ├── InvalidRequest       400  the request is malformed
    ├── Unauthenticated      401  the caller is unknown
    ├── Forbidden            403  the caller may not do this
    ├── NotFound             404  the resource does not exist
    ├── Conflict             409  a valid request that contradicts the recorded state
    ├── Gone                 410  the resource existed and has expired
    ├── TooLarge             413  the request exceeds a size limit
    ├── UnsupportedMediaType 415  the route does not accept this media type
    ├── Refused              422  a valid request that the rules refuse
    ├── TooMany              429  too many requests; `retry_after_s` says when to try again
    └── Unavailable          503  a service did not answer; try again

The class name is the `Code` in the reply, on which callers may rely. The message is for people, safe to
show, and may change. `details` holds facts for programs, by name.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from chalicelib.domain.token import Caller


class RollcallError(Exception):
    """The base of all errors with a stable code."""

    details: Mapping[str, Any]

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class InvalidRequest(RollcallError):
    """The request cannot be understood."""


class Unauthenticated(RollcallError):
    """The caller is unknown."""


class Forbidden(RollcallError):
    """The caller may not do this."""


class NotFound(RollcallError):
    """The resource does not exist."""


class Conflict(RollcallError):
    """The request is valid but contradicts the recorded state."""


class Gone(RollcallError):
    """The resource existed and has expired."""


class TooLarge(RollcallError):
    """More than the limits allow."""


class UnsupportedMediaType(RollcallError):
    """The route does not accept this media type."""

    def __init__(self, content_type: str) -> None:
        super().__init__(f"Unsupported media type: {content_type[:100]}")


class Refused(RollcallError):
    """The request is valid, but the rules refuse it."""


class TooMany(RollcallError):
    """Too many requests; `retry_after_s` in the details says when to try again."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message, retry_after_s=retry_after_s)


class Unavailable(RollcallError):
    """A service did not answer in time; the caller may try again."""


class TokenMissing(Unauthenticated):
    """The request carries no token."""

    def __init__(self) -> None:
        super().__init__("Send a token: `Authorization: Bearer rc_...`.")


class InvalidToken(Unauthenticated):
    """The token is malformed, unknown, revoked or expired; which of them is not said."""

    def __init__(self) -> None:
        super().__init__("The token is not valid.")


class RoleNotAllowed(Forbidden):
    """The token is good, but its role may not do this."""

    def __init__(self, caller: Caller) -> None:
        super().__init__("This token's role may not do this.", role=caller.role.value)
        self.caller = caller


class GroupNotAllowed(Forbidden):
    """The token is limited to groups, and the person would be in another one, or in none."""

    def __init__(self) -> None:
        super().__init__("This token may only have people in its own groups.")


class TooManyRequests(TooMany):
    """More than the site's limits allow of this."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many of these requests; wait a moment.", retry_after_s)


class LockedOut(TooMany):
    """Too many failed punches at this kiosk, or of this person; check in another way or wait."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many failed attempts; wait, or ask for a manual punch.", retry_after_s)


class TokenNotFound(NotFound):
    """No token has this id."""

    def __init__(self, token_id: str) -> None:
        super().__init__("There is no such token.", token_id=token_id)


class LastAdminToken(Conflict):
    """Without this token nobody could administer the site."""

    def __init__(self) -> None:
        super().__init__("This is the last admin token; make another one first.")


class ConsentMissing(Forbidden):
    """The person has not consented to be recognised by their face, or has withdrawn it."""

    def __init__(self) -> None:
        super().__init__("Record the person's consent before enrolling a face.")


class ConsentNotFound(NotFound):
    """The person has no consent that could be withdrawn."""

    def __init__(self) -> None:
        super().__init__("This person's consent is not recorded.")


class PersonNotFound(NotFound):
    """No person has this id, or this code."""

    def __init__(self, person_id: str | None = None, *, code: str | None = None) -> None:
        named = {"person_id": person_id} if code is None else {"code": code}
        super().__init__("There is no such person.", **named)


class PersonExists(Conflict):
    """Somebody already has this code (case does not count)."""

    def __init__(self, code: str) -> None:
        super().__init__("Somebody already has this code.", code=code)


class UnknownShift(InvalidRequest):
    """The settings have no shift of this name."""

    def __init__(self, shift: str) -> None:
        super().__init__("There is no such shift in the settings.", shift=shift)


class InvalidImport(InvalidRequest):
    """The file cannot be read as what is imported; `columns` are those that are unknown or twice there."""


class ImportTooLarge(TooLarge):
    """The file has more rows or bytes than one import takes."""


class ImportRefused(Refused):
    """Not every row of the file is good, so none was taken; `details` is the result with its rows."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        super().__init__("Not every row is good, so none was taken; see the rows.", **result)


class InvalidCursor(InvalidRequest):
    """The cursor is not one that this list gave out."""

    def __init__(self) -> None:
        super().__init__("The cursor is not one of this list's; start again without it.")


class FaceNotFound(NotFound):
    """The person has no such face."""

    def __init__(self, face_id: str) -> None:
        super().__init__("There is no such face.", face_id=face_id)


class InvalidPhoto(InvalidRequest):
    """The bytes are neither a JPEG nor a PNG that can be decoded."""

    def __init__(self, why: str = "The photo is neither a JPEG nor a PNG that can be read.") -> None:
        super().__init__(why)


class PhotoTooLarge(TooLarge):
    """The photo has more bytes or pixels than can be taken."""

    def __init__(self, why: str = "The photo is too large.") -> None:
        super().__init__(why)


class NoFaceFound(Refused):
    """There is no face in the photo."""

    def __init__(self) -> None:
        super().__init__("There is no face in the photo.")


class SeveralFaces(Refused):
    """An enrolment photo must show one person only (otherwise several people get one identity)."""

    def __init__(self, count: int) -> None:
        super().__init__(f"The photo shows {count} faces; it must show exactly one.", count=count)


class PoorPhoto(Refused):
    """There is a face, but not good enough to recognise anybody by."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("The face in the photo is not clear enough.", reasons=reasons)


class FaceBelongsToAnother(Conflict):
    """The face in the photo is already enrolled for somebody else."""

    def __init__(self, person_id: str | None) -> None:
        """`person_id` is None if the caller may not see that person."""
        details = {"person_id": person_id} if person_id else {}
        super().__init__("This face is already enrolled for another person.", **details)


class FaceDiffers(Refused):
    """The face does not look like the person's other faces; a manager may say that it is."""

    def __init__(self) -> None:
        super().__init__("The face does not look like this person's other faces.")


class UploadNotFound(NotFound):
    """Nothing was uploaded under this id, or it was used already."""

    def __init__(self) -> None:
        super().__init__("There is no such upload, or it was used already.")


class EnrolmentInProgress(Conflict):
    """The same photo is being enrolled for the person at this moment."""

    def __init__(self) -> None:
        super().__init__("This photo is being enrolled right now; try again in a minute.")


class TooManyFaces(Conflict):
    """The person has as many faces as one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"A person may have at most {limit} faces.", limit=limit)


class PunchNotFound(NotFound):
    """The person has no such punch."""

    def __init__(self, punch_id: str) -> None:
        super().__init__("This person has no such punch.", punch_id=punch_id)


class PunchSuperseded(Conflict):
    """The punch has been corrected before; correct the correction."""

    def __init__(self, punch_id: str) -> None:
        super().__init__("This punch has been corrected before.", punch_id=punch_id)


class PunchExists(Conflict):
    """The corrected punch would be at the time of another one; void it instead."""

    def __init__(self, punch_id: str) -> None:
        super().__init__("Another punch is at that time already; void this one instead.", punch_id=punch_id)


class PunchIsVoid(Conflict):
    """The punch only removes another one, so it is not corrected; enter the other one again."""

    def __init__(self, punch_id: str) -> None:
        super().__init__("This punch only removes another one, so it cannot be corrected.", punch_id=punch_id)


class SessionNotFound(NotFound):
    """No liveness session of ours has this id."""

    def __init__(self) -> None:
        super().__init__("There is no such liveness session.")


class SessionUsed(Conflict):
    """The liveness session has already been spent; one session is one punch."""

    def __init__(self) -> None:
        super().__init__("This liveness session has already been used.")


class SessionPending(Conflict):
    """The camera check of this session is not finished."""

    def __init__(self) -> None:
        super().__init__("The camera check is not finished.")


class NoReferenceImage(Conflict):
    """The camera check passed but left no image to match; only a new session can help."""

    def __init__(self) -> None:
        super().__init__("The camera check left no image; start a new one.")


class SessionExpired(Gone):
    """A liveness session lives for three minutes."""

    def __init__(self) -> None:
        super().__init__("The liveness session has expired; start a new one.")


class NotLive(Refused):
    """The camera check says that no live person was there."""

    def __init__(self) -> None:
        super().__init__("No live person was seen; try again.")


class NotRecognised(Refused):
    """The face is nobody's that is enrolled and active."""

    def __init__(self) -> None:
        super().__init__("The face was not recognised.")


class AmbiguousMatch(Refused):
    """Two people look too much like the face to tell which it is."""

    def __init__(self) -> None:
        super().__init__("The face fits more than one person; use another way to check in.")


class PhotoPunchOff(Forbidden):
    """Punching with a mere photo, without liveness, is switched off."""

    def __init__(self) -> None:
        super().__init__("Check-in by photo is switched off; use a liveness session.")


class IdentifyOff(Forbidden):
    """Asking who is in a photo is switched off."""

    def __init__(self) -> None:
        super().__init__("Identification is switched off; an admin can allow it by the setting `identify`.")


class LabOff(NotFound):
    """The routes of the lab are not offered on this stage."""

    def __init__(self) -> None:
        super().__init__("The lab's routes are switched off here.")


class InvalidSettings(InvalidRequest):
    """The settings contradict themselves."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The settings contradict themselves.", problems=problems)


class SettingsChanged(Conflict):
    """Somebody changed the settings since they were read."""

    def __init__(self, version: int) -> None:
        super().__init__("The settings have changed since you read them.", version=version)


class VersionNotFound(NotFound):
    """No version of the calendar begins on this date."""

    def __init__(self) -> None:
        super().__init__("No version of the calendar begins on this date.")


class FirstVersion(Conflict):
    """The first version of the calendar holds since ever; it can be replaced, not removed."""

    def __init__(self) -> None:
        super().__init__("The first version of the calendar can be replaced, not removed.")


class HolidayNotFound(NotFound):
    """There is no holiday on this date."""

    def __init__(self, on: date) -> None:
        super().__init__("There is no holiday on this date.", date=on.isoformat())


class PeriodClosed(Conflict):
    """The request would change a day that is closed; an admin can reopen it."""

    def __init__(self, closed_through: date) -> None:
        super().__init__(
            f"All days up to {closed_through} are closed; an admin can reopen them.",
            closed_through=closed_through.isoformat(),
        )


class WholeSite(Forbidden):
    """The token is limited to groups and may not change what holds for the whole site."""

    def __init__(self) -> None:
        super().__init__("A token that is limited to groups may not change what holds for the whole site.")


class UnknownLeaveKind(InvalidRequest):
    """The settings have no kind of leave of this name."""

    def __init__(self, kind: str, known: Sequence[str]) -> None:
        super().__init__(
            f"There is no such kind of leave in the settings; known are {', '.join(known)}.",
            kind=kind,
            known=list(known),
        )


class LeaveOverlaps(Conflict):
    """The person has leave on some of these days already."""

    def __init__(self, leave_id: str) -> None:
        super().__init__("The person has leave on some of these days already.", leave_id=leave_id)


class LeaveNotFound(NotFound):
    """The person has no such leave."""

    def __init__(self, leave_id: str) -> None:
        super().__init__("There is no such leave.", leave_id=leave_id)


class ExportTooLarge(TooLarge):
    """The file would not be ready before the gateway gives up."""

    def __init__(self, person_days: int, limit: int) -> None:
        super().__init__(
            f"For this file {person_days} days of people would have to be read, more than {limit};"
            " ask for fewer days or a smaller group.",
            person_days=person_days,
            limit=limit,
        )


class Busy(Unavailable):
    """AWS throttled us, timed out, failed or is not there; the same request may be made again."""

    def __init__(self, message: str = "The service is busy; try again in a moment.") -> None:
        super().__init__(message)


class RequestInProgress(Conflict):
    """The same request, by its Idempotency-Key, is being worked on."""

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still being worked on.")


class AnswerNotKept(Conflict):
    """The request was carried out before; its answer was a secret, shown once and kept nowhere."""

    def __init__(self) -> None:
        super().__init__("This was done already, and its answer is shown only once.")


class IdempotencyKeyReused(Refused):
    """The Idempotency-Key was used for another request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")


class WriteConflict(RuntimeError):
    """A conditional write lost against a concurrent one. Use cases retry; callers never see it."""

    def __init__(self, failed: frozenset[int] = frozenset()) -> None:
        super().__init__(f"conditions failed for writes {sorted(failed)}")
        self.failed = failed
