"""The OpenAPI document and its page: complete, valid, true to what the app answers, and committed."""

import difflib
import itertools
import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from chalice.config import Config
from chalice.deploy.validate import validate_configuration
from chalice.test import HTTPResponse
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from msgspec import Struct
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib.web import api_docs
from chalicelib.web.endpoint import Endpoint, declared_routes
from chalicelib.web.request import Request, error_body
from infra.openapi import document, files, page
from infra.openapi.schemas import Schemas
from tests.conftest import CONSENT, Finish, Http
from tests.support.photos import photo, photos_of_a

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = document.build(app)
MADE = files.made()
SCOPES = {"public", "any", "kiosk", "viewer", "manager", "admin"}


def routes() -> list[Any]:
    return [
        pytest.param(path, method.lower(), entry, id=f"{method} {path}")
        for path, method, entry in declared_routes(app)
    ]


def resolved(one: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in one:
        return one
    found: Any = DOCUMENT
    for step in one["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    checker = Draft202012Validator(
        schema | {"components": DOCUMENT["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(value)]


@pytest.mark.parametrize("path", MADE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_committed_file_is_what_the_code_says(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    committed = path.read_bytes() if path.exists() else b""
    if committed != MADE[path]:
        diff = difflib.unified_diff(lines(committed), lines(MADE[path]), "committed", "made now", lineterm="")
        shown = "\n".join(line[:200] for line in itertools.islice(diff, 100))
        pytest.fail(f"{name} is not what the code says. Run `make openapi`, and commit it.\n{shown}", False)


def lines(content: bytes) -> list[str]:
    """Split into lines that people can compare: JSON is written out, and HTML is cut between its elements."""
    if content.startswith(b"{"):
        content = msgspec.json.format(content, indent=2)
    return content.decode().replace("><", ">\n<").splitlines()


def test_the_document_can_be_made_without_aws_and_settings(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ROLLCALL_"))}
    words = [sys.executable, "-c", "from infra.openapi.files import made; assert all(made().values())"]
    subprocess.run(words, cwd=ROOT, env=env, check=True)


def test_the_document_is_valid_openapi() -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


@pytest.mark.parametrize(("path", "method", "entry"), routes())
def test_every_route_is_documented_with_its_scope_and_its_codes(path: str, method: str, entry: Any) -> None:
    operation = DOCUMENT["paths"][path][method]
    endpoint: Endpoint = entry.view_function.endpoint
    assert operation["summary"], "the view has no docstring"
    assert operation["x-scope"] == endpoint.scope
    assert endpoint.scope in SCOPES
    assert bool(operation["security"]) == (endpoint.scope != "public")
    if endpoint.error_format is error_body:
        codes = set(re.findall(r"`(\w+)`", "".join(codes_text(operation))))
        assert {kind.__name__ for kind in endpoint.raises} <= codes


def codes_text(operation: dict[str, Any]) -> Iterator[str]:
    for status, answer in operation["responses"].items():
        if status >= "400":
            yield resolved(answer)["description"]


def test_operations_and_only_those_of_the_app_are_documented_under_unique_names() -> None:
    documented = {(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item}
    assert documented == {(path, method) for path, method, _ in declared_routes(app)}
    names = [operation["operationId"] for item in DOCUMENT["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("path", "method", "entry"), routes())
def test_the_documented_media_types_are_accepted_by_the_route(path: str, method: str, entry: Any) -> None:
    body = DOCUMENT["paths"][path][method].get("requestBody", {"content": {}})
    assert set(body["content"]) <= set(entry.view_function.endpoint.consumes)


@pytest.mark.parametrize(("path", "method", "entry"), routes())
def test_every_example_fits_its_schema(path: str, method: str, entry: Any) -> None:
    operation = DOCUMENT["paths"][path][method]
    bodies = [operation.get("requestBody", {}), *map(resolved, operation["responses"].values())]
    for media in (media for body in bodies for media in body.get("content", {}).values()):
        examples = [example["value"] for example in media.get("examples", {}).values()]
        for example in [*examples, *([media["example"]] if "example" in media else [])]:
            assert faults(media["schema"], example) == []


@pytest.mark.parametrize("file", ["descriptions.py", "examples.py"])
def test_a_parameter_of_which_nothing_is_written_says_which_file_lacks_what(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.openapi import descriptions, examples

    written = {"descriptions.py": descriptions, "examples.py": examples}[file].PARAMETERS
    monkeypatch.delitem(written, "month")
    with pytest.raises(LookupError, match=rf'add to PARAMETERS in infra/openapi/{file}:  "month": '):
        document.build.__wrapped__(app)


def test_chalice_would_deploy_it() -> None:
    settings = {"app_name": "rollcall", "chalice_app": app, "project_dir": str(ROOT), "chalice_stage": "dev"}
    validate_configuration(Config("dev", user_provided_params=settings))


def test_no_two_types_share_a_name() -> None:
    class Person(Struct):
        name: str

    schemas = Schemas()
    schemas.of(Person)
    other = type("Person", (Struct,), {"__annotations__": {"age": int}})
    with pytest.raises(ValueError, match="two types are called Person"):
        schemas.of(other)


# --- true to what the app answers -----------------------------------------------------------------


def conforming(answer: HTTPResponse, method: str, path: str) -> Any:
    """Check an answer against the document; gives its JSON body."""
    said = resolved(DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)])
    headers = {name.lower() for name in answer.headers}
    promised = set(said.get("headers", {})) - {"Idempotency-Replayed", "ETag"}
    assert {name.lower() for name in promised} <= headers
    if "content" not in said:
        assert answer.body == b""
        return None
    media = said["content"][answer.headers["Content-Type"].partition(";")[0]]
    body = answer.json_body if "json" in answer.headers["Content-Type"] else answer.body.decode()
    assert faults(media["schema"], body) == []
    return body


def test_responses_about_the_service_and_people_are_as_documented(http: Http) -> None:
    conforming(http.get("/health"), "get", "/health")
    made = http.post("/v1/people", {"name": "Ánh", "code": "A-1", "email": "a@example.com", "group": "G"})
    person = conforming(made, "post", "/v1/people")["person_id"]
    conforming(http.post("/v1/people", {"name": "B", "code": "a-1"}), "post", "/v1/people")
    conforming(http.post("/v1/people", {"name": ""}), "post", "/v1/people")
    conforming(http.get("/v1/people", limit=1), "get", "/v1/people")
    conforming(http.get(f"/v1/people/{person}"), "get", "/v1/people/{person_id}")
    conforming(http.get("/v1/people/nobody"), "get", "/v1/people/{person_id}")
    changed = http.call("PATCH", f"/v1/people/{person}", {"group": None})
    conforming(changed, "patch", "/v1/people/{person_id}")
    rows = b"name;email\r\nB;b@example.com\r\nC;nobody\r\n"
    for mode in ("all", "good"):
        sent = http.post("/v1/imports", rows, {"Content-Type": "text/csv"}, mode=mode)
        assert conforming(sent, "post", "/v1/imports")
    excused = {"since": "2026-11-23", "until": "2026-11-24", "kind": "annual"}
    leaves = f"/v1/people/{person}/leaves"
    leave = conforming(http.post(leaves, excused), "post", "/v1/people/{person_id}/leaves")["leave_id"]
    conforming(http.get("/v1/leaves", from_="2026-11-01", to="2026-11-30"), "get", "/v1/leaves")
    conforming(http.delete(f"{leaves}/{leave}"), "delete", "/v1/people/{person_id}/leaves/{leave_id}")
    settings = conforming(http.get("/v1/settings"), "get", "/v1/settings")
    conforming(http.call("PUT", "/v1/settings", settings), "put", "/v1/settings")
    conforming(http.call("PUT", "/v1/settings", settings), "put", "/v1/settings")  # an old version: 409
    conforming(http.call("PUT", "/v1/settings", {}), "put", "/v1/settings")


def test_responses_about_faces_and_punches_are_as_documented(http: Http, finish: Finish) -> None:
    person = http.post("/v1/people", {"name": "Ánh", "consent": CONSENT}).json_body["person_id"]
    enrolled, seen, _ = photos_of_a()
    jpeg = {"Content-Type": "image/jpeg"}
    faces = "/v1/people/{person_id}/faces"
    made = conforming(http.post(f"/v1/people/{person}/faces", enrolled, jpeg), "post", faces)
    conforming(http.post(f"/v1/people/{person}/faces", enrolled, jpeg), "post", faces)
    conforming(http.post(f"/v1/people/{person}/faces", b"no photo", jpeg), "post", faces)
    conforming(http.get(f"/v1/people/{person}/faces"), "get", faces)
    link = http.get(f"/v1/people/{person}/faces/{made['face_id']}/photo")
    conforming(link, "get", "/v1/people/{person_id}/faces/{face_id}/photo")
    conforming(http.post("/v1/identify", seen, jpeg), "post", "/v1/identify")
    verified = http.post(f"/v1/people/{person}/verify", photo("biden"), jpeg)
    conforming(verified, "post", "/v1/people/{person_id}/verify")
    conforming(http.post("/v1/uploads"), "post", "/v1/uploads")
    begun = conforming(http.post("/v1/liveness-sessions"), "post", "/v1/liveness-sessions")
    session = finish(begun["session_id"], seen)
    path = "/v1/liveness-sessions/{session_id}"
    conforming(http.get(f"/v1/liveness-sessions/{session}"), "get", path)
    spent = {"liveness_session_id": session}
    punched = conforming(http.post("/v1/punches", spent), "post", "/v1/punches")
    conforming(http.post("/v1/punches", spent), "post", "/v1/punches")  # used: 409
    day = punched["work_day"]
    conforming(http.get("/v1/punches", from_=day, to=day), "get", "/v1/punches")
    manual = {"person_id": person, "reason": "forgot", "supersedes": punched["punch_id"], "void": True}
    conforming(http.post("/v1/punches/manual", manual), "post", "/v1/punches/manual")
    conforming(http.get("/v1/attendance", date=day), "get", "/v1/attendance")
    conforming(http.get("/v1/attendance", format="csv"), "get", "/v1/attendance")
    conforming(http.get("/v1/attendance", format="xlsx"), "get", "/v1/attendance")
    sheet = http.get(f"/v1/attendance/{person}", from_=day, to=day)
    conforming(sheet, "get", "/v1/attendance/{person_id}")
    conforming(http.get("/v1/timesheets", from_=day, to=day), "get", "/v1/timesheets")
    conforming(http.get("/v1/timesheets/monthly", month=day[:7]), "get", "/v1/timesheets/monthly")


def test_responses_of_the_lab_are_as_documented(http: Http, finish: Finish) -> None:
    enrolled, seen, _ = photos_of_a()
    conforming(http.post("/index-face", {"name": "A"}), "post", "/index-face")
    head = '--x\r\nContent-Disposition: form-data; name="{}"; filename="{}"\r\n\r\n'
    form = head.format("name", "n").encode() + b"A\r\n" + head.format("photo", "p").encode() + enrolled
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    conforming(http.post("/index-face", form + b"\r\n--x--\r\n", kind), "post", "/index-face")
    [face] = conforming(http.get("/list-collections"), "get", "/list-collections")["faces"]
    session = conforming(http.get("/session"), "get", "/session")["sessionId"]
    result = "/liveness-result/{session_id}"
    conforming(http.get(f"/liveness-result/{session}"), "get", result)
    conforming(http.get(f"/liveness-result/{finish(session, seen)}"), "get", result)
    conforming(http.get("/liveness-result/x"), "get", result)
    conforming(http.get("/liveness-result"), "get", "/liveness-result")
    today = http.get("/attendance", externalImageId=face["ExternalImageId"])
    assert conforming(today, "get", "/attendance")["count"] == 1
    conforming(http.post("/checkin", seen, {"Content-Type": "image/jpeg"}), "post", "/checkin")
    conforming(http.post("/checkin", photo("biden"), {"Content-Type": "image/jpeg"}), "post", "/checkin")
    removed = {"faceId": face["FaceId"], "s3Key": face["s3Key"]}
    conforming(http.delete("/delete-face", removed), "delete", "/delete-face")
    conforming(http.delete("/delete-face", removed), "delete", "/delete-face")
    conforming(http.delete("/delete-face", removed | {"faceId": "00"}), "delete", "/delete-face")


def test_responses_about_the_site_are_as_documented(http: Http) -> None:
    version, holiday = "/v1/settings/versions/{begins}", "/v1/holidays/{date}"
    june, day = version.format(begins="2026-06-15"), holiday.format(date="2026-05-01")
    calendar = http.get("/v1/settings").json_body["calendar"]
    conforming(http.call("PUT", june, calendar), "put", version)
    conforming(http.call("PUT", june, calendar, version=0), "put", version)
    conforming(http.get(june), "get", version)
    conforming(http.get("/v1/settings/versions"), "get", "/v1/settings/versions")
    conforming(http.delete("/v1/settings/versions/first"), "delete", version)
    conforming(http.delete(june), "delete", version)
    conforming(http.call("PUT", day, {"name": "Quốc tế lao động"}), "put", holiday)
    conforming(http.get(day), "get", holiday)
    conforming(http.get("/v1/holidays", from_="2026-01-01", to="2026-12-31"), "get", "/v1/holidays")
    imports = "/v1/holidays/imports"
    for content in (b"date,name\n2026-05-01,x\n2026-09-02,y\n", b"date,name\nsoon,x\n", b"colour\nred\n"):
        conforming(http.post(imports, content, {"Content-Type": "text/csv"}), "post", imports)
    conforming(http.post("/v1/closings", {"through": "2026-05-31"}), "post", "/v1/closings")
    conforming(http.post("/v1/closings", {"through": "2026-05-31"}), "post", "/v1/closings")
    conforming(http.delete(day), "delete", holiday)
    reopenings = "/v1/closings/reopenings"
    conforming(http.post(reopenings, {"from": "2026-05-01", "reason": "x"}), "post", reopenings)
    conforming(http.get("/v1/closings"), "get", "/v1/closings")
    conforming(http.delete(day), "delete", holiday)
    conforming(http.get(day), "get", holiday)


def test_errors_of_chalice_have_our_format(http: Http) -> None:
    answer = http.post("/v1/people", b"name=B", {"Content-Type": "application/x-www-form-urlencoded"})
    assert conforming(answer, "post", "/v1/people")["Code"] == "UnsupportedMediaType"


@pytest.mark.parametrize(("path", "name"), [("/v1/people", "status"), ("/v1/attendance", "date")])
def test_null_is_not_a_missing_parameter(http: Http, path: str, name: str) -> None:
    assert http.get(path, **{name: "null"}).status_code == 400


def test_a_reused_key_is_no_success_on_the_labs_routes_either(http: Http) -> None:
    key = {"Idempotency-Key": "k"}
    picture = b64encode(photo("astronaut")).decode()
    body = {"name": "B", "fileBase64": picture, "fileName": "a.jpg", "fileType": "image/jpeg"}
    assert http.post("/index-face", body, key).status_code == 200
    answer = http.post("/index-face", body | {"name": "C"}, key)
    assert conforming(answer, "post", "/index-face")["success"] is False
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b'{"name": "\xff"}', "The body is not UTF-8.", id="bytes"),
        pytest.param(b'{"name": "A", "nmae": 1}', "unknown field `nmae`", id="misspelt"),
    ],
)
def test_the_error_names_what_is_wrong_in_a_body(http: Http, body: bytes, message: str) -> None:
    answer = http.post("/v1/people", body, {"Content-Type": "application/json"})
    assert message in conforming(answer, "post", "/v1/people")["Message"]


@pytest.mark.parametrize("face", ["00", "%00", "%FF", "a%2Fb", "á"])
def test_an_impossible_face_id_is_a_404(http: Http, face: str) -> None:
    person = http.post("/v1/people", {"name": "B", "consent": CONSENT}).json_body["person_id"]
    path = "/v1/people/{person_id}/faces/{face_id}"
    answer = http.delete(f"/v1/people/{person}/faces/{face}")
    assert conforming(answer, "delete", path)["Code"] == "FaceNotFound"
    lab = http.delete("/delete-face", {"faceId": unquote(face), "s3Key": "k"})
    assert conforming(lab, "delete", "/delete-face")["success"] is False
    assert lab.status_code == 404


@pytest.mark.parametrize(
    "change", [{"kind": "\0"}, {"kind": "\u202e"}, {"since": "0001-01-01", "until": "0001-01-02"}]
)
def test_a_leave_with_invisible_text_or_impossible_dates_is_refused(
    http: Http, change: dict[str, str]
) -> None:
    person = http.post("/v1/people", {"name": "B", "consent": CONSENT}).json_body["person_id"]
    body = {"since": "2026-11-23", "until": "2026-11-23", "kind": "annual"} | change
    answer = http.post(f"/v1/people/{person}/leaves", body)
    assert conforming(answer, "post", "/v1/people/{person_id}/leaves")["Code"] == "InvalidRequest"


# --- what is served -------------------------------------------------------------------------------


def test_the_document_is_served_with_an_etag(http: Http) -> None:
    answer = http.get("/openapi.json")
    assert answer.json_body == json.loads(json.dumps(DOCUMENT))
    again = http.call("GET", "/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.body) == (304, b"")


def test_the_page_shows_everything_and_fetches_nothing(http: Http) -> None:
    answer = http.get("/docs")
    text = answer.body.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script|<link|<img|@import|src=|url\(|style=", text)
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            assert f'<section id="{operation["operationId"]}">' in text
    for name in DOCUMENT["components"]["schemas"]:
        assert f'<section id="{name}">' in text
    targets = set(re.findall(r'href="#([^"]+)"', text))
    assert targets <= set(re.findall(r'id="([^"]+)"', text))


def test_the_page_shows_text_as_text() -> None:
    text = json.dumps(DOCUMENT).replace("Create a person.", "<script>alert(1)</script> & `a<b`")
    hostile = json.loads(text)
    text = page.page(hostile)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; <code>a&lt;b</code>" in text


def test_the_root_leads_to_the_page(http: Http) -> None:
    answer = http.get("/")
    assert (answer.status_code, answer.headers["Location"], answer.body) == (303, "/docs", b"")


@pytest.mark.parametrize(
    ("path", "location"), [("/dev/", "/dev/docs"), ("/dev", "/dev/docs"), ("/", "/docs")]
)
def test_the_root_leads_to_the_page_of_its_stage(path: str, location: str) -> None:
    request = Request("GET", path, "/", {}, {}, b"", "1")
    assert api_docs.redirect(request).headers == {"Location": location}
