"""Every route of Rollcall. A view reads its arguments, calls one use case and returns its answer."""

from datetime import date

from chalice.app import Chalice, CORSConfig, Rate

from chalicelib import attendance, corrections, enrolment, lab, liveness, people, recognition, site, uploads
from chalicelib.attendance import NewPunch
from chalicelib.corrections import ManualPunch, PunchView
from chalicelib.errors import (
    AmbiguousMatch,
    EnrolmentInProgress,
    FaceBelongsToAnother,
    FaceDiffers,
    FaceNotFound,
    InvalidCursor,
    InvalidPhoto,
    InvalidSettings,
    LeaveNotFound,
    NoFaceFound,
    NoReferenceImage,
    NotLive,
    NotRecognised,
    PersonExists,
    PersonNotFound,
    PhotoTooLarge,
    PoorPhoto,
    PunchNotFound,
    PunchSuperseded,
    SessionExpired,
    SessionNotFound,
    SessionPending,
    SessionUsed,
    SettingsChanged,
    SeveralFaces,
    TooManyFaces,
    UnknownShift,
    UploadNotFound,
)
from chalicelib.forms import PhotoBody
from chalicelib.health import Health, health
from chalicelib.http import Endpoints, Reply
from chalicelib.idempotency import once
from chalicelib.liveness import SessionStarted, SessionView
from chalicelib.models import (
    Cursor,
    FaceId,
    FaceView,
    LeaveRecord,
    Limit,
    Link,
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
from chalicelib.recognition import Identification, Verification
from chalicelib.settings import Settings
from chalicelib.uploads import Upload
from chalicelib.wiring import (
    environment,
    faces,
    is_busy,
    now,
    origin,
    photos,
    require_lab,
    store,
    streaming,
)

app = Chalice(app_name="rollcall")
app.api.cors = CORSConfig(
    allow_origin=origin(),
    allow_headers=["Accept", "Accept-Language", "Idempotency-Key", "If-None-Match"],
    expose_headers=["Content-Disposition", "ETag", "Retry-After", "X-Request-Id"],
    max_age=600,
)
# Bytes that API Gateway must not take for text; without it, it damages them.
app.api.binary_types.append("multipart/form-data")

PHOTO_TYPES = ["application/json", "image/jpeg", "image/png", "multipart/form-data"]

PHOTO_REFUSALS = (InvalidPhoto, PhotoTooLarge, UploadNotFound, NoFaceFound)
ENROLMENT_REFUSALS = (
    PersonNotFound,
    *PHOTO_REFUSALS,
    SeveralFaces,
    PoorPhoto,
    FaceBelongsToAnother,
    FaceDiffers,
    TooManyFaces,
    EnrolmentInProgress,
)
PUNCH_REFUSALS = (
    SessionNotFound,
    SessionPending,
    SessionExpired,
    SessionUsed,
    NoReferenceImage,
    NotLive,
    NotRecognised,
    AmbiguousMatch,
)

endpoint = Endpoints(app, is_busy, lambda request, run: once(store, now(), request, run))


@app.route("/health", methods=["GET"])
@endpoint(scope="public")
def show_health() -> Health:
    """Say that the service is up, and how it is set up."""
    return health(environment(), now=now())


# --- the lab ------------------------------------------------------------------------------------


@app.route("/session", methods=["GET"])
@endpoint(scope="kiosk", guard=require_lab, problem=lab.problem)
def lab_session() -> lab.Body:
    """Start a liveness session."""
    return lab.start_session(store(), faces(), now=now())


@app.route("/liveness-result", methods=["GET"])
@endpoint(scope="kiosk", guard=require_lab, problem=lab.result_problem)
def lab_result_without_session() -> lab.Body:
    """Ask for the session id that is missing."""
    raise lab.MISSING_SESSION


@app.route("/liveness-result/{session_id}", methods=["GET"])
@endpoint(scope="kiosk", guard=require_lab, problem=lab.result_problem)
def lab_result(session_id: str, preview: str = "", compareFaceId: str = "") -> lab.Body:  # noqa: N803
    """Check in with a finished session; the two query fields are taken and change nothing."""
    return lab.session_result(store(), faces(), session_id, scores=environment().lab == "open", now=now())


@app.route("/index-face", methods=["POST"], content_types=PHOTO_TYPES)
@endpoint(scope="manager", guard=require_lab, problem=lab.problem)
def lab_index_face(body: lab.Registration) -> lab.Body:
    """Enrol a photo under a name."""
    return lab.register(store(), faces(), photos(), body, now=now())


@app.route("/list-collections", methods=["GET"])
@endpoint(scope="manager", guard=require_lab, problem=lab.problem)
def lab_list_collections() -> lab.Body:
    """List every enrolled face."""
    return lab.list_faces(store())


@app.route("/attendance", methods=["GET"])
@endpoint(scope="viewer", guard=require_lab, problem=lab.problem)
def lab_attendance(externalImageId: str = "") -> lab.Body:  # noqa: N803
    """Say whether a person has checked in today."""
    return lab.today(store(), externalImageId, now=now())


@app.route("/delete-face", methods=["DELETE"])
@endpoint(scope="manager", guard=require_lab, problem=lab.problem)
def lab_delete_face(body: lab.Deletion) -> lab.Body:
    """Remove an enrolled face and its photo."""
    return lab.delete_face(store(), faces(), photos(), body, now=now())


@app.route("/checkin", methods=["POST"], content_types=PHOTO_TYPES)
@endpoint(scope="kiosk", guard=require_lab, problem=lab.problem)
def lab_check_in(body: lab.Upload) -> lab.Body:
    """Check in with a photo alone, where the site allows it."""
    return lab.check_in(store(), faces(), body, now=now())


# --- people -------------------------------------------------------------------------------------


@app.route("/v1/people", methods=["POST"])
@endpoint(scope="manager", status=201, refuses=(PersonExists, UnknownShift))
def create_person(body: NewPerson) -> PersonView:
    """Add a person."""
    return people.create(store(), body, now=now())


@app.route("/v1/people", methods=["GET"])
@endpoint(scope="manager", refuses=(InvalidCursor,))
def list_people(
    q: Query = "",
    group: str | None = None,
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


@app.route("/v1/people/{person_id}/faces", methods=["POST"], content_types=PHOTO_TYPES)
@endpoint(scope="manager", status=201, refuses=ENROLMENT_REFUSALS)
def add_face(person_id: PersonId, body: PhotoBody, allow_different: bool = False) -> Reply:
    """Enrol a photo of a person; 200 and the face as it is when the photo is there already."""
    photo = uploads.photo_of(store(), photos(), body)
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
@endpoint(scope="manager", refuses=(PersonNotFound, FaceNotFound))
def show_photo(person_id: PersonId, face_id: FaceId) -> Link:
    """Give a link to an enrolled photo that works for a minute."""
    return photos().link(enrolment.find(store(), person_id, face_id).photo_key, now=now())


@app.route("/v1/uploads", methods=["POST"])
@endpoint(scope="manager", status=201)
def begin_upload() -> Upload:
    """Give a form with which to upload a photo of up to 15 MB."""
    return uploads.begin(store(), photos(), now=now())


@app.route("/v1/identify", methods=["POST"], content_types=PHOTO_TYPES)
@endpoint(scope="manager", refuses=PHOTO_REFUSALS)
def identify(body: PhotoBody) -> Identification:
    """Find whom a photo shows; no attendance is recorded."""
    return recognition.identify(store(), faces(), uploads.photo_of(store(), photos(), body))


@app.route("/v1/people/{person_id}/verify", methods=["POST"], content_types=PHOTO_TYPES)
@endpoint(scope="manager", refuses=(PersonNotFound, *PHOTO_REFUSALS))
def verify(person_id: PersonId, body: PhotoBody) -> Verification:
    """Compare a photo with a person's faces; no attendance is recorded."""
    photo = uploads.photo_of(store(), photos(), body)
    return recognition.verify(store(), faces(), person_id, photo)


@app.route("/v1/people/{person_id}/leaves", methods=["POST"])
@endpoint(scope="manager", status=201, refuses=(PersonNotFound,))
def add_leave(person_id: PersonId, body: NewLeave) -> LeaveRecord:
    """Excuse a person for some days."""
    return site.add_leave(store(), person_id, body)


@app.route("/v1/people/{person_id}/leaves/{leave_id}", methods=["DELETE"])
@endpoint(scope="manager", status=204, refuses=(LeaveNotFound,))
def remove_leave(person_id: PersonId, leave_id: PersonId) -> None:
    """Take a leave away."""
    site.remove_leave(store(), person_id, leave_id)


@app.route("/v1/leaves", methods=["GET"])
@endpoint(scope="viewer")
def list_leaves(from_: date, to: date, person_id: PersonId | None = None) -> Page[LeaveRecord]:
    """List the leave that touches some days, both ends included."""
    return Page(store().leaves(from_, to, person_id), None)


# --- punches ------------------------------------------------------------------------------------


@app.route("/v1/liveness-sessions", methods=["POST"])
@endpoint(scope="kiosk", status=201)
def begin_session() -> SessionStarted:
    """Start a liveness session, with credentials that can do nothing but stream it."""
    return liveness.begin(store(), faces(), streaming(), now=now())


@app.route("/v1/liveness-sessions/{session_id}", methods=["GET"])
@endpoint(scope="kiosk", refuses=(SessionNotFound,))
def show_session(session_id: SessionId) -> SessionView:
    """Say where a liveness session stands; no score, no effect."""
    return liveness.show(store(), faces(), session_id)


@app.route("/v1/punches", methods=["POST"])
@endpoint(scope="kiosk", status=201, refuses=PUNCH_REFUSALS)
def punch(body: NewPunch) -> Reply:
    """Record a punch for a finished liveness session; 200 for one that repeats the last."""
    receipt = attendance.punch(store(), faces(), body, now=now())
    return Reply(200 if receipt.duplicate else 201, receipt)


@app.route("/v1/punches/manual", methods=["POST"])
@endpoint(scope="manager", status=201, refuses=(PersonNotFound, PunchNotFound, PunchSuperseded))
def record_manual_punch(body: ManualPunch) -> PunchView:
    """Record a punch without a camera, or correct one."""
    return corrections.record(store(), body, by=None, now=now())


@app.route("/v1/punches", methods=["GET"])
@endpoint(scope="viewer", refuses=(InvalidCursor,))
def list_punches(
    from_: date,
    to: date,
    person_id: PersonId | None = None,
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[PunchView]:
    """List punches of some work days, oldest first, corrected ones too."""
    return corrections.log(store(), person_id=person_id, since=from_, until=to, limit=limit, after=cursor)


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


# --- schedules ----------------------------------------------------------------------------------


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: object) -> dict[str, int]:
    """Undo the enrolments and finish the removals that a crash left half-done."""
    return {"swept": enrolment.sweep(store(), faces(), photos(), now=now())}
