"""The health of the service."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.aws.bucket import Bucket
from chalicelib.aws.collection import FaceCollection
from chalicelib.aws.directory import Directory
from chalicelib.config import ANY, VERSION, Environment
from chalicelib.web.request import Reply

_log = logging.getLogger("rollcall")


OPEN = "The lab's routes are OPEN: anybody who reaches this service can enrol, list and delete faces."


ANY_ORIGIN = "ROLLCALL_ORIGIN is *: pages of any origin may use a token that they get hold of."


UNSAFE = "The settings are UNSAFE: a photo, or somebody who looks alike, may pass for a person."


class Health(Struct, frozen=True):
    """The health of the service.

    `warning` is set where the lab's routes are open to everybody, and where a production stage answers pages
    of any origin; with `deep` also where the settings let photos or look-alikes pass.

    `checks` holds the result for the table, the bucket and the face collection, if an admin asked for it.
    """

    status: Literal["ok", "failed"]
    stage: str
    version: str
    lab: str
    time: datetime
    warning: str | None
    checks: dict[str, Literal["ok", "failed"]] | None = None


def health(environment: Environment, *, now: datetime) -> Health:
    """Return the health as far as the process alone can tell."""
    warnings = [OPEN] if environment.lab == "open" else []
    if environment.production and environment.origin == ANY:
        warnings.append(ANY_ORIGIN)
    return Health("ok", environment.stage, VERSION, environment.lab, now, " ".join(warnings) or None)


def deep(shallow: Health, directory: Directory, bucket: Bucket, collection: FaceCollection) -> Reply:
    """Check everything that the service depends on; the status is 503 if a check fails."""
    weak: list[str] = []
    local = shallow.stage == "local"
    checks = {
        "table": _check("table", lambda: weak.extend(directory.settings().weak(local=local))),
        "bucket": _check("bucket", bucket.check),
        "collection": _check("collection", collection.check),
    }
    healthy = all(result == "ok" for result in checks.values())
    status: Literal["ok", "failed"] = "ok" if healthy else "failed"
    warning = f"{shallow.warning or ''} {UNSAFE}".strip() if weak else shallow.warning
    return Reply(200 if healthy else 503, replace(shallow, status=status, checks=checks, warning=warning))


def _check(name: str, call: Callable[[], object]) -> Literal["ok", "failed"]:
    try:
        call()
    except Exception as error:  # any failure at all is the result
        _log.error("health: %s failed: %s", name, type(error).__name__)
        return "failed"
    return "ok"
