"""`python -m local`: runs an embedded AWS and the app in one process, or the embedded AWS alone."""

import argparse
import contextlib
import importlib
import json
import logging
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.config import ANY, web_origins
from local.state import (
    DEFAULT,
    FACES,
    ITEMS,
    ROOT,
    RUN_FILE,
    TOKENS_FILE,
    Failure,
    forget_faces_command,
    locked,
    reset,
    reset_command,
)

if TYPE_CHECKING:
    from local.admission import Admission
    from local.aws.embedded import Embedded

_PORTS = {"port": "PORT", "aws_port": "AWS_PORT", "stream_port": "STREAM_PORT", "tls_port": "TLS_PORT"}
"""Options that are ports, and what they are called for make."""


class Run(NamedTuple):
    """What a client needs to reach a running service; the content of run.json."""

    url: str | None
    """None where the embedded AWS runs alone."""
    aws_url: str
    stream_url: str
    stream_tls_url: str
    region: str
    access_key_id: str
    secret_access_key: str
    pid: int
    tokens: dict[str, str]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        """Say what is wrong in one line, without the usage."""
        raise Failure(f"{message} (python -m local --help lists the options)")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises Failure."""
    parser = _Parser(prog="python -m local", description=__doc__)
    parser.add_argument("--port", default="8000", help="the app's port (0: a free one)")
    parser.add_argument("--aws-port", default="4566", help="the port of the AWS services")
    parser.add_argument("--stream-port", default="4567", help="the port of liveness streams")
    parser.add_argument("--tls-port", default="4568", help="the port of liveness streams over TLS")
    parser.add_argument("--state", type=Path, default=DEFAULT, help="where data is kept")
    parser.add_argument("--host", default="127.0.0.1", help="the address to serve on")
    parser.add_argument("--aws-only", action="store_true", help="serve AWS alone, for `chalice local`")
    parser.add_argument("--reset", action="store_true", help="delete the data of --state and stop")
    parser.add_argument("--verbose", action="store_true", help="print a line for each request")
    options = parser.parse_args(words)
    for name, variable in _PORTS.items():
        setattr(options, name, _port(variable, getattr(options, name)))
    return options


def _port(variable: str, text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65_535:
        raise Failure(f"{variable}={text} is not a port: give a number up to 65535, or 0 for a free one")
    return number


def _taken(error: OSError, options: argparse.Namespace) -> Failure:
    """Name the option of a port that cannot be opened."""
    text = error.strerror or str(error)
    for name, variable in _PORTS.items():
        number = getattr(options, name)
        if number and re.search(rf"\b{number}\b", text):
            return Failure(
                f"{variable}={number} cannot be used on {options.host} ({_reason(error)}): give another, "
                f"{variable}=0 for a free one"
            )
    return Failure(f"HOST={options.host} cannot be served on ({text}): 127.0.0.1 always can")


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def _write(target: Path, content: Any) -> Path:
    from local.aws.keys import write_private

    return write_private(target, json.dumps(content, indent=2) + "\n")


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


@contextlib.contextmanager
def _embedded(folder: Path, options: argparse.Namespace, admission: "Admission") -> "Iterator[Embedded]":
    """Run the embedded AWS, and connect this process's chalicelib to it. Raises Failure, OSError."""
    from local.app.appserver import set_environment, stage_settings
    from local.aws.embedded import REGION, Embedded
    from local.aws.keys import key_of_state, write_profile
    from local.aws.storage import StateDamaged
    from local.rekognition.models import StateDamaged as FacesDamaged
    from local.weights import WeightsError

    key = key_of_state(folder)
    if (folder / ITEMS[0]).exists() and not (folder / FACES[0]).exists():
        (folder / FACES[-1]).touch()
    try:
        embedded = Embedded(
            folder,
            options.host,
            options.aws_port,
            options.stream_port,
            options.tls_port,
            key=key,
            origins=",".join(_origins()),
            admission=admission,
            verbose=options.verbose and options.aws_only,
        )
    except WeightsError as error:
        raise Failure(str(error)) from error
    except FacesDamaged as error:
        command = forget_faces_command(folder)
        raise Failure(f"{error}: `{command}`; the next start makes it anew from the photos") from error
    except StateDamaged as error:
        raise Failure(f"{error}: `{reset_command(folder)}` starts anew") from error
    try:
        embedded.start()
        write_profile(folder, embedded.aws_url, REGION)
        # As AWS's browser component wants it: it takes an https URL, and opens wss whatever it is given.
        endpoint = embedded.stream_tls_url.replace("wss:", "https:")
        set_environment(embedded.aws_url, endpoint, REGION, key, stage_settings()["environment_variables"])
        yield embedded
    except StateDamaged as error:
        raise Failure(f"{error}: `{reset_command(folder)}` starts anew") from error
    finally:
        embedded.stop()


def _admission(options: argparse.Namespace) -> "Admission":
    """Admit what is served here, and the pages of front-end developers: ROLLCALL_ORIGIN may name more."""
    from local.admission import DEVELOPMENT_ORIGINS, Admission

    own = _origins()
    admission = Admission(options.host, (*DEVELOPMENT_ORIGINS, *(own if own != (ANY,) else ())))
    if options.aws_only:
        admission.add_address(options.host, options.port)  # where `chalice local` serves the app
    return admission


