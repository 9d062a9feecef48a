"""`python -m local`: runs an embedded AWS and the app in one process."""

import argparse
import contextlib
import fcntl
import importlib
import json
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RUN_FILE = "run.json"
TOKENS_FILE = "tokens.json"
DATA = ("aws.db", "faces.db", TOKENS_FILE)
"""The files that `--reset` deletes: stored data, and the tokens printed at the start."""


class Failure(Exception):
    """The service cannot run. The message is one line that tells the user what to change."""


class Run(NamedTuple):
    """What a client needs to reach a running service; the content of run.json."""

    url: str
    aws_url: str
    stream_url: str
    stream_tls_url: str
    region: str
    pid: int
    tokens: dict[str, str]


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ValueError(text)
    return number


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--port", type=_port, default=8000, help="the app's port (0: a free one)")
    parser.add_argument("--aws-port", type=_port, default=4566, help="the port of the AWS services")
    parser.add_argument("--stream-port", type=_port, default=4567, help="the port of liveness streams")
    parser.add_argument(
        "--stream-tls-port", type=_port, default=0, help="the same over TLS (default: a free one)"
    )
    parser.add_argument("--state", type=Path, default=Path(".local"), help="where data is kept")
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve on")
    parser.add_argument("--reset", action="store_true", help="delete the data of --state and stop")
    parser.add_argument("--verbose", action="store_true", help="one line per request")
    return parser.parse_args(words)


@contextlib.contextmanager
def _state(folder: Path) -> Iterator[Path]:
    """Create and lock the state folder. Raises Failure if another run uses it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("a")
    except OSError as error:
        raise Failure(f"the state folder {folder} cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failure(
                f"the state folder {folder} is in use by another run: stop it, or give STATE="
            ) from None
        yield folder.resolve()


def _write(target: Path, content: Any) -> Path:
    """Write a file of JSON whole or not at all, for this user only (mkstemp makes it 0600)."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2) + "\n")
    Path(name).replace(target)
    return target


def _tokens(folder: Path) -> dict[str, str]:
    """Return a token of each role: that of the last run if it is still active, else a new one."""
    from chalicelib import wiring
    from chalicelib.domain.token import Role
    from chalicelib.services import tokens

    kept: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads((folder / TOKENS_FILE).read_text(encoding="utf-8"))
    token_store, now = wiring.token_store(), wiring.now()
    found: dict[str, str] = {}
    for role in Role:
        known = token_store.find(tokens.token_digest(kept.get(role, "")))
        if known and known.role is role and known.is_active(now):
            found[role.value] = kept[role]
        else:
            body = tokens.NewToken(role=role, label=f"make run, {role.value}")
            found[role.value] = tokens.create(token_store, body, now=now).token
    _write(folder / TOKENS_FILE, found)
    return found


def serve(options: argparse.Namespace, stopped: threading.Event) -> None:
    """Serve until `stopped`. Raises Failure."""
    from local.app.appserver import AppServer, set_environment, stage_settings
    from local.app.schedules import Schedules, Unsupported
    from local.aws.embedded import ACCESS_KEY, REGION, SECRET_KEY, Embedded
    from local.aws.storage import StateDamaged
    from local.rekognition.models import StateDamaged as FacesDamaged
    from local.weights import WeightsError

    with _state(options.state) as folder, contextlib.ExitStack() as stack:
        (folder / RUN_FILE).unlink(missing_ok=True)
        try:
            server = AppServer(options.host, options.port, verbose=options.verbose)
            stack.callback(server.stop)
            embedded = Embedded(
                folder,
                options.host,
                options.aws_port,
                options.stream_port,
                options.stream_tls_port,
                verbose=options.verbose,
            )
            stack.callback(embedded.stop)
            embedded.start()
        except (FacesDamaged, StateDamaged, WeightsError) as error:
            raise Failure(str(error)) from error
        except OSError as error:
            raise Failure(f"a port cannot be opened: {error.strerror or error}") from error
        settings = stage_settings()
        stream_url = embedded.stream_url
        # As AWS's browser component wants it: it takes an https URL, and opens wss whatever it is given.
        endpoint = embedded.stream_tls_url.replace("wss:", "https:")
        set_environment(
            embedded.aws_url, endpoint, REGION, ACCESS_KEY, SECRET_KEY, settings["environment_variables"]
        )
        app = _load_app()
        try:
            schedules = Schedules(app)
        except Unsupported as error:
            raise Failure(str(error)) from error
        server.start(app, settings.get("lambda_timeout", 29))
        schedules.start()
        stack.callback(schedules.stop)
        run = Run(
            server.url,
            embedded.aws_url,
            stream_url,
            embedded.stream_tls_url,
            REGION,
            os.getpid(),
            _tokens(folder),
        )
        stack.callback(_write(folder / RUN_FILE, run._asdict()).unlink, missing_ok=True)
        # The log shows the result of each liveness check and its reasons; the API only says live or not.
        logging.getLogger("local").addHandler(logging.StreamHandler())
        logging.getLogger("local").setLevel(logging.INFO)
        _announce(run, options.state)
        stopped.wait()
        print("Stopping.", flush=True)


def _load_app() -> Any:
    sys.path.insert(0, str(ROOT))
    return importlib.import_module("app").app


def _announce(run: Run, state: Path) -> None:
    from chalicelib import wiring
    from chalicelib.web.health import health

    tokens = "".join(f"\n  {role.capitalize():<9} {token}" for role, token in run.tokens.items())
    warning = health(wiring.environment(), now=wiring.now()).warning
    print(
        f"""Rollcall is ready.
  API       {run.url}  (what it can do: {run.url}/docs)
  AWS       {run.aws_url}  ({run.region}; DynamoDB, S3, STS, IAM, Rekognition)
  Liveness  {run.stream_url}  {run.stream_tls_url}
  State     {state}  (`make reset` wipes it)
Tokens, also in {state / RUN_FILE}:{tokens}
{f"WARNING: {warning}" if warning else ""}

Try this (two photos of one person, me.jpg and again.jpg):
  curl -F name=Me -F photo=@me.jpg {run.url}/index-face
  SESSION=$(curl -s {run.url}/session | grep -o '[0-9a-f-]\\{{36\\}}')
  .venv/bin/python -m local.camera --state {state} --session $SESSION --photo again.jpg
  curl {run.url}/liveness-result/$SESSION
  curl -H "Authorization: Bearer {run.tokens["viewer"]}" {run.url}/v1/attendance
Ctrl-C stops it.""",
        flush=True,
    )


def reset(folder: Path) -> None:
    """Delete the data in a state folder, and nothing else that lies there. Raises Failure if it is in use."""
    if not folder.is_dir():
        print(f"There is nothing in {folder}.")
        return
    with _state(folder):
        for name in DATA:
            for path in folder.glob(f"{name}*"):
                path.unlink()
        (folder / RUN_FILE).unlink(missing_ok=True)
    print(f"All data in {folder} is deleted.")


def main(words: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; gives the exit code."""
    options = arguments(words)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        if options.reset:
            reset(options.state)
        else:
            serve(options, stopped)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of models and idle connections have nothing left to save, so they are not waited for.
    os._exit(code)
