"""Serves app.py as API Gateway and Lambda would, through Chalice's own local gateway."""

import base64
import gzip
import json
import os
import threading
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import LocalChalice, LocalGateway, LocalGatewayException

from local.admission import Admission
from local.aws.keys import AccessKey
from local.aws.resources import read
from local.httpserver import Request, Response, Server

_ROOT = Path(__file__).resolve().parents[2]

CONFIG: Final = _ROOT / ".chalice" / "config.json"
GATEWAY: Final = _ROOT / "infra" / "merge.yaml"

NO_ROUTE: Final = "MISSING_AUTHENTICATION_TOKEN"
"""API Gateway's name for its response to a path or a method that does not exist."""

# API Gateway takes 10 MB; Lambda takes and gives 6 MB, into which binary bodies go as base64.
GATEWAY_BYTES: Final = 10 * 1024 * 1024
LAMBDA_BYTES: Final = 6 * 1024 * 1024

_CORS: Final = ("Access-Control-Allow-Origin", "*")
_FIXED = {"ROLLCALL_STAGE", "ROLLCALL_TABLE", "ROLLCALL_BUCKET", "ROLLCALL_COLLECTION"}
_DROPPED = {
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
}


def stage_settings(path: Path = CONFIG, stage: str = "local") -> dict[str, Any]:
    """Read a stage of Chalice's configuration over what all stages share."""
    config = msgspec.json.decode(path.read_bytes())
    own = config.get("stages", {}).get(stage, {})
    variables = {**config.get("environment_variables", {}), **own.get("environment_variables", {})}
    # AWS's own variables are for `chalice local`, which meets the embedded AWS of another process.
    variables = {name: value for name, value in variables.items() if not name.startswith("AWS_")}
    return {**config, **own, "environment_variables": variables}


def set_environment(
    aws_url: str, stream_url: str, region: str, key: AccessKey, variables: Mapping[str, str]
) -> None:
    """Point this process at the embedded AWS; must be called before app.py is imported.

    The user's own AWS credentials and profile are removed. Variables of the stage that name no resource
    can be overridden from outside (ROLLCALL_ZONE=Europe/Berlin make run).
    """
    for name in [name for name in os.environ if name in _DROPPED or name.startswith("AWS_ENDPOINT_URL")]:
        del os.environ[name]
    for name, value in variables.items():
        if name in _FIXED:
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "ROLLCALL_STREAM_URL": stream_url,
    }


class _PerThread:
    """Keeps Lambda's context per thread. Chalice's local app does this for the request only."""

    _contexts = threading.local()

    @property
    def lambda_context(self) -> Any:
        """The context of the request that this thread serves."""
        return getattr(self._contexts, "value", None)

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        self._contexts.value = value


class AppServer:
    """The app on a port, bound at once. Raises OSError if the port is taken."""

    def __init__(
        self, host: str, port: int, *, admission: Admission | None = None, verbose: bool = False
    ) -> None:
        self._gateway: LocalGateway | None = None
        self._server = Server(
            host,
            port,
            self.handle,
            error_response,
            limit=GATEWAY_BYTES,
            admission=admission,
            verbose=verbose,
        )

    @property
    def url(self) -> str:
        """The base URL of the app."""
        return self._server.url

    def start(self, app: Chalice, timeout_s: int = 29) -> None:
        """Serve the app."""
        if not isinstance(app, LocalChalice):
            app.__class__ = type("LocalApp", (_PerThread, LocalChalice, app.__class__), {})
        settings = {"app_name": app.app_name, "lambda_timeout": timeout_s}
        self._gateway = LocalGateway(app, Config("local", user_provided_params=settings))
        self._server.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.stop()

    def handle(self, request: Request) -> Response:
        """Serve one request."""
        assert self._gateway is not None  # noqa: S101 - for the type checker: set before serving
        headers = {name.lower(): value for name, value in request.headers.items()}
        if _payload_bytes(request) > LAMBDA_BYTES:
            return gateway_response("REQUEST_TOO_LARGE")
        try:
            result = self._gateway.handle_request(
                method=request.method,
                path=_target(request.target),
                headers=headers,
                body=request.body or None,
            )
        except LocalGatewayException as error:
            return _gateway_error(error)
        except UnicodeEncodeError:
            return gateway_response(NO_ROUTE)
        response = _response(result)
        if len(response.body) > LAMBDA_BYTES:
            return gateway_response("DEFAULT_5XX", 502)
        if response.status == 405:  # Chalice's; API Gateway has no method of that name
            return gateway_response(NO_ROUTE)
        return _compressed(response, headers.get("accept-encoding", ""))


