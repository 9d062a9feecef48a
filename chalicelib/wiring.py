"""The composition root: the only reader of the environment and the clock, and the only importer of boto3.

Each gateway is created at its first use and kept for the life of the process.
"""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

import boto3
import msgspec
from botocore.config import Config

from chalicelib.aws.attendance_store import AttendanceStore
from chalicelib.aws.audit_log import AuditLog
from chalicelib.aws.bucket import Bucket
from chalicelib.aws.client_events import stay_on_this_machine, watch
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.aws.metrics import Meter
from chalicelib.aws.outdated_items import OutdatedItems
from chalicelib.aws.personal_data import PersonalData
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.aws.signing_key import SigningKey
from chalicelib.aws.site_store import SiteStore
from chalicelib.aws.stored_replies import StoredReplies
from chalicelib.aws.streaming import Streaming
from chalicelib.aws.tokens import TokenStore
from chalicelib.aws.visibility import PeopleTable
from chalicelib.config import ANY, Environment, refuse_open_lab, require_stage, web_origins
from chalicelib.domain.settings import Settings, default_settings
from chalicelib.domain.token import Caller
from chalicelib.services.tokens import Authenticator
from chalicelib.web import authentication, telemetry
from chalicelib.web.request import Request

refuse_open_lab(os.environ)
require_stage(os.environ)

# API Gateway gives up at 29 s. An attempt takes 10 s at most, and none is started after 18 s of a request.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    tcp_keepalive=True,
)


@cache
def environment() -> Environment:
    """Return the environment; raises an error that names a missing or wrong variable."""
    given = {name: value for name, value in os.environ.items() if name.startswith("ROLLCALL_")}
    return msgspec.convert(given, Environment, strict=False)


def now() -> datetime:
    """Return the time in UTC. No other clock counts, not even that of a kiosk."""
    return datetime.now(UTC)


def today() -> date:
    """Return the date in the stage's zone, by which a token of some groups sees those who are in them."""
    return now().astimezone(ZoneInfo(environment().zone)).date()


def origins() -> tuple[str, ...]:
    """Return the web origins that may call the API. Chalice needs them before there is a stage."""
    return web_origins(os.environ.get("ROLLCALL_ORIGIN") or ANY)


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()


def _client(service: Literal["dynamodb", "rekognition", "s3", "sts"], config: Config | None = None) -> Any:
    """Return a client. That of stage local never calls the real AWS, whatever the shell's variables say."""
    client = watch(_session().client(service, config=config or _CONFIG))
    return stay_on_this_machine(client) if environment().stage == "local" else client


@cache
def table() -> PeopleTable:
    """Return the table, which shows each caller what they may see."""
    return PeopleTable(_client("dynamodb"), environment().table)


def _defaults() -> Settings:
    env = environment()
    return default_settings(local=env.stage == "local", zone=env.zone)


# The gateways to the table, by what they read and write.
directory = cache(lambda: Directory(table(), shards=environment().shards, defaults=_defaults()))
attendance_store = cache(lambda: AttendanceStore(table(), shards=environment().shards, defaults=_defaults()))
site_store = cache(lambda: SiteStore(table()))
outdated_items = cache(lambda: OutdatedItems(table(), shards=environment().shards, defaults=_defaults()))
token_store = cache(lambda: TokenStore(table()))
rate_limits = cache(lambda: RateLimits(table()))
audit_log = cache(lambda: AuditLog(table()))
stored_replies = cache(lambda: StoredReplies(table()))
signing_key = cache(lambda: SigningKey(table()))
personal_data = cache(lambda: PersonalData(table(), shards=environment().shards))


@cache
def authenticator() -> Authenticator:
    """Return the authenticator of callers."""
    return Authenticator(token_store, rate_limits, lambda: directory().settings().limits)


def authenticate(request: Request, scope: str) -> Caller:
    """Authenticate a request by its token."""
    return authentication.authenticate(authenticator(), request, scope, now=now())


def authenticate_lab(request: Request, scope: str) -> Caller | None:
    """Authenticate a request to a route of the lab."""
    return authentication.authenticate_lab(environment().lab, authenticator(), request, scope, now=now())


@cache
def collection() -> FaceCollection:
    """Return the gateway to Rekognition."""
    return FaceCollection(
        _client("rekognition"), environment().collection, environment().bucket, environment().challenge
    )


@cache
def bucket() -> Bucket:
    """Return the gateway to the bucket."""
    # boto3 would sign links the old way in the oldest Regions, and send them to the global endpoint, which
    # redirects for a day after a bucket is made, and answers 400 for buckets of the newer Regions.
    own_endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    style: Literal["auto", "virtual"] = (
        "auto" if own_endpoint or environment().stage == "local" else "virtual"
    )
    config = _CONFIG.merge(Config(signature_version="s3v4", s3={"addressing_style": style}))
    return Bucket(_client("s3", config), environment().bucket)


@cache
def streaming() -> Streaming:
    """Return the issuer of streaming credentials."""
    client = _client("sts")
    env = environment()
    return Streaming(client, env.streaming_role, client.meta.region_name, env.stream_url or None)


def log_request(meter: Meter, ms: float, fields: dict[str, Any]) -> None:
    """Log the line of a request."""
    telemetry.log(environment(), meter, ms, fields, now=now())


def scheduled(name: str, run: Callable[[], dict[str, int]]) -> dict[str, int]:
    """Run a scheduled function; log its counts as metrics."""
    return telemetry.scheduled(name, run, log_request)
