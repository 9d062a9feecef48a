"""Every route of Rollcall. A view reads its arguments, calls one use case and returns its answer."""

from chalice.app import Chalice, CORSConfig, Rate

from chalicelib import enrolment, lab
from chalicelib.health import Health, health
from chalicelib.http import Endpoints
from chalicelib.wiring import (
    environment,
    faces,
    is_busy,
    now,
    origin,
    photos,
    require_lab,
    store,
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

endpoint = Endpoints(app, is_busy)


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


# --- schedules ----------------------------------------------------------------------------------


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(event: object) -> dict[str, int]:
    """Undo the enrolments and finish the removals that a crash left half-done."""
    return {"swept": enrolment.sweep(store(), faces(), photos(), now=now())}
