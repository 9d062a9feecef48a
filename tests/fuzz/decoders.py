"""What reads bytes of strangers, each as a function: if it raises anything, that is a fault."""

from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from typing import Any, cast, get_args

import msgspec

from chalicelib.aws.signing_key import SigningKey
from chalicelib.domain import photo as photos
from chalicelib.domain import punch_files
from chalicelib.domain.errors import RollcallError
from chalicelib.domain.leave import NewLeave
from chalicelib.domain.person import NewConsent, NewPerson, PersonChange
from chalicelib.domain.settings import Settings
from chalicelib.lab import routes
from chalicelib.services import imports
from chalicelib.services.corrections import ManualPunch
from chalicelib.services.punching import NewPunch
from chalicelib.services.tokens import NewToken
from chalicelib.web import bodies, cursors, exports
from chalicelib.web.bodies import PhotoJson
from chalicelib.web.request import Request, decode
from local.aws.s3 import S3
from local.aws.sigv4 import Credentials
from local.httpserver import Request as LocalRequest
from local.liveness import framing

ADDED = 100
"""Most bytes that a photo may be longer when its metadata are written anew."""

MARK = "multipart/form-data; boundary=mark"
BODIES: tuple[Any, ...] = (
    *(NewPerson, PersonChange, NewConsent, NewLeave, NewPunch, ManualPunch, NewToken, PhotoJson, Settings),
    *(int, float, str),
)


def request(body: bytes = b"", **headers: str) -> Request:
    """Make a request as views get it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", "/v1/people", "/v1/people", {}, named, body, "an-id")


def photo(data: bytes) -> None:
    with suppress(RollcallError):
        taken = photos.photo(data)
        assert len(taken.content) <= len(data) + ADDED
        assert photos.photo(taken.content) == taken


def multipart(data: bytes) -> None:
    """The first line is the content type, the rest the form."""
    kind, _, body = data.partition(b"\n")
    with suppress(RollcallError):
        bodies.form_fields(body, kind.decode("latin-1"))


def registration(data: bytes) -> None:
    """A photo in a form, or in JSON, as the lab's pages send it."""
    kind = "application/json" if data.startswith(b"{") else MARK
    for body in (routes.Registration, routes.Upload, routes.Deletion, bodies.PhotoBody):
        with suppress(RollcallError):
            body.from_request(request(data, content_type=kind))


def csv(data: bytes) -> None:
    with suppress(RollcallError):
        rows = imports.read(data)
        assert 0 < len(rows) <= imports.ROWS
        assert all(cell for row in rows for cell in row.cells.values())


def punches(data: bytes) -> None:
    """A file of punches, in the format that it has and in each that may be asked for."""
    for asked in (None, *get_args(punch_files.Format)):
        with suppress(RollcallError):
            _, rows = punch_files.read(data, asked)
            assert 0 < len(rows) <= punch_files.ROWS


def json(data: bytes) -> None:
    """The first byte says what is expected; what is taken can be written again."""
    into = BODIES[data[0] % len(BODIES)] if data else str
    with suppress(RollcallError):
        value = decode(data[1:], into)
        assert decode(msgspec.json.encode(value), into) == value


_signing_key = SigningKey(cast(Any, None))  # it signs by its secret alone
_signing_key.secret = bytes(32)


def cursor(data: bytes) -> None:
    text = data.decode("latin-1")
    with suppress(RollcallError):
        place = cursors.verify(_signing_key, request(), text)
        assert cursors.verify(_signing_key, request(), cursors.sign(_signing_key, request(), place)) == place


def headers(data: bytes) -> None:
    """Headers that say what is wished for."""
    text = data.decode("latin-1")
    asked = request(accept=text, accept_language=text, content_type=text)
    assert asked.language in ("en", "vi")
    assert asked.content_type == asked.content_type.lower()
    exports.requested_format(asked, None)


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
    answer = _s3.handle(LocalRequest("POST", "/no-such-bucket", kind, data, "192.0.2.1"))
    assert 400 <= answer.status < 500, answer


DECODERS: dict[str, Callable[[bytes], None]] = {
    decoder.__name__: decoder
    for decoder in (photo, multipart, registration, csv, punches, json, cursor, headers, frame, upload)
}
