"""Where the app meets the machine: the only reader of the environment and the clock, the only importer
of boto3. Gateways are made at their first use and kept for the life of the process.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from time import perf_counter
from typing import Any

import boto3
import msgspec
from botocore.config import Config

from chalicelib.aws import metrics
from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.audit_log import AuditLog
from chalicelib.aws.bucket import Bucket
from chalicelib.aws.client_events import watch
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.dynamodb import Table
from chalicelib.aws.personal_data import PersonalData
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.aws.signing_key import SigningKey
from chalicelib.aws.stored_replies import StoredReplies
from chalicelib.aws.streaming import Streaming
from chalicelib.aws.tokens import TokenStore
from chalicelib.config import Environment
from chalicelib.domain.errors import LabOff
from chalicelib.domain.settings import Settings, defaults
from chalicelib.domain.token import Caller
from chalicelib.services.tokens import Authenticator
from chalicelib.web import telemetry
from chalicelib.web.request import Request

# API Gateway gives up at 29 s. An attempt takes 10 s at most, and after 18 s of a request none is begun.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    tcp_keepalive=True,
)


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


@cache
def table() -> Table:
    """Give the table."""
    return Table(watch(_session().client("dynamodb", config=_CONFIG)), environment().table)


def _defaults() -> Settings:
    env = environment()
    return defaults(local=env.stage == "local", zone=env.zone)


@cache
def directory() -> Directory:
    """Give the gateway to what managers keep: settings, people, faces, leave."""
    return Directory(table(), shards=environment().shards, defaults=_defaults())


@cache
def attendance_store() -> AttendanceStore:
    """Give the gateway to what happens at the door: sessions, punches, work days."""
    return AttendanceStore(table(), shards=environment().shards, defaults=_defaults())


@cache
def token_store() -> TokenStore:
    """Give the gateway to tokens."""
    return TokenStore(table())


@cache
def rate_limits() -> RateLimits:
    """Give the gateway to counters and lock-outs."""
    return RateLimits(table())


@cache
def audit_log() -> AuditLog:
    """Give the gateway to the audit log."""
    return AuditLog(table())


@cache
def stored_replies() -> StoredReplies:
    """Give the gateway to the replies that repeated requests get again."""
    return StoredReplies(table())


@cache
def signing_key() -> SigningKey:
    """Give the site's signing key."""
    return SigningKey(table())


@cache
def personal_data() -> PersonalData:
    """Give the gateway to all that the table holds on a person."""
    return PersonalData(table(), shards=environment().shards)


@cache
def authenticator() -> Authenticator:
    """Give the gate that callers go through."""
    return Authenticator(token_store, rate_limits, lambda: directory().settings().limits)


def authenticate(request: Request, scope: str) -> Caller:
    """Let a caller in by their token; raises TokenMissing, InvalidToken, RoleNotAllowed, TooManyRequests."""
    return authenticator().authenticate(
        request.headers.get("authorization"), scope, request.address, now=now()
    )


def authenticate_lab(request: Request, scope: str) -> Caller | None:
    """Let a caller in to the lab's routes: everybody where they are open; raises LabOff where off."""
    lab = environment().lab
    if lab == "off":
        raise LabOff
    return None if lab == "open" else authenticate(request, scope)


@cache
def collection() -> FaceCollection:
    """Give Rekognition's gateway."""
    client = watch(_session().client("rekognition", config=_CONFIG))
    return FaceCollection(client, environment().collection, environment().bucket, environment().challenge)


@cache
def bucket() -> Bucket:
    """Give the bucket's gateway."""
    # boto3 would sign links the old way in the oldest Regions, and send them to the global endpoint, which
    # redirects for a day after a bucket is made, and answers 400 for buckets of the newer Regions.
    own_endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    config = _CONFIG.merge(
        Config(signature_version="s3v4", s3={"addressing_style": "auto" if own_endpoint else "virtual"})
    )
    return Bucket(watch(_session().client("s3", config=config)), environment().bucket)


@cache
def streaming() -> Streaming:
    """Give the lender of streaming credentials."""
    client = watch(_session().client("sts", config=_CONFIG))
    env = environment()
    return Streaming(client, env.streaming_role, client.meta.region_name, env.stream_url or None)


def log_request(meter: metrics.Meter, ms: float, said: dict[str, Any]) -> None:
    """Write the line of a request to the log, which on Lambda is the standard output."""
    env = environment()
    if env.log == "json":
        sys.stdout.write(telemetry.log_line(meter, stage=env.stage, at=now(), ms=ms, **said) + "\n")
        sys.stdout.flush()


def scheduled(name: str, run: Callable[[], dict[str, int]]) -> dict[str, int]:
    """Run a schedule's work; what it found are metrics, and one line of the log."""
    with metrics.measuring() as meter:
        found: dict[str, int] = {}
        try:
            found = run()
        finally:
            for what, count in found.items():
                metrics.record_metric(f"{name.capitalize()}{what.title().replace('_', '')}", count)
            log_request(meter, 1000 * (perf_counter() - meter.began), {"schedule": name, "done": bool(found)})
        return found