def _origins() -> tuple[str, ...]:
    try:
        return web_origins(os.environ.get("ROLLCALL_ORIGIN") or ANY)
    except ValueError as error:
        raise Failure(f"ROLLCALL_ORIGIN: {error}") from None


def _restore_faces(folder: Path) -> None:
    """Index everybody's faces anew from their photos, if the file of faces was lost."""
    from chalicelib import wiring
    from chalicelib.services.restore_collection import Reindexed, reindex

    incomplete = folder / FACES[-1]
    if not incomplete.exists():
        return
    directory, total = wiring.directory(), Reindexed()
    for person in directory.all_people():
        total += reindex(directory, wiring.collection(), wiring.bucket(), person.person_id)
    incomplete.unlink()
    print(f"{folder / FACES[0]} was missing. Faces indexed anew from their photos: {total.restored}")
    for lost in total.lost:
        print(f"warning: a face is lost ({lost})", file=sys.stderr)


def _upgrade(folder: Path) -> None:
    """Upgrade the items that an earlier version wrote, if there are any."""
    from chalicelib import wiring
    from chalicelib.services import migration

    items = wiring.outdated_items()
    found = migration.find_outdated(items)
    if not found.settings and not found.people:
        return
    migration.upgrade_settings(items)
    for person_id in found.people:
        migration.upgrade_person(items, person_id)
    print(
        f"{folder / ITEMS[0]} was written by an earlier version. Upgraded: settings and "
        f"{len(found.people)} people"
    )


def serve(options: argparse.Namespace, stopped: threading.Event) -> None:
    """Serve until `stopped`. Raises Failure."""
    from local.app.appserver import AppServer, stage_settings
    from local.app.schedules import Schedules, Unsupported
    from local.aws.embedded import REGION

    with locked(options.state) as folder, contextlib.ExitStack() as stack:
        (folder / RUN_FILE).unlink(missing_ok=True)
        server: AppServer | None = None
        admission = _admission(options)
        try:
            if not options.aws_only:
                server = AppServer(options.host, options.port, admission=admission, verbose=options.verbose)
                stack.callback(server.stop)
            embedded = stack.enter_context(_embedded(folder, options, admission))
        except OSError as error:
            raise _taken(error, options) from error
        _upgrade(folder)
        _restore_faces(folder)
        if server:
            app = _load_app()
            try:
                schedules = Schedules(app)
            except Unsupported as error:
                raise Failure(str(error)) from error
            server.start(app, stage_settings().get("lambda_timeout", 29))
            schedules.start()
            stack.callback(schedules.stop)
        run = Run(
            server.url if server else None,
            embedded.aws_url,
            embedded.stream_url,
            embedded.stream_tls_url,
            REGION,
            *embedded.key,
            os.getpid(),
            _tokens(folder),
        )
        stack.callback(_write(folder / RUN_FILE, run._asdict()).unlink, missing_ok=True)
        # The log shows the result of each liveness check and its reasons; the API only says live or not.
        logging.getLogger("local").addHandler(logging.StreamHandler())
        logging.getLogger("local").setLevel(logging.INFO)
        print(_banner(run, options.state), flush=True)
        stopped.wait()
        print("Stopping.", flush=True)


def _load_app() -> Any:
    sys.path.insert(0, str(ROOT))
    return importlib.import_module("app").app


def _banner(run: Run, state: Path) -> str:
    from chalicelib import wiring
    from chalicelib.web.health import health

    if run.url:
        first = f"Rollcall is ready.\n  API       {run.url}  (what it can do: {run.url}/docs)"
    elif state.resolve() == (ROOT / DEFAULT).resolve():
        first = "The embedded AWS is ready. The app: .venv/bin/chalice local --stage local"
    else:
        first = f"The embedded AWS is ready. (`chalice local --stage local` uses that of {DEFAULT} alone.)"
    tokens = "".join(f"\n  {role.capitalize():<9} {token}" for role, token in run.tokens.items())
    warning = health(wiring.environment(), now=wiring.now()).warning
    shown = f"""{first}
  AWS       {run.aws_url}  ({run.region}; DynamoDB, S3, STS, IAM, Rekognition)
  AWS key   {run.access_key_id}  {run.secret_access_key}
  Liveness  {run.stream_url}  {run.stream_tls_url}
  State     {state}  (`{reset_command(state)}` wipes it)
Tokens, in {state / RUN_FILE} like the key:{tokens}
{f"WARNING: {warning}" if warning else ""}
"""
    if run.url:
        shown += f"""
Try this (README.md goes on from here):
  curl -F name=Eileen -F photo=@tests/photos/astronaut.jpg {run.url}/index-face
  SESSION=$(curl -s {run.url}/session | grep -o '[0-9a-f-]\\{{36\\}}')
  .venv/bin/python -m local.camera --state {shlex.quote(str(state))} --session $SESSION \\
    --photo tests/photos/astronaut.jpg
  curl {run.url}/liveness-result/$SESSION
  curl -H "Authorization: Bearer {run.tokens["viewer"]}" {run.url}/v1/attendance
"""
    return shown + "Ctrl-C stops it."


def main(words: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; gives the exit code."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        options = arguments(words)
        if not options.reset:
            serve(options, stopped)
        elif reset(options.state):
            print(f"All data in {options.state} is deleted.")
        else:
            print(f"{options.state} has no data of Rollcall: nothing is deleted.")
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
