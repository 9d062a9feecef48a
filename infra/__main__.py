"""`python -m infra`: what an administrator does to a stage from outside."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

PARALLEL = 8
"""How many people's days are rebuilt at a time."""


class Failure(Exception):
    """Something the user must put right; the message is the one line they read."""


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; each command's function is in `run`."""
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    stage = argparse.ArgumentParser(add_help=False)
    stage.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
    stage.add_argument(
        "--state",
        type=Path,
        default=Path(".local"),
        help="for stage local: where `make run`, which must be running, keeps its data (default: .local)",
    )

    rebuild = commands.add_parser(
        "rebuild-days", parents=[stage], help="write the work days anew from the punches"
    )
    rebuild.add_argument("--from", dest="since", type=date.fromisoformat, required=True, metavar="DATE")
    rebuild.add_argument("--to", dest="until", type=date.fromisoformat, required=True, metavar="DATE")
    rebuild.set_defaults(run=rebuild_days)
    return parser.parse_args(words)


def use_stage(stage: str, state: Path) -> None:
    """Point this process at a stage: its names come from .chalice/config.json.

    Stage local is the service that `make run` started: its run.json in `state` says where it listens.
    Any other stage is in AWS, found with the credentials and region that boto3 finds. Raises Failure.
    """
    from local.appserver import CONFIG, set_environment, stage_settings

    stages = json.loads(CONFIG.read_text(encoding="utf-8"))["stages"]
    if stage not in stages:
        raise Failure(f"there is no stage {stage} in .chalice/config.json; there are {', '.join(stages)}")
    variables = stage_settings(stage=stage)["environment_variables"]
    if stage != "local":
        os.environ.update(variables)
        return
    from local.embedded import ACCESS_KEY, SECRET_KEY

    try:
        run = json.loads((state / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure(f"nothing runs on {state}: `make run` first, or give --state") from None
    set_environment(run["aws_url"], run["stream_url"], run["region"], ACCESS_KEY, SECRET_KEY, variables)


def rebuild_days(options: argparse.Namespace) -> None:
    """Write everybody's work days anew from the punches where they differ. Raises Failure."""
    use_stage(options.stage, options.state)
    from chalicelib import corrections, wiring
    from chalicelib.errors import InvalidRequest
    from chalicelib.periods import period

    try:
        days = len(period(options.since, options.until))
    except InvalidRequest as error:
        raise Failure(str(error).replace("`", "")) from None
    store = wiring.store()
    people = sorted(person.person_id for person in store.everybody())
    print(f"{len(people)} people, {days} days each", file=sys.stderr)

    def rebuild(person_id: str) -> int:
        return corrections.rebuild(store, person_id, options.since, options.until)

    changed = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        for number, found in enumerate(pool.map(rebuild, people), start=1):
            changed += found
            if number % 100 == 0 or number == len(people):
                print(f"{number} of {len(people)} people done", file=sys.stderr, flush=True)
    print(f"{changed} days of people were wrong and are rewritten.")


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit code."""
    options = arguments(words)
    try:
        options.run(options)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
