"""Every route of Rollcall. A view calls one use case with its arguments and returns the result."""

from datetime import date
from types import NoneType
from typing import Any, Literal, NoReturn

from chalice.app import Chalice, CORSConfig, Cron, Rate

from chalicelib.config import ANY
from chalicelib.domain import errors, punch_files
from chalicelib.domain.closing import Closings, ClosingView, NewClosing, Reopening
from chalicelib.domain.erasure import AttendanceHandling
from chalicelib.domain.face import FaceId, FaceView
from chalicelib.domain.leave import LeaveRecord, NewLeave
from chalicelib.domain.person import Group, NewConsent, NewPerson, PersonChange, PersonId, PersonView, Status
from chalicelib.domain.reports import Timesheet
from chalicelib.domain.schedule import Calendar, Holiday
from chalicelib.domain.session import SessionId
from chalicelib.domain.settings import CalendarVersion, SettingsView
from chalicelib.domain.sheets import Rows
from chalicelib.domain.spreadsheets import Hours
from chalicelib.domain.token import Caller
from chalicelib.domain.types import Cursor, Language, Limit, Page, Query, SignedLink
from chalicelib.domain.workday import State
from chalicelib.lab import routes, shapes
from chalicelib.services import (
    closings,
    corrections,
    enrolment,
    erasure,
    holidays,
    imports,
    leaves,
    limits,
    liveness_sessions,
    open_days,
    people,
    punch_imports,
    punching,
    recognition,
    settings,
    subject_access,
    timesheets,
    tokens,
    uploads,
    whoami,
)
from chalicelib.services.retention import RetentionPlan, apply_retention
from chalicelib.services.sweep import sweep as run_sweep
from chalicelib.web import api_docs, audit, exports, health
from chalicelib.web.bodies import HolidayFile, PhotoBody, PunchFile, Sheet
from chalicelib.web.endpoint import Endpoints
from chalicelib.web.request import Reply, Request
from chalicelib.wiring import (
    attendance_store,
    audit_log,
    authenticate,
    authenticate_lab,
    bucket,
    collection,
    directory,
    environment,
    log_request,
    now,
    origins,
    personal_data,
    rate_limits,
    scheduled,
    signing_key,
    site_store,
    stored_replies,
    streaming,
    today,
    token_store,
)

app = Chalice(app_name="rollcall")
app.api.cors = CORSConfig(
    # The gateway answers preflights without asking the app, so it cannot choose among several origins. The
    # response that follows names the caller's own.
    allow_origin=origins()[0] if len(origins()) == 1 else ANY,
    allow_headers=[
        *("Accept", "Accept-Language", "Cache-Control", "Idempotency-Key", "If-None-Match"),
        *("X-Requested-With", "baggage", "traceparent", "tracestate"),
    ],
    expose_headers=["Content-Disposition", "ETag", "Idempotency-Replayed", "Retry-After", "X-Request-Id"],
    max_age=600,
)
# Without this, API Gateway decodes these bodies as text and damages them.
app.api.binary_types += ["multipart/form-data", "application/vnd.ms-excel", "text/plain"]

# `chalice deploy` refuses a route with both binary and text types, so the endpoint checks media types itself.
ANY_TYPE = ["*/*"]

PHOTO_TYPES = ["application/json", "image/jpeg", "image/png"]
FORM_TYPES = ["application/json", "multipart/form-data"]

# The media type a browser gives to a CSV depends on what is installed; all but text/csv may be UTF-16.
CSV_TYPES = ["text/csv", "application/vnd.ms-excel", "text/plain"]

HOLIDAY_TYPES = ["text/calendar", *CSV_TYPES]
# The file of a device may come as one of no known type.
PUNCH_FILE_TYPES = ["application/json", *CSV_TYPES, "application/octet-stream"]

PHOTO_ERRORS = (errors.InvalidPhoto, errors.PhotoTooLarge, errors.UploadNotFound, errors.NoFaceFound)
ENROLMENT_ERRORS = (
    errors.PersonNotFound,
    errors.ConsentMissing,
    errors.TooManyRequests,
    *PHOTO_ERRORS,
    errors.SeveralFaces,
    errors.PoorPhoto,
    errors.FaceBelongsToAnother,
    errors.FaceDiffers,
    errors.TooManyFaces,
    errors.EnrolmentInProgress,
)
PUNCH_ERRORS = (
    errors.LockedOut,
    errors.PeriodClosed,
    errors.SessionNotFound,
    errors.SessionPending,
    errors.SessionExpired,
    errors.SessionUsed,
    errors.NoReferenceImage,
    errors.NotLive,
    errors.NotRecognised,
    errors.AmbiguousMatch,
)

