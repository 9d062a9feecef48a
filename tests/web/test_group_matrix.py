"""What a token that is limited to the group 12A1 may do on a person of 12A1, of 12A2 and of no group.

Each route and role has a row, written by hand. A person of another group is for such a token as one who does
not exist, and nothing of them is in any answer.
"""

import base64
import io
import json
import re
import unicodedata
import urllib.request
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
from chalice.test import HTTPResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import wiring
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create
from tests.conftest import CONSENT, Finish, Http, Lab, Scan, unknown_session
from tests.support.answers import check_refused, code_of
from tests.support.builders import Json, add_person, set_calendar, stamped
from tests.support.faces import JPEG, enrolled
from tests.support.openapi import DOCUMENT
from tests.support.photos import photo_of_b, photo_of_c, photos_of_a
from tests.support.punches import create_session

OWN, OTHER, NONE = "12A1", "12A2", "no group"
"""Whom a request is about."""

OUTSIDE = (OTHER, NONE)

DAY = "2026-11-23"
"""A Monday in the past, on which everybody punched."""


class Somebody:
    """A person with code, e-mail, a punch and leave, and with a face when it is asked for."""

    def __init__(self, http: Http, number: int, name: str, group: str | None) -> None:
        self._http = http
        self.name, self.group = name, group
        self.code, self.email = f"HS-{number:04}", f"pupil{number}@example.com"
        self.photo = {1: photos_of_a()[0], 2: photo_of_b(), 3: photo_of_c()}[number]
        self.again = photos_of_a()[1] if number == 1 else self.photo
        fields = {"code": self.code, "email": self.email} | ({"group": group} if group else {})
        self.id = add_person(http, name, **fields)
        self.punch = stamped(http, self.id, f"{DAY}T08:00:00+07:00", reason=f"of {name}")
        leave = {
            "since": "2026-11-24",
            "until": "2026-11-24",
            "kind": ("annual", "sick", "unpaid")[number - 1],
        }
        self.leave: str = http.post(f"/v1/people/{self.id}/leaves", leave).json_body["leave_id"]
        self._face: str | None = None

    @property
    def face(self) -> str:
        """The id of their face, which is enrolled at the first use."""
        self._face = self._face or enrolled(self._http, self.id, self.photo)
        return self._face

    def secrets(self) -> set[str]:
        """What nobody outside may learn."""
        texts = {self.id, self.name, *self.name.split(), self.code, self.email, self.punch, self.leave}
        return texts | ({self._face} if self._face else set())


class Site:
    """A site with somebody in each group, and limited tokens for it."""

    def __init__(self, http: Http, finish: Finish, lab: Lab) -> None:
        set_calendar(http)
        lab("on")
        self.http, self.finish = http, finish
        self.people = {
            OWN: Somebody(http, 1, "Nguyễn Văn Ánh", OWN),
            OTHER: Somebody(http, 2, "Trần Thị Bích", OTHER),
            NONE: Somebody(http, 3, "Lê Quốc Cường", None),
        }

    def session(self, caller: Http, who: str) -> str:
        """Make a session that the person has finished before the camera."""
        assert self.people[who].face
        return self.finish(create_session(caller), self.people[who].again)

    def upload(self) -> str:
        made: str = self.http.post("/v1/uploads").json_body["upload_id"]
        return made


@pytest.fixture
def site(http: Http, finish: Finish, lab: Lab) -> Site:
    return Site(http, finish, lab)


def limited(http: Http, role: str, *groups: str) -> Http:
    """Give the app as called with a new token of a role that is limited to groups."""
    body = NewToken(role=Role(role), label=f"{role} of {groups}", groups=list(groups))
    other = http.as_(None)
    now = datetime.now(UTC)
    other._tokens = {role: (create(wiring.token_store(), body, now=now).token, now)}
    other._role = role
    return other


def said(answer: HTTPResponse) -> str:
    """Give all that an answer tells, with the file that it links to and what is in its cursor."""
    text = answer.body.decode() + "\n".join(f"{name}: {text}" for name, text in answer.headers.items())
    if answer.status_code == 303:
        with urllib.request.urlopen(answer.headers["Location"]) as file:  # noqa: S310 - the embedded S3
            text += _unzipped(file.read())
    for cursor in re.findall(r'"next_cursor":"([\w-]+)"', text):
        text += base64.urlsafe_b64decode(cursor + "==").decode(errors="ignore")
    return unquote(text)


