"""What reads bytes of strangers, each as a function: if it raises anything, that is a fault."""

from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from typing import Any, cast

import msgspec

from chalicelib.aws import photos
from chalicelib.aws.access import Access
from chalicelib.domain import pictures
from chalicelib.domain.errors import RollcallError
from chalicelib.domain.models import NewConsent, NewLeave, NewPerson, PersonChange
from chalicelib.domain.settings import Settings
from chalicelib.lab import lab
from chalicelib.services import imports
from chalicelib.services.attendance import NewPunch
from chalicelib.services.corrections import ManualPunch
from chalicelib.services.tokens import NewToken
from chalicelib.web import cursors, exports, forms, http
from chalicelib.web.forms import PhotoJson
from local.aws.s3 import S3
from local.aws.sigv4 import Credentials
from local.httpserver import Request as LocalRequest
from local.liveness import framing

MARK = "multipart/form-data; boundary=mark"
BODIES: tuple[Any, ...] = (
    *(NewPerson, PersonChange, NewConsent, NewLeave, NewPunch, ManualPunch, NewToken, PhotoJson, Settings),
    *(int, float, str),
)


def request(body: bytes = b"", **headers: str) -> http.Request:
    """Make a request as views get it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.Request("POST", "/v1/people", "/v1/people", {}, named, body, "an-id")


def photo(data: bytes) -> None:
    with suppress(RollcallError):
        taken = photos.photo(data)
        assert taken.content == data
        found = pictures.header(data)
        assert found
        assert min(found.width, found.height) >= photos.LEAST_SIDE


def multipart(data: bytes) -> None:
    """The first line is the content type, the rest the form."""
    kind, _, body = data.partition(b"\n")
    with suppress(RollcallError):
        forms.parts(body, kind.decode("latin-1"))


def registration(data: bytes) -> None:
    """A photo in a form, or in JSON, as the lab's pages send it."""
    kind = "application/json" if data.startswith(b"{") else MARK
    for body in (lab.Registration, lab.Upload, lab.Deletion, forms.PhotoBody):
        with suppress(RollcallError):
            body.from_request(request(data, content_type=kind))


def csv(data: bytes) -> None:
    with suppress(RollcallError):
        rows = imports.read(data)
        assert 0 < len(rows) <= imports.ROWS
        assert all(cell for row in rows for cell in row.cells.values())


def json(data: bytes) -> None:
    """The first byte says what is expected; what is taken can be written again."""
    into = BODIES[data[0] % len(BODIES)] if data else str
    with suppress(RollcallError):
        value = http.decode(data[1:], into)
        assert http.decode(msgspec.json.encode(value), into) == value


_access = Access(cast(Any, None))  # it signs by its secret alone
_access.secret = bytes(32)


def cursor(data: bytes) -> None:
    text = data.decode("latin-1")
    with suppress(RollcallError):
        place = cursors.unseal(_access, request(), text)
        assert cursors.unseal(_access, request(), cursors.seal(_access, request(), place)) == place


def headers(data: bytes) -> None:
    """Headers that say what is wished for."""
    text = data.decode("latin-1")
    asked = request(accept=text, accept_language=text, content_type=text)
    assert asked.language in ("en", "vi")
    assert asked.content_type == asked.content_type.lower()
    exports.wanted(asked, None)


def frame(data: bytes) -> None:
    with suppress(framing.FramingError):
        message = framing.decode(data)
        again = framing.decode(framing.encode(message))
        assert again.payload == message.payload
        assert again.headers.keys() == message.headers.keys()


_s3 = S3("123456789012", None, lambda _: Credentials("local"))


def upload(data: bytes) -> None:
    """A form with a policy, posted to the embedded S3."""
    kind = Message()
    kind["Content-Type"] = MARK
    answer = _s3.answer(LocalRequest("POST", "/no-such-bucket", kind, data, "192.0.2.1"))
    assert 400 <= answer.status < 500, answer


DECODERS: dict[str, Callable[[bytes], None]] = {
    decoder.__name__: decoder
    for decoder in (photo, multipart, registration, csv, json, cursor, headers, frame, upload)
}