endpoint = Endpoints(
    app,
    now=now,
    authenticate=authenticate,
    log_request=log_request,
    audit_log=audit_log,
    rate_limits=rate_limits,
    signing_key=signing_key,
    stored_replies=stored_replies,
    today=today,
    origins=origins(),
)


@app.route("/health", methods=["GET"])
@endpoint(
    scope="public",
    responses={200: health.Health, 503: health.Health},
    raises=(errors.TokenMissing, errors.InvalidToken, errors.RoleNotAllowed),
)
def show_health(request: Request, deep: bool = False) -> health.Health | Reply:
    """Return the health of the service; with `deep` (admins only) also that of what it depends on."""
    shallow = health.health(environment(), now=now())
    if not deep:
        return shallow
    authenticate(request, "admin")
    return health.deep(shallow, directory(), bucket(), collection())


@app.route("/", methods=["GET"])
@endpoint(scope="public", responses={303: NoneType})
def show_root(request: Request) -> Reply:
    """Redirect to the page of this document."""
    return api_docs.redirect(request)


@app.route("/openapi.json", methods=["GET"])
@endpoint(scope="public", responses={200: dict[str, Any]})
def show_openapi() -> Reply:
    """Return this OpenAPI 3.1 document."""
    return api_docs.document()


@app.route("/docs", methods=["GET"])
@endpoint(scope="public", responses={200: "text/html"})
def show_docs() -> Reply:
    """Return this document as a web page."""
    return api_docs.page()


# --- the lab ------------------------------------------------------------------------------------


@app.route("/session", methods=["GET"])
@endpoint(
    scope="kiosk",
    safe=False,
    authenticate=authenticate_lab,
    error_format=routes.error_body,
    raises=(errors.LabOff, errors.TooManyRequests),
)
def lab_session(caller: Caller | None) -> shapes.LabSession:
    """Start a liveness session."""
    return routes.start_session(
        directory(), attendance_store(), rate_limits(), collection(), caller=caller, now=now()
    )


@app.route("/liveness-result", methods=["GET"])
@endpoint(
    scope="kiosk",
    safe=False,
    authenticate=authenticate_lab,
    error_format=routes.result_error_body,
    raises=(errors.LabOff,),
)
def lab_result_without_session() -> NoReturn:
    """Refuse a request without a session id."""
    raise errors.InvalidRequest(routes.MISSING_SESSION)


@app.route("/liveness-result/{session_id}", methods=["GET"])
@endpoint(
    scope="kiosk",
    safe=False,
    authenticate=authenticate_lab,
    error_format=routes.result_error_body,
    raises=(
        errors.LabOff,
        errors.LockedOut,
        errors.PeriodClosed,
        errors.SessionNotFound,
        errors.SessionExpired,
        errors.NoReferenceImage,
    ),
)
def lab_result(
    caller: Caller | None,
    session_id: str,
    preview: str = "",
    compareFaceId: str = "",  # noqa: N803
) -> shapes.LabLive | shapes.LabNotLive:
    """Check in with a finished session. The two query parameters are accepted and ignored."""
    return routes.session_result(
        attendance_store(), rate_limits(), collection(), session_id, caller=caller, now=now()
    )


@app.route("/index-face", methods=["POST"], content_types=ANY_TYPE)
@endpoint(
    consumes=FORM_TYPES,
    scope="manager",
    authenticate=authenticate_lab,
    error_format=routes.error_body,
    responses={200: shapes.LabRegistered | shapes.LabRefusal},
    raises=(
        errors.LabOff,
        errors.ConsentMissing,
        errors.TooManyRequests,
        errors.InvalidPhoto,
        errors.PhotoTooLarge,
        errors.SeveralFaces,
        errors.PoorPhoto,
        errors.FaceBelongsToAnother,
        errors.FaceDiffers,
        errors.TooManyFaces,
        errors.EnrolmentInProgress,
    ),
)
def lab_index_face(caller: Caller | None, body: routes.Registration) -> Reply:
    """Enrol a photo under a name."""
    return routes.register(directory(), rate_limits(), collection(), bucket(), body, caller=caller, now=now())


@app.route("/list-collections", methods=["GET"])
@endpoint(
    scope="manager",
    authenticate=authenticate_lab,
    error_format=routes.error_body,
    raises=(errors.LabOff,),
    audit=True,
)
def lab_list_collections() -> shapes.LabFaces:
    """List every enrolled face."""
    return routes.list_faces(directory())


@app.route("/attendance", methods=["GET"])
@endpoint(
    scope="viewer",
    authenticate=authenticate_lab,
    error_format=routes.error_body,
    raises=(errors.LabOff,),
    audit=True,
)
def lab_attendance(externalImageId: str = "") -> shapes.LabToday:  # noqa: N803
    """Return whether a person has checked in today."""
    return routes.today(attendance_store(), externalImageId, now=now())