def _unzipped(content: bytes) -> str:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content.decode()
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return "".join(book.read(name).decode(errors="ignore") for name in book.namelist())


def tells_of(answer: HTTPResponse, person: Somebody, given: str = "") -> set[str]:
    """List what an answer tells of a person that was not in the request."""
    text = said(answer)
    return {secret for secret in person.secrets() if secret in text and secret not in given}


# --- the matrix -----------------------------------------------------------------------------------

Call = tuple[str, Any, dict[str, str]]
Make = Callable[[Site, Http, str], Call]
"""Makes the path, body and headers of a request on somebody."""

_numbers = count(1)


class Row(NamedTuple):
    """A route: a request on somebody, and the outcomes for a person of 12A1, of 12A2, and of no group.

    An outcome is a status, with a code if it is an error. `shows` means that an answer of 2xx has the
    person's name or id, if they are of the group.
    """

    make: Make
    own: tuple[int, str | None]
    other: tuple[int, str | None]
    none: tuple[int, str | None]
    shows: bool = False


def get(path: str) -> Make:
    """Make a GET on somebody."""
    return lambda site, caller, who: (path.format(who=site.people[who], day=DAY), None, {})


def send(path: str, body: Any = None, headers: dict[str, str] | None = None) -> Make:
    """Make a request with a body; of functions in it, the result for the person is sent."""

    def make(site: Site, caller: Http, who: str) -> Call:
        person = site.people[who]
        sent = body(person) if callable(body) else body
        return path.format(who=person), sent, headers or {}

    return make


def _lab_photo(person: Somebody) -> Json:
    assert person.face
    photo = base64.b64encode(person.again).decode()
    return {"name": person.name, "fileBase64": photo, "fileName": "a.jpg", "fileType": "image/jpeg"}


def _csv(person: Somebody) -> bytes:
    return f"name,group,code\r\nNew Pupil,{person.group or ''},N-{next(_numbers)}\r\n".encode()


def _punch(site: Site, caller: Http, who: str) -> Call:
    return "/v1/punches", {"liveness_session_id": site.session(caller, who)}, {}


def _lab_result(site: Site, caller: Http, who: str) -> Call:
    return f"/liveness-result/{site.session(caller, who)}", None, {}


def _session(site: Site, caller: Http, who: str) -> Call:
    return f"/v1/liveness-sessions/{site.session(caller, who)}", None, {}


def _lab_list(site: Site, caller: Http, who: str) -> Call:
    assert site.people[who].face
    return "/list-collections", None, {}


def _new(person: Somebody) -> Json:
    return {"name": "New Pupil", "consent": CONSENT, **({"group": person.group} if person.group else {})}


def _photo(person: Somebody) -> bytes:
    assert person.face
    return person.again


NOBODY, REFUSED, LEFT_OUT = (404, "PersonNotFound"), (403, "GroupNotAllowed"), (200, None)
WHOLE_SITE, NO_HOLIDAY = (403, "WholeSite"), (404, "HolidayNotFound")
NOT_RECOGNISED, LAB_404 = (422, "NotRecognised"), (404, None)

