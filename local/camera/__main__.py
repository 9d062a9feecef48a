"""`python -m local.camera`: finish a liveness session from a photo or a video, without a browser."""

import argparse
import json
import ssl
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from websockets.exceptions import WebSocketException

from local import weights
from local.aws.sigv4 import Credentials
from local.camera.client import ServerRefused, play
from local.camera.relief import NoFaceInPhoto
from local.liveness import certificate
from local.liveness.challenge import LIGHT, MOVEMENT
from local.liveness.judge.video import VideoRefused
from local.rekognition.engine import Engine
from local.rekognition.exceptions import RekognitionError

ROLE = "arn:aws:iam::123456789012:role/rollcall-local-streaming"
_NEEDED = ("aws_url", "stream_url", "region", "access_key_id", "secret_access_key")
CHALLENGES = {"movement": MOVEMENT, "light": LIGHT}


def main(arguments: list[str] | None = None) -> int:
    """Play one session. 0 when the server says complete, 1 when it refuses, 2 for a mistake here."""
    options = _options(arguments)
    try:
        photo, recorded = _read("--photo", options.photo), _read("--video", options.video)
        run = _run(options)
        engine = Engine(weights.models_folder())
        access_key, credentials = temporary_credentials(run)
        played = play(
            run["stream_url"],
            options.session,
            run["region"],
            access_key,
            credentials,
            photo,
            recorded=recorded,
            flat=options.flat,
            engine=engine,
            challenge=CHALLENGES.get(options.challenge),
            tls=_tls(run["stream_url"], options.state),
        )
    except ServerRefused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        if options.explain:
            _explain(run["aws_url"], options.session)
        return 1
    except (_Mistake, NoFaceInPhoto, VideoRefused, weights.WeightsError) as error:
        print(f"camera: {error}", file=sys.stderr)
        return 2
    except RekognitionError as error:
        print(f"camera: {error.message}", file=sys.stderr)
        return 2
    except (OSError, BotoCoreError, ClientError, WebSocketException) as error:
        print(f"camera: {error}", file=sys.stderr)
        return 2
    print(played)
    if options.explain:
        _explain(run["aws_url"], options.session)
    return 0


def _read(option: str, path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path else None
    except OSError as error:
        raise _Mistake(f"{option} {path} cannot be read ({error.strerror})") from error


def temporary_credentials(run: dict[str, Any]) -> tuple[str, Credentials]:
    """Request temporary credentials from STS, as a backend does for its browser."""
    sts = boto3.client(
        "sts",
        endpoint_url=run["aws_url"],
        region_name=run["region"],
        aws_access_key_id=run["access_key_id"],
        aws_secret_access_key=run["secret_access_key"],
        config=Config(retries={"max_attempts": 1}),
    )
    given = sts.assume_role(RoleArn=ROLE, RoleSessionName="camera")["Credentials"]
    return given["AccessKeyId"], Credentials(given["SecretAccessKey"], given["SessionToken"])


def _explain(aws_url: str, session: str) -> None:
    """Print the embedded AWS's explanation of its verdict, as JSON."""
    try:
        with urlopen(f"{aws_url}/_rollcall/liveness-sessions/{quote(session, safe='')}/explain") as answer:  # noqa: S310
            print(json.dumps(json.load(answer), indent=2))
    except OSError as error:
        print(f"camera: no explanation: {error}", file=sys.stderr)


class _Mistake(Exception):
    """The command cannot be run with these arguments."""


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.camera", description=__doc__)
    parser.add_argument(
        "--state", type=Path, default=Path(".local"), help="folder of the running `python -m local`"
    )
    parser.add_argument("--session", required=True, help="the liveness session's id")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--photo", type=Path, help="JPEG or PNG of the person to play")
    source.add_argument("--video", type=Path, help="WebM or MP4 to play as it is")
    parser.add_argument("--challenge", choices=sorted(CHALLENGES), help="offer only this challenge")
    parser.add_argument(
        "--flat", action="store_true", help="move the photo as a sheet of paper (to be refused)"
    )
    parser.add_argument("--explain", action="store_true", help="print why the judge decided as it did")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> dict[str, Any]:
    """The content of run.json."""
    path = options.state / "run.json"
    try:
        run: dict[str, Any] = json.loads(path.read_bytes())
    except OSError:
        raise _Mistake(
            f"{path} is not there: is `make run` running? (--state names its state folder)"
        ) from None
    except ValueError:
        raise _Mistake(f"{path} is damaged: stop and start `make run`") from None
    if missing := [name for name in _NEEDED if not run.get(name)]:
        raise _Mistake(f"{path} lacks {', '.join(missing)}")
    return run


def _tls(stream_url: str, state: Path) -> ssl.SSLContext | None:
    if not stream_url.startswith("wss:"):
        return None
    return ssl.create_default_context(cafile=str(state / certificate.NAME))


if __name__ == "__main__":
    sys.exit(main())
