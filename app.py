"""Every route of Rollcall. A view reads its arguments, calls one use case and returns its answer."""

from datetime import date
from typing import Any, NoReturn

from chalice.app import Chalice, CORSConfig, Cron, Rate

from chalicelib.aws.access import Caller
from chalicelib.aws.traces import AttendanceOf
from chalicelib.domain.advice import advice
from chalicelib.domain.errors import (
    AmbiguousMatch,
    ConsentMissing,
    ConsentNotFound,
    EnrolmentInProgress,
    ExportTooLarge,
    FaceBelongsToAnother,
    FaceDiffers,
    FaceNotFound,
    ImportRefused,
    ImportTooLarge,
    InvalidCursor,
    InvalidImport,
    InvalidPhoto,
    InvalidSettings,
    InvalidToken,
    LabOff,
    LastAdminToken,
    LeaveNotFound,
    LockedOut,
    NoFaceFound,
    NoReferenceImage,
    NotLive,
    NotRecognised,
    PersonExists,
    PersonNotFound,
    PhotoPunchOff,
    PhotoTooLarge,
    PoorPhoto,
    PunchNotFound,
    PunchSuperseded,
    RoleNotAllowed,
    SessionExpired,
    SessionNotFound,
    SessionPending,
    SessionUsed,
    SettingsChanged,
    SeveralFaces,
    TokenMissing,
    TokenNotFound,
    TooManyFaces,
    TooManyRequests,
    UnknownShift,
    UploadNotFound,
)
from chalicelib.domain.models import (
    Cursor,
    FaceId,
    FaceView,
    Group,
    LeaveRecord,
    Limit,
    Link,
    NewConsent,
    NewLeave,
    NewPerson,
    Page,
    PersonChange,
    PersonId,
    PersonView,
    Query,
    SessionId,
    Status,
)
from chalicelib.domain.reports import Timesheet
from chalicelib.domain.settings import Settings
from chalicelib.domain.workdays import State
from chalicelib.lab import lab
from chalicelib.lab.lab_shapes import (
    LabCheckIn,
    LabDeleted,
    LabFaces,
    LabLive,
    LabNotCheckedIn,
    LabNotLive,
    LabRefusal,
    LabRegistered,
    LabSession,
    LabToday,
)
from chalicelib.services import (
    attendance,
    corrections,
    enrolment,
    imports,
    limits,
    liveness,
    people,
    privacy,
    recognition,
    site,
    timesheets,
    tokens,
    uploads,
)
from chalicelib.services.attendance import NewPunch, PunchReceipt
from chalicelib.services.corrections import ManualPunch, PunchView
from chalicelib.services.imports import ImportResult, Mode, Sheet
from chalicelib.services.liveness import SessionStarted, SessionView
from chalicelib.services.privacy import Held, Receipt, RetentionPlan
from chalicelib.services.recognition import Identification, Verification
from chalicelib.services.timesheets import MonthlySheet, MonthText, RosterFilter, RosterLimit, RosterPage
from chalicelib.services.tokens import NewToken, TokenMade, TokenView
from chalicelib.services.uploads import Upload
from chalicelib.web import audit, cursors, exports, health
from chalicelib.web.audit import AuditView
from chalicelib.web.endpoints import Endpoints, Hooks
from chalicelib.web.exports import Format
from chalicelib.web.forms import PhotoBody
from chalicelib.web.health import Health
from chalicelib.web.http import Reply, Request
from chalicelib.web.idempotency import once
from chalicelib.wiring import (
    access,
    admit,
    admit_lab,
    environment,
    faces,
    is_busy,
    ledger,
    now,
    origin,
    photos,
    refuse_open_production,
    report,
    scheduled,
    store,
    streaming,
    traces,
)

refuse_open_production()
app = Chalice(app_name="rollcall")
app.api.cors = CORSConfig(
    allow_origin=origin(),
    allow_headers=["Accept", "Accept-Language", "Idempotency-Key", "If-None-Match"],
    expose_headers=["Content-Disposition", "ETag", "Idempotency-Replayed", "Retry-After", "X-Request-Id"],
    max_age=600,
)
# Bytes that API Gateway must not take for text; without it, it damages them.
app.api.binary_types += ["multipart/form-data", "application/vnd.ms-excel", "text/plain"]

# `chalice deploy` wants a route's types to be all binary or none; which ones it takes, the endpoint checks.
ANY = ["*/*"]

PHOTO_TYPES = ["application/json", "image/jpeg", "image/png"]
FORM_TYPES = ["application/json", "multipart/form-data"]

