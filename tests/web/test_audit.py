"""Who did what, when, from where: an entry for each mutation and each refusal by a limit; nobody is named."""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

import app as application
from chalicelib import wiring
from chalicelib.aws import metrics
from chalicelib.aws.audit_log import AuditLog
from chalicelib.aws.signing_key import SigningKey
from chalicelib.domain.audit_entry import AuditEntry
from chalicelib.services import people
from tests.conftest import CONSENT, Clock, Finish, Http, Lab
from tests.support.answers import code_of
from tests.support.builders import add_person, change_settings, stamped
from tests.support.faces import enrolled
from tests.support.kiosk import Kiosk
from tests.support.openapi import DOCUMENT
from tests.support.photos import photo_of_b, photo_of_c, photos_of_a
from tests.support.punches import create_session

JPEG = {"Content-Type": "image/jpeg"}
NAME = "Nguyễn Văn Ánh"
CODE = "HS-0042"
EMAIL = "anh@example.com"


def entries(http: Http, **query: Any) -> list[dict[str, Any]]:
    """Read the whole audit, newest first."""
    shown: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = http.as_("admin").get("/v1/audit", cursor=cursor, **query)
        assert answer.status_code == 200, answer.json_body
        shown += answer.json_body["items"]
        cursor = answer.json_body["next_cursor"]
        if cursor is None:
            return shown


def masked(identifier: str) -> str:
    return wiring.signing_key().mask(identifier)


class Site:
    """A site with a person whose name, code, e-mail and face are known, for requests to be made of."""

    def __init__(self, http: Http, finish: Finish) -> None:
        self.http, self.finish = http, finish
        self.anh = add_person(http, NAME, code=CODE, email=EMAIL)
        enrolled(http, self.anh, photos_of_a()[0])
        self.face = http.get(f"/v1/people/{self.anh}/faces").json_body["items"][0]["face_id"]

    def leave(self) -> str:
        body = {"since": "2026-11-23", "until": "2026-11-24", "kind": "annual"}
        made: str = self.http.post(f"/v1/people/{self.anh}/leaves", body).json_body["leave_id"]
        return made

    def version(self) -> str:
        calendar = self.http.get("/v1/settings").json_body["calendar"]
        self.http.call("PUT", "/v1/settings/versions/2026-06-15", {**calendar, "cutoff": "03:00"})
        return "2026-06-15"

    def holiday(self) -> str:
        self.http.call("PUT", "/v1/holidays/2026-09-02", {"name": "Quốc khánh"})
        return "2026-09-02"

    def closed(self) -> str:
        self.http.post("/v1/closings", {"through": "2026-10-31"})
        return "2026-10-31"

    def token(self) -> str:
        made: str = self.http.post("/v1/tokens", {"role": "viewer", "label": "wall"}).json_body["token_id"]
        return made

    def spare(self) -> str:
        return add_person(self.http, NAME)

    def lab_photo(self) -> dict[str, str]:
        photo = base64.b64encode(photo_of_c()).decode()
        return {"name": NAME, "fileBase64": photo, "fileName": "a.jpg", "fileType": "image/jpeg"}


Call = tuple[str, Any, dict[str, str]]
"""A path, a body and headers."""

