"""Event handlers of every boto3 client: measurement, the deadline, truncated replies."""

import zlib
from ipaddress import ip_address
from time import perf_counter
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import (
    ClientError,
    ConnectionError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from chalicelib.aws import deadline, metrics
from chalicelib.domain.errors import Busy

C = TypeVar("C", bound=Any)


_NO_AWS = (
    "There is no AWS to call: {reason}. "
    "On one machine, keep `make aws` running and use `chalice local --stage local`."
)

_BUSY_STATUS = {429, 500, 502, 503, 504}


_BUSY_CODES = {
    "ExpiredToken",
    "ExpiredTokenException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "ThrottlingException",
    "TransactionInProgressException",
}


def _refuse_cut_off(response: tuple[Any, dict[str, Any]] | None, **_: Any) -> None:
    """Turn a truncated reply into a server error, so that botocore tries again.

    botocore would take it for complete. DynamoDB sends a checksum; other replies must be complete JSON.
    """
    if response is None or response[0].status_code != 200:
        return
    http, parsed = response
    if total := http.headers.get("x-amz-crc32"):
        complete = int(total) == zlib.crc32(http.content)
    elif http.headers.get("content-type", "").startswith("application/x-amz-json"):
        complete = _is_json(http.content)
    else:
        return
    if not complete:
        http.status_code = 500
        parsed["Error"] = {"Code": "InternalServerError", "Message": "The reply was truncated."}
        parsed.setdefault("ResponseMetadata", {})["HTTPStatusCode"] = 500


def _is_json(content: bytes) -> bool:
    try:
        msgspec.json.decode(content or b"{}")
    except msgspec.DecodeError:
        return False
    return True


def watch(client: C) -> C:
    """Register the event handlers of a client; its calls are then measured as part of a request."""

    def begin(context: dict[str, Any], **_: Any) -> None:
        context["rollcall_began"] = perf_counter()

    def end(context: dict[str, Any], **_: Any) -> None:
        metrics.record_aws_call(1000 * (perf_counter() - context.get("rollcall_began", perf_counter())))

    def send(**_: Any) -> None:  # before each attempt
        if deadline.deadline_passed():
            raise Busy

    events = client.meta.events
    events.register("before-send", send, "watch-send")
    # Registered for the service, like botocore's own handler: more general handlers run later.
    service = client.meta.service_model.service_id.hyphenize()
    events.register_first(f"needs-retry.{service}", _refuse_cut_off, "watch-reply")
    events.register("before-call", begin, "watch-begin")
    events.register("after-call", end, "watch-end")
    events.register("after-call-error", end, "watch-error")
    return client


def is_busy(error: Exception) -> bool:
    """Return whether AWS throttled, timed out or failed, so that a later attempt may succeed."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status in _BUSY_STATUS or error.response.get("Error", {}).get("Code") in _BUSY_CODES
    return isinstance(error, HTTPClientError | ConnectionError)  # no connection, or it broke, or timed out


def busy(error: Exception) -> Busy | None:
    """Return the error for callers if AWS is busy or not there; None if `error` is of another kind."""
    if isinstance(error, NoCredentialsError | NoRegionError | PartialCredentialsError | ProfileNotFound):
        return Busy(_NO_AWS.format(reason=str(error).rstrip(".")))
    if isinstance(error, EndpointConnectionError):
        host = urlsplit(str(error.kwargs["endpoint_url"])).netloc
        if is_this_machine(host):
            return Busy(_NO_AWS.format(reason=f"nothing answers on {host}"))
    return Busy() if is_busy(error) else None


def is_this_machine(host: str) -> bool:
    """Return whether a host, with or without a port, is the loopback."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def stay_on_this_machine(client: C) -> C:
    """Refuse each request of a client that would leave the machine, whatever configured its endpoint."""

    def send(request: AWSPreparedRequest, **_: Any) -> None:
        host = urlsplit(request.url).netloc
        if not is_this_machine(host):
            raise Busy(_NO_AWS.format(reason=f"stage local calls this machine only, and not {host}"))

    client.meta.events.register("before-send", send, "stay-on-this-machine")
    return client
