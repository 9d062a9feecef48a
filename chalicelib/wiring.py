"""Where the app meets the machine: the only reader of the environment and the clock, the only importer
of boto3. Gateways are made at their first use and kept for the life of the process.
"""

import os
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from time import perf_counter
from typing import Any, Literal, TypeVar

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from chalicelib.aws import telemetry
from chalicelib.aws.access import Access, Caller
from chalicelib.aws.faces import Challenge, Faces
from chalicelib.aws.ledger import Ledger
from chalicelib.aws.photos import Photos
from chalicelib.aws.store import Store
from chalicelib.aws.table import Table
from chalicelib.aws.traces import Traces
from chalicelib.domain.errors import Busy, LabOff
from chalicelib.domain.settings import Settings, defaults
from chalicelib.services.liveness import Streaming
from chalicelib.services.tokens import Gate
from chalicelib.web.http import Request

VERSION = "0.1.0"

C = TypeVar("C", bound=Any)

# API Gateway gives up at 29 s. An attempt takes 10 s at most, and after 18 s of a request none is begun.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    tcp_keepalive=True,
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


class Environment(msgspec.Struct, frozen=True, rename=lambda name: f"ROLLCALL_{name.upper()}"):
    """The environment variables of a stage; set in .chalice/config.json."""

    stage: str
    table: str
    bucket: str
    collection: str
    zone: str = "Asia/Ho_Chi_Minh"
    origin: str = "*"
    shards: int = 4
    streaming_role: str = ""
    stream_url: str = ""
    lab: Literal["off", "on", "open"] = "off"
    challenge: Challenge = "FaceMovementAndLightChallenge"
    log: Literal["off", "json"] = "json"


@cache
def environment() -> Environment:
    """Read the environment once; a missing or wrong variable is an error that names it."""
    given = {name: value for name, value in os.environ.items() if name.startswith("ROLLCALL_")}
    return msgspec.convert(given, Environment, strict=False)


def now() -> datetime:
    """Tell the time: the server's, in UTC; nobody else's clock counts."""
    return datetime.now(UTC)


def origin() -> str:
    """Say which web origin may call the API; read when the routes are made, so without a default stage."""
    return os.environ.get("ROLLCALL_ORIGIN", "*")


def refuse_open_production() -> None:
    """Refuse to start a production stage whose lab routes would let everybody in; raises ValueError."""
    stage = os.environ.get("ROLLCALL_STAGE", "").lower()
    if stage.startswith("prod") and os.environ.get("ROLLCALL_LAB") == "open":
        raise ValueError("ROLLCALL_LAB=open lets everybody in: it is not for a production stage")


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()


def _refuse_cut_off(response: tuple[Any, dict[str, Any]] | None, **_: Any) -> None:
    """Make a server's error of a reply that broke off, before botocore asks itself whether to try again.

    botocore takes it for a whole one. DynamoDB's replies say what their bytes add up to; of others the JSON
    must be whole.
    """
    if response is None or response[0].status_code != 200:
        return
    http, parsed = response
    if total := http.headers.get("x-amz-crc32"):
        whole = int(total) == zlib.crc32(http.content)
    elif http.headers.get("content-type", "").startswith("application/x-amz-json"):
        whole = _is_json(http.content)
    else:
        return
    if not whole:
        http.status_code = 500
        parsed["Error"] = {"Code": "InternalServerError", "Message": "The reply broke off."}
        parsed.setdefault("ResponseMetadata", {})["HTTPStatusCode"] = 500


def _is_json(content: bytes) -> bool:
    try:
        msgspec.json.decode(content or b"{}")
    except msgspec.DecodeError:
        return False
    return True


def _watched(client: C) -> C:
    """Measure each call of a client as part of the request that makes it."""

    def begin(context: dict[str, Any], **_: Any) -> None:
        context["rollcall_began"] = perf_counter()

    def end(context: dict[str, Any], **_: Any) -> None:
        telemetry.aws_call(1000 * (perf_counter() - context.get("rollcall_began", perf_counter())))

    def send(**_: Any) -> None:  # before each attempt
        if telemetry.too_late():
            raise Busy

    events = client.meta.events
    events.register("before-send", send, "watch-send")
    # Under the service's name, where botocore's own handler is too: what is more general comes later.
    service = client.meta.service_model.service_id.hyphenize()
    events.register_first(f"needs-retry.{service}", _refuse_cut_off, "watch-reply")
    events.register("before-call", begin, "watch-begin")
    events.register("after-call", end, "watch-end")
    events.register("after-call-error", end, "watch-error")
    return client