SOUND: dict[str, Callable[[Site], Call]] = {
    "POST /v1/people": lambda site: ("/v1/people", {"name": NAME, "email": EMAIL, "consent": CONSENT}, {}),
    "PATCH /v1/people/{person_id}": lambda site: (f"/v1/people/{site.anh}", {"name": NAME + " B"}, {}),
    "DELETE /v1/people/{person_id}": lambda site: (f"/v1/people/{site.spare()}", None, {}),
    "PUT /v1/people/{person_id}/consent": lambda site: (f"/v1/people/{site.anh}/consent", CONSENT, {}),
    "DELETE /v1/people/{person_id}/consent": lambda site: (f"/v1/people/{site.anh}/consent", None, {}),
    "POST /v1/people/{person_id}/faces": lambda site: (
        f"/v1/people/{site.anh}/faces",
        photos_of_a()[1],
        JPEG,
    ),
    "DELETE /v1/people/{person_id}/faces/{face_id}": lambda site: (
        f"/v1/people/{site.anh}/faces/{site.face}",
        None,
        {},
    ),
    "POST /v1/imports": lambda site: (
        "/v1/imports",
        f"name,email\r\n{NAME},{EMAIL}\r\n".encode(),
        {"Content-Type": "text/csv"},
    ),
    "POST /v1/uploads": lambda site: ("/v1/uploads", None, {}),
    "POST /v1/identify": lambda site: ("/v1/identify", photos_of_a()[1], JPEG),
    "POST /v1/people/{person_id}/verify": lambda site: (
        f"/v1/people/{site.anh}/verify",
        {"photo": base64.b64encode(photos_of_a()[1]).decode()},
        {},
    ),
    "POST /v1/people/{person_id}/leaves": lambda site: (
        f"/v1/people/{site.anh}/leaves",
        {"since": "2026-11-23", "until": "2026-11-24", "kind": "annual"},
        {},
    ),
    "DELETE /v1/people/{person_id}/leaves/{leave_id}": lambda site: (
        f"/v1/people/{site.anh}/leaves/{site.leave()}",
        None,
        {},
    ),
    "POST /v1/liveness-sessions": lambda site: ("/v1/liveness-sessions", None, {}),
    "POST /v1/punches": lambda site: (
        "/v1/punches",
        {"liveness_session_id": site.finish(create_session(site.http), photos_of_a()[1])},
        {},
    ),
    "POST /v1/punches/manual": lambda site: (
        "/v1/punches/manual",
        {"person_id": site.anh, "at": "2026-11-23T08:00:00+07:00", "reason": f"{NAME} forgot"},
        {},
    ),
    "POST /v1/punches/imports": lambda site: (
        "/v1/punches/imports",
        [{"person_id": site.anh, "at": "2026-11-23 08:00:00", "reason": f"{NAME} forgot"}],
        {},
    ),
    "PUT /v1/settings": lambda site: ("/v1/settings", site.http.get("/v1/settings").json_body, {}),
    "PUT /v1/settings/versions/{begins}": lambda site: (
        "/v1/settings/versions/2026-06-15",
        site.http.get("/v1/settings").json_body["calendar"],
        {},
    ),
    "DELETE /v1/settings/versions/{begins}": lambda site: (
        f"/v1/settings/versions/{site.version()}",
        None,
        {},
    ),
    "PUT /v1/holidays/{date}": lambda site: ("/v1/holidays/2026-09-02", {"name": "Quốc khánh"}, {}),
    "DELETE /v1/holidays/{date}": lambda site: (f"/v1/holidays/{site.holiday()}", None, {}),
    "POST /v1/holidays/imports": lambda site: (
        "/v1/holidays/imports",
        "date,name\r\n2026-09-02,Quốc khánh\r\n".encode(),
        {"Content-Type": "text/csv"},
    ),
    "POST /v1/closings": lambda site: ("/v1/closings", {"through": "2026-10-31"}, {}),
    "POST /v1/closings/reopenings": lambda site: (
        "/v1/closings/reopenings",
        {"from": site.closed(), "reason": f"{NAME} was ill"},
        {},
    ),
    "POST /v1/tokens": lambda site: ("/v1/tokens", {"role": "kiosk", "label": NAME}, {}),
    "DELETE /v1/tokens/{token_id}": lambda site: (f"/v1/tokens/{site.token()}", None, {}),
    "POST /index-face": lambda site: ("/index-face", site.lab_photo(), {}),
    "DELETE /delete-face": lambda site: ("/delete-face", {"faceId": site.face, "s3Key": "x"}, {}),
    "POST /checkin": lambda site: ("/checkin", photos_of_a()[1], JPEG),
}
"""A request for each mutation of the API that does what it says."""


def test_the_table_below_has_every_mutation() -> None:
    mutations = {
        f"{method.upper()} {path}"
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method != "get"
    }
    assert set(SOUND) == mutations