MATRIX: dict[str, Row] = {
    # People
    "POST /v1/people": Row(send("/v1/people", _new), (201, None), REFUSED, REFUSED),
    "GET /v1/people": Row(get("/v1/people"), (200, None), LEFT_OUT, LEFT_OUT, shows=True),
    "GET /v1/people/{person_id}": Row(get("/v1/people/{who.id}"), (200, None), NOBODY, NOBODY, shows=True),
    "PATCH /v1/people/{person_id}": Row(
        send("/v1/people/{who.id}", {"status": "active"}), (200, None), NOBODY, NOBODY, shows=True
    ),
    "DELETE /v1/people/{person_id}": Row(send("/v1/people/{who.id}"), (200, None), NOBODY, NOBODY),
    "GET /v1/people/{person_id}/data": Row(
        get("/v1/people/{who.id}/data"), (200, None), NOBODY, NOBODY, shows=True
    ),
    "PUT /v1/people/{person_id}/consent": Row(
        send("/v1/people/{who.id}/consent", CONSENT), (200, None), NOBODY, NOBODY, shows=True
    ),
    "DELETE /v1/people/{person_id}/consent": Row(
        send("/v1/people/{who.id}/consent"), (200, None), NOBODY, NOBODY, shows=True
    ),
    "POST /v1/people/{person_id}/faces": Row(
        send("/v1/people/{who.id}/faces", _photo, JPEG), (201, None), NOBODY, NOBODY
    ),
    "GET /v1/people/{person_id}/faces": Row(get("/v1/people/{who.id}/faces"), (200, None), NOBODY, NOBODY),
    "DELETE /v1/people/{person_id}/faces/{face_id}": Row(
        send("/v1/people/{who.id}/faces/{who.face}"), (204, None), NOBODY, NOBODY
    ),
    "GET /v1/people/{person_id}/faces/{face_id}/photo": Row(
        get("/v1/people/{who.id}/faces/{who.face}/photo"), (200, None), NOBODY, NOBODY, shows=True
    ),
    "POST /v1/imports": Row(
        send("/v1/imports", _csv, {"Content-Type": "text/csv"}),
        (200, None),
        (422, "ImportRefused"),
        (422, "ImportRefused"),
    ),
    "POST /v1/uploads": Row(send("/v1/uploads"), (201, None), (201, None), (201, None)),
    "POST /v1/identify": Row(send("/v1/identify", _photo, JPEG), (200, None), LEFT_OUT, LEFT_OUT, shows=True),
    "POST /v1/people/{person_id}/verify": Row(
        send("/v1/people/{who.id}/verify", _photo, JPEG), (200, None), NOBODY, NOBODY
    ),
    "POST /v1/people/{person_id}/leaves": Row(
        send("/v1/people/{who.id}/leaves", {"since": DAY, "until": DAY, "kind": "annual"}),
        (201, None),
        NOBODY,
        NOBODY,
        shows=True,
    ),
    "DELETE /v1/people/{person_id}/leaves/{leave_id}": Row(
        send("/v1/people/{who.id}/leaves/{who.leave}"), (204, None), NOBODY, NOBODY
    ),
    "GET /v1/leaves": Row(
        get("/v1/leaves?from=2026-11-01&to=2026-11-30&person_id={who.id}"),
        (200, None),
        LEFT_OUT,
        LEFT_OUT,
        shows=True,
    ),
    # Punches
    "POST /v1/liveness-sessions": Row(send("/v1/liveness-sessions"), (201, None), (201, None), (201, None)),
    "GET /v1/liveness-sessions/{session_id}": Row(_session, (200, None), LEFT_OUT, LEFT_OUT),
    "POST /v1/punches": Row(_punch, (201, None), NOT_RECOGNISED, NOT_RECOGNISED),
    "POST /v1/punches/manual": Row(
        send(
            "/v1/punches/manual",
            lambda who: {"person_id": who.id, "reason": "x", "supersedes": who.punch, "void": True},
        ),
        (201, None),
        NOBODY,
        NOBODY,
        shows=True,
    ),
    "POST /v1/punches/imports": Row(
        send("/v1/punches/imports", lambda who: [{"code": who.code, "at": f"{DAY} 17:00:00"}]),
        (200, None),
        (422, "ImportRefused"),
        (422, "ImportRefused"),
        shows=True,
    ),
    "GET /v1/punches": Row(
        get("/v1/punches?from={day}&to={day}&person_id={who.id}"),
        (200, None),
        LEFT_OUT,
        LEFT_OUT,
        shows=True,
    ),
    # Attendance
    "GET /v1/attendance": Row(get("/v1/attendance?date={day}"), (200, None), LEFT_OUT, LEFT_OUT, shows=True),
    "GET /v1/attendance/open-days": Row(
        get("/v1/attendance/open-days?from={day}&to={day}"), (200, None), LEFT_OUT, LEFT_OUT, shows=True
    ),
    "GET /v1/attendance/{person_id}": Row(
        get("/v1/attendance/{who.id}?from={day}&to={day}"), (200, None), NOBODY, NOBODY, shows=True
    ),
    "GET /v1/timesheets": Row(
        get("/v1/timesheets?from={day}&to={day}"), (200, None), LEFT_OUT, LEFT_OUT, shows=True
    ),
    "GET /v1/timesheets/monthly": Row(
        get("/v1/timesheets/monthly?month=2026-11"), (200, None), LEFT_OUT, LEFT_OUT, shows=True
    ),
    # The site
    "GET /v1/holidays": Row(get("/v1/holidays?from={day}&to={day}"), (200, None), (200, None), (200, None)),
    "GET /v1/holidays/{date}": Row(get("/v1/holidays/{day}"), NO_HOLIDAY, NO_HOLIDAY, NO_HOLIDAY),
    "PUT /v1/holidays/{date}": Row(
        send("/v1/holidays/2027-01-01", {"name": "Tết"}), WHOLE_SITE, WHOLE_SITE, WHOLE_SITE
    ),
    "DELETE /v1/holidays/{date}": Row(send("/v1/holidays/2027-01-01"), WHOLE_SITE, WHOLE_SITE, WHOLE_SITE),
    "POST /v1/holidays/imports": Row(
        send("/v1/holidays/imports", lambda _: b"date,name\n2027-01-01,x\n", {"Content-Type": "text/csv"}),
        WHOLE_SITE,
        WHOLE_SITE,
        WHOLE_SITE,
    ),
    "GET /v1/closings": Row(get("/v1/closings"), (200, None), (200, None), (200, None)),
    "POST /v1/closings": Row(send("/v1/closings", {"through": DAY}), WHOLE_SITE, WHOLE_SITE, WHOLE_SITE),
    "GET /v1/me": Row(get("/v1/me"), (200, None), LEFT_OUT, LEFT_OUT),
    # The lab
    "GET /session": Row(get("/session"), (200, None), LEFT_OUT, LEFT_OUT),
    "GET /liveness-result": Row(get("/liveness-result"), (400, None), (400, None), (400, None)),
    "GET /liveness-result/{session_id}": Row(_lab_result, (200, None), LEFT_OUT, LEFT_OUT),
    "POST /index-face": Row(send("/index-face", _lab_photo), (200, None), LEFT_OUT, LEFT_OUT),
    "GET /list-collections": Row(_lab_list, (200, None), LEFT_OUT, LEFT_OUT, shows=True),
    "GET /attendance": Row(get("/attendance?externalImageId={who.id}_x"), (200, None), LEFT_OUT, LEFT_OUT),
    "DELETE /delete-face": Row(
        send("/delete-face", lambda who: {"faceId": who.face, "s3Key": "x"}), (200, None), LAB_404, LAB_404
    ),
    "POST /checkin": Row(send("/checkin", _photo, JPEG), (200, None), LEFT_OUT, LEFT_OUT),
}

