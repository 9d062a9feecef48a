"""The service itself: what it says of itself, its errors, its limits, its promises to browsers."""

import base64
import json

from tests.e2e.contract.site import PAGE, Scenario, Site, code
from tests.support.photos import photos_of_a


def says_it_is_up(site: Site) -> None:
    answer = site.call("GET", "/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    head = site.call_unrecorded("HEAD", "/health")
    assert (head.status_code, head.content) == (200, b"")
    assert site.call_unrecorded("HEAD", "/v1/identify").status_code == 404  # which is no GET


def describes_itself(site: Site) -> None:
    document = site.get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert "/v1/punches" in document["paths"]
    page = site.call("GET", "/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<html" in page.text


def answers_only_what_changed(site: Site) -> None:
    person_id = site.person()
    first = site.call("GET", f"/v1/people/{person_id}")
    again = site.call("GET", f"/v1/people/{person_id}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def lets_browsers_in(site: Site) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    answer = site.call("OPTIONS", "/v1/punches", headers=asked)
    assert answer.status_code == 200
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(",")
    assert {"authorization", "content-type", "idempotency-key"} <= set(allowed)


def refuses_in_one_shape(site: Site) -> None:
    assert code(site.call("GET", "/v1/people/nobody")) == (404, "PersonNotFound")
    assert code(site.call("GET", "/v1/people", lmit=3)) == (400, "InvalidRequest")
    assert code(site.call("GET", "/v1/people", cursor="nowhere")) == (400, "InvalidCursor")
    json_type = {"Content-Type": "application/json"}
    assert code(site.call("POST", "/v1/people", b'{"name": ', json_type)) == (400, "InvalidRequest")
    assert code(site.call("POST", "/v1/people", b"", json_type)) == (400, "InvalidRequest")
    assert code(site.call("POST", "/v1/people", b"\xff\xfe", json_type))[0] == 400
    assert code(site.call("POST", "/v1/people", {"nmae": "A"})) == (400, "InvalidRequest")
    assert code(site.call("POST", "/v1/people", b"<name/>", {"Content-Type": "text/xml"}))[0] == 415


def asks_for_a_token_that_may(site: Site) -> None:
    unknown = {"Authorization": "Bearer rc_unknown"}
    assert code(site.call("GET", "/v1/people", headers=unknown)) == (401, "InvalidToken")
    assert code(site.call("GET", "/v1/people", role="kiosk")) == (403, "RoleNotAllowed")
    assert code(site.call("PUT", "/v1/settings", {}, role="viewer"))[0] == 403
    assert code(site.call("GET", "/v1/people", role="nobody")) == (401, "TokenMissing")


def knows_its_paths(site: Site) -> None:
    unknown = site.call("GET", "/v1/nothing")
    assert code(unknown) == (404, "RouteNotFound")
    assert unknown.json()["RequestId"]
    assert code(site.call_unrecorded("DELETE", "/v1/settings")) == (404, "RouteNotFound")


def takes_paths_as_they_are_written(site: Site) -> None:
    assert code(site.call("GET", "/v1/people/%C3%81nh%20%2F%20b"))[0] in (400, 404)
    person_id = site.person()
    spelt = "".join(f"%{ord(letter):02X}" for letter in person_id)
    assert site.get(f"/v1/people/{spelt}")["person_id"] == person_id


def repeats_a_mutation_once(site: Site) -> None:
    key = {"Idempotency-Key": f"contract-{site.mark}"}
    first = site.call("POST", "/v1/people", {"name": "Lê Thị Bưởi"}, key)
    again = site.call("POST", "/v1/people", {"name": "Lê Thị Bưởi"}, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    other = site.call("POST", "/v1/people", {"name": "Another"}, key)
    assert code(other) == (422, "IdempotencyKeyReused")


def takes_a_photo_of_four_megabytes_and_says_when_one_is_too_large(site: Site) -> None:
    person_id = site.person()
    photo, other, _ = photos_of_a()
    large = padded(photo, 4_000_000)
    assert site.enrol(person_id, large).status_code == 201
    encoded = {"photo": base64.b64encode(padded(other, 4_000_000)).decode()}
    assert site.call("POST", f"/v1/people/{person_id}/faces", encoded).status_code == 201
    for size in (4_720_000, 11_000_000):  # more than Lambda takes as base64; more than the gateway takes
        answer = site.enrol(person_id, padded(photo, size))
        assert code(answer) == (413, "TooLarge"), (size, answer.text)
    text = json.dumps({"name": "A" * 6_300_000}).encode()
    assert site.call("POST", "/v1/people", text, {"Content-Type": "application/json"}).status_code == 413


def padded(jpeg: bytes, size: int) -> bytes:
    """Bring a JPEG to an exact size with comments, which decoders skip."""
    missing = size - len(jpeg)
    comments = b""
    while missing > 0:
        length = min(missing, 65_537)
        if 0 < missing - length < 4:
            length -= 4  # a comment takes four bytes at least
        comments += b"\xff\xfe" + (length - 2).to_bytes(2, "big") + b"\x00" * (length - 4)
        missing -= length
    return jpeg[:2] + comments + jpeg[2:]


SCENARIOS: list[Scenario] = [
    says_it_is_up,
    describes_itself,
    answers_only_what_changed,
    lets_browsers_in,
    refuses_in_one_shape,
    asks_for_a_token_that_may,
    knows_its_paths,
    takes_paths_as_they_are_written,
    repeats_a_mutation_once,
    takes_a_photo_of_four_megabytes_and_says_when_one_is_too_large,
]
