"""Where the app meets the machine: the only reader of the environment and the clock, the only importer
of boto3. Gateways are made at their first use and kept for the life of the process.
"""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Literal

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from chalicelib.errors import LabOff
from chalicelib.faces import Challenge, Faces
from chalicelib.liveness import Streaming
from chalicelib.photos import Photos
from chalicelib.settings import defaults
from chalicelib.store import Store
from chalicelib.table import Table

VERSION = "0.1.0"

# API Gateway gives up at 29 s: one attempt of at most 8 s and two more leave room for an answer.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    tcp_keepalive=True,
)

_BUSY_STATUS = {429, 500, 502, 503, 504}
_BUSY_CODES = {
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


def require_lab() -> None:
    """Refuse the lab's routes on stages where they are off; raises LabOff."""
    if environment().lab == "off":
        raise LabOff


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()


@cache
def store() -> Store:
    """Give the table's gateway."""
    env = environment()
    table = Table(_session().client("dynamodb", config=_CONFIG), env.table)
    return Store(table, shards=env.shards, defaults=defaults(local=env.stage == "local", zone=env.zone))


@cache
def faces() -> Faces:
    """Give Rekognition's gateway."""
    return Faces(
        _session().client("rekognition", config=_CONFIG),
        environment().collection,
        environment().bucket,
        environment().challenge,
    )


@cache
def photos() -> Photos:
    """Give the bucket's gateway."""
    return Photos(_session().client("s3", config=_CONFIG), environment().bucket)


@cache
def streaming() -> Streaming:
    """Give the lender of streaming credentials."""
    client = _session().client("sts", config=_CONFIG)
    env = environment()
    return Streaming(client, env.streaming_role, client.meta.region_name, env.stream_url or None)


def is_busy(error: Exception) -> bool:
    """Say whether AWS throttled, timed out or failed, so that trying again later may help."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status in _BUSY_STATUS or error.response.get("Error", {}).get("Code") in _BUSY_CODES
    return isinstance(error, HTTPClientError)  # no connection, or it broke, or no answer in time