NOT_LIMITED = {
    "GET /",
    "GET /health",
    "GET /openapi.json",
    "GET /docs",
    "GET /v1/settings",
    "PUT /v1/settings",
    "GET /v1/settings/versions",
    "GET /v1/settings/versions/{begins}",
    "PUT /v1/settings/versions/{begins}",
    "DELETE /v1/settings/versions/{begins}",
    "POST /v1/closings/reopenings",
    "POST /v1/tokens",
    "GET /v1/tokens",
    "DELETE /v1/tokens/{token_id}",
    "GET /v1/audit",
    "GET /v1/retention",
}
"""Routes for the public, or for admins, who are never limited."""

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
CELLS = [
    pytest.param(route, role, who, id=f"{route} as {role} on {who}")
    for route in MATRIX
    for role in sorted(OPERATIONS.get(route, {}).get("x-roles", ()))
    if role != "admin"
    for who in (OWN, OTHER, NONE)
]


def test_every_route_is_in_the_matrix_or_has_no_limited_callers() -> None:
    assert set(OPERATIONS) == MATRIX.keys() | NOT_LIMITED
    assert not MATRIX.keys() & NOT_LIMITED
    for route in NOT_LIMITED:
        assert set(OPERATIONS[route]["x-roles"]) <= {"admin"}, route
    for route in MATRIX:
        assert set(OPERATIONS[route]["x-roles"]) - {"admin"}, route


@pytest.mark.parametrize(("route", "role", "who"), CELLS)
def test_a_limited_token_acts_on_its_own_group_only(
    site: Site, scan: Scan, route: str, role: str, who: str
) -> None:
    row, method = MATRIX[route], route.partition(" ")[0]
    caller = limited(site.http, role, OWN)
    path, body, headers = row.make(site, caller, who)
    outside = [site.people[other] for other in OUTSIDE]
    before = [stored(scan, person) for person in outside]

    answer = caller.call(method, path, body, headers)

    status, code = {OWN: row.own, OTHER: row.other, NONE: row.none}[who]
    assert answer.status_code == status, answer.body
    if code:
        assert code_of(answer) == code
    given = path + json.dumps(body.decode(errors="ignore") if isinstance(body, bytes) else body)
    if row.shows and who == OWN and role != "kiosk":
        assert tells_of(answer, site.people[OWN])
    for person in outside:
        assert tells_of(answer, person, unquote(given)) == set()
    assert [stored(scan, person) for person in outside] == before