@app.route("/delete-face", methods=["DELETE"])
@endpoint(
    scope="manager",
    authenticate=authenticate_lab,
    error_format=routes.error_body,
    raises=(errors.LabOff, errors.FaceNotFound, errors.PersonNotFound),
)
def lab_delete_face(body: routes.Deletion) -> shapes.LabDeleted:
    """Delete an enrolled face and its photo."""
    return routes.delete_face(directory(), collection(), bucket(), body, now=now())


@app.route("/checkin", methods=["POST"], content_types=ANY_TYPE)
@endpoint(
    consumes=[*PHOTO_TYPES, "multipart/form-data"],
    scope="kiosk",
    authenticate=authenticate_lab,
    error_format=routes.error_body,
    responses={200: shapes.LabCheckIn | shapes.LabNotCheckedIn},
    raises=(
        errors.LabOff,
        errors.LockedOut,
        errors.PeriodClosed,
        errors.TooManyRequests,
        errors.InvalidPhoto,
        errors.PhotoTooLarge,
        errors.PhotoPunchOff,
    ),
)
def lab_check_in(caller: Caller | None, body: routes.Upload) -> Reply:
    """Check in with a photo without liveness, where the settings allow it."""
    return routes.check_in(attendance_store(), rate_limits(), collection(), body, caller=caller, now=now())


# --- people -------------------------------------------------------------------------------------


@app.route("/v1/people", methods=["POST"])
@endpoint(
    scope="manager",
    status=201,
    raises=(errors.PersonExists, errors.UnknownShift, errors.GroupNotAllowed, errors.PeriodClosed),
)
def create_person(caller: Caller, request: Request, body: NewPerson) -> PersonView:
    """Create a person."""
    return people.create(
        directory(), body, by=caller.token_id, idempotent_id=request.idempotent_id, now=now()
    )