# Browsers name a CSV by what is installed; all but text/csv may also carry UTF-16.
CSV_TYPES = ["text/csv", "application/vnd.ms-excel", "text/plain"]

PHOTO_REFUSALS = (InvalidPhoto, PhotoTooLarge, UploadNotFound, NoFaceFound)
ENROLMENT_REFUSALS = (
    PersonNotFound,
    ConsentMissing,
    TooManyRequests,
    *PHOTO_REFUSALS,
    SeveralFaces,
    PoorPhoto,
    FaceBelongsToAnother,
    FaceDiffers,
    TooManyFaces,
    EnrolmentInProgress,
)
PUNCH_REFUSALS = (
    LockedOut,
    SessionNotFound,
    SessionPending,
    SessionExpired,
    SessionUsed,
    NoReferenceImage,
    NotLive,
    NotRecognised,
    AmbiguousMatch,
)

endpoint = Endpoints(
    app,
    Hooks(
        admit=admit,
        once=lambda request, run, repeated: once(access, now(), request, run, repeated),
        audited=lambda request, what, ids: audit.audited(access(), request, what, ids, now=now()),
        refused=lambda request, what, error: audit.refused(access(), request, what, error, now=now()),
        seal=lambda request, place: cursors.seal(access(), request, place),
        unseal=lambda request, text: cursors.unseal(access(), request, text),
        report=report,
        is_busy=is_busy,
        advise=advice,
    ),
)


@app.route("/health", methods=["GET"])
@endpoint(
    scope="public", answers={200: Health, 503: Health}, refuses=(TokenMissing, InvalidToken, RoleNotAllowed)
)
def show_health(request: Request, deep: bool = False) -> Health | Reply:
    """Say that the service is up, and how it is set up; `deep` (for admins) whether all it needs answers."""
    shallow = health.health(environment(), now=now())
    if not deep:
        return shallow
    admit(request, "admin")
    return health.deep(shallow, store(), photos(), faces())


@app.route("/openapi.json", methods=["GET"])
@endpoint(scope="public")
def show_openapi() -> dict[str, Any]:
    """Describe the API for programs, as OpenAPI 3.1."""
    from chalicelib.web import openapi  # only now: no other request needs it

    return openapi.document(app)


@app.route("/docs", methods=["GET"])
@endpoint(scope="public", answers={200: "text/html"})
def show_docs() -> Reply:
    """Describe the API for people."""
    from chalicelib.web import docs_page, openapi

    return docs_page.reply(openapi.document(app))


# --- the lab ------------------------------------------------------------------------------------


@app.route("/session", methods=["GET"])
@endpoint(scope="kiosk", admit=admit_lab, problem=lab.problem, refuses=(LabOff, TooManyRequests))
def lab_session(caller: Caller | None) -> LabSession:
    """Start a liveness session."""
    return lab.start_session(store(), ledger(), access(), faces(), caller=caller, now=now())


@app.route("/liveness-result", methods=["GET"])
@endpoint(scope="kiosk", admit=admit_lab, problem=lab.result_problem, refuses=(LabOff,))
def lab_result_without_session() -> NoReturn:
    """Ask for the session id that is missing."""
    raise lab.MISSING_SESSION


@app.route("/liveness-result/{session_id}", methods=["GET"])
@endpoint(
    scope="kiosk",
    admit=admit_lab,
    problem=lab.result_problem,
    refuses=(LabOff, LockedOut, SessionNotFound, SessionExpired, NoReferenceImage),
)
def lab_result(
    caller: Caller | None,
    session_id: str,
    preview: str = "",
    compareFaceId: str = "",  # noqa: N803
) -> LabLive | LabNotLive:
    """Check in with a finished session; the two query fields are taken and change nothing."""
    return lab.session_result(ledger(), access(), faces(), session_id, caller=caller, now=now())


@app.route("/index-face", methods=["POST"], content_types=ANY)
@endpoint(
    takes=FORM_TYPES,
    scope="manager",
    admit=admit_lab,
    problem=lab.problem,
    refuses=(
        LabOff,
        ConsentMissing,
        TooManyRequests,
        InvalidPhoto,
        PhotoTooLarge,
        SeveralFaces,
        PoorPhoto,
        FaceBelongsToAnother,
        FaceDiffers,
        TooManyFaces,
        EnrolmentInProgress,
    ),
)
def lab_index_face(caller: Caller | None, body: lab.Registration) -> LabRegistered | LabRefusal:
    """Enrol a photo under a name."""
    return lab.register(store(), access(), faces(), photos(), body, caller=caller, now=now())


