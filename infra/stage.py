"""A stage: its names, where it is, and how this process is pointed at it."""

import json
import os
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

APP = "rollcall"
ROOT = Path(__file__).resolve().parent.parent

LIVENESS_REGIONS = {"ap-northeast-1", "ap-south-1", "eu-west-1", "us-east-1", "us-west-2"}
"""Where Face Liveness is offered, as far as was known in November 2026."""


class Failure(Exception):
    """Something the user must put right; the message is the one line they read."""


@dataclass(frozen=True)
class Stage:
    """A stage of .chalice/config.json in the account and Region that boto3's credentials lead to."""

    name: str
    account: str
    region: str
    partition: str
    session: boto3.session.Session = field(repr=False, compare=False)

    @property
    def prefix(self) -> str:
        """What every name of the stage begins with; also the name of its stack, table and collection."""
        return f"{APP}-{self.name}"

    @property
    def bucket(self) -> str:
        """The bucket's name, which no other account can have."""
        return f"{self.prefix}-{self.account}"

    def arn(self, service: str, resource: str) -> str:
        """Name something of this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def streaming_role(self) -> str:
        """The ARN of the role whose credentials a camera gets."""
        return f"arn:{self.partition}:iam::{self.account}:role/{self.prefix}-streaming"

    @cached_property
    def _clients(self) -> Any:
        config = Config(retries={"mode": "adaptive", "total_max_attempts": 8})
        # cached_property writes past the frozen dataclass: clients are made once each.
        return cache(lambda service: self.session.client(service, config=config))

    def client(self, service: str) -> Any:
        """Give a boto3 client that has patience: nobody waits at a camera here."""
        return self._clients(service)


def variables(stage: str) -> dict[str, str]:
    """Read a stage's environment variables from .chalice/config.json; raises Failure if it has none such."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    if stage not in config["stages"]:
        known = ", ".join(config["stages"])
        raise Failure(f"there is no stage {stage} in .chalice/config.json; there are {known}")
    return {
        **config.get("environment_variables", {}),
        **config["stages"][stage].get("environment_variables", {}),
    }


def find(name: str) -> Stage:
    """Find a cloud stage: checks its name, the credentials and the Region. Raises Failure."""
    variables(name)
    if name == "local":
        raise Failure("stage local is served by `make run`; there is nothing of it in the cloud")
    session = boto3.session.Session()
    if session.region_name is None:
        raise Failure("no Region is set: export AWS_DEFAULT_REGION, or `aws configure`")
    try:
        caller = session.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"AWS does not know these credentials: {error}") from None
    return Stage(name, caller["Account"], session.region_name, caller["Arn"].split(":")[1], session)


def use(name: str, state: Path) -> None:
    """Point this process's chalicelib at a stage.

    Stage local is the service that `make run` started: its run.json in `state` says where it listens.
    Any other stage is in AWS, found with the credentials and Region that boto3 finds. Raises Failure.
    """
    if name != "local":
        use_cloud(find(name))
        return
    own = variables(name)
    from local.app.appserver import set_environment
    from local.aws.embedded import ACCESS_KEY, SECRET_KEY

    try:
        run = json.loads((state / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure(f"nothing runs on {state}: `make run` first, or give --state") from None
    set_environment(run["aws_url"], run["stream_url"], run["region"], ACCESS_KEY, SECRET_KEY, own)


def use_cloud(stage: Stage) -> None:
    """Point this process's chalicelib at a stage in AWS."""
    names = {"ROLLCALL_BUCKET": stage.bucket, "AWS_DEFAULT_REGION": stage.region}
    os.environ.update(variables(stage.name) | names)