def stored(scan: Scan, person: Somebody) -> list[str]:
    """List the items of the table that are about a person; a failed punch is counted for all of them."""
    items = [json.dumps(item, sort_keys=True) for item in json.loads(scan())]
    return sorted(item for item in items if person.id in item and '"LIMIT#' not in item)


# --- what the matrix is too coarse for ------------------------------------------------------------


def test_somebody_outside_is_as_somebody_who_does_not_exist(site: Site) -> None:
    caller = limited(site.http, "manager", OWN)
    outsider = site.people[OTHER]
    for route, row in MATRIX.items():
        method, _, template = route.partition(" ")
        if "{person_id}" not in template:
            continue
        path, body, headers = row.make(site, caller, OTHER)
        seen = caller.call(method, path, body, headers)
        unknown = caller.call(method, path.replace(outsider.id, "0" * 24), body, headers)
        shown = [
            re.sub("[0-9a-f-]{36}|0{24}", "", answer.body.decode().replace(outsider.id, ""))
            for answer in (seen, unknown)
        ]
        assert seen.status_code == unknown.status_code == 404, route
        assert shown[0] == shown[1], route


@pytest.mark.parametrize("role", ["viewer", "manager"])
def test_reports_count_and_export_the_group_only(site: Site, role: str) -> None:
    caller = limited(site.http, role, OWN)
    roster = caller.get("/v1/attendance", date=DAY).json_body
    counts = caller.get("/v1/attendance", date=DAY, group=OWN).json_body["counts"]
    assert roster["counts"] == counts != site.http.get("/v1/attendance", date=DAY).json_body["counts"]
    assert [row["person_id"] for row in roster["items"]] == [site.people[OWN].id]
    for path in (
        f"/v1/attendance?date={DAY}",
        f"/v1/attendance/{site.people[OWN].id}?from={DAY}&to={DAY}",
        f"/v1/timesheets?from={DAY}&to={DAY}",
        "/v1/timesheets/monthly?month=2026-11",
    ):
        for form, status in (("csv", 200), ("xlsx", 303)):
            answer = caller.get(f"{path}&format={form}")
            assert answer.status_code == status
            assert site.people[OWN].name in said(answer)
            for who in OUTSIDE:
                assert tells_of(answer, site.people[who]) == set()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/people?group=12A2",
        f"/v1/attendance?date={DAY}&group=12A2",
        f"/v1/timesheets?from={DAY}&to={DAY}&group=12A2",
        "/v1/timesheets/monthly?month=2026-11&group=12A2",
    ],
)
def test_anothers_group_is_empty_like_one_that_does_not_exist(site: Site, path: str) -> None:
    caller = limited(site.http, "manager", OWN)
    theirs, nobodys = caller.get(path), caller.get(path.replace("12A2", "99Z9"))
    assert theirs.status_code == nobodys.status_code == 200
    assert theirs.json_body["items"] == []
    assert theirs.json_body == nobodys.json_body
    assert theirs.headers["ETag"] == nobodys.headers["ETag"]


def test_an_etag_does_not_change_with_other_groups(site: Site) -> None:
    caller = limited(site.http, "manager", OWN)
    paths = [
        "/v1/people",
        f"/v1/attendance?date={DAY}",
        f"/v1/punches?from={DAY}&to={DAY}",
        "/v1/leaves?from=2026-11-01&to=2026-11-30",
        "/v1/timesheets/monthly?month=2026-11",
    ]
    before = [caller.get(path).headers["ETag"] for path in paths]
    newcomer = add_person(site.http, "Phạm Dũng", group=OTHER)
    stamped(site.http, newcomer, f"{DAY}T08:30:00+07:00")
    site.http.post(f"/v1/people/{newcomer}/leaves", {"since": DAY, "until": DAY, "kind": "sick"})
    assert [caller.get(path).headers["ETag"] for path in paths] == before