@app.route("/list-collections", methods=["GET"])
@endpoint(scope="manager", admit=admit_lab, problem=lab.problem, refuses=(LabOff,))
def lab_list_collections() -> LabFaces:
    """List every enrolled face."""
    return lab.list_faces(store())


@app.route("/attendance", methods=["GET"])
@endpoint(scope="viewer", admit=admit_lab, problem=lab.problem, refuses=(LabOff,))
def lab_attendance(externalImageId: str = "") -> LabToday:  # noqa: N803
    """Say whether a person has checked in today."""
    return lab.today(ledger(), externalImageId, now=now())


@app.route("/delete-face", methods=["DELETE"])
@endpoint(
    scope="manager", admit=admit_lab, problem=lab.problem, refuses=(LabOff, FaceNotFound, PersonNotFound)
)
def lab_delete_face(body: lab.Deletion) -> LabDeleted:
    """Remove an enrolled face and its photo."""
    return lab.delete_face(store(), faces(), photos(), body, now=now())


@app.route("/checkin", methods=["POST"], content_types=ANY)
@endpoint(
    takes=[*PHOTO_TYPES, "multipart/form-data"],
    scope="kiosk",
    admit=admit_lab,
    problem=lab.problem,
    refuses=(LabOff, LockedOut, InvalidPhoto, PhotoTooLarge, PhotoPunchOff),
)
def lab_check_in(caller: Caller | None, body: lab.Upload) -> LabCheckIn | LabNotCheckedIn:
    """Check in with a photo alone, where the site allows it."""
    return lab.check_in(ledger(), access(), faces(), body, caller=caller, now=now())


# --- people -------------------------------------------------------------------------------------


@app.route("/v1/people", methods=["POST"])
@endpoint(scope="manager", status=201, refuses=(PersonExists, UnknownShift))
def create_person(caller: Caller, request: Request, body: NewPerson) -> PersonView:
    """Add a person."""
    return people.create(store(), body, by=caller.token_id, seed=request.seed, now=now())