@cache
def table() -> Table:
    """Give the table."""
    return Table(_watched(_session().client("dynamodb", config=_CONFIG)), environment().table)


def _defaults() -> Settings:
    env = environment()
    return defaults(local=env.stage == "local", zone=env.zone)


@cache
def store() -> Store:
    """Give the gateway to what managers keep: settings, people, faces, leave."""
    return Store(table(), shards=environment().shards, defaults=_defaults())


@cache
def ledger() -> Ledger:
    """Give the gateway to what happens at the door: sessions, punches, work days."""
    return Ledger(table(), shards=environment().shards, defaults=_defaults())


@cache
def access() -> Access:
    """Give the gateway to what says who may call."""
    return Access(table())


@cache
def traces() -> Traces:
    """Give the gateway to all that the table holds on a person."""
    return Traces(table(), shards=environment().shards)


@cache
def gate() -> Gate:
    """Give the gate that callers go through."""
    return Gate(access, lambda: store().settings().limits)


def admit(request: Request, scope: str) -> Caller:
    """Let a caller in by their token; raises TokenMissing, InvalidToken, RoleNotAllowed, TooManyRequests."""
    return gate().admit(request.headers.get("authorization"), scope, request.address, now=now())


def admit_lab(request: Request, scope: str) -> Caller | None:
    """Let a caller in to the lab's routes: everybody where they are open; raises LabOff where off."""
    lab = environment().lab
    if lab == "off":
        raise LabOff
    return None if lab == "open" else admit(request, scope)


@cache
def faces() -> Faces:
    """Give Rekognition's gateway."""
    client = _watched(_session().client("rekognition", config=_CONFIG))
    return Faces(client, environment().collection, environment().bucket, environment().challenge)


@cache
def photos() -> Photos:
    """Give the bucket's gateway."""
    # boto3 would sign links the old way in the oldest Regions, and send them to the global endpoint, which
    # redirects for a day after a bucket is made, and answers 400 for buckets of the newer Regions.
    own_endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = _CONFIG.merge(
        Config(signature_version="s3v4", s3={"addressing_style": "auto" if own_endpoint else "virtual"})
    )
    return Photos(_watched(_session().client("s3", config=config)), environment().bucket)


@cache
def streaming() -> Streaming:
    """Give the lender of streaming credentials."""
    client = _watched(_session().client("sts", config=_CONFIG))
    env = environment()
    return Streaming(client, env.streaming_role, client.meta.region_name, env.stream_url or None)


def report(meter: telemetry.Meter, ms: float, said: dict[str, Any]) -> None:
    """Write the line of a request to the log, which on Lambda is the standard output."""
    env = environment()
    if env.log == "json":
        sys.stdout.write(telemetry.line(meter, stage=env.stage, at=now(), ms=ms, **said) + "\n")
        sys.stdout.flush()


def scheduled(name: str, run: Callable[[], dict[str, int]]) -> dict[str, int]:
    """Run a schedule's work; what it found are metrics, and one line of the log."""
    with telemetry.measuring() as meter:
        found: dict[str, int] = {}
        try:
            found = run()
        finally:
            for what, count in found.items():
                telemetry.observe(f"{name.capitalize()}{what.title().replace('_', '')}", count)
            report(meter, 1000 * (perf_counter() - meter.began), {"schedule": name, "done": bool(found)})
        return found


def is_busy(error: Exception) -> bool:
    """Say whether AWS throttled, timed out or failed, so that trying again later may help."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status in _BUSY_STATUS or error.response.get("Error", {}).get("Code") in _BUSY_CODES
    return isinstance(error, HTTPClientError)  # no connection, or it broke, or no answer in time