def test_pages_of_a_limited_token_are_full_and_its_cursors_name_nobody_else(site: Site) -> None:
    caller = limited(site.http, "manager", OWN)
    for number in range(4):
        add_person(site.http, f"Hoàng {number}", group=OWN)
        add_person(site.http, f"Hoàng {number}", group=OTHER)
    seen, cursor = [], None
    while True:
        answer = caller.get("/v1/people", limit=2, cursor=cursor)
        for who in OUTSIDE:
            assert tells_of(answer, site.people[who]) == set()
        seen.append([person["group"] for person in answer.json_body["items"]])
        cursor = answer.json_body["next_cursor"]
        if cursor is None:
            break
    assert seen == [[OWN, OWN], [OWN, OWN], [OWN]]


def test_an_admins_cursor_shows_a_limited_token_no_more(site: Site) -> None:
    caller = limited(site.http, "manager", OWN)
    for number in range(3):
        add_person(site.http, f"Hoàng {number}", group=OTHER)
    cursor = site.http.get("/v1/people", limit=1).json_body["next_cursor"]
    answer = caller.get("/v1/people", limit=1, cursor=cursor)
    assert answer.status_code in (200, 400)
    for who in OUTSIDE:
        assert tells_of(answer, site.people[who]) == set()


def test_nobody_is_moved_out_of_the_groups_of_a_token(site: Site) -> None:
    caller, anh = limited(site.http, "manager", OWN), site.people[OWN]
    for group in (OTHER, None):
        answer = caller.call("PATCH", f"/v1/people/{anh.id}", {"group": group})
        check_refused(answer, 403, "GroupNotAllowed")
    assert site.http.get(f"/v1/people/{anh.id}").json_body["group"] == OWN


def test_a_token_of_two_groups_has_the_people_of_both(site: Site) -> None:
    caller, anh = limited(site.http, "manager", OWN, OTHER), site.people[OWN]
    assert caller.call("PATCH", f"/v1/people/{anh.id}", {"group": OTHER}).status_code == 200
    shown = [person["person_id"] for person in caller.get("/v1/people").json_body["items"]]
    assert sorted(shown) == sorted([anh.id, site.people[OTHER].id])


def test_who_leaves_the_group_is_gone_for_the_token_at_once(site: Site) -> None:
    caller, anh = limited(site.http, "manager", OWN), site.people[OWN]
    assert caller.get(f"/v1/people/{anh.id}").status_code == 200
    site.http.call("PATCH", f"/v1/people/{anh.id}", {"group": OTHER})
    assert caller.get(f"/v1/people/{anh.id}").status_code == 404
    assert caller.get("/v1/punches", from_=DAY, to=DAY).json_body["items"] == []
    assert caller.get("/v1/leaves", from_=DAY, to="2026-11-30").json_body["items"] == []


def test_groups_are_compared_letter_by_letter(site: Site) -> None:
    add_person(site.http, "Vũ Hạnh", group="Tổ 1")
    for groups, found in (
        (["Tổ 1"], 1),
        ([unicodedata.normalize("NFD", "Tổ 1")], 1),
        (["  Tổ   1 "], 1),
        (["tổ 1"], 0),
        (["To 1"], 0),
    ):
        shown = limited(site.http, "viewer", *groups).get("/v1/attendance", date=DAY).json_body["items"]
        assert len(shown) == found, groups


def test_a_code_that_somebody_outside_has_is_taken_and_not_told_by_whom(site: Site) -> None:
    caller, outsider = limited(site.http, "manager", OWN), site.people[OTHER]
    answer = caller.post("/v1/people", {"name": "New", "group": OWN, "code": outsider.code})
    check_refused(answer, 409, "PersonExists")
    assert tells_of(answer, outsider, outsider.code) == set()
    rows = f"name,group,code\r\nNew,{OWN},{outsider.code}\r\nNew,{OWN},{site.people[OWN].code}\r\n"
    csv = {"Content-Type": "text/csv"}
    for query in ("?dry_run=true", "?mode=good", ""):
        answer = caller.post(f"/v1/imports{query}", rows.encode(), csv)
        body = answer.json_body
        items = body["items"] if "items" in body else body["Details"]["items"]
        assert [(item["status"], item.get("person_id")) for item in items] == [
            ("exists", None),
            ("exists", site.people[OWN].id),
        ]
        assert tells_of(answer, outsider, outsider.code) == set()


