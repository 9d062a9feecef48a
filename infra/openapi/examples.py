"""The examples of the OpenAPI document: instances of the types themselves, all from one story.

On Monday, 23 November 2026, class 12A1 comes to school. What a rule computes (days, totals, counts) is
computed by that rule here too, so that an example cannot say what the service never would.
"""

import base64
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from chalicelib.aws.bucket import LINK_LIFE, UPLOAD_LIFE
from chalicelib.aws.streaming import StreamingAccess, StreamingCredentials
from chalicelib.config import VERSION
from chalicelib.domain import reports
from chalicelib.domain.audit_entry import FieldChange
from chalicelib.domain.closing import Closings, ClosingView, NewClosing, Reopening
from chalicelib.domain.erasure import ErasedCounts
from chalicelib.domain.face import FaceView
from chalicelib.domain.ids import new_punch_id
from chalicelib.domain.leave import Leave, LeaveRecord, NewLeave
from chalicelib.domain.person import Consent, History, NewConsent, NewPerson, PersonChange, PersonView, Status
from chalicelib.domain.photo import UPLOAD_LIMIT_BYTES
from chalicelib.domain.punch import Evidence
from chalicelib.domain.schedule import Holiday
from chalicelib.domain.session import SessionState
from chalicelib.domain.settings import CalendarVersion, default_settings
from chalicelib.domain.site import Site
from chalicelib.domain.timeline import Stint, always
from chalicelib.domain.token import Role
from chalicelib.domain.totals import GroupTotals, Tally
from chalicelib.domain.types import Page, SignedLink
from chalicelib.domain.workday import Member, TimeEvent, TimesheetPunch
from chalicelib.lab import shapes
from chalicelib.services.corrections import ManualPunch, PunchView
from chalicelib.services.erasure import ErasureReceipt
from chalicelib.services.holidays import HolidayImportResult, HolidayRowResult, NewHoliday
from chalicelib.services.import_rows import CellError, ImportRowResult
from chalicelib.services.imports import ImportResult
from chalicelib.services.liveness_sessions import LIFE, CreatedLivenessSession, LivenessSessionView
from chalicelib.services.open_days import OpenDay
from chalicelib.services.punch_imports import PunchImportResult, PunchRowResult
from chalicelib.services.punching import PUNCHED, NewPunch, PunchReceipt
from chalicelib.services.recognition import Candidate, Identification, Verification
from chalicelib.services.retention import RetentionPlan
from chalicelib.services.subject_access import ActionData, FaceData, LivenessSessionData, LockData, PersonData
from chalicelib.services.timesheets import MonthlySheet, RosterPage, TimesheetPage
from chalicelib.services.tokens import CreatedToken, NewToken, Revocation, TokenView
from chalicelib.services.uploads import Upload
from chalicelib.services.whoami import GroupSize, Me, SiteToday
from chalicelib.web.audit import AuditView
from chalicelib.web.bodies import ImportedPunch, PhotoJson
from chalicelib.web.health import Health

ZONE = "Asia/Ho_Chi_Minh"
MONDAY = date(2026, 11, 23)
TUESDAY = MONDAY + timedelta(days=1)

PERSON = "3f9d0c5be7a1426c98b0d2f4"
TOKEN = "a71c04e2d95b4f3886c2e01d"  # noqa: S105 - a token's public id
ADMIN = "5b0e93c7f1a84d62b7d94c08"
LEAVE = "5be1c7d2049f4a6e8b3d7f10"
UPLOAD = "c24e8a9b1d6f4073b5e2908f"
FACE = "d2f1a7c4-6b3e-4f0a-9c58-1e7b2a9d4c60"
SESSION = "8c0f2f5e-5d0b-4c3e-9f0e-3b6a4c1d7e21"
REQUEST = "0b6d9c1e-72f4-4a8e-b1d3-5f2c8a7e9046"

PHOTO = (
    "iVBORw0KGgoAAAANSUhEUgAAAFAAAABQAQAAAACmas8AAAAAFElEQVR42mM4AQcMo8xR5iiTtkwAel5xH4d0Z0QAAAAASUVORK5CYII="
)
"""A real PNG of 80 by 80 pixels, which is the smallest photo that is taken."""