@pytest.mark.parametrize("what", SOUND)
def test_every_mutation_is_audited_once_without_names(
    http: Http, finish: Finish, lab: Lab, what: str
) -> None:
    site = Site(http, finish)
    lab("on")
    method, _, route = what.partition(" ")
    path, body, headers = SOUND[what](site)
    before, began = entries(http), datetime.now(UTC)
    answer = http.call(method, path, body, headers)
    # The lab's page cannot record consent, and where it is not open nobody is enrolled without.
    refused = {"POST /index-face": 403}
    assert answer.status_code == refused.get(what) or answer.status_code < 300, answer.body

    [entry, *others] = entries(http)
    assert others == before
    assert entry["what"] == what
    assert (entry["by"], entry["role"]) == (http.token_id("admin"), "admin")
    assert began <= datetime.fromisoformat(entry["at"]) <= datetime.now(UTC)
    assert entry["address"] == "127.0.0.1"
    assert entry["request_id"] == answer.headers["X-Request-Id"]
    assert entry["status"] == answer.status_code
    assert entry["code"] == ("ConsentMissing" if what in refused else None)

    ids = dict(zip(re.findall(r"{(\w+)}", route), _ids(route, path), strict=True))
    made = answer.json_body if answer.body and answer.status_code < 300 else {}
    ids |= {name: made[name] for name in ("person_id", "token_id") if made.get(name)}
    assert entry["about"] == {
        name: text if name in ("token_id", "begins", "date") else masked(text) for name, text in ids.items()
    }
    said = json.dumps(entries(http), ensure_ascii=False)
    for secret in (NAME, "Nguyễn", CODE, EMAIL, site.anh, site.face, http.token("admin"), "/9j/"):
        assert secret not in said


def _ids(route: str, path: str) -> tuple[str, ...]:
    found = re.fullmatch(re.sub(r"{\w+}", "([^/]+)", route), path)
    assert found
    return found.groups()


def test_actions_of_managers_are_audited_and_those_of_kiosks_are_in_the_punch_log(
    http: Http, finish: Finish
) -> None:
    site = Site(http, finish)
    before = len(entries(http))
    kiosk = Kiosk(http, "door")
    assert kiosk.punch(finish(kiosk.session(), photos_of_a()[1])).status_code == 201
    assert len(entries(http)) == before
    assert http.as_("manager").call("PATCH", f"/v1/people/{site.anh}", {"group": "12A1"}).status_code == 200
    [newest, *_] = entries(http)
    assert (newest["by"], newest["role"]) == (http.token_id("manager"), "manager")


@pytest.mark.parametrize("path", ["/v1/people/{0}/data", "/v1/people/{0}/faces/{1}/photo"])
def test_viewing_faces_is_audited(http: Http, finish: Finish, path: str) -> None:
    site = Site(http, finish)
    assert http.get(path.format(site.anh, site.face)).status_code == 200
    [newest, *_] = entries(http)
    assert newest["what"].startswith("GET /v1/people/{person_id}/")
    assert newest["about"]["person_id"] == masked(site.anh)


READS: dict[str, Callable[[Site], tuple[str, dict[str, Any]]]] = {
    "GET /v1/people": lambda site: ("/v1/people", {"q": "anh", "limit": 5}),
    "GET /v1/people/{person_id}": lambda site: (f"/v1/people/{site.anh}", {}),
    "GET /v1/people/{person_id}/data": lambda site: (f"/v1/people/{site.anh}/data", {}),
    "GET /v1/people/{person_id}/faces": lambda site: (f"/v1/people/{site.anh}/faces", {}),
    "GET /v1/people/{person_id}/faces/{face_id}/photo": lambda site: (
        f"/v1/people/{site.anh}/faces/{site.face}/photo",
        {},
    ),
    "GET /v1/leaves": lambda site: ("/v1/leaves", {"from": "2026-11-01", "to": "2026-11-30"}),
    "GET /v1/punches": lambda site: (
        "/v1/punches",
        {"from": "2026-11-01", "to": "2026-11-30", "person_id": site.anh},
    ),
    "GET /v1/attendance": lambda site: ("/v1/attendance", {"group": "12A1", "format": "csv"}),
    "GET /v1/attendance/open-days": lambda site: (
        "/v1/attendance/open-days",
        {"from": "2026-11-01", "to": "2026-11-22"},
    ),
    "GET /v1/attendance/{person_id}": lambda site: (
        f"/v1/attendance/{site.anh}",
        {"from": "2026-11-01", "to": "2026-11-30"},
    ),
    "GET /v1/timesheets": lambda site: (
        "/v1/timesheets",
        {
            **{"from": "2026-11-01", "to": "2026-11-02", "format": "csv"},
            **{"rows": "totals", "lang": "vi", "hours": "hm"},
        },
    ),
    "GET /v1/timesheets/monthly": lambda site: ("/v1/timesheets/monthly", {"month": "2026-11"}),
    "GET /list-collections": lambda site: ("/list-collections", {}),
    "GET /attendance": lambda site: ("/attendance", {"externalImageId": "x"}),
}
"""A request for each GET that shows people's data."""


