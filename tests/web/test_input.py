"""Input from strangers: whatever a field, header or file holds, the answer is a clear one."""

import base64
import csv
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from chalice.test import HTTPResponse
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.config import BODY_BYTES, JSON_BYTES
from chalicelib.web.endpoint import PARAMETER_CHARS
from chalicelib.web.request import decode
from tests.conftest import CONSENT, Http
from tests.support.answers import code_of
from tests.support.builders import calendar, change_settings
from tests.support.photos import photo_of_c, pixels, png

JPEG = "image/jpeg"
UNSEEN = {
    "NUL": "\0",
    "line break": "\n",
    "escape": "\x1b",
    "C1 control": "\u0085",
    "direction override": "\u202e",
    "direction isolate": "\u2066",
    "zero-width space": "\u200b",
    "byte order mark": "\ufeff",
    "noncharacter": "\uffff",
}


def refused(answer: HTTPResponse, status: int = 400, code: str = "InvalidRequest") -> dict[str, Any]:
    """Check that an answer is a refusal of the one shape; gives it."""
    assert answer.status_code == status, answer.body
    found: dict[str, Any] = answer.json_body
    assert found["Code"] == code, found
    assert {"Message", "RequestId"} <= found.keys()
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return found


@pytest.fixture
def person_id(http: Http) -> str:
    made: str = http.post("/v1/people", {"name": "A", "consent": CONSENT}).json_body["person_id"]
    return made


# --- texts ----------------------------------------------------------------------------------------


