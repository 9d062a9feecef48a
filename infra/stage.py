"""A stage: its names, its account and Region, and how this process is connected to it."""

import json
import os
import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import regions

APP = "rollcall"
ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / ".chalice" / "config.json"
NAME = re.compile("[a-z][a-z0-9]{0,19}")
"""A stage's name. It has no hyphen, so that no stage's resources are named like another's."""


class Failure(Exception):
    """Something the user must put right; the message is the one line they read."""


class NotConnected(Failure):
    """No Region is chosen, or AWS does not accept the credentials."""


@dataclass(frozen=True)
class Stage:
    """A stage of .chalice/config.json in one account and Region."""

    name: str
    account: str
    region: str
    partition: str
    session: boto3.session.Session = field(repr=False, compare=False)

    @property
    def prefix(self) -> str:
        """The name of the stack, table, collection and API function; all other names begin with it."""
        return f"{APP}-{self.name}"

    @property
    def bucket_suffix(self) -> str:
        """What makes the bucket's name unique in all of AWS."""
        return f"-{self.account}-{self.region}"

    @property
    def role_suffix(self) -> str:
        """What makes a role's name unique in the account, whose Regions share their roles."""
        return f"-{self.region}"

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return f"{self.prefix}{self.bucket_suffix}"

    @property
    def protected(self) -> bool:
        """Whether the table is protected against deletion: on every stage except dev."""
        return self.name != "dev"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def role(self, name: str) -> str:
        """Return the ARN of a role: of a function, or `streaming`."""
        return f"arn:{self.partition}:iam::{self.account}:role/{self.prefix}-{name}{self.role_suffix}"

    @cached_property
    def _clients(self) -> Any:
        config = Config(retries={"mode": "adaptive", "total_max_attempts": 8})
        # cached_property bypasses the frozen dataclass, so each client is created once.
        return cache(lambda service: self.session.client(service, config=config))

    def client(self, service: str) -> Any:
        """Return a boto3 client that retries patiently; no user is waiting for an answer here."""
        return self._clients(service)


def configuration() -> dict[str, Any]:
    """Read .chalice/config.json. Raises Failure if it is missing or not JSON."""
    try:
        config: dict[str, Any] = json.loads(CONFIG.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure(".chalice/config.json is missing") from None
    except json.JSONDecodeError as error:
        raise Failure(f".chalice/config.json is not valid JSON: {error}") from None
    return config


def cloud_stages() -> list[str]:
    """Return the names of the stages that can be deployed."""
    return [name for name in configuration()["stages"] if name != "local"]


def settings(name: str) -> dict[str, Any]:
    """Read a stage's own part of .chalice/config.json. Raises Failure if there is none."""
    stages = configuration()["stages"]
    if name not in stages:
        raise Failure(f"there is no stage {name} in .chalice/config.json; there are {', '.join(stages)}")
    own: dict[str, Any] = stages[name]
    return own


def variables(name: str) -> dict[str, str]:
    """Return a stage's environment variables. Raises Failure if there is no such stage."""
    own = settings(name)
    return {**configuration().get("environment_variables", {}), **own.get("environment_variables", {})}


def in_cloud(name: str) -> dict[str, Any]:
    """Read the own part of a stage that can be deployed. Raises Failure if there is none such."""
    own = settings(name)
    if name == "local":
        raise Failure("stage local is served by `make run`; it has nothing in the cloud")
    return own


def region_of(name: str) -> str:
    """Return a stage's Region: its own if it has one, else boto3's. Raises Failure, NotConnected."""
    own, chosen = settings(name).get("region"), os.environ.get("AWS_DEFAULT_REGION")
    if own and chosen and own != chosen:
        raise Failure(f"stage {name} belongs to Region {own}, but AWS_DEFAULT_REGION is {chosen}")
    region = own or boto3.session.Session().region_name
    if region is None:
        raise NotConnected("no Region is set: export AWS_DEFAULT_REGION, or run `aws configure`")
    return str(region)


def find(name: str) -> Stage:
    """Connect to a cloud stage: check name, Region and credentials. Raises Failure, NotConnected."""
    in_cloud(name)
    region = region_of(name)
    session = boto3.session.Session(region_name=region)
    try:
        caller = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        hint = f" (is Region {region} enabled in the account?)" if region in regions.OPT_IN else ""
        raise NotConnected(f"AWS does not accept the credentials: {error}{hint}") from None
    return Stage(name, caller["Account"], region, caller["Arn"].split(":")[1], session)


def use(name: str, state: Path) -> None:
    """Connect this process's chalicelib to a stage.

    Stage local is the service that `make run` started; run.json in `state` says where it listens.
    Any other stage is in AWS. Raises Failure, NotConnected.
    """
    if name != "local":
        use_cloud(find(name))
        return
    from local.app.appserver import set_environment, stage_settings
    from local.aws.keys import AccessKey

    try:
        run = json.loads((state / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure(f"nothing runs on {state}: start `make run` first, or give --state") from None
    key = AccessKey(run["access_key_id"], run["secret_access_key"])
    own = stage_settings()["environment_variables"]
    set_environment(run["aws_url"], run["stream_url"], run["region"], key, own)


def use_cloud(stage: Stage) -> None:
    """Connect this process's chalicelib to a stage in AWS."""
    names = {"ROLLCALL_BUCKET": stage.bucket, "AWS_DEFAULT_REGION": stage.region}
    os.environ.update(variables(stage.name) | names)
