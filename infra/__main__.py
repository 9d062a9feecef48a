"""`python -m infra`: a stage made, watched, repaired and removed from outside."""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.stage import Failure


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; each command's function is in `run`."""
    from infra import deploy, down, status, template, tokens, work

    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    stage = argparse.ArgumentParser(add_help=False)
    stage.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
    dry = argparse.ArgumentParser(add_help=False)
    dry.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument(
        "--state",
        type=Path,
        default=Path(".local"),
        help="for stage local: where `make run`, which must be running, keeps its data (default: .local)",
    )

    up = commands.add_parser("up", parents=[stage, dry], help="make a stage, or bring it up to date")
    up.add_argument("--origin", help="the web origin that may call the API and upload photos (default: any)")
    up.add_argument("--alarm-email", help="who is written to when an alarm rings")
    up.add_argument("--budget", type=int, help="US dollars a month before a mail; needs --alarm-email")
    up.add_argument("--log-days", type=int, help="how many days logs are kept (default: 30)")
    up.add_argument("--url", help="where the API answers, if not where API Gateway says (a domain of yours)")
    up.set_defaults(run=deploy.up)

    remove = commands.add_parser("down", parents=[stage, dry], help="remove a stage with all its data")
    remove.set_defaults(run=down.down)

    show = commands.add_parser("status", parents=[stage], help="show what there is of a stage")
    show.set_defaults(run=status.status)

    whole = commands.add_parser(
        "template", parents=[stage], help="write what `chalice package --merge-template` takes"
    )
    whole.add_argument("--out", type=Path, required=True, metavar="FILE")
    whole.set_defaults(run=lambda options: template.write(options.stage, options.out))

    sweep = commands.add_parser(
        "sweep", parents=[stage, state], help="undo and finish what a crash left half-done"
    )
    sweep.set_defaults(run=work.sweep)

    reindex = commands.add_parser(
        "reindex", parents=[stage, state], help="put faces that the collection lost back, from their photos"
    )
    reindex.set_defaults(run=work.reindex)

    rebuild = commands.add_parser(
        "rebuild-days", parents=[stage, state], help="write the work days anew from the punches"
    )
    rebuild.add_argument("--from", dest="since", type=date.fromisoformat, required=True, metavar="DATE")
    rebuild.add_argument("--to", dest="until", type=date.fromisoformat, required=True, metavar="DATE")
    rebuild.set_defaults(run=work.rebuild_days)

    retain = commands.add_parser(
        "retain",
        parents=[stage, dry, state],
        help="remove what has been kept for as long as the settings say",
    )
    retain.set_defaults(run=work.retain)

    token = commands.add_parser("token", help="make, list or revoke tokens")
    actions = token.add_subparsers(required=True, metavar="action")
    create = actions.add_parser("create", parents=[stage, state], help="make one; it is shown this once")
    create.add_argument("--role", required=True, choices=["kiosk", "viewer", "manager", "admin"])
    create.add_argument("--label", help="who or what it is for (default: the role)")
    create.add_argument("--site", help="where that is")
    create.add_argument("--days", type=int, help="for how many days it holds (default: until revoked)")
    create.set_defaults(run=tokens.create)
    listing = actions.add_parser("list", parents=[stage, state], help="list those that hold")
    listing.set_defaults(run=tokens.show)
    revoke = actions.add_parser("revoke", parents=[stage, state], help="make one worthless")
    revoke.add_argument("token_id")
    revoke.set_defaults(run=tokens.revoke)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit code."""
    options = arguments(words)
    try:
        options.run(options)
    except (Failure, BotoCoreError, ClientError) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