@app.route("/v1/people", methods=["GET"])
@endpoint(scope="manager", refuses=(InvalidCursor,))
def list_people(
    q: Query = "",
    group: Group | None = None,
    status: Status | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[PersonView]:
    """List people by name; `q` is the beginning of a word of the name, or of the code."""
    return people.search(store(), q=q, group=group, status=status, limit=limit, cursor=cursor)


@app.route("/v1/people/{person_id}", methods=["GET"])
@endpoint(scope="manager", refuses=(PersonNotFound,))
def show_person(person_id: PersonId) -> PersonView:
    """Show a person."""
    return people.show(store(), person_id)


@app.route("/v1/people/{person_id}", methods=["PATCH"])
@endpoint(scope="manager", refuses=(PersonNotFound, PersonExists, UnknownShift))
def change_person(person_id: PersonId, body: PersonChange) -> PersonView:
    """Change what the body names of a person; null takes away."""
    return people.change(store(), person_id, body, now=now())


@app.route("/v1/people/{person_id}", methods=["DELETE"])
@endpoint(scope="manager", answers={200: Receipt, 202: Receipt}, refuses=(PersonNotFound,))
def erase_person(person_id: PersonId, attendance: AttendanceOf = "anonymise") -> Reply:
    """Erase a person: faces, photos, name and all; 202 when something under way has yet to go.

    Their attendance is kept under a made-up id, or removed. After a 202 the sweep finishes it within two
    minutes, or the same call made again.
    """
    receipt = privacy.erase(store(), traces(), faces(), photos(), person_id, attendance, now=now())
    return Reply(200 if receipt.complete else 202, receipt)


@app.route("/v1/people/{person_id}/data", methods=["GET"])
@endpoint(scope="manager", answers={200: Held, 303: Link}, refuses=(PersonNotFound,), audit=True)
def show_data(person_id: PersonId) -> Held | Reply:
    """Show everything that is held on a person, with links to the photos; 303 to a file when it is long."""
    return privacy.data(store(), traces(), photos(), person_id, now=now())


@app.route("/v1/people/{person_id}/consent", methods=["PUT"])
@endpoint(scope="manager", refuses=(PersonNotFound,))
def give_consent(caller: Caller, person_id: PersonId, body: NewConsent) -> PersonView:
    """Record that a person consents to be recognised by their face."""
    return people.give_consent(store(), person_id, body, by=caller.token_id, now=now())


@app.route("/v1/people/{person_id}/consent", methods=["DELETE"])
@endpoint(scope="manager", refuses=(PersonNotFound, ConsentNotFound))
def withdraw_consent(person_id: PersonId) -> PersonView:
    """End a person's consent: faces and photos are erased at once, attendance is kept."""
    return enrolment.withdraw_consent(store(), faces(), photos(), person_id, now=now())


@app.route("/v1/people/{person_id}/faces", methods=["POST"], content_types=ANY)
@endpoint(
    takes=PHOTO_TYPES,
    scope="manager",
    status=201,
    answers={201: FaceView, 200: FaceView},
    refuses=ENROLMENT_REFUSALS,
)
def add_face(caller: Caller, person_id: PersonId, body: PhotoBody, allow_different: bool = False) -> Reply:
    """Enrol a photo of a person; 200 and the face as it is when the photo is there already."""
    limits.spend(store(), access(), "enrolment", caller, now=now())
    with uploads.photo_of(store(), photos(), body, about=person_id) as photo:
        face, new = enrolment.add(
            store(), faces(), photos(), person_id, photo, allow_different=allow_different, now=now()
        )
    return Reply(201 if new else 200, FaceView.of(face))


@app.route("/v1/people/{person_id}/faces", methods=["GET"])
@endpoint(scope="manager", refuses=(PersonNotFound,))
def list_faces(person_id: PersonId) -> Page[FaceView]:
    """List a person's enrolled faces, oldest first."""
    return Page([FaceView.of(face) for face in enrolment.listed(store(), person_id)], None)


@app.route("/v1/people/{person_id}/faces/{face_id}", methods=["DELETE"])
@endpoint(scope="manager", status=204, refuses=(PersonNotFound, FaceNotFound))
def remove_face(person_id: PersonId, face_id: FaceId) -> None:
    """Remove an enrolled face, its photo and its vector."""
    enrolment.remove(store(), faces(), photos(), person_id, face_id, now=now())


@app.route("/v1/people/{person_id}/faces/{face_id}/photo", methods=["GET"])
@endpoint(scope="manager", refuses=(PersonNotFound, FaceNotFound), audit=True)
def show_photo(person_id: PersonId, face_id: FaceId) -> Link:
    """Give a link to an enrolled photo that works for a minute."""
    return photos().link(enrolment.find(store(), person_id, face_id).photo_key, now=now())


@app.route("/v1/imports", methods=["POST"], content_types=ANY)
@endpoint(takes=CSV_TYPES, scope="manager", refuses=(InvalidImport, ImportTooLarge, ImportRefused))
def import_people(body: Sheet, dry_run: bool = False, mode: Mode = "all") -> ImportResult:
    """Add the people of a CSV file: all rows or none, or with mode `good` those that are good."""
    return imports.run(store(), body, dry_run=dry_run, mode=mode, now=now())


@app.route("/v1/uploads", methods=["POST"])
@endpoint(scope="manager", status=201)
def begin_upload() -> Upload:
    """Give a form with which to upload a photo of up to 15 MB."""
    return uploads.begin(store(), photos(), now=now())


@app.route("/v1/identify", methods=["POST"], content_types=ANY)
@endpoint(takes=PHOTO_TYPES, scope="manager", refuses=PHOTO_REFUSALS)
def identify(body: PhotoBody) -> Identification:
    """Find whom a photo shows; no attendance is recorded."""
    with uploads.photo_of(store(), photos(), body) as photo:
        return recognition.identify(store(), faces(), photo)


@app.route("/v1/people/{person_id}/verify", methods=["POST"], content_types=ANY)
@endpoint(takes=PHOTO_TYPES, scope="manager", refuses=(PersonNotFound, *PHOTO_REFUSALS))
def verify(person_id: PersonId, body: PhotoBody) -> Verification:
    """Compare a photo with a person's faces; no attendance is recorded."""
    with uploads.photo_of(store(), photos(), body, about=person_id) as photo:
        return recognition.verify(store(), faces(), person_id, photo)


@app.route("/v1/people/{person_id}/leaves", methods=["POST"])
@endpoint(scope="manager", status=201, refuses=(PersonNotFound,))
def add_leave(request: Request, person_id: PersonId, body: NewLeave) -> LeaveRecord:
    """Excuse a person for some days."""
    return site.add_leave(store(), person_id, body, seed=request.seed)


@app.route("/v1/people/{person_id}/leaves/{leave_id}", methods=["DELETE"])
@endpoint(scope="manager", status=204, refuses=(LeaveNotFound,))
def remove_leave(person_id: PersonId, leave_id: PersonId) -> None:
    """Take a leave away."""
    site.remove_leave(store(), person_id, leave_id)


@app.route("/v1/leaves", methods=["GET"])
@endpoint(scope="viewer")
def list_leaves(from_: date, to: date, person_id: PersonId | None = None) -> Page[LeaveRecord]:
    """List the leave that touches some days, both ends included."""
    return Page(site.leaves(store(), from_, to, person_id), None)


# --- punches ------------------------------------------------------------------------------------


@app.route("/v1/liveness-sessions", methods=["POST"])
@endpoint(scope="kiosk", status=201, refuses=(TooManyRequests,), repeated="redone")
def begin_session(caller: Caller, request: Request) -> SessionStarted:
    """Start a liveness session, with credentials that can do nothing but stream it.

    Sent again with its `Idempotency-Key`, it is the same session with fresh credentials.
    """
    gateways = store(), ledger(), access(), faces(), streaming()
    return liveness.begin(*gateways, caller=caller, seed=request.seed, now=now())


@app.route("/v1/liveness-sessions/{session_id}", methods=["GET"])
@endpoint(scope="kiosk", refuses=(SessionNotFound,))
def show_session(caller: Caller, session_id: SessionId) -> SessionView:
    """Say where a liveness session of the caller's stands; no score, no effect."""
    return liveness.show(ledger(), faces(), session_id, caller=caller)


@app.route("/v1/punches", methods=["POST"])
@endpoint(
    scope="kiosk",
    status=201,
    answers={201: PunchReceipt, 200: PunchReceipt},
    refuses=PUNCH_REFUSALS,
)
def punch(caller: Caller, body: NewPunch) -> Reply:
    """Record a punch for a finished liveness session; 200 for one that repeats the last."""
    receipt = attendance.punch(ledger(), access(), faces(), body, caller=caller, now=now())
    return Reply(200 if receipt.duplicate else 201, receipt)


@app.route("/v1/punches/manual", methods=["POST"])
@endpoint(scope="manager", status=201, refuses=(PersonNotFound, PunchNotFound, PunchSuperseded))
def record_manual_punch(caller: Caller, request: Request, body: ManualPunch) -> PunchView:
    """Record a punch without a camera, or correct one."""
    return corrections.record(store(), ledger(), body, by=caller.token_id, seed=request.seed, now=now())


@app.route("/v1/punches", methods=["GET"])
@endpoint(scope="viewer", refuses=(InvalidCursor,))
def list_punches(
    caller: Caller,
    from_: date,
    to: date,
    person_id: PersonId | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[PunchView]:
    """List punches of some work days, oldest first, corrected ones too; their evidence for managers only."""
    return corrections.log(
        ledger(),
        person_id=person_id,
        since=from_,
        until=to,
        limit=limit,
        after=cursor,
        evidence=caller.may("manager"),
    )


# --- attendance ---------------------------------------------------------------------------------


@app.route("/v1/attendance", methods=["GET"])
@endpoint(
    scope="viewer",
    answers={200: (RosterPage, "text/csv"), 303: Link},
    refuses=(InvalidCursor, ExportTooLarge),
)
def show_roster(
    request: Request,
    date_: date | None = None,
    group: Group | None = None,
    state: State | None = None,
    q: Query = "",
    limit: RosterLimit = 1000,
    cursor: Cursor | None = None,
    format_: Format | None = None,
    bom: bool = False,
) -> RosterPage | Reply:
    """Say where everybody is on a date (left out: today's work day), counted; JSON, CSV or XLSX."""
    chosen = RosterFilter(group, state, q)
    report = timesheets.roster(store(), ledger(), date_, chosen, limit=limit, after=cursor, now=now())
    return exports.answer(photos(), report, exports.wanted(request, format_), bom=bom, now=now())


@app.route("/v1/attendance/{person_id}", methods=["GET"])
@endpoint(
    scope="viewer",
    answers={200: (Timesheet, "text/csv"), 303: Link},
    refuses=(PersonNotFound,),
)
def show_timesheet(
    request: Request,
    person_id: PersonId,
    from_: date,
    to: date,
    format_: Format | None = None,
    bom: bool = False,
) -> Timesheet | Reply:
    """Show a person's days, at most 366, both ends included, with every punch; JSON, CSV or XLSX."""
    report = timesheets.of_person(store(), ledger(), person_id, from_, to, now=now())
    return exports.answer(photos(), report, exports.wanted(request, format_), bom=bom, now=now())


@app.route("/v1/timesheets", methods=["GET"])
@endpoint(
    scope="viewer",
    answers={200: (Page[Timesheet], "text/csv"), 303: Link},
    refuses=(InvalidCursor, ExportTooLarge),
)
def list_timesheets(
    request: Request,
    from_: date,
    to: date,
    group: Group | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
    format_: Format | None = None,
    bom: bool = False,
) -> Page[Timesheet] | Reply:
    """List the timesheets of everybody or of a group by name; long ones are fewer a page."""
    report = timesheets.of_group(store(), ledger(), from_, to, group, limit=limit, after=cursor, now=now())
    return exports.answer(photos(), report, exports.wanted(request, format_), bom=bom, now=now())


@app.route("/v1/timesheets/monthly", methods=["GET"])
@endpoint(
    scope="viewer",
    answers={200: (MonthlySheet, "text/csv"), 303: Link},
    refuses=(InvalidCursor, ExportTooLarge),
)
def show_month(
    request: Request,
    month: MonthText,
    group: Group | None = None,
    limit: Limit = 1000,
    cursor: Cursor | None = None,
    format_: Format | None = None,
    bom: bool = False,
) -> MonthlySheet | Reply:
    """Show a month at a glance: people down, days across, marks and totals; JSON, CSV or XLSX."""
    report = timesheets.of_month(store(), ledger(), month, group, limit=limit, after=cursor, now=now())
    return exports.answer(photos(), report, exports.wanted(request, format_), bom=bom, now=now())


# --- settings -----------------------------------------------------------------------------------


@app.route("/v1/settings", methods=["GET"])
@endpoint(scope="admin")
def show_settings() -> Settings:
    """Show the site's settings."""
    return store().settings()


@app.route("/v1/settings", methods=["PUT"])
@endpoint(scope="admin", refuses=(InvalidSettings, SettingsChanged))
def change_settings(body: Settings, effective_from: date | None = None) -> Settings:
    """Replace the site's settings; days past are not judged anew unless `effective_from` says so."""
    return site.change(store(), body, effective_from=effective_from, now=now())


# --- who may call, and what they did --------------------------------------------------------------


@app.route("/v1/tokens", methods=["POST"])
@endpoint(scope="admin", status=201, repeated="refused")
def create_token(body: NewToken) -> TokenMade:
    """Make a token; it is shown this once."""
    return tokens.mint(access(), body, now=now())


@app.route("/v1/tokens", methods=["GET"])
@endpoint(scope="admin")
def list_tokens() -> Page[TokenView]:
    """List the tokens that hold, oldest first."""
    return tokens.listed(access(), now=now())


@app.route("/v1/tokens/{token_id}", methods=["DELETE"])
@endpoint(scope="admin", status=204, refuses=(TokenNotFound, LastAdminToken))
def revoke_token(token_id: PersonId) -> None:
    """Make a token worthless, within a minute everywhere."""
    tokens.revoke(access(), token_id, now=now())


@app.route("/v1/audit", methods=["GET"])
@endpoint(scope="admin", refuses=(InvalidCursor,))
def list_audit(
    from_: date | None = None,
    to: date | None = None,
    person_id: PersonId | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[AuditView]:
    """List what managers and admins did and limits refused, newest first; days are in UTC."""
    return audit.listed(
        access(), since=from_, until=to, person_id=person_id, limit=limit, after=cursor, now=now()
    )


@app.route("/v1/retention", methods=["GET"])
@endpoint(scope="admin")
def show_retention() -> RetentionPlan:
    """Say what the daily clean-up would remove now; nothing is removed."""
    return privacy.retain(store(), access(), traces(), faces(), photos(), dry_run=True, now=now())


# --- schedules ----------------------------------------------------------------------------------


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: object) -> dict[str, int]:
    """Finish or undo what a crash left half-done: enrolments, removals, uploads, erasures."""
    return scheduled("sweep", lambda: privacy.sweep(store(), traces(), faces(), photos(), now=now()))


@app.schedule(Cron(17, 19, "*", "*", "?", "*"))
def retention(event: object) -> dict[str, int]:
    """Remove what has been kept for as long as the settings say; every night in Vietnam."""
    gateways = store(), access(), traces(), faces(), photos()
    return scheduled("retention", lambda: privacy.retain(*gateways, dry_run=False, now=now()).counts())