_LOCAL = timezone(timedelta(hours=7))
_HANDLE = f"{PERSON}_Nguyễn Văn Ánh"


def _at(clock: str, day: date = MONDAY) -> datetime:
    """Return an instant on the site's clock."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=_LOCAL)


NOW = _at("17:30:00")
_PUNCHED_AT = _at("07:58:12")
PUNCH = new_punch_id(_PUNCHED_AT, "9c41d07be25f")


# --- the site -----------------------------------------------------------------------------------

SETTINGS = replace(
    default_settings(local=False, zone=ZONE),
    version=3,
)
HOLIDAY = Holiday(date(2027, 1, 1), "Tết Dương lịch")
_SCHEDULE = Site(SETTINGS, (HOLIDAY,)).schedule()
_ANH = Member(PERSON, "Nguyễn Văn Ánh", "HS-0042", always("12A1"), stints=(Stint(date(2026, 11, 16)),))
CLASS = [
    _ANH,
    Member("7ac03e5d1f924b68a0e7c3d9", "Trần Thị Bích", "HS-0043", always("12A1")),
    Member("e81b6f2c09d74a35b4f8a1c6", "Lê Minh Châu", "HS-0044", always("12A1")),
    Member("14d7c9a2b6e8450f93c1d5e7", "Phạm Quốc Dũng", "HS-0045", always("12A1")),
]


def _events(*clocks: str, rest: str = "9c41d07be25f") -> tuple[TimeEvent, ...]:
    """Make the punches of Monday at some times."""
    found = [_at(clock) for clock in clocks]
    return tuple(TimeEvent(new_punch_id(at, rest), at.astimezone(UTC), MONDAY, ZONE) for at in found)


_EVENTS = {
    CLASS[0].person_id: _events("07:58:12", "17:02:40"),
    CLASS[1].person_id: _events("08:09:31", "17:01:05", rest="b08e63d1f7a2"),
}
_LEAVE = Leave(CLASS[2].person_id, MONDAY, TUESDAY, "sick")
_ROSTER = reports.roster(_SCHEDULE, CLASS, MONDAY, _EVENTS, leaves={CLASS[2].person_id: [_LEAVE]}, now=NOW)
_TIMESHEET = reports.Sheets(_SCHEDULE, MONDAY - timedelta(days=1), MONDAY, now=NOW).timesheet(
    _ANH, {MONDAY: _EVENTS[PERSON]}
)
_MONTH = reports.Sheets(_SCHEDULE, date(2026, 11, 1), date(2026, 11, 30), now=NOW)
_TALLY = Tally()
_ROW = _MONTH.row(replace(_ANH, stints=(Stint(MONDAY),)), {MONDAY: _EVENTS[PERSON]}, tally=_TALLY)


# --- people and punches -------------------------------------------------------------------------

_CONSENT = Consent(
    text_version="2026-11",
    language="vi",
    method="signed_paper",
    purposes=("attendance",),
    recipients=("Amazon Web Services, Singapore",),
    given_at=_at("09:00:00", date(2026, 11, 16)),
    recorded_at=_at("10:12:00", date(2026, 11, 16)).astimezone(UTC),
    recorded_by=TOKEN,
)
_PERSON = PersonView(
    person_id=PERSON,
    name=_ANH.name,
    code=_ANH.code,
    email="anh@example.com",
    group="12A1",
    shift=None,
    status=Status.ACTIVE,
    since=date(2026, 11, 16),
    until=None,
    history=History.of(_ANH),
    faces=1,
    consent=_CONSENT,
    created_at=_CONSENT.recorded_at,
    updated_at=_CONSENT.recorded_at,
)
_FACE = FaceView(
    face_id=FACE,
    person_id=PERSON,
    enrolled_at=_CONSENT.recorded_at + timedelta(minutes=2),
    confidence=99.8,
    brightness=78.4,
    sharpness=92.1,
    model="7.0",
)
_BUCKET_URL = "https://example-bucket.s3.ap-northeast-1.amazonaws.com/"
_LINK = SignedLink(f"{_BUCKET_URL}...", NOW.astimezone(UTC) + LINK_LIFE)
_PUNCH_VIEW = PunchView(
    punch_id=PUNCH,
    person_id=PERSON,
    at=_PUNCHED_AT,
    recorded_at=_PUNCHED_AT.astimezone(UTC),
    work_day=MONDAY,
    direction="auto",
    source="face",
    device="front door",
    site="main building",
    supersedes=None,
    void=False,
    reason=None,
    by=None,
    evidence=Evidence(
        similarity=99.4,
        similarity_threshold=SETTINGS.similarity_threshold,
        margin=SETTINGS.margin,
        liveness=97.2,
        liveness_threshold=SETTINGS.liveness_threshold,
        session_id=SESSION,
        face_id=FACE,
        model="7.0",
    ),
)
_LEAVE_RECORD = LeaveRecord(leave_id=LEAVE, person_id=PERSON, since=TUESDAY, until=TUESDAY, kind="annual")
_RECEIPT = PunchReceipt(
    punch_id=PUNCH,
    person_id=None,
    name="Ánh",
    direction="in",
    at=_PUNCHED_AT,
    work_day=MONDAY,
    duplicate=False,
)
_ERASURE = ErasureReceipt(
    complete=True,
    attendance="pseudonymise",
    removed=ErasedCounts(faces=1, photos=1, consents=1, leaves=1, sessions=1, punches=2, work_days=1),
)
_TOKEN = TokenView(
    token_id=TOKEN,
    role=Role.KIOSK,
    label="front door",
    site="main building",
    groups=None,
    created_at=_CONSENT.recorded_at,
    expires_at=None,
    last_used_at=_PUNCHED_AT.replace(minute=0, second=0).astimezone(UTC),
    created_by=ADMIN,
)
IMPORT = ImportResult(
    dry_run=False,
    mode="good",
    rows_total=2,
    created=1,
    updated=0,
    unchanged=0,
    failed=1,
    items=[
        ImportRowResult(2, "created", PERSON),
        ImportRowResult(3, "invalid", None, [CellError("email", "This is not an e-mail address.")]),
    ],
)
HOLIDAY_IMPORT = HolidayImportResult(
    dry_run=False,
    mode="good",
    rows_total=2,
    created=1,
    replaced=0,
    failed=1,
    items=[
        HolidayRowResult(row=2, status="created", date=HOLIDAY.date, name=HOLIDAY.name, half=None),
        HolidayRowResult(
            row=3,
            status="invalid",
            date=None,
            name="Giỗ Tổ Hùng Vương",
            half=None,
            problems=[CellError("date", "This is not a date; write 2026-09-02 or 02/09/2026.")],
        ),
    ],
)
CLOSED = date(2026, 10, 31)
_CLOSING = ClosingView(
    closed_through=CLOSED, at=NOW.astimezone(UTC), by=TOKEN, reopened_from=None, reason=None
)
PUNCH_IMPORT = PunchImportResult(
    dry_run=False,
    mode="good",
    format="attlog",
    rows_total=3,
    created=1,
    duplicates=1,
    failed=1,
    items=[
        PunchRowResult(
            row=1, status="created", person_id=PERSON, punch_id=PUNCH, at=_PUNCHED_AT, work_day=MONDAY
        ),
        PunchRowResult(
            row=2, status="duplicate", person_id=PERSON, punch_id=PUNCH, at=_PUNCHED_AT, work_day=MONDAY
        ),
        PunchRowResult(row=3, status="invalid", problems=[CellError("code", "Nobody has this code.")]),
    ],
)
_HEALTH = Health("ok", "prod", VERSION, "off", NOW.astimezone(UTC), None)

_CREDENTIALS = StreamingCredentials(
    "ASIAEXAMPLE", "...", "...", (_PUNCHED_AT + timedelta(minutes=15)).astimezone(UTC)
)

_EXAMPLES: tuple[Struct, ...] = (
    NewPerson(
        name=_ANH.name,
        code=_ANH.code,
        group="12A1",
        consent=NewConsent(
            text_version="2026-11",
            language="vi",
            method="signed_paper",
            purposes=_CONSENT.purposes,
            recipients=_CONSENT.recipients,
        ),
    ),
    PersonChange(group="12A2", email=None),
    NewConsent(
        text_version="2026-11",
        language="vi",
        method="signed_paper",
        purposes=_CONSENT.purposes,
        recipients=_CONSENT.recipients,
        given_at=_CONSENT.given_at,
    ),
    _PERSON,
    _FACE,
    PhotoJson(photo=base64.b64decode(PHOTO)),
    _LINK,
    Upload(
        UPLOAD,
        _BUCKET_URL,
        {
            "key": f"uploads/{UPLOAD}",
            "x-amz-algorithm": "AWS4-HMAC-SHA256",
            "x-amz-credential": "ASIAEXAMPLE/20261123/ap-northeast-1/s3/aws4_request",
            "x-amz-date": "20261123T103000Z",
            "x-amz-security-token": "...",
            "policy": "...",
            "x-amz-signature": "...",
        },
        UPLOAD_LIMIT_BYTES,
        NOW.astimezone(UTC) + UPLOAD_LIFE,
    ),
    Identification("Recognised", PERSON, [Candidate(PERSON, _ANH.name, 99.4)]),
    Verification(True, 99.4, SETTINGS.similarity_threshold),
    NewLeave(since=TUESDAY, until=TUESDAY, kind="annual"),
    _LEAVE_RECORD,
    IMPORT,
    CreatedLivenessSession(
        SESSION,
        "ap-northeast-1",
        (_PUNCHED_AT + LIFE).astimezone(UTC),
        _PUNCHED_AT.astimezone(UTC),
        StreamingAccess(None, _CREDENTIALS),
    ),
    LivenessSessionView(SESSION, "finished", (_PUNCHED_AT + LIFE).astimezone(UTC)),
    NewPunch(liveness_session_id=SESSION),
    _RECEIPT,
    ManualPunch(person_id=PERSON, at=_at("17:02:00"), direction="out", reason="The camera was out of order."),
    _PUNCH_VIEW,
    ImportedPunch(code=_ANH.code, at="2026-11-23 17:02:00", direction="out", device="gate 2"),
    PUNCH_IMPORT,
    OpenDay(
        date=MONDAY,
        person_id=PERSON,
        name=_ANH.name,
        code=_ANH.code,
        group="12A1",
        shift="day",
        missing="out",
        punches=(TimesheetPunch(PUNCH, _PUNCHED_AT, "in", "face", counted=True),),
    ),
    RosterPage(MONDAY, _ROSTER.counts, _ROSTER.items, None),
    _TIMESHEET,
    TimesheetPage([_TIMESHEET], [GroupTotals("12A1", 1, _TIMESHEET.totals)], _TIMESHEET.totals, None),
    MonthlySheet(
        month="2026-11",
        days=_MONTH.dates,
        legend=reports.legend(_MONTH.leave_kinds),
        closed_through=None,
        items=[_ROW],
        groups=_TALLY.groups(),
        totals=_TALLY.total(),
        next_cursor=None,
    ),
    PersonData(
        person=_PERSON,
        consents=[_CONSENT],
        faces=[FaceData(**asdict(_FACE), photo=_LINK)],
        leaves=[_LEAVE_RECORD],
        punches=[_PUNCH_VIEW],
        sessions=[
            LivenessSessionData(
                session_id=SESSION,
                created_at=(_PUNCHED_AT - timedelta(seconds=20)).astimezone(UTC),
                state=SessionState.USED,
                outcome=PUNCHED,
                similarity=99.4,
                liveness=97.2,
            )
        ],
        actions=[
            ActionData(
                at=_CONSENT.recorded_at + timedelta(minutes=2),
                what="POST /v1/people/{person_id}/faces",
                by=TOKEN,
                role="manager",
                status=201,
            )
        ],
        uploads=[],
        lock=LockData(failed_punches=0, locked_until=None),
        stored_responses=0,
    ),
    _ERASURE,
    Me(
        token_id=TOKEN,
        role=Role.VIEWER,
        label="class teacher 12A1",
        groups=["12A1"],
        expires_at=None,
        site=SiteToday(name="Trường THPT Nguyễn Trãi", zone=ZONE, language="vi", now=NOW, work_day=MONDAY),
        shifts=["day"],
        leave_kinds=list(SETTINGS.leave_kinds),
        group_sizes=[GroupSize("12A1", len(CLASS))],
    ),
    SETTINGS.view(MONDAY),
    SETTINGS.calendar(MONDAY),
    CalendarVersion(effective_from=MONDAY, calendar=SETTINGS.calendar(MONDAY), version=SETTINGS.version),
    HOLIDAY,
    NewHoliday(name=HOLIDAY.name),
    HOLIDAY_IMPORT,
    NewClosing(through=CLOSED),
    Reopening(from_=CLOSED, reason="The sheets of class 12A1 lacked a leave."),
    _CLOSING,
    Closings(closed_through=CLOSED, history=[_CLOSING]),
    RetentionPlan(
        photos_before=MONDAY - timedelta(days=SETTINGS.retention.photos_days),
        leaves_before=MONDAY - timedelta(days=SETTINGS.retention.leaves_days),
        consents_before=MONDAY - timedelta(days=SETTINGS.retention.consents_days),
        profiles_before=MONDAY - timedelta(days=SETTINGS.retention.profiles_days),
        liveness_before=NOW.astimezone(UTC) - timedelta(days=SETTINGS.retention.liveness_days),
        punches_before=MONDAY - timedelta(days=SETTINGS.retention.punches_days),
        audit_before=MONDAY - timedelta(days=SETTINGS.retention.audit_days),
        people_without_faces=2,
        faces=5,
        leaves=3,
        consents=1,
        profiles=1,
        liveness_images=0,
        punches=0,
        work_days=0,
        audit_entries=41,
    ),
    NewToken(role=Role.KIOSK, label="front door", site="main building"),
    _TOKEN,
    Revocation(revoked=[TOKEN], children=[_TOKEN]),
    CreatedToken(**asdict(replace(_TOKEN, last_used_at=None)), token="rc_..."),  # noqa: S106
    AuditView(
        entry_id="b95d20c7e41f4a83967e0d1c",
        at=NOW.astimezone(UTC),
        what="PATCH /v1/people/{person_id}",
        about={"person_id": "4f1e8a70c2d95b36e7a90c1d8b24f563"},
        by=TOKEN,
        role=Role.MANAGER.value,
        address="203.0.113.7",
        request_id=REQUEST,
        status=200,
        code=None,
        items=None,
        changes=[FieldChange("group")],
    ),
    FieldChange("liveness_threshold", "90.0", "95.0"),
    _HEALTH,
)
"""One of each type that a body may have."""


_AT_STATUS: dict[tuple[int, type], Struct] = {
    (200, PunchReceipt): replace(_RECEIPT, duplicate=True),
    (200, PunchView): replace(_PUNCH_VIEW, duplicate=True),
    (202, ErasureReceipt): replace(_ERASURE, complete=False),
    (503, Health): replace(
        _HEALTH, status="failed", checks={"table": "ok", "bucket": "ok", "collection": "failed"}
    ),
}
"""Examples for a status that differs from the other status of the same route."""


_LAB_IMAGE: shapes.LabImage = {
    "found": True,
    "details": {"sizeKB": 41.5, "sizeMB": 0.04, "isValid": True, "format": "JPEG"},
    "previewUrl": None,
}


def _lab() -> dict[Any, Mapping[str, Any]]:
    """Return the examples of the lab's types, as on a stage where its routes are open."""
    registration: shapes.LabRegistration = {
        "name": _ANH.name,
        "fileBase64": PHOTO,
        "fileName": "anh.png",
        "fileType": "image/png",
    }
    deletion: shapes.LabDeletion = {"faceId": FACE, "s3Key": f"faces/{_HANDLE}.jpg"}
    refusal: shapes.LabRefusal = {"success": False, "message": "No face detected in image"}
    session: shapes.LabSession = {"sessionId": SESSION, "success": True}
    candidate: shapes.LabCandidate = {"name": _HANDLE, "similarity": 99.4, "faceId": FACE}
    live: shapes.LabLive = {
        "success": True,
        "isLive": True,
        "confidence": 0.972,
        "faceMatch": {"found": True, **candidate, "allMatches": [candidate]},
        "sessionId": SESSION,
        "capturedImage": _LAB_IMAGE,
        "timestamp": "2026-11-23T00:58:12.000Z",
        "message": f"Welcome {_HANDLE}! Face verified with 99.4% similarity.",
    }
    not_live: shapes.LabNotLive = {
        "success": True,
        "isLive": False,
        "confidence": 0.31,
        "reason": "Low confidence score: 31%",
        "message": "Liveness verification failed. Please try again.",
    }
    registered: shapes.LabRegistered = {"success": True, "name": _ANH.name}
    faces: shapes.LabFaces = {
        "success": True,
        "faces": [{"FaceId": FACE, "ExternalImageId": _HANDLE, "s3Key": f"faces/{_HANDLE}.jpg"}],
    }
    deleted: shapes.LabDeleted = {"success": True, "message": "Face and image deleted successfully"}
    today: shapes.LabToday = {
        "success": True,
        "count": 1,
        "items": [{"externalImageId": _HANDLE, "checkinDay": "2026-11-23", "checkinTime": "07:58:12"}],
    }
    checked_in: shapes.LabCheckIn = {
        "success": True,
        "name": _HANDLE,
        "similarity": 99.4,
        "capturedImage": _LAB_IMAGE,
    }
    return {
        shapes.LabRegistration: registration,
        shapes.LabDeletion: deletion,
        shapes.LabRefusal: refusal,
        shapes.LabSession: session,
        shapes.LabLive: live,
        shapes.LabNotLive: not_live,
        shapes.LabRegistered: registered,
        shapes.LabFaces: faces,
        shapes.LabDeleted: deleted,
        shapes.LabToday: today,
        shapes.LabCheckIn: checked_in,
    }


