"""`ci`: the role with which a GitHub workflow deploys a stage, without any key.

GitHub tells AWS by OpenID Connect which repository and environment a run belongs to; the role of a stage
trusts the environment of its name. .github/workflows/deploy.yml uses it.
"""

import argparse
import re

from infra import stack
from infra.progress import say
from infra.stage import APP, ROOT, Failure, Stage, find
from local.aws.resources import read

TEMPLATE = ROOT / "infra" / "pipeline.yaml"
_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
_PROVIDER = "token.actions.githubusercontent.com"


def name(stage: Stage) -> str:
    """Return the name of a pipeline's stack. It does not begin like a stage's."""
    return f"pipeline-of-{APP}-{stage.name}"


def ci(options: argparse.Namespace) -> None:
    """Create or change the role of a stage's pipeline, or remove it, and say what GitHub must know.

    Raises Failure.
    """
    if options.repository is not None and not _REPOSITORY.fullmatch(options.repository):
        raise Failure(f"{options.repository} is not a repository; one is owner/name")
    if options.repository is None and not options.remove:
        raise Failure("give --repository owner/name, or --remove")
    stage = find(options.stage)
    if options.remove:
        stack.delete(stage, name(stage))
        print(f"The pipeline of {stage.prefix} may no longer deploy.")
        return
    parameters = {
        "Stage": stage.name,
        "BucketSuffix": stage.bucket_suffix,
        "RoleSuffix": stage.role_suffix,
        "Repository": options.repository,
        "MakesProvider": _makes_provider(stage),
    }
    stack.apply(stage, name(stage), read(TEMPLATE), parameters, dry_run=options.dry_run)
    if options.dry_run:
        return
    say(f"On GitHub, in environment {stage.name} of {options.repository}, set these variables:")
    print(f"AWS_ROLE={stage.role('pipeline')}")
    print(f"AWS_REGION={stage.region}")


def _makes_provider(stage: Stage) -> str:
    """Return whether the stack makes the identity provider: if it did before, or if there is none yet."""
    if kept := stack.parameters(stage, name(stage)).get("MakesProvider"):
        return kept
    listed = stage.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return "no" if any(found["Arn"].endswith(f"/{_PROVIDER}") for found in listed) else "yes"
