"""Least privilege, for each function: nothing missing, nothing spare, and no `*` where an ARN is possible.

The calls really made are recorded as botocore signs them, while every route and schedule is driven. The whole
suite's calls are checked too: see conftest.
"""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib import wiring
from chalicelib.domain.face import Face, FaceState
from chalicelib.domain.photo import photo
from chalicelib.web.endpoint import declared_routes
from infra import policies as written
from infra import stages
from infra.stage import Failure, Stage, cloud_stages
from local.aws.resources import read
from tests.conftest import CONSENT, Finish, Http, chalice_client
from tests.support import policies, recorder
from tests.support.builders import add_person, change_settings, stamped
from tests.support.crashes import Crash, crash_at
from tests.support.faces import JPEG, enrol
from tests.support.photos import heavy, photo_of_b, photo_of_c, photos_of_a
from tests.support.uploads import create_upload, post_upload

STAGES = ["dev", "prod"]

BY_LAMBDA = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""What Lambda does with the function's role; botocore of the function never sees it."""

LISTING = {"s3:ListBucket", "s3:ListBucketVersions"}

BY_S3 = {"s3:ListBucket"}
"""Without it S3 answers a GetObject of what is not there with 403 and not with 404; nobody lists here."""

WITHOUT_ARN = {
    "rekognition:CreateFaceLivenessSession",
    "rekognition:DetectFaces",
    "rekognition:GetFaceLivenessSessionResults",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""Actions of which IAM knows no resource."""


class Routes:
    """Calls the app and notes which routes were called."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._call = http.call
        self.called: set[tuple[str, str]] = set()

    def call(self, method: str, path: str, *arguments: Any, **query: Any) -> Any:
        """Send a request, which must not fail for want of anything that AWS has."""
        from app import app

        place = path.split("?")[0]
        for route, methods in app.routes.items():
            if method in methods and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", route), place):
                self.called.add((method, route))
        answer = self._call(method, path, *arguments, **query)
        assert answer.status_code < 500, (method, path, answer.body)
        return answer


@pytest.fixture
def routes(http: Http, monkeypatch: pytest.MonkeyPatch) -> Routes:
    """What has been called of the app by `http`."""
    routes = Routes(http)
    monkeypatch.setattr(http, "call", routes.call)
    return routes


def drive(http: Http, finish: Finish) -> None:
    """Do once what the API is for: each route, and of each the ways that ask something else of AWS."""
    first, second, _ = photos_of_a()
    for path in ("/", "/health", "/docs", "/openapi.json", "/v1/settings", "/v1/leaves", "/v1/people"):
        http.get(path)
    http.call("PUT", "/v1/settings", http.get("/v1/settings").json_body)
    person = add_person(http, code="A1")
    http.get("/v1/people", q="anh")
    http.get(f"/v1/people/{person}")
    http.call("PATCH", f"/v1/people/{person}", {"name": "Nguyễn Thị Ánh"}, {"Idempotency-Key": "1" * 16})
    http.call("PATCH", f"/v1/people/{person}", {"name": ""}, {"Idempotency-Key": "2" * 16})
    http.post("/v1/imports", b"name,code\nB,B1\n", {"Content-Type": "text/csv"}, dry_run="false")
    http.post("/v1/punches/imports", [{"code": "B1", "at": "2026-06-01 08:00"}])
    http.get("/v1/attendance/open-days")

    face = enrol(http, person, first).json_body["face_id"]
    other = add_person(http, "C")
    upload = create_upload(http)
    assert post_upload(upload, heavy(photo_of_c()))[0] in {201, 204}
    assert http.post(f"/v1/people/{other}/faces", {"upload_id": upload["upload_id"]}).status_code == 201
    http.get(f"/v1/people/{person}/faces")
    http.get(f"/v1/people/{person}/faces/{face}/photo")
    http.post("/v1/identify", second, JPEG)
    http.post(f"/v1/people/{person}/verify", second, JPEG)

    session = http.post("/v1/liveness-sessions").json_body["session_id"]
    http.get(f"/v1/liveness-sessions/{session}")
    assert http.post("/v1/punches", {"liveness_session_id": finish(session, second)}).status_code == 201
    stamped(http, person, "2026-08-11T01:00:00Z")
    http.get("/v1/punches", person_id=person)
    http.get("/v1/attendance", format="xlsx")
    http.get(f"/v1/attendance/{person}")
    http.get("/v1/timesheets", **{"from": "2026-11-01", "to": "2026-11-02", "group": "x"})
    http.get("/v1/timesheets/monthly", month="2026-10")
    leave = http.post(
        f"/v1/people/{person}/leaves", {"from": "2026-12-01", "to": "2026-12-02", "kind": "annual"}
    ).json_body
    http.delete(f"/v1/people/{person}/leaves/{leave.get('leave_id', 'none')}")

    http.get("/v1/me")
    day = "/v1/holidays/2027-01-01"
    assert http.call("PUT", day, {"name": "Tết"}).status_code == 200
    http.get(day)
    http.get("/v1/holidays", **{"from": "2027-01-01", "to": "2027-01-31"})
    http.call("POST", "/v1/holidays/imports", b"date,name\n2027-01-02,x\n", {"Content-Type": "text/csv"})
    assert http.delete(day).status_code == 204
    later = "/v1/settings/versions/2099-01-01"
    assert http.call("PUT", later, http.get("/v1/settings").json_body["calendar"]).status_code == 200
    http.get("/v1/settings/versions")
    http.get(later)
    assert http.delete(later).status_code == 204
    assert http.post("/v1/closings", {"through": "2020-01-31"}).status_code == 201
    http.get("/v1/closings")
    assert http.post("/v1/closings/reopenings", {"from": "2020-01-01", "reason": "x"}).status_code == 201

    lab_session = http.get("/session").json_body["sessionId"]
    http.get(f"/liveness-result/{finish(lab_session, second)}")
    http.get("/liveness-result", sessionId=lab_session)
    http.post(
        "/index-face",
        {"name": "D", "fileBase64": _base64(photo_of_b()), "fileName": "d.jpg", "fileType": "image/jpeg"},
    )
    [listed, *_] = http.get("/list-collections").json_body["faces"]
    http.get("/attendance", externalImageId=listed["ExternalImageId"])
    http.post("/checkin", second, JPEG)
    http.call("DELETE", "/delete-face", {"faceId": listed["FaceId"], "s3Key": listed["s3Key"]})

    made = http.post("/v1/tokens", {"role": "viewer", "label": "x"}).json_body["token_id"]
    for path in (
        "/health?deep=true",
        "/v1/tokens",
        "/v1/audit",
        "/v1/retention",
        f"/v1/people/{person}/data",
    ):
        http.get(path)
    http.delete(f"/v1/tokens/{made}")
    second_admin = http.post("/v1/tokens", {"role": "admin", "label": "x"}).json_body["token_id"]
    http.delete(f"/v1/tokens/{second_admin}")
    http.get("/v1/people", limit=1, cursor=http.get("/v1/people", limit=1).json_body["next_cursor"])
    http.call("PUT", f"/v1/people/{other}/consent", CONSENT)
    http.delete(f"/v1/people/{other}/consent")
    http.delete(f"/v1/people/{person}/faces/{face}")
    enrol(http, person, first)
    leave_stray(person, session)
    assert http.delete(f"/v1/people/{person}").status_code == 200


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_the_api_asks_for_what_its_policy_allows_and_for_all_of_it(
    http: Http, finish: Finish, routes: Routes
) -> None:
    from app import app

    with recorder.recording() as calls:
        drive(http, finish)

    every = {(method, route) for route, method, _ in declared_routes(app)}
    assert not every - routes.called, "`drive` must call each route once, to show what it asks of AWS"
    compare("api_handler", calls)


def leave_stray(person_id: str, session_id: str) -> None:
    """Leave objects that only an erasure looks for."""
    for key in (f"photos/{person_id}/old.jpg", f"liveness/{session_id}/audit.jpg"):
        boto3.client("s3").put_object(Bucket="rollcall-local", Key=key, Body=b"x")


def leave_half_done(person_id: str) -> None:
    """Leave what crashes leave: an enrolment that stopped before and one after it noted its face."""
    for number, content in enumerate((photo_of_b(), photo_of_c())):
        taken = photo(content)
        face = Face(
            person_id=person_id,
            digest=taken.digest,
            photo_key=f"photos/{person_id}/{taken.digest}.jpg",
            state=FaceState.PENDING,
            since=datetime.now(UTC) - timedelta(hours=1),
            face_id="11111111-2222-3333-4444-555555555555" if number else None,
        )
        wiring.bucket().put_photo(face.photo_key, taken)
        wiring.directory().add_pending_face(face, wiring.directory().person(person_id))


def test_the_sweep_asks_for_what_its_policy_allows_and_for_all_of_it(
    http: Http, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import app

    leave_half_done(add_person(http))
    erased = add_person(http, "B")
    enrol(http, erased, photo_of_b())
    stamped(http, erased, "2026-08-11T01:00:00Z")
    session = http.post("/v1/liveness-sessions").json_body["session_id"]
    assert http.post("/v1/punches", {"liveness_session_id": finish(session, photo_of_b())}).status_code == 201
    leave_stray(erased, session)
    with pytest.raises(Crash), crash_at("DeleteFaces"):
        http.delete(f"/v1/people/{erased}")
    uncounted = add_person(http, "C")
    with pytest.raises(Crash), crash_at("ListObjectVersions"):
        http.delete(f"/v1/people/{uncounted}")
    http.get("/v1/attendance", format="xlsx")
    upload = create_upload(http)
    post_upload(upload, photo_of_b())
    long_after = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr("app.now", lambda: long_after)

    with recorder.recording() as calls, chalice_client(app) as client:
        client.events  # noqa: B018 - the client knows schedules by their events
        swept = client.lambda_.invoke(
            "sweep", client.events.generate_cw_event("aws.events", "x", {}, [], "us-east-1")
        )

    assert swept.payload == {"swept": 2, "erasures": 2, "uploads": 1, "exports": 0}
    compare("sweep", calls)


def test_the_retention_asks_for_what_its_policy_allows_and_for_all_of_it(
    http: Http, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import app

    left = add_person(http)
    enrol(http, left, photos_of_a()[0])
    http.post(f"/v1/people/{left}/leaves", {"since": "2026-12-01", "until": "2026-12-02", "kind": "sick"})
    session = http.post("/v1/liveness-sessions").json_body["session_id"]
    assert (
        http.post("/v1/punches", {"liveness_session_id": finish(session, photos_of_a()[2])}).status_code
        == 201
    )
    upload = create_upload(http)
    post_upload(upload, photo_of_b())
    with pytest.raises(Crash), crash_at("DeleteObject"):
        http.post(f"/v1/people/{left}/verify", {"upload_id": upload["upload_id"]})
    http.get("/v1/attendance", format="xlsx")
    http.call("PATCH", f"/v1/people/{left}", {"status": "inactive"})
    stamped(http, left, "2026-08-11T01:00:00Z")
    leave_stray(left, session)
    leave_half_done(left)
    change_settings(http, retention={"punches_days": 36_500})
    long_after = datetime.now(UTC) + timedelta(days=20 * 366)
    monkeypatch.setattr("app.now", lambda: long_after)

    with recorder.recording() as calls, chalice_client(app) as client:
        client.events  # noqa: B018 - the client knows schedules by their events
        gone = client.lambda_.invoke(
            "retention", client.events.generate_cw_event("aws.events", "x", {}, [], "us-east-1")
        ).payload

    assert {name: gone[name] for name in ("faces", "leaves", "consents", "profiles")} == {
        "faces": 1,
        "leaves": 1,
        "consents": 1,
        "profiles": 1,
    }
    compare("retention", calls)
    # It deletes audit entries, which the others' policies refuse whatever they allow.
    removed = {call for call in calls if call.action == "dynamodb:DeleteItem" and call.key == "AUDIT#"}
    assert removed
    for function in ("api_handler", "sweep"):
        for stage in STAGES:
            denied = policies.denials(stage, function, of="local")
            assert all(any(denial.refuses(call) for denial in denied) for call in removed)
            kept = recorder.Call("dynamodb:DeleteItem", next(iter(removed)).resource, "PERSON#")
            assert not any(denial.refuses(kept) for denial in denied)
    assert policies.denials("dev", "retention") == []


REMEDY = "change infra/roles.yaml, then run `python -m infra policies`"


def compare(function: str, calls: set[recorder.Call]) -> None:
    """Check a function's policies against the calls it made."""
    for stage in STAGES:
        granted = policies.grants(stage, function, of="local")
        refused = policies.refused(calls, granted)
        assert not refused, f"no policy of {function} allows {refused}: {REMEDY}"
        denied = policies.denials(stage, function, of="local")
        assert [call for call in calls if any(denial.refuses(call) for denial in denied)] == []
        spare = [
            grant
            for grant in granted
            if grant.action not in BY_LAMBDA | BY_S3 and not any(grant.allows(call) for call in calls)
        ]
        assert not spare, f"{function} makes no call that needs {spare}: {REMEDY}, or call it in `drive`"
        if any(grant.action in BY_S3 for grant in granted):
            assert any(call.action == "s3:GetObject" for call in calls)


@pytest.mark.parametrize("stage", STAGES)
def test_each_function_has_a_policy_of_its_own(stage: str) -> None:
    config = json.loads((policies.FOLDER / "config.json").read_text())
    assert config["autogen_policy"] is False
    assert config["stages"][stage] == stages.block_of(stage), "a stage has its names, what is shared is above"
    files = {path.name for path in policies.FOLDER.glob(f"policy-{stage}*.json")}
    assert files == {f"policy-{stage}{end}.json" for end in policies.functions().values()}


def test_policy_files_are_current() -> None:
    for stage in cloud_stages():
        written.check(stage)  # its failure says what to run


def test_a_policy_file_that_was_edited_by_hand_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(written, "FOLDER", tmp_path)
    with pytest.raises(Failure, match=r"policy-dev.json is missing; run `python -m infra policies`"):
        written.check("dev")
    written.write("dev")
    written.check("dev")
    edited = tmp_path / "policy-dev-sweep.json"
    edited.write_text(edited.read_text().replace("dynamodb:Query", "dynamodb:Scan"))
    with pytest.raises(Failure, match=r"policy-dev-sweep.json differs .* run `python -m infra policies`"):
        written.check("dev")


def test_a_stage_s_stack_has_a_role_for_each_function() -> None:
    roles = read(written.ROLES)["Resources"].values()
    assert [role["Properties"]["RoleName"]["Fn::Sub"] for role in roles] == [
        f"rollcall-${{Stage}}-{function}${{RoleSuffix}}" for function in policies.functions()
    ]
    assert list(written.documents("dev")) == list(policies.functions())


@pytest.mark.parametrize("stage", STAGES)
def test_each_resource_is_the_stages_own(stage: str) -> None:
    for function in policies.functions():
        for grant in policies.grants(stage, function):
            assert "*" not in grant.action, grant
            if grant.action in WITHOUT_ARN:
                assert grant.resource == "*", grant
            else:
                assert re.fullmatch(
                    rf"arn:aws:\w+:.*[:/]rollcall-{stage}(-[\w-]+)?\*?([:/].*)?", grant.resource
                ), grant


def test_stages_differ_by_their_name_only() -> None:
    for function in policies.functions():
        assert policies.grants("dev", function, of="x") == policies.grants("prod", function, of="x")


def test_a_deployed_role_names_account_region_and_bucket() -> None:
    stage = Stage("dev", "999988887777", "eu-west-1", "aws", boto3.session.Session())
    places = {"s3": ("", ""), "iam": ("", "999988887777")}
    for function in policies.functions():
        for action, resource in policies.deployed_grants(stage, function):
            if action in WITHOUT_ARN:
                continue
            _, _, service, region, account, name = resource.split(":", 5)
            assert (region, account) == places.get(service, ("eu-west-1", "999988887777"))
            assert name.removesuffix("/*").removesuffix(":*").count("*") == 0, resource
            if service == "s3":
                assert name.startswith("rollcall-dev-999988887777-eu-west-1/") or action in LISTING
