"""The smoke test: whether a deployed API is up, knows its tokens and reaches its table.

`python -m infra smoke --url URL` runs it against any API of Rollcall, without AWS credentials.
"""

import argparse
import json
import os
import urllib.error
import urllib.request
from typing import Any

from infra.progress import say, until
from infra.stage import Failure, Stage


def run(options: argparse.Namespace) -> None:
    """Run the smoke test on a URL, with the token in ROLLCALL_TOKEN if there is one. Raises Failure."""
    smoke(options.url.rstrip("/"), os.environ.get("ROLLCALL_TOKEN") or None)
    print(f"{options.url} works.")


def stage_logs(stage: Stage) -> str:
    """Say where a stage's logs are."""
    return f"read log groups /aws/lambda/{stage.prefix} and /rollcall/{stage.name}/access in {stage.region}"


def smoke(url: str, token: str | None, hint: str = "") -> None:
    """Request a deployed API's health, and its settings with an admin's `token` if one is known.

    Raises Failure with the cause, followed by `hint`.
    """
    cause = ""

    def healthy() -> Any:
        nonlocal cause
        try:
            return _get(f"{url}/health", None)
        except urllib.error.HTTPError as error:
            cause = _described(error)
        except (urllib.error.URLError, TimeoutError) as error:
            cause = str(getattr(error, "reason", error))
        except ValueError:
            cause = "the answer is not JSON"
        return None  # the name and permissions of a new API take some seconds to spread

    try:
        health = until(healthy, f"{url}/health", tries=30)
    except Failure:
        raise Failure(f"GET {url}/health fails: {cause}{hint}") from None
    say(f"  GET /health: {health['status']}, stage {health['stage']}, version {health['version']}")
    try:
        settings = _get(f"{url}/v1/settings", token)
    except urllib.error.HTTPError as error:
        if error.code == 401 and token is None:  # a token exists, but it is not known here
            say("  GET /v1/settings without a token: 401")
            return
        raise Failure(f"GET {url}/v1/settings fails: {_described(error)}{hint}") from None
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        raise Failure(f"GET {url}/v1/settings fails: {error}{hint}") from None
    if token is None:
        raise Failure(f"GET {url}/v1/settings is answered without a token")
    say(f"  GET /v1/settings: zone {settings['calendar']['zone']}")


def _described(error: urllib.error.HTTPError) -> str:
    return f"{error.code} {error.read().decode(errors='replace')[:500]}".strip()


def _get(url: str, token: str | None) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the URL is Chalice's or the user's
    with urllib.request.urlopen(request, timeout=29) as reply:  # noqa: S310
        return json.load(reply)