def test_rows_of_other_groups_are_refused_one_by_one(site: Site) -> None:
    caller = limited(site.http, "manager", OWN)
    rows = f"name,group\r\nOne,{OWN}\r\nTwo,{OTHER}\r\nThree,\r\n".encode()
    answer = caller.post("/v1/imports?mode=good", rows, {"Content-Type": "text/csv"})
    assert [item["status"] for item in answer.json_body["items"]] == ["created", "invalid", "invalid"]
    assert {problem["field"] for item in answer.json_body["items"][1:] for problem in item["problems"]} == {
        "group"
    }
    names = [person["name"] for person in site.http.get("/v1/people").json_body["items"]]
    assert "One" in names
    assert not {"Two", "Three"} & set(names)


def test_punches_of_other_groups_are_refused_row_by_row(site: Site) -> None:
    caller = limited(site.http, "manager", OWN)
    people = [site.people[who] for who in (OWN, OTHER, NONE)]
    rows = [{"code": who.code, "at": f"{DAY} 17:00:00"} for who in people]
    rows += [{"person_id": who.id, "at": f"{DAY} 18:00:00"} for who in people]
    answer = caller.post("/v1/punches/imports?mode=good", rows)
    assert [item["status"] for item in answer.json_body["items"]] == ["created", "invalid", "invalid"] * 2
    for outsider in people[1:]:
        assert tells_of(answer, outsider) == set()
    logged = site.http.get("/v1/punches", from_=DAY, to=DAY).json_body["items"]
    assert {one["person_id"] for one in logged if one["source"] == "import"} == {people[0].id}


def test_a_face_of_somebody_outside_is_not_enrolled_twice_and_they_are_not_named(site: Site) -> None:
    caller, outsider = limited(site.http, "manager", OWN), site.people[OTHER]
    assert outsider.face
    mate = add_person(site.http, "Đặng Em", group=OWN)
    answer = caller.post(f"/v1/people/{mate}/faces", outsider.photo, JPEG)
    check_refused(answer, 409, "FaceBelongsToAnother")
    assert "Details" not in answer.json_body or not answer.json_body["Details"]
    assert tells_of(answer, outsider) == set()
    answer = site.http.post(f"/v1/people/{mate}/faces", outsider.photo, JPEG)
    assert answer.json_body["Details"]["person_id"] == outsider.id


def test_a_match_outside_is_nobody(site: Site) -> None:
    caller = limited(site.http, "manager", OWN)
    for who in OUTSIDE:
        assert site.people[who].face
        answer = caller.post("/v1/identify", site.people[who].again, JPEG).json_body
        assert answer == {"outcome": "NotRecognised", "person_id": None, "candidates": []}


def test_a_kiosk_of_a_group_records_only_its_people(site: Site) -> None:
    kiosk = limited(site.http, "kiosk", OWN)
    today = datetime.now(UTC).date()
    for who, status in ((OWN, 201), (OTHER, 422), (NONE, 422)):
        path, body, _ = _punch(site, kiosk, who)
        assert kiosk.post(path, body).status_code == status
    since, until = today - timedelta(days=1), today + timedelta(days=1)
    punched = site.http.get("/v1/punches", from_=since, to=until).json_body["items"]
    assert [one["person_id"] for one in punched if one["source"] == "face"] == [site.people[OWN].id]


def test_the_lab_says_of_nobody_outside_that_they_came_today(site: Site) -> None:
    viewer = limited(site.http, "viewer", OWN)
    for who, expected in ((OWN, 1), (OTHER, 0), (NONE, 0)):
        path, body, _ = _punch(site, site.http, who)
        assert site.http.post(path, body).status_code == 201
        shown = viewer.get("/attendance", externalImageId=f"{site.people[who].id}_x").json_body
        assert shown["count"] == expected


def test_an_erasure_that_began_is_no_longer_seen_by_a_limited_token(site: Site) -> None:
    caller, anh = limited(site.http, "manager", OWN), site.people[OWN]
    assert anh.face
    receipt = caller.delete(f"/v1/people/{anh.id}")
    assert (receipt.status_code, receipt.json_body["complete"]) == (200, True)
    assert (receipt.json_body["removed"]["faces"], receipt.json_body["removed"]["punches"]) == (1, 1)
    assert caller.delete(f"/v1/people/{anh.id}").status_code == 404


