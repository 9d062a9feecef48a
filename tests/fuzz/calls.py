"""Requests made up from the OpenAPI document: sound ones, then spoilt in one to three places."""

import base64
import json
import random
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tests.support.photos import jpeg, no_face_photo, photo_of_c, pixels, png

Json = dict[str, Any]

TEXTS = (
    *("", " ", "\0", "\n", "a\r\nX-Evil: 1", "../../etc/passwd", "..", "%00", "%2e%2e%2f", "'\"<script>"),
    *(
        "=1+1",
        "@SUM(A1)",
        "\u202egnp.exe",
        "\u200b",
        "\ufeff",
        "\ufffd",
        "\u0085",
        "\U0010ffff",
        "e\u0301" * 99,
    ),
    *("a" * 3000, "ﷺ" * 100, "🂡" * 50, "${jndi:ldap://x}", "{{7*7}}", "#", "PERSON#", "null", "true"),
    *("NaN", "Infinity", "-1", "0", "1e400", "9" * 400, "99999999999999999999", "1.5", "0x10", "١٢"),
    *("2026-11\n", "2026-13", "2199-12", "08:00\n", "24:00", "2026-11-23T08:00:00"),
    *(
        "f" * 24,
        "f" * 24 + "\n",
        "f" * 26,
        "00000000-0000-4000-8000-000000000000",
        "A" * 2000,
        "====",
        "-_-_",
    ),
)
DATES = (
    *("0001-01-01", "0001-01-31", "9999-12-31", "9999-12-01", "0000-00-00", "2026-02-30", "2026-11-23\n"),
    *(
        "1999-12-31",
        "2000-01-01",
        "2199-12-31",
        "2026-11-22",
        "2026-11-23",
        "2026-11-23T00:00:00Z",
        "2027-11-23",
    ),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999+00:00"),
)
VALUES: tuple[Any, ...] = (None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**64, 10**400, 1e308, [], {}, [[]])
RAW = (
    b"NaN",
    b"Infinity",
    b"1e400",
    b"-0",
    b'"\\ud800"',
    b'"\\u0000"',
    b"[" * 100_000,
    b'{"a":' * 5000,
    b"\xff",
)
HEADERS: dict[str, tuple[str, ...]] = {
    "Accept": ("text/csv", "*/*;q=nan", "application/json;q=1e400, text/csv;q=-1", ";;;,,,", "a" * 5000),
    "Accept-Language": ("vi", "vi;q=inf,en;q=nan", "," * 5000, "vi\u202e", ";q=;q=;q="),
    "Authorization": (
        "Bearer",
        "Bearer rc_",
        f"Bearer rc_{'a' * 43}",
        "Bearer " + "a" * 9000,
        "Basic Og==",
        "",
    ),
    "Content-Type": (
        *("text/html", "application/json; charset=utf-16", "multipart/form-data", "image/svg+xml", "/", ""),
        *(
            "multipart/form-data; boundary=" + "b" * 300,
            "application/json" + ";" * 5000,
            "IMAGE/PNG",
            "text/csv",
        ),
    ),
    "Idempotency-Key": ("", " ", "a" * 256, "k\tk", "é", "\u202e", "once"),
    "If-None-Match": ("*", "W/" * 2000, '"' * 4000, "," * 5000),
    "Content-Encoding": ("gzip",),
    "X-HTTP-Method-Override": ("DELETE",),
}