def _compressed(response: Response, accepted: str) -> Response:
    """Compress a response as API Gateway does, if the caller takes gzip and it is large enough."""
    takes = {coding.partition(";")[0].strip().lower() for coding in accepted.split(",")}
    if "gzip" not in takes or len(response.body) < _rest_api()["MinimumCompressionSize"]:
        return response
    kept = [(name, value) for name, value in response.headers if name.lower() != "content-length"]
    body = gzip.compress(response.body, compresslevel=6, mtime=0)
    return Response(response.status, [*kept, ("Content-Encoding", "gzip")], body)


def _target(target: str) -> str:
    """Escape `;` in the path, because Chalice's router would cut the path there."""
    if not target.startswith("/"):
        parts = urlsplit(target)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path, mark, query = target.partition("?")
    return path.replace(";", "%3B") + mark + query


def _payload_bytes(request: Request) -> int:
    kind = request.headers.get("Content-Type", "application/json").split(";")[0].strip().lower()
    text = kind == "application/json" or kind.startswith("text/")
    return len(request.body) if text else (len(request.body) + 2) // 3 * 4


def _response(result: Mapping[str, Any]) -> Response:
    headers = [(name, str(value)) for name, value in result["headers"].items()]
    for name, values in result["multiValueHeaders"].items():
        headers += [(name, str(value)) for value in values]
    body = result["body"] or b""
    if result.get("isBase64Encoded"):
        body = base64.b64decode(body)
    return Response(result["statusCode"], headers, body.encode() if isinstance(body, str) else body)


def _gateway_error(error: LocalGatewayException) -> Response:
    if error.CODE in {403, 404}:  # Chalice's, for a path that does not exist
        return gateway_response(NO_ROUTE)
    headers = [(name, str(value)) for name, value in error.headers.items()]
    return Response(error.CODE, [*headers, ("Content-Type", "application/json"), _CORS], error.body or b"")


def gateway_response(kind: str, status: int = 500, message: str = "") -> Response:
    """Build the response of API Gateway itself of a kind, as infra/merge.yaml has it.

    `status` is for kinds that have none of their own.
    """
    wanted = _rest_api()["GatewayResponses"][kind]
    request_id = str(uuid.uuid4())
    values = {
        name: request_id if text == "context.requestId" else text.strip("'")
        for name, text in wanted["ResponseParameters"]["Headers"].items()
    }
    body = wanted["ResponseTemplates"]["application/json"]
    body = body.replace("$context.requestId", request_id)
    body = body.replace("$context.error.messageString", json.dumps(message))
    headers = [("Content-Type", "application/json"), *values.items()]
    return Response(int(wanted.get("StatusCode", status)), headers, body.encode())


def error_response(status: int, message: str) -> Response:
    """Build the response to a request that the server itself refuses or fails."""
    if status == 413:
        return gateway_response("REQUEST_TOO_LARGE")
    return gateway_response("DEFAULT_4XX" if status < 500 else "DEFAULT_5XX", status, message)


@cache
def _rest_api() -> dict[str, Any]:
    properties: dict[str, Any] = read(GATEWAY)["Resources"]["RestAPI"]["Properties"]
    return properties
