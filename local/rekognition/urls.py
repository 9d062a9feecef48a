"""Rekognition over HTTP: AWS JSON 1.1, one WSGI callable."""

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.model import OperationNotFoundError

from local.rekognition import validation
from local.rekognition.engine import Engine
from local.rekognition.exceptions import (
    ImageTooLargeException,
    InternalServerError,
    RekognitionError,
    SerializationException,
    UnknownOperationException,
)
from local.rekognition.models import Faces
from local.rekognition.responses import ReadObject, Rekognition

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)

# Two images of 5 MB in base64 are 14 MB; what is larger is read and thrown away, so that the client
# gets an answer instead of a broken pipe.
_MAX_BODY: Final = 48 * 1024 * 1024
_MAX_DISCARDED: Final = 512 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
_REASONS: Final = {200: "200 OK", 400: "400 Bad Request", 500: "500 Internal Server Error"}


class RekognitionApp:
    """The stand-in's WSGI callable, for requests whose X-Amz-Target says RekognitionService."""

    def __init__(
        self,
        faces: Faces,
        engine: Engine,
        read_object: ReadObject,
        region: str = "us-east-1",
        extra: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] | None = None,
    ) -> None:
        """Serve the operations on `faces` and those of `extra`.

        `read_object(bucket, key, version)` gives an S3 object's bytes or raises KeyError. `extra` maps
        names of operations to functions of a checked request (blobs decoded) that return the answer.
        """
        self._operations = Rekognition(faces, engine, read_object, region).operations() | dict(extra or {})

    @staticmethod
    def handles(environ: "WSGIEnvironment") -> bool:
        """Return whether a request is for Rekognition."""
        return str(environ.get("HTTP_X_AMZ_TARGET", "")).startswith(validation.TARGET_PREFIX)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request."""
        request_id = str(uuid.uuid4())
        try:
            status, body = 200, self._answer(environ)
        except RekognitionError as error:
            status, body = error.status, _error(error, request_id)
        except Exception:
            # What went wrong is for the log; a client must not see a trace.
            _log.exception("Rekognition %s failed", request_id)
            failure = InternalServerError("Internal server error")
            status, body = failure.status, _error(failure, request_id)
        headers = [
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", request_id),
        ]
        start_response(_REASONS[status], headers)
        return [body]

    def _answer(self, environ: "WSGIEnvironment") -> bytes:
        body = _read_body(environ)
        name = str(environ.get("HTTP_X_AMZ_TARGET", "")).removeprefix(validation.TARGET_PREFIX)
        try:
            operation = validation.service().operation_model(name)
        except OperationNotFoundError:
            raise UnknownOperationException(f"Rekognition has no operation {name[:100]!r}") from None
        run = self._operations.get(name)
        if run is None:
            raise UnknownOperationException(f"{name} is not offered by this local Rekognition")
        if body is None:
            raise ImageTooLargeException(f"The request is too large: at most {_MAX_BODY} bytes are read.")
        return validation.render(operation, run(validation.parse(operation, body)))


def _read_body(environ: "WSGIEnvironment") -> bytes | None:
    """Read the body whole; None if it is too large."""
    stream = environ["wsgi.input"]
    try:
        length = int(environ.get("CONTENT_LENGTH") or (-1 if environ.get("wsgi.input_terminated") else 0))
    except ValueError:
        raise SerializationException("Content-Length is not a number") from None
    # A body without a length ends where the server says so.
    left = min(length, _MAX_DISCARDED) if length >= 0 else _MAX_DISCARDED
    kept: list[bytes] | None = []
    size = 0
    while left > 0:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            break
        left -= len(chunk)
        size += len(chunk)
        if kept is not None:
            kept.append(chunk)
            if size > _MAX_BODY:
                kept = None
    return None if kept is None else b"".join(kept)


def _error(error: RekognitionError, request_id: str) -> bytes:
    return json.dumps(
        {"__type": error.code, "Code": error.code, "Logref": request_id, "Message": error.message}
    ).encode()
