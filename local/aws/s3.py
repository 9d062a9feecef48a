"""S3: moto's, after S3's checks of browsers' requests. Every object is also written to the state file."""

import contextlib
import io
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, environ_key_for_header
from moto.core.request import Request as MotoRequest
from moto.s3.models import FakeKey, S3Backend, s3_backends
from moto.s3.responses import S3Response
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import parse_form_data
from werkzeug.wsgi import get_input_stream

from local.aws import authentication
from local.aws.authentication import Call, Refused, authenticate
from local.aws.s3_rules import S3Refusal, check_post, check_presigned, cors_headers, denied
from local.aws.sigv4 import Lookup
from local.aws.storage import Storage, StoredObject
from local.httpserver import Request, Response

_MUTATING = {"PUT", "POST", "DELETE"}
_XMLNS = re.compile(rb'\sxmlns="[^"]*"')

_KEPT = ("_etag", "checksum_algorithm", "checksum_value", "checksum_type", "encryption")
"""Attributes of moto's objects that are saved beside bytes and metadata."""


class _Request(MotoRequest):
    from_wsgi_server = True


def environ(request: Request) -> dict[str, Any]:
    """Build the WSGI environment of a request, for moto and other WSGI applications."""
    host, _, port = (request.headers.get("Host") or "127.0.0.1").partition(":")
    made: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.path, "latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    names: dict[str, str] = {}
    for name, value in request.headers.items():
        key = environ_key_for_header(name)
        if key == "HTTP_TRANSFER_ENCODING":
            continue  # the body was put together already
        made[key] = f"{made[key]},{value}" if key in made and key.startswith("HTTP_") else value
        if "_" in name:
            names[key] = name  # S3's metadata may have underscores, which WSGI folds into dashes
    made["CONTENT_LENGTH"] = str(len(request.body))
    made[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = names
    return made


def call_moto(dispatch: Callable[..., Any], request: Request) -> Response:
    """Have one of moto's services serve a request."""
    made = _Request(environ(request))
    try:
        status, headers, body = dispatch(made, made.raw_url, dict(made.headers))
    except HTTPException as error:
        status, headers, body = error.code or 500, dict(error.get_headers()), error.get_body()
    content = body.encode() if isinstance(body, str) else bytes(body or b"")
    pairs = [(str(name), str(value)) for name, value in headers.items() if name.lower() != "status"]
    return Response(int(status), pairs, content)


def refusal(error: S3Refusal) -> Response:
    """Turn a refusal into S3's XML."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
    )
    return Response(error.status, [("Content-Type", "application/xml")], body.encode())


class S3:
    """The S3 of one account. `lookup` returns the credentials that calls, URLs and forms are checked with."""

    def __init__(self, account_id: str, storage: Storage | None, lookup: Lookup) -> None:
        self._account_id = account_id
        self._storage = storage
        self._lookup = lookup
        self._lock = threading.Lock()

    @property
    def _backend(self) -> S3Backend:
        return s3_backends[self._account_id]["aws"]

    def handle(self, request: Request) -> Response:
        """Serve one request."""
        bucket, _, key = unquote(request.path.lstrip("/")).partition("/")
        origin = request.headers.get("Origin")
        if request.method == "OPTIONS":
            return self._preflight(bucket, request)
        try:
            form_key = self._authorize(request, bucket, key)
            response = call_moto(_dispatch(request.path), request)
        except S3Refusal as error:
            response = refusal(error)
        except Refused as error:
            response = authentication.refusal("s3", error)
        else:
            if request.method in _MUTATING and response.status < 300 and self._storage and bucket:
                self._mirror(bucket, self._touched(request, key or form_key or ""))
        headers = [(n, v) for n, v in response.headers if not n.lower().startswith("access-control-")]
        if origin:
            headers += cors_headers(self._rules(bucket), origin, request.method) or []
        return response._replace(headers=headers)

    def _authorize(self, request: Request, bucket: str, key: str) -> str | None:
        now = datetime.now(UTC)
        if "Authorization" in request.headers:
            authenticate(request, Call("s3", "", "*"), self._lookup, now)
            return None
        if check_presigned(request.method, request.path, request.query, request.headers, self._lookup, now):
            return None
        kind = request.headers.get("Content-Type", "")
        if request.method == "POST" and bucket and not key and kind.startswith("multipart/form-data"):
            return self._check_form(request, bucket, now)
        raise denied()

    def _check_form(self, request: Request, bucket: str, now: datetime) -> str:
        made = environ(request)
        made["wsgi.input"] = get_input_stream(made)
        _, form, files = parse_form_data(made)
        with contextlib.ExitStack() as stack:
            for sent in files.values():
                stack.callback(sent.close)
            file = files.get("file")
            if file is None or "key" not in form or None in form:  # None: a part without a name
                raise S3Refusal(400, "InvalidArgument", "POST requires exactly one file upload per request.")
            size = len(file.read())
            filename = file.filename or ""
        fields = dict(form.items())
        fields["key"] = fields["key"].replace("${filename}", filename)
        check_post(bucket, fields, size, self._lookup, now)
        return fields["key"]

    def _rules(self, bucket: str) -> list[Any]:
        found = self._backend.buckets.get(bucket)
        return list(found.cors) if found and found.cors else []

    def _preflight(self, bucket: str, request: Request) -> Response:
        origin = request.headers.get("Origin", "")
        method = request.headers.get("Access-Control-Request-Method", "")
        wanted = request.headers.get("Access-Control-Request-Headers", "")
        headers = cors_headers(self._rules(bucket), origin, method, wanted)
        if headers is None:
            message = "CORSResponse: This CORS request is not allowed."
            return refusal(S3Refusal(403, "AccessForbidden", message))
        return Response(200, headers)

    def _touched(self, request: Request, key: str) -> list[str] | None:
        if key:
            return [key]
        if request.method == "POST" and "delete" in parse_qs(request.query, keep_blank_values=True):
            # Names only: the request was parsed by moto before, which refuses what is no XML.
            tree = ElementTree.fromstring(_XMLNS.sub(b"", request.body))  # noqa: S314
            return [element.text or "" for element in tree.iter("Key")]
        return None if request.method == "DELETE" else []

    def _mirror(self, bucket: str, keys: list[str] | None) -> None:
        assert self._storage is not None  # noqa: S101 - for the type checker
        with self._lock:
            if keys is None:  # the bucket is gone
                keys = [entry.key for entry in self._storage.objects() if entry.bucket == bucket]
            stored, gone = [], []
            holder = self._backend.buckets.get(bucket)
            for key in keys:
                found = holder.keys.get(key) if holder else None
                if isinstance(found, FakeKey):
                    stored.append(_stored(bucket, found))
                else:
                    gone.append((bucket, key))
            self._storage.save_objects(stored, gone)

    def load(self, entry: StoredObject) -> None:
        """Load a saved object, unless its bucket no longer exists."""
        if entry.bucket not in self._backend.buckets:
            return
        made = self._backend.put_object(entry.bucket, entry.key, entry.body, disable_notification=True)
        made.set_metadata(dict(entry.meta["metadata"]))
        made.last_modified = datetime.fromisoformat(entry.meta["last_modified"])
        for name in _KEPT:
            setattr(made, name, entry.meta[name])

    def read(self, bucket: str, key: str, version: str | None = None) -> bytes | None:
        """Return an object's bytes; None if there is no such object."""
        holder = self._backend.buckets.get(bucket)
        found = holder.keys.get(key) if holder else None
        if not isinstance(found, FakeKey) or (version and found.version_id != version):
            return None
        return found.value

    def write(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        """Store an object as a service of AWS does on its own account. Raises KeyError for no such bucket."""
        if bucket not in self._backend.buckets:
            raise KeyError(bucket)
        made = self._backend.put_object(bucket, key, body, disable_notification=True)
        made.set_metadata({"Content-Type": content_type})
        if self._storage:
            self._mirror(bucket, [key])

    def clear(self) -> None:
        """Delete every object of every bucket; the buckets stay."""
        for bucket in list(self._backend.buckets.values()):
            for key in list(bucket.keys):
                self._backend.delete_object(bucket.name, key)
            bucket.multiparts.clear()


def _stored(bucket: str, key: FakeKey) -> StoredObject:
    meta = {name: getattr(key, name) for name in _KEPT}
    meta["metadata"] = dict(key._metadata)
    meta["last_modified"] = key.last_modified.isoformat()
    return StoredObject(bucket, key.name, meta, key.value)


def _dispatch(path: str) -> Callable[..., Any]:
    parts = path.strip("/").split("/", 1)
    if not parts[0]:
        return S3Response.bucket_dispatch
    if len(parts) == 1 and path.count("/") <= 2:
        return S3Response.ambiguous_dispatch
    return S3Response.key_dispatch
