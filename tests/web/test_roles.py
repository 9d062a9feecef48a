"""Every route with every role, and with every kind of token that is none."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice
from chalice.test import Client, HTTPResponse

import app as application
from chalicelib import wiring
from chalicelib.domain.token import SCOPES, Role
from chalicelib.services.tokens import NewToken, create, token_digest
from chalicelib.web.endpoint import Endpoint, Endpoints
from tests.conftest import Http, Lab
from tests.support.answers import code_of
from tests.support.builders import change_settings
from tests.support.openapi import DOCUMENT

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = [
    pytest.param(path, method.upper(), operation, id=f"{method.upper()} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
GARBAGE = b'\xff{"photo": [[[[ \x00'
"""No body of any route: whoever looks at it answers 400."""

UNKNOWN = "rc_" + "A" * 43
MALFORMED = [
    "",
    "rc_",
    "rc_short",
    "rc_" + "A" * 42,
    "rc_" + "A" * 44,
    "RC_" + "A" * 43,
    "rc_" + "A" * 42 + "=",
    "rc_" + "A" * 42 + "\u00e9",
    "A" * 46,
    f"{UNKNOWN} {UNKNOWN}",
    f"{UNKNOWN},{UNKNOWN}",
    "rc_" + "A" * 43 + "\t.",
    "../" + UNKNOWN,
    "rc_' OR '1'='1' --aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "rc_" + "A" * 8000,
]


def sends(http: Http, path: str, method: str, authorization: str | None) -> HTTPResponse:
    """Call a route with ids that are none and a body that nobody understands."""
    operation = DOCUMENT["paths"][path][method.lower()]
    media = next(iter(operation.get("requestBody", {}).get("content", {"application/json": None})))
    headers = {"Content-Type": f"{media}; boundary=b" if media.startswith("multipart") else media}
    if authorization is not None:
        headers["Authorization"] = authorization
    url = re.sub(r"{\w+}", "%2e%2e%00", path) + "?nonsense=1"
    return http.as_(None).call(method, url, GARBAGE, headers)


def is_lab(operation: dict[str, Any]) -> bool:
    return bool(operation["tags"] == ["lab"])


def check_refusal(answer: HTTPResponse, operation: dict[str, Any], status: int, code: str) -> None:
    """Check that a refusal is of the API's one shape (the lab's in its routes), and readable in a browser."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert answer.status_code == status
    assert headers["access-control-allow-origin"] == "*"
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert ("www-authenticate" in headers) == (status == 401)
    body = answer.json_body
    if is_lab(operation):
        assert body["success"] is False
        assert body["error"]
        return
    assert set(body) <= {"Code", "Message", "RequestId", "Details"}
    assert body["Code"] == code
    assert body["RequestId"] == headers["x-request-id"]


@pytest.fixture
def patient(http: Http) -> Http:
    """The app with room for wrong tokens."""
    limits = {"unknown_tokens_per_minute": 100_000}
    assert change_settings(http, limits=limits).status_code == 200
    return http


@pytest.fixture
def nothing_asked(http: Http) -> Iterator[list[str]]:
    """Collects the AWS operations that the app makes."""
    made: list[str] = []
    gateways = (wiring.directory()._table, wiring.collection(), wiring.bucket())
    for gateway in gateways:
        gateway._client.meta.events.register(
            "before-call", lambda model, **_: made.append(model.name), unique_id="asked"
        )
    yield made
    for gateway in gateways:
        gateway._client.meta.events.unregister("before-call", unique_id="asked")


# --- what routes say of themselves ----------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(entry, id=f"{method} {path}")
        for path, methods in application.app.routes.items()
        for method, entry in methods.items()
    ],
)
def test_every_route_has_a_scope_that_a_role_has(entry: Any) -> None:
    endpoint = getattr(entry.view_function, "endpoint", None)
    assert isinstance(endpoint, Endpoint), f"{entry.view_name} lacks @endpoint"
    known = {"public"}.union(*SCOPES.values())
    assert endpoint.scope in known, f"{entry.view_name} has the scope {endpoint.scope}, which nobody has"


def test_only_four_routes_are_public() -> None:
    public = {
        path for path, item in DOCUMENT["paths"].items() if "public" in {o["x-scope"] for o in item.values()}
    }
    assert public == {"/", "/health", "/openapi.json", "/docs"}


def test_the_document_lists_the_roles_of_a_route() -> None:
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            expected = {role for role in Role if operation["x-scope"] in SCOPES[role]}
            assert set(operation["x-roles"]) == expected
            without: list[Any] = [{}] if is_lab(operation) else []  # where the stage says so
            assert operation["security"] == ([{"token": []}, *without] if expected else [])


def test_a_misspelt_scope_allows_nobody(patient: Http) -> None:
    other = Chalice(app_name="misspelt", configure_logs=False)
    endpoint = Endpoints(
        other,
        now=wiring.now,
        today=wiring.today,
        authenticate=wiring.authenticate,
        log_request=wiring.log_request,
        audit_log=wiring.audit_log,
        rate_limits=wiring.rate_limits,
        signing_key=wiring.signing_key,
        stored_replies=wiring.stored_replies,
    )

    @other.route("/x")
    @endpoint(scope="Public")
    def view() -> dict[str, str]:
        return {}

    with Client(other) as client:
        assert client.http.get("/x").status_code == 401
        headers = {"Authorization": f"Bearer {patient.token('admin')}"}
        assert client.http.get("/x", headers=headers).status_code == 403


# --- every route, every token ---------------------------------------------------------------------


