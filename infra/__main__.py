"""`python -m infra`: create, inspect, repair and remove stages of Rollcall in AWS."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.stage import Failure


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; `run` holds the command's function."""
    from infra import (
        choices,
        deploy,
        down,
        export,
        pause,
        pipeline,
        policies,
        restore,
        rollback,
        smoke,
        stages,
        status,
        template,
        tokens,
        work,
    )

    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    stage = argparse.ArgumentParser(add_help=False)
    stage.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
    dry = argparse.ArgumentParser(add_help=False)
    dry.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    locked = argparse.ArgumentParser(add_help=False)
    locked.add_argument(
        "--break-lock", action="store_true", help="take the stage's lock from a command that died"
    )
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument(
        "--state",
        type=Path,
        default=Path(".local"),
        help="for stage local: the data folder of `make run`, which must be running (default: .local)",
    )

    up = commands.add_parser(
        "up", parents=[stage, dry, locked], help="create a stage, or bring it up to date"
    )
    choices.options(up)
    up.add_argument("--url", help="base URL of the API, if it has a domain of its own")
    up.add_argument("--token-file", type=Path, help="write the first admin token to this file, mode 0600")
    up.add_argument(
        "--without-liveness",
        action="store_true",
        help="deploy to a Region that does not offer Face Liveness, where no camera works",
    )
    up.set_defaults(run=deploy.up)

    back = commands.add_parser(
        "rollback", parents=[stage, dry, locked], help="deploy an earlier release of a stage again"
    )
    back.add_argument("--to", type=int, metavar="NUMBER", help="the release (default: the last good one)")
    back.set_defaults(run=rollback.rollback)

    workflow = commands.add_parser(
        "ci", parents=[stage, dry], help="let a GitHub workflow deploy a stage, by a role without a key"
    )
    workflow.add_argument("--repository", metavar="OWNER/NAME", help="the repository on GitHub")
    workflow.add_argument("--remove", action="store_true", help="take the right away")
    workflow.set_defaults(run=pipeline.ci)

    trial = commands.add_parser("smoke", help="test whether an API is up, knows its tokens and has its table")
    trial.add_argument("--url", required=True, help="base URL; ROLLCALL_TOKEN may hold an admin's token")
    trial.set_defaults(run=smoke.run)

    remove = commands.add_parser(
        "down", parents=[stage, dry, locked], help="remove a stage with all its data"
    )
    remove.set_defaults(run=down.down)

    show = commands.add_parser("status", parents=[stage], help="list a stage's resources and their health")
    show.set_defaults(run=status.status)

    whole = commands.add_parser(
        "template", parents=[stage], help="write the template for `chalice package --merge-template`"
    )
    whole.add_argument("--out", type=Path, required=True, metavar="FILE")
    whole.set_defaults(run=lambda options: template.write(options.stage, options.out))

    sweep = commands.add_parser(
        "sweep", parents=[stage, state], help="complete or undo interrupted operations"
    )
    sweep.set_defaults(run=work.sweep)

    reindex = commands.add_parser(
        "reindex",
        parents=[stage, state],
        help="restore faces that the collection lost, from their photos",
    )
    reindex.set_defaults(run=work.reindex)

    reconcile = commands.add_parser(
        "reconcile",
        parents=[stage, dry, state],
        help="after a restore: repeat erasures, and delete faces and photos that nobody has",
    )
    reconcile.set_defaults(run=work.reconcile)

    for name, text in (
        ("pause", "stop the API and the schedules, to restore the table"),
        ("unpause", "start them again"),
    ):
        switch = commands.add_parser(name, parents=[stage], help=text)
        switch.set_defaults(run=getattr(pause, name))

    rebuild = commands.add_parser(
        "rebuild-days", parents=[stage, state], help="recompute the work days from the punches"
    )
    rebuild.add_argument("--from", dest="since", type=date.fromisoformat, required=True, metavar="DATE")
    rebuild.add_argument("--to", dest="until", type=date.fromisoformat, required=True, metavar="DATE")
    rebuild.set_defaults(run=work.rebuild_days)

    once = commands.add_parser(
        "restore-day",
        parents=[stage, dry],
        help="bring a person's punches of a day back from a restored table",
    )
    once.add_argument("--from-table", required=True, metavar="TABLE", help="the restored copy")
    once.add_argument("--person", required=True, metavar="PERSON_ID")
    once.add_argument("--day", type=date.fromisoformat, required=True, metavar="DATE")
    once.set_defaults(run=restore.restore_day)

    out = commands.add_parser(
        "export", parents=[stage, state], help="write punches and people as files for a warehouse"
    )
    out.add_argument("--from", dest="since", type=date.fromisoformat, required=True, metavar="DATE")
    out.add_argument("--to", dest="until", type=date.fromisoformat, required=True, metavar="DATE")
    out.add_argument("--format", choices=["csv"], default="csv")
    out.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    out.add_argument("--again", action="store_true", help="also the days that are there, after corrections")
    out.set_defaults(run=export.export)

    retain = commands.add_parser(
        "retain",
        parents=[stage, dry, state],
        help="delete data whose retention period is over",
    )
    retain.set_defaults(run=work.retain)

    migrate = commands.add_parser(
        "migrate",
        parents=[stage, dry, state],
        help="upgrade the items that an earlier version of Rollcall wrote",
    )
    migrate.set_defaults(run=work.migrate)

    entry = commands.add_parser("stage", help="add a stage to .chalice")
    entries = entry.add_subparsers(required=True, metavar="action")
    new = entries.add_parser("new", help="add one: its settings and its policy files")
    new.add_argument("name", help="a lower-case letter, then letters and digits")
    new.add_argument(
        "--origin",
        required=True,
        help="web origins that may call the API, divided by commas",
    )
    new.add_argument("--region", required=True, help="the AWS Region it is deployed to")
    new.add_argument("--zone", help="time zone of its settings, such as Asia/Bangkok")
    new.add_argument(
        "--without-liveness", action="store_true", help="accept a Region that does not offer Face Liveness"
    )
    new.set_defaults(run=stages.new)

    files = commands.add_parser("policies", help="write .chalice/policy-*.json from infra/roles.yaml")
    files.set_defaults(run=policies.policies)

    token = commands.add_parser("token", help="create, list or revoke tokens")
    actions = token.add_subparsers(required=True, metavar="action")
    create = actions.add_parser("create", parents=[stage, state], help="create one; it is shown only once")
    create.add_argument("--role", required=True, choices=["kiosk", "viewer", "manager", "admin"])
    create.add_argument("--label", help="who or what uses it (default: the role)")
    create.add_argument("--site", help="the site where it is used")
    create.add_argument("--group", action="append", help="limit it to this group; may be given several times")
    create.add_argument(
        "--days",
        type=int,
        help="days until it expires (default: 90 for managers and admins, never for others)",
    )
    create.set_defaults(run=tokens.create)
    listing = actions.add_parser("list", parents=[stage, state], help="list active tokens")
    listing.set_defaults(run=tokens.show)
    revoke = actions.add_parser("revoke", parents=[stage, state], help="revoke one")
    revoke.add_argument("token_id")
    revoke.add_argument(
        "--children", action="store_true", help="and all that it created, and that these created"
    )
    revoke.set_defaults(run=tokens.revoke)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    options = arguments(words)
    try:
        options.run(options)
    except (Failure, BotoCoreError, ClientError) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