OF_THE_SITE = {"GET /v1/holidays", "GET /v1/holidays/{date}", "GET /v1/closings"}
"""What viewers may read and says nothing of people."""


def test_the_table_above_has_every_read_of_people() -> None:
    reads = {
        f"GET {path}"
        for path, item in DOCUMENT["paths"].items()
        if "get" in item and item["get"]["x-scope"] in ("viewer", "manager")
    }
    assert set(READS) == reads - OF_THE_SITE


@pytest.mark.parametrize("what", READS)
def test_every_read_of_people_is_audited_once_without_names(
    http: Http, finish: Finish, lab: Lab, what: str
) -> None:
    site = Site(http, finish)
    lab("on")
    before = entries(http)
    path, query = READS[what](site)
    role = "viewer" if "manager" not in DOCUMENT["paths"][what[4:]]["get"]["x-scope"] else "manager"
    answer = http.as_(role).get(path, **query)
    assert answer.status_code == 200, answer.body
    [entry, *others] = entries(http)
    assert others == before
    assert (entry["what"], entry["by"], entry["status"]) == (what, http.token_id(role), 200)
    ids = dict(zip(re.findall(r"{(\w+)}", what), _ids(what[4:], path), strict=True))
    hidden = {"person_id", "face_id", "q", "externalImageId"}
    assert entry["about"] == {
        name: masked(str(text)) if name in hidden else str(text) for name, text in (ids | query).items()
    }
    a_list = what.startswith("GET /v1/") and query.get("format") != "csv"
    shown = answer.json_body.get("items") if a_list else None
    assert entry["items"] == (None if shown is None else len(shown))
    said = json.dumps(entries(http), ensure_ascii=False)
    for secret in (NAME, CODE, EMAIL, site.anh, site.face):
        assert secret not in said


