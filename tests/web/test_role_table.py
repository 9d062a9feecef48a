"""Who may call what, written by hand: nothing here is read from the scopes that the code declares."""

import re
from typing import Final

import pytest
from chalice.test import HTTPResponse

import app as application
from chalicelib.domain.token import SCOPES, Role
from chalicelib.web.endpoint import declared_routes
from tests.conftest import Http, Lab
from tests.support.answers import check_refused

PUBLIC: Final = "nobody needs a token"
ANY: Final = "any role"
ROLES: Final[dict[str, set[str]]] = {
    PUBLIC: {"kiosk", "viewer", "manager", "admin"},
    ANY: {"kiosk", "viewer", "manager", "admin"},
    "kiosk": {"kiosk", "admin"},
    "viewer": {"viewer", "manager", "admin"},
    "manager": {"manager", "admin"},
    "admin": {"admin"},
}
"""The roles that may call a route, by the lowest of them: a kiosk only punches, a manager reads as well."""

SCOPES_OF: Final[dict[str, set[str]]] = {
    "kiosk": {"any", "kiosk"},
    "viewer": {"any", "viewer"},
    "manager": {"any", "viewer", "manager"},
    "admin": {"any", "kiosk", "viewer", "manager", "admin"},
}

LOWEST: Final[dict[str, str]] = {
    "GET /": PUBLIC,
    "GET /health": PUBLIC,
    "GET /openapi.json": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /v1/me": ANY,
    # the lab's
    "GET /session": "kiosk",
    "GET /liveness-result": "kiosk",
    "GET /liveness-result/{session_id}": "kiosk",
    "POST /checkin": "kiosk",
    "GET /attendance": "viewer",
    "POST /index-face": "manager",
    "GET /list-collections": "manager",
    "DELETE /delete-face": "manager",
    # people
    "POST /v1/people": "manager",
    "GET /v1/people": "manager",
    "GET /v1/people/{person_id}": "manager",
    "PATCH /v1/people/{person_id}": "manager",
    "DELETE /v1/people/{person_id}": "manager",
    "GET /v1/people/{person_id}/data": "manager",
    "PUT /v1/people/{person_id}/consent": "manager",
    "DELETE /v1/people/{person_id}/consent": "manager",
    "POST /v1/people/{person_id}/faces": "manager",
    "GET /v1/people/{person_id}/faces": "manager",
    "DELETE /v1/people/{person_id}/faces/{face_id}": "manager",
    "GET /v1/people/{person_id}/faces/{face_id}/photo": "manager",
    "POST /v1/people/{person_id}/verify": "manager",
    "POST /v1/people/{person_id}/leaves": "manager",
    "DELETE /v1/people/{person_id}/leaves/{leave_id}": "manager",
    "POST /v1/identify": "manager",
    "POST /v1/imports": "manager",
    "POST /v1/uploads": "manager",
    # the camera
    "POST /v1/liveness-sessions": "kiosk",
    "GET /v1/liveness-sessions/{session_id}": "kiosk",
    "POST /v1/punches": "kiosk",
    # attendance
    "POST /v1/punches/manual": "manager",
    "POST /v1/punches/imports": "manager",
    "GET /v1/punches": "viewer",
    "GET /v1/leaves": "viewer",
    "GET /v1/attendance": "viewer",
    "GET /v1/attendance/open-days": "viewer",
    "GET /v1/attendance/{person_id}": "viewer",
    "GET /v1/timesheets": "viewer",
    "GET /v1/timesheets/monthly": "viewer",
    # the service
    "GET /v1/settings": "admin",
    "PUT /v1/settings": "admin",
    "GET /v1/settings/versions": "admin",
    "GET /v1/settings/versions/{begins}": "admin",
    "PUT /v1/settings/versions/{begins}": "admin",
    "DELETE /v1/settings/versions/{begins}": "admin",
    "GET /v1/holidays": "viewer",
    "GET /v1/holidays/{date}": "viewer",
    "PUT /v1/holidays/{date}": "manager",
    "DELETE /v1/holidays/{date}": "manager",
    "POST /v1/holidays/imports": "manager",
    "GET /v1/closings": "viewer",
    "POST /v1/closings": "manager",
    "POST /v1/closings/reopenings": "admin",
    "POST /v1/tokens": "admin",
    "GET /v1/tokens": "admin",
    "DELETE /v1/tokens/{token_id}": "admin",
    "GET /v1/audit": "admin",
    "GET /v1/retention": "admin",
}


def call(http: Http, route: str) -> HTTPResponse:
    """Call a route with an id and a query that are none, so that nothing happens where it lets in."""
    method, path = route.split()
    body = None if method == "GET" else b"\xff"
    headers = {"Content-Type": "application/json"}
    return http.call(method, re.sub(r"{\w+}", "%2e%2e%00", path) + "?nonsense=1", body, headers)


def test_every_route_is_in_the_table() -> None:
    routes = {f"{method} {path}" for path, method, _ in declared_routes(application.app)}
    missing, gone = routes - set(LOWEST), set(LOWEST) - routes
    assert not missing, f"say in LOWEST which role may call {sorted(missing)}"
    assert not gone, f"LOWEST has routes that are no more: {sorted(gone)}"


def test_a_role_has_the_scopes_of_the_table() -> None:
    assert {role.value: set(scopes) for role, scopes in SCOPES.items()} == SCOPES_OF


@pytest.mark.parametrize("route", sorted(LOWEST))
def test_only_the_roles_of_the_table_may_call(http: Http, lab: Lab, route: str) -> None:
    lab("on")
    allowed = ROLES[LOWEST[route]]
    for role in Role:
        status = call(http.as_(role.value), route).status_code
        if role.value in allowed:
            assert status not in (401, 403), f"a {role.value} must be let in to {route}, but got {status}"
        else:
            assert status == 403, f"a {role.value} must not be let in to {route}, but got {status}"
    without_token = call(http.as_(None), route).status_code
    if LOWEST[route] == PUBLIC:
        assert without_token != 401, f"{route} is public, but asked for a token"
    else:
        assert without_token == 401, f"{route} answered {without_token} to who has no token"


@pytest.mark.parametrize("role", ["kiosk", "viewer", "manager"])
def test_RoleNotAllowed_for_who_would_make_an_admin_of_themselves(http: Http, role: str) -> None:
    answer = http.as_(role).post("/v1/tokens", {"role": "admin", "label": "mine"})
    check_refused(answer, 403, "RoleNotAllowed")
    roles = [token["role"] for token in http.get("/v1/tokens").json_body["items"]]
    assert roles.count("admin") == 1