class Call(Struct, frozen=True, kw_only=True):
    """A request, and the token it is sent with by role (None: as the headers say)."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    role: str | None = None


class Maker:
    """Makes calls to the routes of one document; `known` are ids that exist, by the name of the field."""

    def __init__(self, document: Json, known: Mapping[str, list[str]], rng: random.Random) -> None:
        self._shared = document["components"]["parameters"]
        self._operations = [
            (path, method.upper(), operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        ]
        self.known = known
        self._rng = rng
        nobody = pixels(no_face_photo())[:96, :96]  # small: what it costs to look for faces is not the point
        self._photos = [jpeg(nobody), png(nobody), photo_of_c()]

    def make(self) -> Call:
        """Make one call, as often sound as not."""
        rng = self._rng
        path, method, operation = rng.choice(self._operations)
        query, parts = [], {}
        for found in operation["parameters"]:
            one = self._shared[found["$ref"].rpartition("/")[2]] if "$ref" in found else found
            if one["in"] == "path":
                parts[one["name"]] = self._text(one)
            elif one["in"] == "query" and (one.get("required") or rng.random() < 0.4):
                query.append((one["name"], self._text(one) if rng.random() < 0.7 else self._spoilt_text(one)))
        media, body = self._body(operation)
        headers = {"Content-Type": media} if media else {}
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            spoil = rng.choice(("body", "body", "query", "path", "header", "method"))
            if spoil == "body" and (body or rng.random() < 0.1):
                body = self._spoilt(body, media)
            elif spoil == "query":
                query = self._spoilt_query(query)
            elif spoil == "path" and parts:
                parts[rng.choice(list(parts))] = rng.choice(TEXTS)
            elif spoil == "header":
                name = rng.choice(list(HEADERS))
                headers[name] = rng.choice(HEADERS[name])
            elif spoil == "method" and rng.random() < 0.2:
                method = rng.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"))
        for name, value in parts.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
        allowed = operation["x-roles"] or ["admin"]
        role = rng.choice((*allowed * 5, "admin", "manager", "viewer", "kiosk", None))
        if "Authorization" in headers:
            role = None
        target = path + (f"?{text}" if text else "")
        return Call(method=method, target=target, headers=headers, body=body, role=role)

    def _text(self, parameter: Json) -> str:
        name = parameter["name"]
        found = self._found(name)
        value = found if found is not None else parameter["example"]
        return value if isinstance(value, str) else json.dumps(value)

    def _spoilt_text(self, parameter: Json) -> str:
        return self._rng.choice(DATES if parameter["schema"].get("format") == "date" else TEXTS)

    def _found(self, name: str) -> str | None:
        ids = self.known.get(name)
        return self._rng.choice(ids) if ids else None

    def _body(self, operation: Json) -> tuple[str, bytes]:
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            return "", b""
        media = self._rng.choice(list(content))
        photo = self._rng.choice(self._photos[:2] if self._rng.random() < 0.95 else self._photos)
        if media.startswith("image/"):
            return media, photo
        if media == "multipart/form-data":
            return "multipart/form-data; boundary=mark", form(name="Ánh".encode(), photo=photo)
        if media != "application/json":
            return media, "Họ tên;Mã;Lớp\r\nNguyễn Văn Ánh;HS-1;12A1\r\n=1+1;=1+1;\r\n".encode()
        return media, json.dumps(self._real(content[media]["example"], photo)).encode()

    def _real(self, value: Any, photo: bytes) -> Any:
        """Put ids that exist, and a photo, into a body."""
        if not isinstance(value, dict):
            return value
        made = {name: self._found(name) or self._real(inner, photo) for name, inner in value.items()}
        for name in {"photo", "fileBase64"} & made.keys():
            made[name] = base64.b64encode(photo).decode()
        if {"photo", "upload_id"} <= made.keys():
            del made[self._rng.choice(("photo", "upload_id"))]
        return made

    def _spoilt_query(self, query: list[tuple[str, str]]) -> list[tuple[str, str]]:
        rng = self._rng
        if not query or rng.random() < 0.3:
            name = rng.choice(("x", "", "limit", "cursor", "from", "to", "format", "q", "__proto__", "é"))
            return [*query, (name, rng.choice(TEXTS))]
        place = rng.randrange(len(query))
        if rng.random() < 0.5:
            return query[:place] + query[place + 1 :]
        return [*query, (query[place][0], rng.choice(TEXTS))]

    def _spoilt(self, body: bytes, media: str) -> bytes:
        rng = self._rng
        if media == "application/json" and rng.random() < 0.8:
            try:
                value = json.loads(body)
            except (ValueError, RecursionError):
                return spoilt_bytes(body, rng)
            return self._spoilt_json(value)
        return spoilt_bytes(body, rng)

    def _spoilt_json(self, value: Any) -> bytes:
        rng = self._rng
        places = list(_places(value))
        if not places or rng.random() < 0.05:
            return rng.choice(RAW)
        inside, key = rng.choice(places)
        how = rng.random()
        mark = "\x01spoilt\x01"
        if how < 0.4:
            inside[key] = rng.choice(TEXTS + DATES)
        elif how < 0.6:
            inside[key] = rng.choice(VALUES)
        elif how < 0.7:
            inside[key] = mark
        elif how < 0.8:
            del inside[key]
        elif how < 0.9 and isinstance(inside, dict):
            inside[rng.choice(TEXTS)] = inside[key]
        else:
            inside[key] = [inside[key]] * rng.choice((1, 2, 500))
        return json.dumps(value).encode().replace(json.dumps(mark).encode(), rng.choice(RAW))


def form(**fields: bytes) -> bytes:
    """Make a multipart form, its boundary `mark`."""
    parts = [
        f'--mark\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in fields.items()
    ]
    return b"".join(parts) + b"--mark--\r\n"


def spoilt_bytes(body: bytes, rng: random.Random) -> bytes:
    """Cut, flip, repeat or insert at a random place."""
    at = rng.randrange(len(body) + 1)
    to = min(len(body), at + rng.choice((1, 2, 8, 100)))
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: body[:at],
        lambda: body[:at] + body[to:],
        lambda: body[:at] + rng.randbytes(to - at) + body[to:],
        lambda: body[:to] + body[at:to] * rng.choice((1, 20)) + body[to:],
        lambda: body[:at] + rng.choice(TEXTS).encode() + body[at:],
        lambda: body[:at] + rng.choice(RAW)[:1000] + body[to:],
        lambda: bytes([*body[:at], *(byte ^ 1 << rng.randrange(8) for byte in body[at:to]), *body[to:]]),
    )
    return rng.choice(ways)()


def _places(value: Any) -> Any:
    """Yield every container with each of its keys or indices."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def dumps(call: Call) -> bytes:
    """Write a call as JSON, to be kept in the corpus."""
    return msgspec.json.format(msgspec.json.encode(call), indent=1) + b"\n"


def loads(text: bytes) -> Call:
    """Read a kept call."""
    return msgspec.json.decode(text, type=Call)