def test_admins_are_never_limited(site: Site) -> None:
    answer = site.http.post("/v1/tokens", {"role": "admin", "label": "x", "groups": [OWN]})
    check_refused(answer, 400, "InvalidRequest")
    for wrong in ([], [""], ["a\u0000"], "12A1", [OWN] * 101):
        assert (
            site.http.post("/v1/tokens", {"role": "viewer", "label": "x", "groups": wrong}).status_code == 400
        )


def test_the_groups_of_a_token_are_listed(site: Site) -> None:
    made = site.http.post("/v1/tokens", {"role": "viewer", "label": "x", "groups": ["12B", " 12A1 ", "12B"]})
    assert made.json_body["groups"] == ["12A1", "12B"]
    shown = {one["token_id"]: one["groups"] for one in site.http.get("/v1/tokens").json_body["items"]}
    assert shown[made.json_body["token_id"]] == ["12A1", "12B"]
    assert shown[site.http.token_id("admin")] is None


# --- whatever is asked ----------------------------------------------------------------------------


def _words(site: Site) -> list[str]:
    texts = [text for person in site.people.values() for text in (*person.name.split(), person.code)]
    return [*texts, *(text[:2] for text in texts), "", "zz"]


@pytest.fixture
def crowd(site: Site) -> Site:
    for person in site.people.values():
        assert person.face
    return site


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_answer_to_a_limited_token_tells_of_another_group(crowd: Site, data: st.DataObject) -> None:
    role = data.draw(st.sampled_from(["viewer", "manager"]))
    caller = _callers(crowd, role)
    route = data.draw(st.sampled_from([one for one in MATRIX if one.startswith("GET /v1/")]))
    if role not in OPERATIONS[route]["x-roles"]:
        return
    who = crowd.people[data.draw(st.sampled_from([OWN, OTHER, NONE]))]
    path = route.partition(" ")[2]
    ids = {"person_id": who.id, "session_id": unknown_session(), "face_id": who.face, "date": DAY}
    query: dict[str, Any] = {}
    for parameter in map(_resolved, OPERATIONS[route].get("parameters", [])):
        name = parameter["name"]
        if parameter["in"] == "query" and (parameter.get("required") or data.draw(st.booleans())):
            query[name] = data.draw(_values(crowd, name, who))
    query = {name: value for name, value in query.items() if value is not None}
    cursor: str | None = None
    for _ in range(4):
        answer = caller.get(path.format(**ids), **query | ({"cursor": cursor} if cursor else {}))
        given = json.dumps([ids, query], ensure_ascii=False)
        for other in OUTSIDE:
            assert tells_of(answer, crowd.people[other], given) == set()
        assert answer.status_code < 500
        cursor = (
            answer.json_body.get("next_cursor") if answer.status_code == 200 and _is_json(answer) else None
        )
        if cursor is None:
            return


def _resolved(parameter: Json) -> Json:
    reference = parameter.get("$ref")
    return DOCUMENT["components"]["parameters"][reference.rpartition("/")[2]] if reference else parameter


def _is_json(answer: HTTPResponse) -> bool:
    return bool(answer.headers["Content-Type"] == "application/json")


def _callers(site: Site, role: str) -> Http:
    if not hasattr(site, role):
        setattr(site, role, limited(site.http, role, OWN))
    found: Http = getattr(site, role)
    return found


def _values(site: Site, name: str, who: Somebody) -> st.SearchStrategy[Any]:
    dates = [DAY, "2026-11-24", "2026-11-01", "2026-11-30"]
    return {
        "q": st.sampled_from(_words(site)),
        "group": st.sampled_from([OWN, OTHER, "12", "12a1"]),
        "person_id": st.just(who.id),
        "limit": st.sampled_from([1, 2, 100]),
        "cursor": st.none(),
        "format": st.sampled_from(["json", "csv", "xlsx"]),
        "bom": st.sampled_from(["true", "false"]),
        "lang": st.sampled_from(["vi", "en"]),
        "link": st.sampled_from(["true", "false"]),
        "hours": st.sampled_from(["minutes", "decimal", "hm"]),
        "rows": st.sampled_from(["data", "totals", "legend"]),
        "month": st.just("2026-11"),
        "status": st.sampled_from(["active", "inactive"]),
        "state": st.sampled_from(["present", "absent", "late"]),
        "from": st.sampled_from(dates),
        "to": st.sampled_from(dates),
        "date": st.sampled_from(dates),
    }[name]
