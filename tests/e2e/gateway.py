"""API Gateway's REST API in front of the packaged app: its paths, its limits, its own errors.

The rules are written from AWS's documentation and have not been compared with the real service.
"""

import base64
import binascii
import gzip
import json
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from local.httpserver import Request, Response, Server
from tests.e2e.runtime import FunctionError, Pool, TooLarge
from tests.e2e.template import ACCOUNT, Method, Template

BODY_BYTES: Final = 10 * 1024 * 1024
INTEGRATION_S: Final = 29

_NO_ROUTE = "MISSING_AUTHENTICATION_TOKEN"

_AWS = {
    "ACCESS_DENIED": (403, "Forbidden"),
    _NO_ROUTE: (403, "Missing Authentication Token"),
    "REQUEST_TOO_LARGE": (413, "Request Too Long"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
    "INTEGRATION_FAILURE": (502, "Internal server error"),
}
"""What AWS answers where the template does not say."""

# What API Gateway keeps for itself in an answer: it goes out under another name.
_REMAPPED = {"connection", "content-length", "content-md5", "date", "host", "server", "transfer-encoding"}
_REMAPPED |= {"upgrade", "user-agent", "via", "www-authenticate", "x-amzn-trace-id"}


class Gateway:
    """Serves a template's API on a port, under the stage's name as on execute-api."""

    def __init__(self, template: Template, pools: Mapping[str, Pool], integration_s: float = INTEGRATION_S):
        self._template = template
        self._pools = pools
        self._integration_s = integration_s
        self._routes = {tuple(route.split("/")): methods for route, methods in template.routes.items()}
        self._workers = ThreadPoolExecutor(64, thread_name_prefix="integration")
        self._server = Server("127.0.0.1", 0, self._answer, self._refused, limit=BODY_BYTES)

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"{self._server.url}/{self._template.stage}"

    def start(self) -> None:
        """Serve."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving; a function that still runs is not waited for."""
        self._server.stop()
        self._workers.shutdown(wait=False)

    def _answer(self, request: Request) -> Response:
        stage, _, path = request.path.removeprefix("/").partition("/")
        if stage != self._template.stage:
            return self._refuse("ACCESS_DENIED")
        resource, parameters = self._match("/" + path)
        method = self._template.routes.get(resource, {}).get(request.method)
        if method is None:
            return self._refuse(_NO_ROUTE)
        request_id = str(uuid.uuid4())
        answer = self._integrate(method, request, "/" + path, resource, parameters, request_id)
        own = [("x-amzn-RequestId", request_id), ("x-amz-apigw-id", uuid.uuid4().hex[:15] + "=")]
        return answer._replace(headers=[*answer.headers, *own])

    def _match(self, path: str) -> tuple[str, dict[str, str]]:
        """Find the resource; what is spelt out goes before a parameter."""
        given = path.split("/")
        best: tuple[int, str, dict[str, str]] = (-1, "", {})
        for parts in self._routes:
            if len(parts) != len(given):
                continue
            pairs = list(zip(parts, given, strict=True))
            if all(part == one or (part.startswith("{") and one) for part, one in pairs):
                captured = {part[1:-1]: one for part, one in pairs if part.startswith("{")}
                best = max(best, (len(parts) - len(captured), "/".join(parts), captured), key=lambda b: b[0])
        return best[1], best[2]

    def _integrate(
        self,
        method: Method,
        request: Request,
        path: str,
        resource: str,
        parameters: dict[str, str],
        request_id: str,
    ) -> Response:
        if method.function is None:
            return Response(200, [*method.mock_headers.items(), ("Content-Type", "application/json")])
        event = self._event(request, path, resource, parameters, request_id)
        payload = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
        try:
            running = self._workers.submit(self._pools[method.function].invoke, payload)
            result = running.result(self._integration_s)
        except TooLarge:
            return self._refuse("REQUEST_TOO_LARGE")
        except TookTooLong:
            return self._refuse("INTEGRATION_TIMEOUT")
        except FunctionError:
            return self._refuse("INTEGRATION_FAILURE")
        try:
            return self._reply(json.loads(result), request)
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
            return self._refuse("INTEGRATION_FAILURE")

    def _event(
        self, request: Request, path: str, resource: str, parameters: dict[str, str], request_id: str
    ) -> dict[str, Any]:
        headers = [*request.headers.items(), ("X-Forwarded-For", request.client)]
        headers += [("X-Forwarded-Port", "443"), ("X-Forwarded-Proto", "https")]
        query = parse_qsl(request.query, keep_blank_values=True)
        binary = self._is_binary(request.headers.get("Content-Type", "application/json"))
        body = base64.b64encode(request.body).decode() if binary else request.body.decode("utf-8", "replace")
        return {
            "resource": resource,
            "path": unquote(path),
            "httpMethod": request.method,
            "headers": dict(headers),
            "multiValueHeaders": _many(headers),
            "queryStringParameters": dict(query) or None,
            "multiValueQueryStringParameters": _many(query) or None,
            "pathParameters": parameters or None,  # still percent-encoded: aws/chalice#511
            "stageVariables": None,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": "emulated",
                "httpMethod": request.method,
                "identity": {"sourceIp": request.client, "userAgent": request.headers.get("User-Agent")},
                "path": f"/{self._template.stage}{path}",
                "protocol": "HTTP/1.1",
                "requestId": request_id,
                "requestTimeEpoch": int(datetime.now(UTC).timestamp() * 1000),
                "resourcePath": resource,
                "stage": self._template.stage,
            },
            "body": body or None,
            "isBase64Encoded": bool(binary and request.body),
        }

    def _reply(self, result: dict[str, Any], request: Request) -> Response:
        """Turn what the function returned into an answer; raises on what API Gateway calls malformed."""
        if unknown := set(result) - {
            "statusCode",
            "headers",
            "multiValueHeaders",
            "body",
            "isBase64Encoded",
        }:
            raise ValueError(f"unknown members {unknown}")
        single = {name.lower(): (name, value) for name, value in (result.get("headers") or {}).items()}
        headers = []
        for name, values in (result.get("multiValueHeaders") or {}).items():
            single.pop(name.lower(), None)
            headers += [(name, str(value)) for value in values]
        headers += [(name, str(value)) for name, value in single.values()]
        headers = [
            (f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name, value)
            for name, value in headers
        ]
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
        body = (result.get("body") or "").encode()
        wanted = request.headers.get("Accept", "").split(",")[0]
        if result.get("isBase64Encoded") and self._is_binary(wanted):
            body = base64.b64decode(body, validate=True)
        least = self._template.compressed_bytes
        if least is not None and len(body) >= least and "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers = gzip.compress(body, mtime=0), [*headers, ("Content-Encoding", "gzip")]
        return Response(int(result["statusCode"]), headers, body)

    def _is_binary(self, media_type: str) -> bool:
        kind = media_type.partition(";")[0].strip().lower()
        return kind in self._template.binary_types or "*/*" in self._template.binary_types

    def _refused(self, status: int, message: str) -> Response:
        """Answer for the server below, which refuses a body that is larger than API Gateway takes."""
        return self._refuse("REQUEST_TOO_LARGE" if status == 413 else "INTEGRATION_FAILURE")

    def _refuse(self, kind: str) -> Response:
        status, message = _AWS[kind]
        answers = self._template.answers
        answer = answers.get(kind) or answers.get("DEFAULT_4XX" if status < 500 else "DEFAULT_5XX")
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": kind}
        if answer is None:
            return Response(status, list(headers.items()), _compact({"message": message}))
        request_id = str(uuid.uuid4())
        body = answer.body.replace("$context.requestId", request_id)
        body = body.replace("$context.error.messageString", json.dumps(message))
        own = {
            name: request_id if text == "context.requestId" else text for name, text in answer.headers.items()
        }
        return Response(answer.status or status, [*headers.items(), *own.items()], body.encode())


def _compact(value: dict[str, str]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _many(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