_BY_TYPE: dict[Any, Any] = {type(one): one for one in _EXAMPLES} | _lab()


def body(kind: Any, status: int | None = None) -> Any:
    """Return the example of a body's type, or that of a status, as JSON-like values."""
    if hasattr(kind, "__metadata__"):
        return body(kind.__origin__, status)
    if typing.get_origin(kind) is list:
        return [body(typing.get_args(kind)[0])]
    if typing.get_origin(kind) is Page:
        return {"items": [body(typing.get_args(kind)[0])], "next_cursor": None}
    example = _AT_STATUS.get((status or 0, kind), _BY_TYPE.get(kind))
    if example is None:
        raise LookupError(f"infra/openapi/examples.py has no example of {kind}")
    return msgspec.json.decode(msgspec.json.encode(example))


PARAMETERS: dict[str, Any] = {
    "allow_different": False,
    "attendance": "pseudonymise",
    "begins": MONDAY,
    "bom": True,
    "children": True,
    "compareFaceId": FACE,
    "cursor": "5mJ0c8Yq3s1Kx7Qm2wVtHzE5ODQ0",
    "date": MONDAY,
    "deep": False,
    "dry_run": True,
    "effective_from": MONDAY,
    "externalImageId": _HANDLE,
    "face_id": FACE,
    "format": "csv",
    "from": MONDAY,
    "group": "12A1",
    "hours": "hm",
    "lang": "vi",
    "link": False,
    "leave_id": LEAVE,
    "limit": 50,
    "mode": "good",
    "month": "2026-11",
    "person_id": PERSON,
    "preview": "true",
    "q": "anh",
    "rows": "totals",
    "session_id": SESSION,
    "state": "late",
    "status": "active",
    "to": TUESDAY,
    "token_id": TOKEN,
    "version": SETTINGS.version,
}
"""By the name of the parameter."""