@app.route("/v1/people", methods=["GET"])
@endpoint(scope="manager", raises=(errors.InvalidCursor,), audit=True)
def list_people(
    q: Query = "",
    group: Group | None = None,
    status: Status | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[PersonView]:
    """List people in order of name."""
    return people.search(directory(), q=q, group=group, status=status, limit=limit, cursor=cursor, now=now())


@app.route("/v1/people/{person_id}", methods=["GET"])
@endpoint(scope="manager", raises=(errors.PersonNotFound,), audit=True)
def show_person(person_id: PersonId) -> PersonView:
    """Return a person."""
    return people.show(directory(), person_id, now=now())


@app.route("/v1/people/{person_id}", methods=["PATCH"])
@endpoint(
    scope="manager",
    raises=(
        errors.PersonNotFound,
        errors.PersonExists,
        errors.UnknownShift,
        errors.GroupNotAllowed,
        errors.PeriodClosed,
    ),
)
def change_person(person_id: PersonId, body: PersonChange) -> PersonView:
    """Update the given fields of a person; null clears a field."""
    return people.change(directory(), person_id, body, now=now())


@app.route("/v1/people/{person_id}", methods=["DELETE"])
@endpoint(
    scope="manager",
    responses={200: erasure.ErasureReceipt, 202: erasure.ErasureReceipt},
    raises=(errors.PersonNotFound,),
)
def erase_person(person_id: PersonId, attendance: AttendanceHandling = "pseudonymise") -> Reply:
    """Erase a person with all their data, and return a receipt.

    Their attendance is pseudonymised, or removed. The status is 202 while a request that was already running
    may still have to be undone: the erasure is then completed within two minutes, or by repeating the call.
    """
    receipt = erasure.erase(
        directory(), personal_data(), collection(), bucket(), person_id, attendance, now=now()
    )
    return Reply(200 if receipt.complete else 202, receipt, about=())


@app.route("/v1/people/{person_id}/data", methods=["GET"])
@endpoint(
    scope="manager",
    responses={200: (subject_access.PersonData, SignedLink), 303: SignedLink},
    raises=(errors.PersonNotFound,),
    audit=True,
)
def show_data(person_id: PersonId, link: bool = False) -> subject_access.PersonData | Reply:
    """Return all data held about a person, with links to the photos; 303 to a file if it is large."""
    gateways = directory(), personal_data(), audit_log(), signing_key(), bucket()
    data = subject_access.person_data(*gateways, person_id, now=now())
    return exports.reply_json(directory(), bucket(), data, f"person-{person_id}.json", link=link, now=now())


@app.route("/v1/people/{person_id}/consent", methods=["PUT"])
@endpoint(scope="manager", raises=(errors.PersonNotFound,))
def give_consent(caller: Caller, person_id: PersonId, body: NewConsent) -> PersonView:
    """Record a person's consent to face recognition."""
    return people.give_consent(directory(), person_id, body, by=caller.token_id, now=now())


@app.route("/v1/people/{person_id}/consent", methods=["DELETE"])
@endpoint(scope="manager", raises=(errors.PersonNotFound, errors.ConsentNotFound))
def withdraw_consent(person_id: PersonId) -> PersonView:
    """Withdraw a person's consent: faces and photos are deleted at once, attendance is kept."""
    return enrolment.withdraw_consent(directory(), collection(), bucket(), person_id, now=now())


@app.route("/v1/people/{person_id}/faces", methods=["POST"], content_types=ANY_TYPE)
@endpoint(
    consumes=PHOTO_TYPES,
    scope="manager",
    status=201,
    responses={201: FaceView, 200: FaceView},
    raises=ENROLMENT_ERRORS,
)
def add_face(caller: Caller, person_id: PersonId, body: PhotoBody, allow_different: bool = False) -> Reply:
    """Enrol a face from a photo; 200 and the existing face if this photo was enrolled before."""
    limits.count_request(directory(), rate_limits(), "enrolment", caller, now=now())
    with uploads.requested_photo(
        directory(), bucket(), body.photo, body.upload_id, person_id=person_id
    ) as photo:
        face, new = enrolment.add(
            directory(), collection(), bucket(), person_id, photo, allow_different=allow_different, now=now()
        )
    return Reply(201 if new else 200, FaceView.of(face))


@app.route("/v1/people/{person_id}/faces", methods=["GET"])
@endpoint(scope="manager", raises=(errors.PersonNotFound,), audit=True)
def list_faces(person_id: PersonId) -> Page[FaceView]:
    """List a person's enrolled faces, oldest first."""
    return Page([FaceView.of(face) for face in enrolment.list_faces(directory(), person_id)], None)


@app.route("/v1/people/{person_id}/faces/{face_id}", methods=["DELETE"])
@endpoint(scope="manager", status=204, raises=(errors.PersonNotFound, errors.FaceNotFound))
def remove_face(person_id: PersonId, face_id: FaceId) -> None:
    """Delete an enrolled face with its photo and its vector."""
    enrolment.remove(directory(), collection(), bucket(), person_id, face_id, now=now())


@app.route("/v1/people/{person_id}/faces/{face_id}/photo", methods=["GET"])
@endpoint(scope="manager", raises=(errors.PersonNotFound, errors.FaceNotFound), audit=True)
def show_photo(person_id: PersonId, face_id: FaceId) -> SignedLink:
    """Return a link to an enrolled photo; it is valid for one minute."""
    return bucket().link(enrolment.find_face(directory(), person_id, face_id).photo_key, now=now())


@app.route("/v1/imports", methods=["POST"], content_types=ANY_TYPE)
@endpoint(
    consumes=CSV_TYPES,
    scope="manager",
    raises=(errors.InvalidImport, errors.ImportTooLarge, errors.ImportRefused, errors.PeriodClosed),
)
def import_people(
    body: Sheet, dry_run: bool = False, mode: imports.PeopleMode = "all", effective_from: date | None = None
) -> imports.ImportResult:
    """Import people from a CSV file: all rows or none, or with mode `good` the valid rows.

    With mode `upsert`, all rows or none again, rows with a known code update that person.
    """
    return imports.run(
        directory(),
        site_store(),
        body.rows,
        dry_run=dry_run,
        mode=mode,
        effective_from=effective_from,
        now=now(),
    )


@app.route("/v1/uploads", methods=["POST"])
@endpoint(scope="manager", status=201, raises=(errors.TooManyRequests,))
def begin_upload(caller: Caller) -> uploads.Upload:
    """Create a form to upload a photo of up to 15 MB."""
    limits.count_request(directory(), rate_limits(), "upload", caller, now=now())
    return uploads.create(directory(), bucket(), now=now())


@app.route("/v1/identify", methods=["POST"], content_types=ANY_TYPE)
@endpoint(
    consumes=PHOTO_TYPES,
    scope="manager",
    responses={200: recognition.Identification},
    raises=(errors.IdentifyOff, errors.TooManyRequests, *PHOTO_ERRORS),
)
def identify(caller: Caller, body: PhotoBody) -> Reply:
    """Identify the person in a photo (1:N), if the settings allow it. No attendance is recorded."""
    recognition.require_identify(directory())
    limits.count_request(directory(), rate_limits(), "identification", caller, now=now())
    with uploads.requested_photo(directory(), bucket(), body.photo, body.upload_id) as photo:
        found = recognition.identify(directory(), collection(), photo)
    return Reply(200, found, about=found.about)


@app.route("/v1/people/{person_id}/verify", methods=["POST"], content_types=ANY_TYPE)
@endpoint(
    consumes=PHOTO_TYPES,
    scope="manager",
    raises=(errors.PersonNotFound, errors.ConsentMissing, errors.TooManyRequests, *PHOTO_ERRORS),
)
def verify(caller: Caller, person_id: PersonId, body: PhotoBody) -> recognition.Verification:
    """Verify that a photo shows a given person (1:1). No attendance is recorded."""
    limits.count_request(directory(), rate_limits(), "verification", caller, now=now())
    with uploads.requested_photo(
        directory(), bucket(), body.photo, body.upload_id, person_id=person_id
    ) as photo:
        return recognition.verify(directory(), collection(), person_id, photo)


@app.route("/v1/people/{person_id}/leaves", methods=["POST"])
@endpoint(
    scope="manager",
    status=201,
    responses={201: LeaveRecord, 200: LeaveRecord},
    raises=(
        errors.PersonNotFound,
        errors.UnknownLeaveKind,
        errors.LeaveOverlaps,
        errors.PeriodClosed,
    ),
)
def add_leave(request: Request, person_id: PersonId, body: NewLeave) -> Reply:
    """Create a leave of a person; 200 and the existing leave if the same was created before."""
    leave, new = leaves.add_leave(
        directory(), person_id, body, idempotent_id=request.idempotent_id, now=now()
    )
    return Reply(201 if new else 200, leave)


@app.route("/v1/people/{person_id}/leaves/{leave_id}", methods=["DELETE"])
@endpoint(
    scope="manager", status=204, raises=(errors.PersonNotFound, errors.LeaveNotFound, errors.PeriodClosed)
)
def remove_leave(person_id: PersonId, leave_id: PersonId) -> None:
    """Delete a leave."""
    leaves.remove_leave(directory(), person_id, leave_id, now=now())


@app.route("/v1/leaves", methods=["GET"])
@endpoint(scope="viewer", audit=True)
def list_leaves(from_: date, to: date, person_id: PersonId | None = None) -> Page[LeaveRecord]:
    """List leaves that overlap a range of dates, both ends included."""
    return Page(leaves.list_leaves(directory(), from_, to, person_id), None)


# --- punches ------------------------------------------------------------------------------------


@app.route("/v1/liveness-sessions", methods=["POST"])
@endpoint(scope="kiosk", status=201, raises=(errors.TooManyRequests,), on_replay="redo")
def begin_session(caller: Caller, request: Request) -> liveness_sessions.CreatedLivenessSession:
    """Create a liveness session, with temporary credentials that can only stream its video.

    Repeated with the same `Idempotency-Key`, it returns the same session with new credentials.
    """
    gateways = directory(), attendance_store(), rate_limits(), collection(), streaming()
    return liveness_sessions.create(*gateways, caller=caller, idempotent_id=request.idempotent_id, now=now())


@app.route("/v1/liveness-sessions/{session_id}", methods=["GET"])
@endpoint(scope="kiosk", raises=(errors.SessionNotFound,))
def show_session(caller: Caller, session_id: SessionId) -> liveness_sessions.LivenessSessionView:
    """Return the status of a liveness session that the caller created."""
    return liveness_sessions.show(attendance_store(), collection(), session_id, caller=caller)


@app.route("/v1/punches", methods=["POST"])
@endpoint(
    scope="kiosk",
    status=201,
    responses={201: punching.PunchReceipt, 200: punching.PunchReceipt},
    raises=PUNCH_ERRORS,
)
def punch(caller: Caller, body: punching.NewPunch) -> Reply:
    """Create a punch from a finished liveness session; 200 for a duplicate of the last punch."""
    gateways = attendance_store(), rate_limits(), collection()
    receipt, person_id = punching.punch(*gateways, body, caller=caller, now=now())
    return Reply(200 if receipt.duplicate else 201, receipt, about=(person_id,))


@app.route("/v1/punches/manual", methods=["POST"])
@endpoint(
    scope="manager",
    status=201,
    responses={201: corrections.PunchView, 200: corrections.PunchView},
    raises=(
        errors.PersonNotFound,
        errors.PunchNotFound,
        errors.PunchExists,
        errors.PunchIsVoid,
        errors.PunchSuperseded,
        errors.PeriodClosed,
    ),
)
def record_manual_punch(caller: Caller, request: Request, body: corrections.ManualPunch) -> Reply:
    """Create a manual punch, or a correction of a punch; 200 and the punch that is there for a duplicate."""
    shown = corrections.record(
        directory(),
        attendance_store(),
        body,
        by=caller.token_id,
        idempotent_id=request.idempotent_id,
        now=now(),
    )
    return Reply(200 if shown.duplicate else 201, shown)


@app.route("/v1/punches/imports", methods=["POST"], content_types=ANY_TYPE)
@endpoint(
    consumes=PUNCH_FILE_TYPES,
    scope="manager",
    raises=(errors.InvalidImport, errors.ImportTooLarge, errors.ImportRefused, errors.PeriodClosed),
)
def import_punches(
    caller: Caller,
    body: PunchFile,
    dry_run: bool = False,
    mode: punch_imports.Mode = "all",
    format_: punch_files.Format | None = None,
) -> punch_imports.PunchImportResult:
    """Import punches from CSV or JSON, or from a device's file as it is; each punch is recorded once.

    Without `format` it is found out by the content. Times without an offset are in the site's zone.
    """
    return punch_imports.run(
        directory(),
        attendance_store(),
        signing_key(),
        site_store(),
        body.content,
        asked=format_,
        dry_run=dry_run,
        mode=mode,
        by=caller.token_id,
        now=now(),
    )


@app.route("/v1/punches", methods=["GET"])
@endpoint(scope="viewer", raises=(errors.InvalidCursor,), audit=True)
def list_punches(
    caller: Caller,
    from_: date,
    to: date,
    person_id: PersonId | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[corrections.PunchView]:
    """List punches of a range of work days, oldest first. Evidence is shown to managers only."""
    return corrections.list_punches(
        attendance_store(),
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
    responses={200: (timesheets.RosterPage, SignedLink, "text/csv"), 303: SignedLink},
    raises=(errors.InvalidCursor, errors.ExportTooLarge),
    audit=True,
)
def show_roster(
    request: Request,
    date_: date | None = None,
    group: Group | None = None,
    state: State | None = None,
    q: Query = "",
    limit: timesheets.RosterLimit = 1000,
    cursor: Cursor | None = None,
    format_: exports.Format | None = None,
    lang: Language | None = None,
    hours: Hours | None = None,
    bom: bool = False,
    link: bool = False,
) -> timesheets.RosterPage | Reply:
    """Return the roster of a date (default: today's work day) with counts, as JSON, CSV or XLSX."""
    chosen = timesheets.RosterFilter(group, state, q)
    report = timesheets.roster(
        directory(), attendance_store(), date_, chosen, limit=limit, after=cursor, now=now()
    )
    wanted = exports.Wanted(format_, lang, hours, bom=bom, link=link)
    return exports.reply(directory(), bucket(), report, request, wanted, now=now())


@app.route("/v1/attendance/open-days", methods=["GET"])
@endpoint(scope="viewer", raises=(errors.InvalidCursor,), audit=True)
def list_open_days(
    from_: date | None = None,
    to: date | None = None,
    group: Group | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[open_days.OpenDay]:
    """List work days up to yesterday that lack a punch, by date and name; default: the last 31 days."""
    return open_days.list_open_days(
        directory(), attendance_store(), from_, to, group, limit=limit, after=cursor, now=now()
    )


@app.route("/v1/attendance/{person_id}", methods=["GET"])
@endpoint(
    scope="viewer",
    responses={200: (Timesheet, SignedLink, "text/csv"), 303: SignedLink},
    raises=(errors.PersonNotFound,),
    audit=True,
)
def show_timesheet(
    request: Request,
    person_id: PersonId,
    from_: date,
    to: date,
    format_: exports.Format | None = None,
    lang: Language | None = None,
    hours: Hours | None = None,
    rows: Literal["data", "totals"] = "data",
    bom: bool = False,
    link: bool = False,
) -> Timesheet | Reply:
    """Return a person's timesheet of up to 366 days, both ends included, as JSON, CSV or XLSX."""
    report = timesheets.of_person(directory(), attendance_store(), person_id, from_, to, now=now())
    wanted = exports.Wanted(format_, lang, hours, rows, bom, link)
    return exports.reply(directory(), bucket(), report, request, wanted, now=now())


@app.route("/v1/timesheets", methods=["GET"])
@endpoint(
    scope="viewer",
    responses={200: (timesheets.TimesheetPage, SignedLink, "text/csv"), 303: SignedLink},
    raises=(errors.InvalidCursor, errors.ExportTooLarge),
    audit=True,
)
def list_timesheets(
    request: Request,
    from_: date,
    to: date,
    group: Group | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
    format_: exports.Format | None = None,
    lang: Language | None = None,
    hours: Hours | None = None,
    rows: Literal["data", "totals"] = "data",
    bom: bool = False,
    link: bool = False,
) -> timesheets.TimesheetPage | Reply:
    """List timesheets of all people or of a group, in order of name. Pages of long timesheets hold fewer."""
    report = timesheets.of_group(
        directory(), attendance_store(), from_, to, group, limit=limit, after=cursor, now=now()
    )
    wanted = exports.Wanted(format_, lang, hours, rows, bom, link)
    return exports.reply(directory(), bucket(), report, request, wanted, now=now())


@app.route("/v1/timesheets/monthly", methods=["GET"])
@endpoint(
    scope="viewer",
    responses={200: (timesheets.MonthlySheet, SignedLink, "text/csv"), 303: SignedLink},
    raises=(errors.InvalidCursor, errors.ExportTooLarge),
    audit=True,
)
def show_month(
    request: Request,
    month: timesheets.MonthText,
    group: Group | None = None,
    limit: Limit = 1000,
    cursor: Cursor | None = None,
    format_: exports.Format | None = None,
    lang: Language | None = None,
    hours: Hours | None = None,
    rows: Rows = "data",
    bom: bool = False,
    link: bool = False,
) -> timesheets.MonthlySheet | Reply:
    """Return the monthly sheet: one row per person, one column per day, and totals; JSON, CSV or XLSX."""
    report = timesheets.of_month(
        directory(), attendance_store(), month, group, limit=limit, after=cursor, now=now()
    )
    wanted = exports.Wanted(format_, lang, hours, rows, bom, link)
    return exports.reply(directory(), bucket(), report, request, wanted, now=now())


# --- settings -----------------------------------------------------------------------------------


@app.route("/v1/settings", methods=["GET"])
@endpoint(scope="admin")
def show_settings() -> SettingsView:
    """Return the site's settings."""
    return settings.show(directory(), now=now())


@app.route("/v1/settings", methods=["PUT"])
@endpoint(scope="admin", raises=(errors.InvalidSettings, errors.SettingsChanged, errors.PeriodClosed))
def change_settings(body: SettingsView, effective_from: date | None = None) -> SettingsView:
    """Replace the site's settings.

    The rules hold at once. The calendar holds from `effective_from` on (default: today's work day), which may
    be past or to come, until the next version begins.
    """
    production, local = environment().production, environment().stage == "local"
    gateways = directory(), site_store()
    return settings.replace_settings(
        *gateways, body, effective_from=effective_from, production=production, local=local, now=now()
    )


@app.route("/v1/settings/versions", methods=["GET"])
@endpoint(scope="admin")
def list_versions() -> Page[CalendarVersion]:
    """List the versions of the calendar, past and planned, oldest first."""
    return settings.versions(directory())


@app.route("/v1/settings/versions/{begins}", methods=["GET"])
@endpoint(scope="admin", raises=(errors.VersionNotFound,))
def show_version(begins: settings.Begins) -> CalendarVersion:
    """Return the version of the calendar that begins on a date, or the `first` one."""
    return settings.show_version(directory(), begins)


@app.route("/v1/settings/versions/{begins}", methods=["PUT"])
@endpoint(scope="admin", raises=(errors.InvalidSettings, errors.SettingsChanged, errors.PeriodClosed))
def put_version(
    begins: settings.Begins, body: Calendar, version: settings.Version | None = None
) -> CalendarVersion:
    """Create or replace the version of the calendar that begins on a date; other versions are kept.

    With `version`, the request is refused if the settings have changed since.
    """
    return settings.put_version(directory(), site_store(), begins, body, version=version, now=now())


@app.route("/v1/settings/versions/{begins}", methods=["DELETE"])
@endpoint(
    scope="admin",
    status=204,
    raises=(errors.VersionNotFound, errors.FirstVersion, errors.SettingsChanged, errors.PeriodClosed),
)
def remove_version(begins: settings.Begins, version: settings.Version | None = None) -> None:
    """Delete the version of the calendar that begins on a date; the one before it goes on.

    With `version`, the request is refused if the settings have changed since.
    """
    settings.remove_version(directory(), site_store(), begins, version=version, now=now())


# --- holidays and closings ----------------------------------------------------------------------


@app.route("/v1/holidays", methods=["GET"])
@endpoint(scope="viewer")
def list_holidays(from_: date, to: date) -> Page[Holiday]:
    """List the holidays of a range of dates, both ends included."""
    return holidays.listed(site_store(), from_, to)


@app.route("/v1/holidays/{date}", methods=["GET"])
@endpoint(scope="viewer", raises=(errors.HolidayNotFound,))
def show_holiday(date_: date) -> Holiday:
    """Return the holiday of a date."""
    return holidays.show(site_store(), date_)


@app.route("/v1/holidays/{date}", methods=["PUT"])
@endpoint(scope="manager", raises=(errors.PeriodClosed, errors.WholeSite))
def put_holiday(caller: Caller, date_: date, body: holidays.NewHoliday) -> Holiday:
    """Create or replace the holiday of a date, past or to come."""
    return holidays.put(directory(), site_store(), date_, body, caller=caller, now=now())


@app.route("/v1/holidays/{date}", methods=["DELETE"])
@endpoint(scope="manager", status=204, raises=(errors.HolidayNotFound, errors.PeriodClosed, errors.WholeSite))
def remove_holiday(caller: Caller, date_: date) -> None:
    """Delete the holiday of a date."""
    holidays.remove(directory(), site_store(), date_, caller=caller, now=now())


@app.route("/v1/holidays/imports", methods=["POST"], content_types=ANY_TYPE)
@endpoint(
    consumes=HOLIDAY_TYPES,
    scope="manager",
    raises=(
        errors.InvalidImport,
        errors.ImportTooLarge,
        errors.ImportRefused,
        errors.PeriodClosed,
        errors.WholeSite,
    ),
)
def import_holidays(
    caller: Caller, body: HolidayFile, dry_run: bool = False, mode: imports.Mode = "all"
) -> holidays.HolidayImportResult:
    """Import holidays from a CSV file or an iCalendar file: all or none, or with mode `good` the valid ones.

    A holiday that is already there is replaced.
    """
    gateways = directory(), site_store()
    return holidays.run_import(*gateways, body.rows, dry_run=dry_run, mode=mode, caller=caller, now=now())


@app.route("/v1/closings", methods=["GET"])
@endpoint(scope="viewer")
def list_closings() -> Closings:
    """Return the last closed date, and who closed and reopened days."""
    return closings.show(site_store())


@app.route("/v1/closings", methods=["POST"])
@endpoint(scope="manager", status=201, raises=(errors.PeriodClosed, errors.WholeSite))
def close_days(caller: Caller, body: NewClosing) -> ClosingView:
    """Close all work days up to a date, so that nothing changes them any more.

    Whatever would change a closed day is refused with `PeriodClosed`.
    """
    return closings.close(directory(), site_store(), body, caller=caller, now=now())


@app.route("/v1/closings/reopenings", methods=["POST"])
@endpoint(scope="admin", status=201)
def reopen_days(caller: Caller, body: Reopening) -> ClosingView:
    """Reopen the closed work days from a date on, for a reason."""
    return closings.reopen(site_store(), body, caller=caller, now=now())


@app.route("/v1/me", methods=["GET"])
@endpoint(scope="any")
def show_me(caller: Caller) -> whoami.Me:
    """Return the caller's role, groups and expiry, and the site: its name, zone, language, time and lists."""
    return whoami.show(directory(), token_store(), caller=caller, now=now())


# --- tokens, audit, retention -------------------------------------------------------------------


@app.route("/v1/tokens", methods=["POST"])
@endpoint(scope="admin", status=201, on_replay="refuse")
def create_token(caller: Caller, body: tokens.NewToken) -> tokens.CreatedToken:
    """Create a token. The response shows it once."""
    return tokens.create(token_store(), body, maker=caller, now=now())


@app.route("/v1/tokens", methods=["GET"])
@endpoint(scope="admin")
def list_tokens() -> Page[tokens.TokenView]:
    """List active tokens, oldest first."""
    return tokens.list_active(token_store(), now=now())


@app.route("/v1/tokens/{token_id}", methods=["DELETE"])
@endpoint(scope="admin", raises=(errors.TokenNotFound, errors.LastAdminToken))
def revoke_token(caller: Caller, token_id: PersonId, children: bool = False) -> tokens.Revocation:
    """Revoke a token, and with `children` also the tokens that it created.

    It changes nothing from that moment, and reads nothing after a minute. The response lists the active
    tokens that it had created; the caller's own token is never revoked as a child.
    """
    return tokens.revoke(token_store(), token_id, children=children, by=caller.token_id, now=now())


@app.route("/v1/audit", methods=["GET"])
@endpoint(scope="admin", raises=(errors.InvalidCursor,))
def list_audit(
    from_: date | None = None,
    to: date | None = None,
    person_id: PersonId | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[audit.AuditView]:
    """List audit entries, newest first: what managers and admins did, what limits refused. Dates are UTC."""
    return audit.listed(
        audit_log(),
        signing_key(),
        since=from_,
        until=to,
        person_id=person_id,
        limit=limit,
        after=cursor,
        now=now(),
    )


@app.route("/v1/retention", methods=["GET"])
@endpoint(scope="admin")
def show_retention() -> RetentionPlan:
    """Return what the daily retention run would remove now. Nothing is removed."""
    return apply_retention(
        directory(), audit_log(), personal_data(), collection(), bucket(), dry_run=True, now=now()
    )


# HEAD goes with each GET above.
endpoint.add_heads()


# --- schedules ----------------------------------------------------------------------------------


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: object) -> dict[str, int]:
    """Complete or undo enrolments, deletions, uploads and erasures that were interrupted."""
    return scheduled(
        "sweep", lambda: run_sweep(directory(), personal_data(), collection(), bucket(), now=now())
    )


@app.schedule(Cron(17, 19, "*", "*", "?", "*"))
def retention(event: object) -> dict[str, int]:
    """Remove data older than the retention settings allow; runs at night in Vietnam."""
    gateways = directory(), audit_log(), personal_data(), collection(), bucket()
    return scheduled("retention", lambda: apply_retention(*gateways, dry_run=False, now=now()).counts())