def tokens_that_are_none(http: Http) -> list[str]:
    """Make what looks like a token and lets nobody in: revoked, expired, of another form."""
    now, token_store = datetime.now(UTC), wiring.token_store()
    revoked = create(token_store, NewToken(role=Role.ADMIN, label="revoked"), now=now).token
    found = token_store.find(token_digest(revoked))
    assert found
    token_store.remove(found)
    over = NewToken(role=Role.ADMIN, label="over", expires_at=now - timedelta(seconds=1))
    expired = create(token_store, over, now=now - timedelta(days=1)).token
    good = http.token("admin")
    wrong = [f"Bearer {one}" for one in (revoked, expired, UNKNOWN, good[:-1], good + "A", *MALFORMED)]
    return [*wrong, good, f"Basic {good}", f"Token {good}", f"Bearer{good}", f'Bearer "{good}"', "x" * 9000]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_each_role_may_call_its_routes_only(
    patient: Http, lab: Lab, path: str, method: str, operation: dict[str, Any]
) -> None:
    lab("on")
    if operation["x-scope"] == "public":
        for authorization in (None, "", f"Bearer {UNKNOWN}", f"Bearer {patient.token('kiosk')}"):
            assert sends(patient, path, method, authorization).status_code in (200, 400)
        return
    for missing in (None, ""):
        check_refusal(sends(patient, path, method, missing), operation, 401, "TokenMissing")
    for wrong in tokens_that_are_none(patient):
        check_refusal(sends(patient, path, method, wrong), operation, 401, "InvalidToken")
    for role in Role:
        answer = sends(patient, path, method, f"Bearer {patient.token(role)}")
        if role in operation["x-roles"]:
            # Let in, and only then is it seen that the request is nonsense.
            assert answer.status_code == 400
        else:
            check_refusal(answer, operation, 403, "RoleNotAllowed")


def test_a_refused_caller_costs_only_the_check_of_the_token_and_a_note(
    patient: Http, lab: Lab, nothing_asked: list[str]
) -> None:
    noted = {"UpdateItem", "PutItem"}  # the count of the minute, and its first refusal in the audit
    lab("on")
    sends(patient, "/v1/tokens", "GET", f"Bearer {patient.token('kiosk')}")
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if operation["x-scope"] == "public":
                continue
            nothing_asked.clear()
            assert sends(patient, path, method.upper(), None).status_code == 401
            assert set(nothing_asked) <= noted
            if "kiosk" not in operation["x-roles"]:
                nothing_asked.clear()
                sends(patient, path, method.upper(), f"Bearer {patient.token('kiosk')}")
                # The token is known for some seconds; a mutation reads it again.
                assert set(nothing_asked) <= (noted if method == "get" else noted | {"GetItem"})
                assert len(nothing_asked) <= 3


def test_an_error_does_not_say_why_a_token_is_invalid(patient: Http) -> None:
    said = set()
    for wrong in tokens_that_are_none(patient):
        answer = sends(patient, "/v1/people", "GET", wrong)
        said.add((answer.status_code, code_of(answer), answer.json_body["Message"]))
    assert len(said) == 1


# --- the lab's routes -----------------------------------------------------------------------------

LAB = [one for one in OPERATIONS if is_lab(one.values[2])]  # type: ignore[arg-type]


@pytest.mark.parametrize(("path", "method", "operation"), LAB)
def test_lab_routes_that_are_off_are_a_404_for_everybody(
    patient: Http, lab: Lab, path: str, method: str, operation: dict[str, Any]
) -> None:
    lab("off")
    for authorization in (None, f"Bearer {UNKNOWN}", f"Bearer {patient.token('admin')}"):
        check_refusal(sends(patient, path, method, authorization), operation, 404, "LabOff")


@pytest.mark.parametrize(("path", "method", "operation"), LAB)
def test_lab_routes_that_are_open_are_open_to_anybody(
    patient: Http, path: str, method: str, operation: dict[str, Any]
) -> None:
    for authorization in (None, f"Bearer {UNKNOWN}", f"Bearer {patient.token('kiosk')}"):
        assert sends(patient, path, method, authorization).status_code == 400


def test_only_the_labs_routes_are_ever_open(patient: Http) -> None:
    assert wiring.environment().lab == "open"
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if operation["x-scope"] != "public" and not is_lab(operation):
                assert sends(patient, path, method.upper(), None).status_code == 401


@pytest.mark.parametrize("mode", ["off", "on", "open"])
def test_health_warns_if_the_lab_is_open(http: Http, lab: Lab, mode: str) -> None:
    lab(mode)
    shown = http.as_(None).get("/health").json_body
    assert shown["lab"] == mode
    assert ("OPEN" in (shown["warning"] or "")) == (mode == "open")


def started(**variables: str) -> subprocess.CompletedProcess[str]:
    """Import the app as Lambda does."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROLLCALL_"))}
    prod = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]["prod"]["environment_variables"]
    return subprocess.run(
        [sys.executable, "-c", "import app"],
        cwd=ROOT,
        env=env | prod | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_lab_is_open_in_stage_local_only() -> None:
    assert started(ROLLCALL_STAGE="local", ROLLCALL_LAB="open").returncode == 0
    assert started(ROLLCALL_LAB="on").returncode == 0
    for stage in ("prod", "dev", "school-b", "Local", "local2", ""):
        refused = started(ROLLCALL_STAGE=stage, ROLLCALL_LAB="open")
        assert refused.returncode != 0
        assert "ROLLCALL_LAB=open" in refused.stderr


def test_no_stage_but_local_is_open() -> None:
    stages = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]
    modes = {
        name: stage["environment_variables"].get("ROLLCALL_LAB", "off") for name, stage in stages.items()
    }
    assert [name for name, mode in modes.items() if mode == "open"] == ["local"]