def test_what_cannot_be_audited_is_not_shown(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    add_person(http, NAME)

    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(AuditLog, "add", fail)
    answer = http.get("/v1/people")
    assert answer.status_code == 500
    assert NAME.encode() not in answer.body


def test_what_a_stolen_token_saw_is_told_by_the_log_and_the_audit(
    http: Http, finish: Finish, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # docs/privacy.md, "After a breach".
    site = Site(http, finish)
    loud = replace(wiring.environment(), log="json")
    monkeypatch.setattr(wiring, "environment", lambda: loud)
    capsys.readouterr()
    thief = http.as_("viewer")
    thief.get("/v1/attendance", group="12A1", date_="2026-11-23")
    thief.get(f"/v1/attendance/{site.anh}", from_="2026-11-01", to="2026-11-30", format="csv")
    for path in ("/v1/people", f"/v1/people/{site.anh}/faces", "/v1/tokens"):
        assert thief.get(path).status_code == 403
    http.get("/v1/people")  # somebody else's

    token_id = http.token_id("viewer")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    asked = [(line["route"], line["status"]) for line in lines if line.get("token_id") == token_id]
    assert asked == [
        ("GET /v1/attendance", 200),
        ("GET /v1/attendance/{person_id}", 200),
        ("GET /v1/people", 403),
        ("GET /v1/people/{person_id}/faces", 403),
        ("GET /v1/tokens", 403),
    ]
    found = [entry for entry in entries(http) if entry["by"] == token_id]
    assert [(one["what"], one["status"], one["about"]) for one in reversed(found)] == [
        ("GET /v1/attendance", 200, {"group": "12A1", "date": "2026-11-23"}),
        (
            "GET /v1/attendance/{person_id}",
            200,
            {"person_id": masked(site.anh), "from": "2026-11-01", "to": "2026-11-30", "format": "csv"},
        ),
        ("GET /v1/people", 403, {}),
    ]
    # From an entry to the line, to API Gateway's access log with the address.
    assert {one["request_id"] for one in found} <= {line["RequestId"] for line in lines}
    assert len(entries(http, person_id=site.anh)) > 1


def test_changed_settings_are_audited_with_their_values(http: Http) -> None:
    change_settings(http, margin=3.5, limits={"sessions_per_minute": 7})
    [entry] = entries(http)
    changes = {one["field"]: (one["old"], one["new"]) for one in entry["changes"]}
    assert changes == {"margin": ("2.0", "3.5"), "limits.sessions_per_minute": ("30", "7")}


def test_changed_holidays_and_calendars_are_audited_with_their_values(http: Http) -> None:
    assert http.call("PUT", "/v1/holidays/2026-09-02", {"name": "Quốc khánh"}).status_code == 200
    [added] = entries(http)[0]["changes"]
    assert (added["field"], added["old"]) == ("holidays.2026-09-02", "null")
    assert json.loads(added["new"])["name"] == "Quốc khánh"
    assert http.delete("/v1/holidays/2026-09-02").status_code == 204
    [removed] = entries(http)[0]["changes"]
    assert (removed["old"], removed["new"]) == (added["new"], "null")
    calendar = http.get("/v1/settings").json_body["calendar"]
    path = "/v1/settings/versions/2026-06-15"
    assert http.call("PUT", path, {**calendar, "cutoff": "03:00"}).status_code == 200
    assert entries(http)[0]["changes"] == [{"field": "cutoff", "old": '"04:00"', "new": '"03:00"'}]
    assert http.delete(path).status_code == 204
    [entry, *_] = entries(http)
    assert entry["about"] == {"begins": "2026-06-15"}
    assert entry["changes"] == [{"field": "cutoff", "old": '"03:00"', "new": '"04:00"'}]


def test_closing_and_reopening_are_audited(http: Http) -> None:
    assert http.post("/v1/closings", {"through": "2026-10-31"}).status_code == 201
    assert entries(http)[0]["changes"] == [{"field": "closed_through", "old": "null", "new": '"2026-10-31"'}]
    body = {"from": "2026-10-15", "reason": "a forgotten leave"}
    assert http.post("/v1/closings/reopenings", body).status_code == 201
    [entry, *_] = entries(http)
    assert entry["changes"] == [{"field": "closed_through", "old": '"2026-10-31"', "new": '"2026-10-14"'}]


def test_changed_fields_of_people_are_audited_by_their_names(http: Http) -> None:
    person_id = add_person(http, NAME, group="12A1")
    body = {"name": "Trần Thị Bình", "email": EMAIL, "group": "12A1"}
    assert http.call("PATCH", f"/v1/people/{person_id}", body).status_code == 200
    [entry, *_] = entries(http)
    assert [one["field"] for one in entry["changes"]] == ["name", "email"]
    assert {(one["old"], one["new"]) for one in entry["changes"]} == {(None, None)}


def test_who_is_not_let_in_is_audited_once_a_minute(http: Http, clock: Clock) -> None:
    wrong = {"Authorization": "Bearer rc_" + "A" * 43}
    clock.forward(seconds=1)
    for path in ("/v1/people", "/v1/tokens", "/v1/settings"):
        http.call("GET", path, headers=wrong)
        http.as_(None).get(path)
        http.as_("kiosk").get(path)
    clock.forward(minutes=1)
    http.as_("kiosk").get("/v1/people")
    noted = sorted((one["code"], one["by"], one["address"]) for one in entries(http))
    kiosk = ("RoleNotAllowed", http.token_id("kiosk"), "127.0.0.1")
    assert noted == [("InvalidToken", None, "127.0.0.1"), kiosk, kiosk]


def test_a_replayed_response_is_not_audited_again(http: Http) -> None:
    key = {"Idempotency-Key": "one"}
    for _ in range(3):
        assert http.post("/v1/people", {"name": "Somebody Else"}, key).status_code == 201
    assert len(entries(http)) == 1


# --- what was refused -----------------------------------------------------------------------------


def test_an_error_is_audited_with_its_code(http: Http) -> None:
    add_person(http, code=CODE)
    http.post("/v1/people", {"name": "Another", "code": CODE})
    http.call("PATCH", "/v1/people/0a1b", {"group": "12A1"})
    http.delete(f"/v1/tokens/{http.token_id('admin')}")
    noted = [(one["status"], one["code"]) for one in entries(http)]
    assert noted == [(409, "LastAdminToken"), (404, "PersonNotFound"), (409, "PersonExists"), (201, None)]


def test_a_rate_limited_caller_is_audited_once_a_minute(http: Http, clock: Clock, finish: Finish) -> None:
    assert change_settings(http, limits={"sessions_per_minute": 1, "kiosk_failures": 1}).status_code == 200
    door, gate = Kiosk(http, "door"), Kiosk(http, "gate")
    before = len(entries(http))

    def noted() -> list[tuple[str, str]]:
        return [(one["what"], one["code"]) for one in entries(http)[: len(entries(http)) - before]]

    clock.forward(seconds=1)
    first = door.session()
    for _ in range(5):
        assert door.post("/v1/liveness-sessions").status_code == 429
    assert noted() == [("POST /v1/liveness-sessions", "TooManyRequests")]
    door.punch(finish(first, photo_of_b()))
    clock.forward(minutes=1)
    second = finish(door.session(), photo_of_b())
    for _ in range(3):
        assert code_of(door.punch(second)) == "LockedOut"
    clock.forward(seconds=1)
    gate.session()
    gate.post("/v1/liveness-sessions")
    clock.forward(minutes=1)
    door.punch(second)
    assert noted() == [
        ("POST /v1/punches", "LockedOut"),
        ("POST /v1/liveness-sessions", "TooManyRequests"),
        ("POST /v1/punches", "LockedOut"),
        ("POST /v1/liveness-sessions", "TooManyRequests"),
    ]
    assert {one["role"] for one in entries(http)[:4]} == {"kiosk"}


def test_a_rate_limit_holds_if_it_cannot_be_audited(
    http: Http, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(http, limits={"sessions_per_minute": 1})
    door = Kiosk(http, "door")
    door.session()

    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(AuditLog, "add", fail)
    assert door.post("/v1/liveness-sessions").status_code == 429


# --- what came of it ------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends."""


def test_a_crash_leaves_an_entry_without_a_status(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(people, "create", crash)
        with pytest.raises(Crash):
            http.post("/v1/people", {"name": "Somebody Else"})
    [entry] = entries(http)
    assert (entry["what"], entry["status"], entry["code"]) == ("POST /v1/people", None, None)


def test_a_request_that_cannot_be_audited_does_not_run(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(AuditLog, "add", fail)
        assert http.post("/v1/people", {"name": "Somebody Else"}).status_code == 500
    assert http.get("/v1/people").json_body["items"] == []


def test_a_request_succeeds_if_only_its_outcome_cannot_be_audited(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("of " + NAME)

    with monkeypatch.context() as patched:
        patched.setattr(AuditLog, "set_outcome", fail)
        patched.setattr(SigningKey, "mask", fail)
        assert http.post("/v1/people", {"name": "Somebody Else"}).status_code == 201
    assert [entry["status"] for entry in entries(http)] == [None]


def test_an_outcome_does_not_recreate_an_entry_that_has_expired(http: Http) -> None:
    audit_log, now = wiring.audit_log(), datetime.now(UTC)
    gone = AuditEntry(entry_id="1", at=now, what="POST /v1/people", request_id="r", address="a", status=201)
    audit_log.set_outcome(gone)
    assert entries(http) == []


def test_the_audit_log_is_append_only(http: Http, finish: Finish) -> None:
    stamped(http, add_person(http), "2026-11-23T08:00:00+07:00")
    before = entries(http)
    assert set(application.app.routes["/v1/audit"]) == {"GET", "HEAD"}
    for path in ("/v1/audit", f"/v1/audit/{before[0]['entry_id']}"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert http.call(method, path, {}).status_code in (403, 405)  # of the gateway
    site = Site(http, finish)
    http.delete(f"/v1/people/{site.anh}")
    assert entries(http)[-len(before) :] == before


# --- reading it -----------------------------------------------------------------------------------


def test_only_admins_list_audit_entries(http: Http) -> None:
    for role in ("kiosk", "viewer", "manager"):
        assert http.as_(role).get("/v1/audit").status_code == 403


def test_audit_entries_are_paged_newest_first(http: Http) -> None:
    for number in range(7):
        http.post("/v1/people", {"name": f"Person {number}"})
    every = entries(http)
    assert [one["at"] for one in every] == sorted((one["at"] for one in every), reverse=True)
    assert len(every) == 7
    for limit in (1, 2, 3, 7, 8):
        assert entries(http, limit=limit) == every
    cursor = http.get("/v1/audit", limit=2).json_body["next_cursor"]
    http.post("/v1/people", {"name": "Meanwhile"})
    assert http.get("/v1/audit", limit=5, cursor=cursor).json_body["items"] == every[2:]
    assert code_of(http.get("/v1/audit", cursor=cursor[:-2] + "AA")) == "InvalidCursor"
    assert code_of(http.get("/v1/people", cursor=cursor)) == "InvalidCursor"


def test_audit_entries_are_found_by_the_id_of_a_person(http: Http) -> None:
    one, other = add_person(http, "One Person"), add_person(http, "Other Person")
    http.call("PATCH", f"/v1/people/{one}", {"group": "12A1"})
    http.call("PATCH", f"/v1/people/{other}", {"group": "12A1"})
    http.delete(f"/v1/people/{one}")
    found = entries(http, person_id=one, limit=1)
    assert [entry["what"].split()[0] for entry in found] == ["DELETE", "PATCH", "POST"]
    assert entries(http, person_id="0a1b") == []
    assert len(entries(http, person_id=other)) == 2


def test_audit_entries_are_found_by_dates_across_months_and_years(http: Http, directory: object) -> None:
    audit_log = wiring.audit_log()
    days = [datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, 0, 1, tzinfo=UTC)]
    days += [datetime(2027, 1, 31, 12, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)]
    for number, at in enumerate(days):
        audit_log.add(AuditEntry(entry_id=str(number), at=at, what="x", request_id="r", address="a"))

    def found(since: str, until: str) -> list[str]:
        return [entry["entry_id"] for entry in entries(http, from_=since, to=until, limit=1)]

    assert found("2026-12-01", "2027-02-28") == ["3", "2", "1", "0"]
    assert found("2026-12-31", "2026-12-31") == ["0"]
    assert found("2027-01-01", "2027-01-31") == ["2", "1"]
    assert found("2027-02-02", "2027-02-03") == []
    for since, until in (("2027-02-02", "2027-02-01"), ("2025-01-01", "2027-01-01"), ("x", "2027-01-01")):
        assert http.get("/v1/audit", from_=since, to=until).status_code == 400
    for at in days:
        assert audit_log.delete_entries(at.date(), dry_run=True) == len(
            [one for one in days if one.date() < at.date()]
        )


def test_audit_entries_of_31_days_are_listed_by_default(http: Http, clock: Clock) -> None:
    for ago in (0, 30, 31, 400):
        at = clock.now - timedelta(days=ago)
        entry = AuditEntry(entry_id=str(ago), at=at, what="x", request_id="r", address="a")
        wiring.audit_log().add(entry)
    assert [entry["entry_id"] for entry in entries(http)] == ["0", "30"]


def test_a_request_past_its_deadline_is_audited_and_its_response_stored(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    # After 18 s of a request no more calls are begun for it, but for those that say that it is done.
    create, made = people.create, []

    def slow(*arguments: Any, **named: Any) -> Any:
        made.append(create(*arguments, **named))
        metrics._current.get().deadline_s = 0  # type: ignore[union-attr]
        return made[-1]

    monkeypatch.setattr(people, "create", slow)
    body, key = {"name": "Somebody Else"}, {"Idempotency-Key": "one"}
    assert http.post("/v1/people", body, key).status_code == 201
    assert [entry["status"] for entry in entries(http)] == [201]
    again = http.post("/v1/people", body, key)
    assert (again.status_code, again.json_body["person_id"]) == (201, made[0].person_id)
    assert len(made) == 1
