"""`python -m infra`: what an administrator does to a stage from outside."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
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

    token = commands.add_parser("token", help="make, list or revoke tokens")
    actions = token.add_subparsers(required=True, metavar="action")
    create = actions.add_parser("create", parents=[stage], help="make one; it is shown this once")
    create.add_argument("--role", required=True, choices=["kiosk", "viewer", "manager", "admin"])
    create.add_argument("--label", help="who or what it is for (default: the role)")
    create.add_argument("--site", help="where that is")
    create.add_argument("--days", type=int, help="for how many days it holds (default: until revoked)")
    create.set_defaults(run=create_token)
    actions.add_parser("list", parents=[stage], help="list those that hold").set_defaults(run=list_tokens)
    revoke = actions.add_parser("revoke", parents=[stage], help="make one worthless")
    revoke.add_argument("token_id")
    revoke.set_defaults(run=revoke_token)

    retain = commands.add_parser(
        "retain", parents=[stage], help="remove what has been kept for as long as the settings say"
    )
    retain.add_argument("--dry-run", action="store_true", help="only say what would go")
    retain.set_defaults(run=retention)
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


def create_token(options: argparse.Namespace) -> None:
    """Make a token and print it, alone on the standard output. Raises Failure."""
    use_stage(options.stage, options.state)
    from chalicelib import audit, tokens, wiring
    from chalicelib.access import Role
    from chalicelib.errors import InvalidRequest
    from chalicelib.http import Reply

    now = wiring.now()
    expires_at = now + timedelta(days=options.days) if options.days is not None else None
    label = options.label or options.role
    body = tokens.NewToken(role=Role(options.role), label=label, site=options.site, expires_at=expires_at)
    try:
        with audit.audited(wiring.access(), audit.OUTSIDE, "infra token create", {}, now=now) as done:
            made = tokens.mint(wiring.access(), body, now=now)
            done(Reply(201, made))
    except InvalidRequest as error:
        raise Failure(str(error).replace("`", "")) from None
    print(f"Token {made.token_id} ({made.role}); it is shown this once:", file=sys.stderr)
    print(made.token)


def list_tokens(options: argparse.Namespace) -> None:
    """Print the tokens that hold, one a line. Raises Failure."""
    use_stage(options.stage, options.state)
    from chalicelib import tokens, wiring

    for token in tokens.listed(wiring.access(), now=wiring.now()).items:
        used = token.last_used_at.isoformat(timespec="minutes") if token.last_used_at else "never"
        until = token.expires_at.isoformat(timespec="minutes") if token.expires_at else "revoked"
        print(f"{token.token_id}  {token.role:<8}  used {used}, until {until}  {token.label}")


def revoke_token(options: argparse.Namespace) -> None:
    """Make a token worthless. Raises Failure."""
    use_stage(options.stage, options.state)
    from chalicelib import audit, tokens, wiring
    from chalicelib.errors import LastAdminToken, TokenNotFound
    from chalicelib.http import Reply

    ids, now = {"token_id": options.token_id}, wiring.now()
    try:
        with audit.audited(wiring.access(), audit.OUTSIDE, "infra token revoke", ids, now=now) as done:
            tokens.revoke(wiring.access(), options.token_id, now=now)
            done(Reply(204))
    except (LastAdminToken, TokenNotFound) as error:
        raise Failure(str(error)) from None
    print(f"Token {options.token_id} is revoked; it holds nowhere after a minute.")


def retention(options: argparse.Namespace) -> None:
    """Remove what has been kept for as long as the settings say, or say what that is. Raises Failure."""
    use_stage(options.stage, options.state)
    from chalicelib import privacy, wiring

    gateways = wiring.store(), wiring.access(), wiring.traces(), wiring.faces(), wiring.photos()
    plan = privacy.retain(*gateways, dry_run=options.dry_run, now=wiring.now())
    print("This would go:" if options.dry_run else "This is gone:")
    for name, count in plan.counts().items():
        print(f"  {count:>8} {name.replace('_', ' ')}")


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