def bodies_with(text: str, person_id: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Say where a text can be sent: by field, the call that sends it."""
    leave = {"since": "2026-11-23", "until": "2026-11-23"}
    punch = {"person_id": person_id, "at": "2026-11-23T08:00:00Z"}
    consent = f"/v1/people/{person_id}/consent"
    return {
        "name": ("POST", "/v1/people", {"name": text}),
        "code": ("POST", "/v1/people", {"name": "A", "code": text}),
        "group": ("POST", "/v1/people", {"name": "A", "group": text}),
        "email": ("POST", "/v1/people", {"name": "A", "email": f"{text}@example.com"}),
        "shift": ("POST", "/v1/people", {"name": "A", "shift": text}),
        "changed name": ("PATCH", f"/v1/people/{person_id}", {"name": text}),
        "kind": ("POST", f"/v1/people/{person_id}/leaves", leave | {"kind": text}),
        "reason": ("POST", "/v1/punches/manual", punch | {"reason": text}),
        "label": ("POST", "/v1/tokens", {"role": "kiosk", "label": text}),
        "site": ("POST", "/v1/tokens", {"role": "kiosk", "label": "x", "site": text}),
        "text_version": ("PUT", consent, CONSENT | {"text_version": text}),
        "language": ("PUT", consent, CONSENT | {"language": text}),
        "method": ("PUT", consent, CONSENT | {"method": text}),
    }


FIELDS = list(bodies_with("", ""))


@pytest.mark.parametrize("field", FIELDS)
def test_texts_have_no_invisible_characters(http: Http, person_id: str, field: str) -> None:
    for number, (name, unseen) in enumerate(UNSEEN.items()):
        text = f"{number}a{unseen}b"
        method, path, body = bodies_with(text, person_id)[field]
        answer = http.call(method, path, body)
        # White space is made one space; a line break or "next line" is some.
        spaced = unseen.isspace() and field not in ("email", "shift", "language", "method", "kind")
        if spaced:
            assert answer.status_code in (200, 201), (name, answer.body)
            assert json.dumps(text) not in answer.body.decode()
        else:
            assert answer.status_code == 400, (name, answer.body)
            assert code_of(answer) in ("InvalidRequest", "UnknownShift", "UnknownLeaveKind")


@pytest.mark.parametrize("field", FIELDS)
def test_texts_have_a_maximum_length(http: Http, person_id: str, field: str) -> None:
    method, path, body = bodies_with("a" * 501, person_id)[field]
    refused(http.call(method, path, body))


@pytest.mark.parametrize("unseen", UNSEEN.values(), ids=UNSEEN)
def test_names_in_a_calendar_have_no_invisible_characters(http: Http, unseen: str) -> None:
    hours = {"starts": "08:00", "ends": "17:00"}
    for text in (f"a{unseen}b", f"a{unseen}", f" a{unseen}"):
        rotations = {text: {"anchor": "2026-11-23", "weeks": ["day"]}}
        for change in (
            {"calendar": calendar(shifts={"day": hours, text: hours})},
            {"calendar": calendar(shifts={"day": hours}, rotations=rotations)},
            {"leave_kinds": [{"kind": text, "letter": "V"}]},
        ):
            answer = change_settings(http, **change)
            assert answer.status_code == 400, answer.body
            assert code_of(answer) in ("InvalidRequest", "InvalidSettings")
    holiday = http.call("PUT", "/v1/holidays/2026-11-23", {"name": f"a{unseen}b"})
    if unseen.isspace():  # white space is made one space
        assert holiday.json_body["name"] == "a b"
    else:
        refused(holiday)
    assert http.call("PUT", "/v1/holidays/2026-11-23", {"name": "Tết"}).status_code == 200


@pytest.mark.parametrize(
    "ending",
    [pytest.param("\n", id="line break"), pytest.param("\r\n", id="two"), pytest.param("\0", id="NUL")],
)
def test_patterns_refuse_a_trailing_line_break(http: Http, person_id: str, ending: str) -> None:
    wrong = quote(ending)
    refused(http.get(f"/v1/people/{person_id}{wrong}"))
    refused(http.get(f"/v1/attendance/{person_id}{wrong}?from=2026-11-23&to=2026-11-23"))
    refused(http.get(f"/v1/timesheets/monthly?month=2026-11{wrong}"))
    refused(http.get(f"/v1/audit?person_id={person_id}{wrong}"))
    refused(
        http.post("/v1/punches", {"liveness_session_id": "00000000-0000-4000-8000-000000000000" + ending})
    )
    refused(change_settings(http, calendar=calendar(cutoff="04:00" + ending)))


# --- numbers and dates ----------------------------------------------------------------------------

NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1",
    "0",
    "1.5",
    "9" * 30,
    "9" * 1900,
    "0x10",
    "1_0",
    "\u0661",
    "",
)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:12] or "empty")
def test_a_query_parameter_is_a_number_in_its_range(http: Http, number: str) -> None:
    for path in ("/v1/people", "/v1/attendance", "/v1/audit"):
        refused(http.get(path, limit=number))


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-1e400", "1e400", "9" * 400, "9" * 5000, "-1", "1e308", "true", '"95"']
)
def test_a_field_is_a_number_in_its_range(http: Http, number: str) -> None:
    sound = json.dumps(http.get("/v1/settings").json_body)
    for field, value in json.loads(sound).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            body = sound.replace(f'"{field}": {json.dumps(value)}', f'"{field}": {number}').encode()
            refused(http.call("PUT", "/v1/settings", body, {"Content-Type": "application/json"}))


FAR = ("0001-01-01", "0001-01-31", "1999-12-31", "2200-01-01", "9999-12-01", "9999-12-31")
NO_DATE = (
    "0000-01-01",
    "2026-02-30",
    "2026-11-23T00:00:00Z",
    "2026-11-23\n",
    "23/11/2026",
    "+2026-11-23",
    "",
    "٢",
)


@pytest.mark.parametrize("on", FAR + NO_DATE)
def test_query_parameters_are_dates_of_possible_work_days(http: Http, person_id: str, on: str) -> None:
    for path in ("/v1/leaves", "/v1/punches", "/v1/timesheets", f"/v1/attendance/{person_id}"):
        refused(http.get(path, from_=on, to=on))
        refused(http.get(path, from_="2026-11-23", to=on))
        refused(http.get(path, from_=on, to="2026-11-23"))
    refused(http.get("/v1/attendance", date=on))
    for query in ({"from_": on}, {"to": on}, {"from_": on, "to": on}):
        refused(http.get("/v1/audit", **query))


def test_the_range_of_leaves_does_not_run_backwards(http: Http) -> None:
    refused(http.get("/v1/leaves", from_="2026-11-24", to="2026-11-23"))


@pytest.mark.parametrize("on", FAR + NO_DATE)
def test_extreme_dates_in_a_body_are_no_server_error(http: Http, person_id: str, on: str) -> None:
    leave = {"since": on, "until": on, "kind": "annual"}
    refused(http.post(f"/v1/people/{person_id}/leaves", leave))
    # Somebody may have come, and a rule have held, before there were work days; what is no date is refused.
    fine = {200, 201} if on in FAR else {400}
    late = {400} if on > "2199" else fine
    assert http.post("/v1/people", {"name": "B", "since": on}).status_code in fine
    assert http.call("PATCH", f"/v1/people/{person_id}", {"since": on}).status_code in fine
    settings = http.get("/v1/settings").json_body
    path = f"/v1/settings?effective_from={quote(on)}"
    assert http.call("PUT", path, settings).status_code in late
    # Nothing is due on dates that cannot be work days, so they cannot be holidays either.
    if on and "/" not in on:
        refused(http.call("PUT", f"/v1/holidays/{quote(on)}", {"name": "Tết"}))
        refused(http.call("PUT", f"/v1/settings/versions/{quote(on)}", calendar()))
    refused(http.get("/v1/holidays", from_=on, to=on))
    refused(http.post("/v1/closings", {"through": on}))
    refused(http.post("/v1/closings/reopenings", {"from": on, "reason": "x"}))
    today = http.get("/v1/attendance")
    assert today.status_code == 200
    sheet = http.get(f"/v1/attendance/{person_id}", from_="2026-01-01", to="2026-12-31")
    assert sheet.status_code == 200


INSTANTS = (
    *("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-14:00"),
    *("0000-01-01T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T23:59:60Z", "2026-11-23T08:00:00", "1e9"),
)


@pytest.mark.parametrize("at", INSTANTS)
def test_impossible_instants_are_refused(http: Http, person_id: str, at: str) -> None:
    refused(http.post("/v1/punches/manual", {"person_id": person_id, "at": at, "reason": "x"}))
    refused(http.call("PUT", f"/v1/people/{person_id}/consent", CONSENT | {"given_at": at}))
    answer = http.post("/v1/tokens", {"role": "kiosk", "label": "x", "expires_at": at})
    if answer.status_code != 201:  # the last moment of all times is one
        refused(answer)


# --- bodies and parameters ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 100_000, id="nested lists"),
        pytest.param(b'{"name":' * 100_000, id="nested objects"),
        pytest.param(b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}", id="nested in a field"),
        pytest.param(
            b'{"name": "A", "extra": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}", id="nested unknown"
        ),
        pytest.param(b'{"name": "\\ud800"}', id="half a character"),
        pytest.param(b'{"name": "A"} x', id="something behind it"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"name": "A"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
    ],
)
def test_invalid_json_is_a_400(http: Http, body: bytes) -> None:
    for content_type in ("application/json", "application/json; charset=utf-16"):
        refused(http.post("/v1/people", body, {"Content-Type": content_type}))


@pytest.mark.parametrize(
    ("body", "key"),
    [
        pytest.param(b'{"name": "A", "name": "B"}', "name", id="at the top"),
        pytest.param(b'{"name": "A", "n\\u0061me": "B"}', "name", id="written otherwise"),
        pytest.param(b'{"name": "A", "name": "A"}', "name", id="with the same value"),
        pytest.param(
            json.dumps({"name": "A", "consent": CONSENT}).replace('"la', '"language": "en", "la').encode(),
            "language",
            id="further in",
        ),
    ],
)
def test_a_key_that_is_given_twice_is_named(http: Http, body: bytes, key: str) -> None:
    found = refused(http.post("/v1/people", body, {"Content-Type": "application/json"}))
    assert found["Message"] == f"The key `{key}` is given more than once."
    assert http.get("/v1/people").json_body["items"] == []


def test_keys_are_looked_at_wherever_json_is_read(http: Http) -> None:
    settings = http.get("/v1/settings").body.decode()
    twice = settings.replace("{", '{"margin": 0, ', 1).encode()
    refused(http.call("PUT", "/v1/settings", twice, {"Content-Type": "application/json"}))
    session = b'{"liveness_session_id": "00000000-0000-4000-8000-000000000000", "liveness_session_id": "x"}'
    refused(
        http.post(
            "/v1/punches", session.replace(b'"x"', session[24:62]), {"Content-Type": "application/json"}
        )
    )
    same_key_elsewhere = (
        b'{"name": "A", "consent": {"text_version": "name", "language": "vi", "method": "name"}}'
    )
    assert (
        http.post("/v1/people", same_key_elsewhere, {"Content-Type": "application/json"}).status_code == 201
    )


@given(
    st.recursive(
        st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_without_repeated_keys_is_read_as_it_is(value: Any) -> None:
    assert decode(json.dumps(value).encode(), Any) == value


@pytest.mark.parametrize("path", ["/v1/people", "/v1/settings", "/v1/tokens", "/v1/punches/manual"])
def test_a_body_that_is_too_large_is_a_413_with_our_code(http: Http, path: str) -> None:
    body = b'{"name": "' + b"a" * JSON_BYTES + b'"}'
    method = "PUT" if path == "/v1/settings" else "POST"
    found = refused(http.call(method, path, body, {"Content-Type": "application/json"}), 413, "TooLarge")
    assert found["Details"] == {"limit_bytes": JSON_BYTES}


def test_a_photo_or_form_too_large_for_lambda_is_a_413_with_our_code(http: Http) -> None:
    large = photo_of_c().ljust(BODY_BYTES + 1, b"\0")
    refused(http.post("/v1/identify", large, {"Content-Type": JPEG}), 413, "PhotoTooLarge")
    refused(http.post("/v1/identify", {"photo": base64.b64encode(large).decode()}), 413, "PhotoTooLarge")
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert http.post("/index-face", large, form).status_code == 413
    refused(http.post("/v1/imports", large, {"Content-Type": "text/csv"}), 413, "ImportTooLarge")


def test_lists_in_the_settings_have_a_maximum_length(http: Http) -> None:
    shift = {"starts": "08:00", "ends": "17:00"}
    refused(change_settings(http, calendar=calendar(shifts={f"s{n}": shift for n in range(101)})))
    kinds = [{"kind": f"kind {n}", "letter": f"{n}"} for n in range(51)]
    refused(change_settings(http, leave_kinds=kinds))
    refused(change_settings(http, calendar=calendar(shifts={"day": shift | {"weekdays": ["mon"] * 8}})))


def test_a_parameter_has_a_maximum_length_and_is_given_once(http: Http, person_id: str) -> None:
    long = "a" * (PARAMETER_CHARS + 1)
    for query in (f"cursor={long}", f"q={long}", f"group={long}", f"{long}=x"):
        refused(http.get(f"/v1/people?{query}"))
    refused(http.get("/v1/people?limit=1&limit=2"))
    refused(http.get(f"/v1/people/{person_id}?person_id={person_id}"))
    assert http.get(f"/attendance?externalImageId={long}").status_code == 400
    for handle in ("a" * PARAMETER_CHARS, "é" * PARAMETER_CHARS):  # the second is longer than a key may be
        assert http.get("/attendance", externalImageId=handle).json_body["count"] == 0
    refused(http.post("/v1/identify", {"upload_id": long}))
    punch = {"person_id": person_id, "at": "2026-11-23T08:00:00Z", "reason": "x", "supersedes": long}
    refused(http.post("/v1/punches/manual", punch))


@pytest.mark.parametrize(
    "cursor", ["", "=", "====", "AAAA", "é", "\0", "-_-_", "A" * 2000, "A" * 2001, "../..", '{"pk":"x"}', "%"]
)
def test_a_cursor_that_we_did_not_sign_is_a_400(http: Http, cursor: str) -> None:
    for path in ("/v1/people", "/v1/attendance", "/v1/audit"):
        answer = http.get(path, cursor=cursor)
        assert answer.status_code == 400
        assert code_of(answer) in ("InvalidCursor", "InvalidRequest")


def test_a_cursor_is_valid_for_its_list_only_and_unaltered(http: Http, person_id: str) -> None:
    http.post("/v1/people", {"name": "B"})
    cursor = http.get("/v1/people", limit=1).json_body["next_cursor"]
    assert http.get("/v1/people", limit=1, cursor=cursor).status_code == 200
    for place in range(len(cursor)):
        other = "A" if cursor[place] != "A" else "B"
        refused(
            http.get("/v1/people", cursor=cursor[:place] + other + cursor[place + 1 :]), 400, "InvalidCursor"
        )
    refused(http.get("/v1/attendance", cursor=cursor), 400, "InvalidCursor")


# --- base64, headers, files -----------------------------------------------------------------------


def base64_forms(content: bytes) -> dict[str, str]:
    plain = base64.b64encode(content).decode()
    return {
        "plain": plain,
        "data URL": f"data:image/png;base64,{plain}",
        "wrapped": "\r\n".join(plain[at : at + 76] for at in range(0, len(plain), 76)),
        "url-safe": base64.urlsafe_b64encode(content).decode(),
        "unpadded": plain.rstrip("="),
        "with more behind": f"{plain}{plain}",
        "data URL of another kind": f"data:text/html,{plain}",
        "two data URLs": f"data:image/png;base64,data:image/png;base64,{plain}",
        "not base64": "é" * 40,
    }


CONTENT = next(
    content
    for content in (png(pixels(photo_of_c())[::4, ::4]) + bytes(n) for n in range(9))
    if len(content) % 3 == 1
)


@pytest.mark.parametrize("form", base64_forms(CONTENT))
def test_v1_accepts_padded_base64_only_and_the_lab_what_its_pages_send(http: Http, form: str) -> None:
    text = base64_forms(CONTENT)[form]
    sent = http.post("/v1/identify", {"photo": text})
    lab = http.post("/index-face", {"name": "A", "fileBase64": text, "fileName": "a", "fileType": "b"})
    if form == "plain":
        assert sent.status_code in (200, 422), sent.body
    else:
        refused(sent)
    assert lab.status_code == (200 if form in ("plain", "data URL", "wrapped") else 400), lab.body


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Authorization", "Bearer " + "a" * 9000, 401),
        ("Authorization", f"Bearer rc_{'a' * 43}\x00", 401),
        ("Authorization", "bearer", 401),
        ("Accept-Language", "vi," * 3000, 200),
        ("Accept-Language", "vi;q=nan, en;q=inf, fr;q=1e400, ;q=;q=", 200),
        ("Accept", "text/csv;q=nan, */*;q=inf" + ";" * 5000, 200),
        ("If-None-Match", '"a",' * 2000, 200),
        ("If-None-Match", "W/" * 4000, 200),
        ("Content-Type", "a" * 9000, 415),
    ],
)
def test_strange_headers_are_no_server_error(http: Http, header: str, value: str, status: int) -> None:
    answer = http.call("GET", "/v1/attendance", headers={header: value})
    assert answer.status_code == status, answer.body


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "a\r\nX-Evil: 1", "a\tb", "é", "\u202e"])
def test_an_invalid_key_is_a_400_that_does_not_echo_it(http: Http, key: str) -> None:
    answer = http.post("/v1/people", {"name": "A"}, {"Idempotency-Key": key})
    refused(answer)
    assert not any("\n" in value or "\r" in value for value in answer.headers.values())
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    "content_type", ["text/html", "image/svg+xml", "image/gif", "", "/", "application/xml"]
)
def test_a_body_of_another_media_type_is_a_415(http: Http, content_type: str) -> None:
    answer = http.post("/v1/identify", photo_of_c(), {"Content-Type": content_type})
    refused(answer, 415, "UnsupportedMediaType")


IMPORTS: dict[str, bytes] = {
    "a million columns of one name": b"ten," * 1_000_000,
    "a million columns without a name": b"name" + b"," * 1_000_000 + b"\nA\n",
    "a row of a million cells": b"name\nA" + b"," * 1_000_000 + b"\n",
    "a cell without an end": b'name\n"' + b"a" * 200_000,
    "a quote in the middle": b'name\n"a"b\n',
    "NUL": b"name\nA\0\n",
    "Latin-1": "name\nJosé\n".encode("latin-1"),
    "only quotes": b'"' * 100_000,
    "only separators": b"," * 100_000,
}


@pytest.mark.parametrize("content", IMPORTS.values(), ids=IMPORTS)
def test_a_file_that_is_not_a_csv_of_people_is_a_400(http: Http, content: bytes) -> None:
    refused(http.post("/v1/imports", content, {"Content-Type": "text/csv"}), 400, "InvalidImport")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "\t=", "'=", "|", "x;=", 'x;"='])
def test_exports_escape_imported_formulas(http: Http, start: str) -> None:
    name = f"{start}cmd|' /C calc'!A0"
    cells = '"' + name.replace('"', '""') + '"'
    sheet = f"name,code,group\r\n{cells},{cells},{cells}\r\n".encode()
    made = http.post("/v1/imports", sheet, {"Content-Type": "text/csv"})
    assert made.status_code == 200, made.body
    text = http.get("/v1/attendance", format_="csv").body.decode()
    for separator in (",", ";", "\t"):
        read = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        assert not [
            cell for line in read for cell in line if cell[:1] in ("=", "+", "-", "@", "\t", "\uff1d")
        ]


@pytest.mark.parametrize(
    "make", [lambda name: {"name": name}, lambda name: {"name": "A", "code": name, "group": name}]
)
def test_no_text_of_a_request_gets_into_a_header(http: Http, make: Callable[[str], dict[str, str]]) -> None:
    person = http.post("/v1/people", make('a"; filename="x.exe')).json_body["person_id"]
    sheet = http.get(f"/v1/attendance/{person}", from_="2026-11-23", to="2026-11-23", format_="csv")
    name = f"timesheet-{person}-2026-11-23-2026-11-23.csv"
    assert sheet.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_the_limits_leave_room_for_what_surrounds_a_body() -> None:
    of_lambda = 6 * 1024 * 1024
    assert of_lambda > (BODY_BYTES + 2) // 3 * 4 + 100_000
    assert of_lambda > JSON_BYTES
