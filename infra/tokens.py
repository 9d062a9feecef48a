"""`token`: create, list and revoke tokens with AWS credentials instead of an admin token."""

import argparse
import os
import sys
from datetime import timedelta
from pathlib import Path

from infra.progress import say
from infra.stage import Failure, Stage, find, use, use_cloud


def create(options: argparse.Namespace) -> None:
    """Create a token and print it, alone on standard output. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.domain.errors import InvalidRequest
    from chalicelib.domain.token import Role
    from chalicelib.services import tokens
    from chalicelib.web import audit
    from chalicelib.web.request import Reply

    now = wiring.now()
    expires_at = now + timedelta(days=options.days) if options.days is not None else None
    label = options.label or options.role
    body = tokens.NewToken(
        role=Role(options.role),
        label=label,
        site=options.site,
        groups=options.group,
        expires_at=expires_at,
    )
    try:
        with audit.audited(
            wiring.audit_log(), wiring.signing_key(), audit.OUTSIDE, "infra token create", {}, now=now
        ) as done:
            made = tokens.create(wiring.token_store(), body, now=now)
            done(Reply(201, made))
    except InvalidRequest as error:
        raise Failure(str(error).replace("`", "")) from None
    say(f"Token {made.token_id} ({made.role}); it is shown only now:")
    print(made.token)
    if made.role is Role.ADMIN and options.stage != "local":
        _ring(find(options.stage))


def _ring(stage: Stage) -> None:
    """Count a new admin token in the metric that has an alarm, as the API does by a line of its log."""
    from chalicelib.web.telemetry import NAMESPACE

    found = {"MetricName": "AdminTokenCreated", "Dimensions": [{"Name": "Stage", "Value": stage.name}]}
    stage.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[{**found, "Value": 1.0}])


def show(options: argparse.Namespace) -> None:
    """Print the active tokens, one a line. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.services import tokens

    for token in tokens.list_active(wiring.token_store(), now=wiring.now()).items:
        used = token.last_used_at.isoformat(timespec="minutes") if token.last_used_at else "never"
        groups = f" (only {', '.join(token.groups)})" if token.groups else ""
        until = token.expires_at.isoformat(timespec="minutes") if token.expires_at else "revoked"
        maker = f" by {token.created_by}" if token.created_by else ""
        print(f"{token.token_id}  {token.role:<8}  used {used}, until {until}  {token.label}{groups}{maker}")


def revoke(options: argparse.Namespace) -> None:
    """Revoke a token, with `--children` also those that it created. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.domain.errors import LastAdminToken, TokenNotFound
    from chalicelib.services import tokens
    from chalicelib.web import audit
    from chalicelib.web.request import Reply

    ids, now = {"token_id": options.token_id}, wiring.now()
    try:
        with audit.audited(
            wiring.audit_log(), wiring.signing_key(), audit.OUTSIDE, "infra token revoke", ids, now=now
        ) as done:
            revoked = tokens.revoke(
                wiring.token_store(), options.token_id, children=options.children, now=now
            )
            done(Reply(200, revoked))
    except (LastAdminToken, TokenNotFound) as error:
        raise Failure(str(error)) from None
    for token_id in revoked.revoked:
        print(f"Token {token_id} is revoked: it changes nothing from now on, and reads nothing in a minute.")
    for child in revoked.children:
        print(
            f"It had created {child.token_id} ({child.role}, {child.label}), which is active: see --children."
        )


def first_admin(stage: Stage, file: Path | None) -> str | None:
    """Create a stage's first admin token and hand it to the user at once, before anything else can fail.

    It is written to `file`, which only its owner may read, or else shown on the terminal. Without either it
    would end up in a log, so it is not created. Returns None if none is created, or one is active already.
    """
    use_cloud(stage)
    from chalicelib import wiring
    from chalicelib.domain.token import Role
    from chalicelib.services import tokens
    from chalicelib.web import audit
    from chalicelib.web.request import Reply

    now = wiring.now()
    if any(token.role is Role.ADMIN for token in tokens.list_active(wiring.token_store(), now=now).items):
        say("  there is one already")
        return None
    terminal = next((stream for stream in (sys.stdout, sys.stderr) if stream.isatty()), None)
    if file is None and terminal is None:
        say("  not created: there is no terminal to show it on. Give --token-file, or run")
        say(f"  `python -m infra token create --stage {stage.name} --role admin`")
        return None
    # The file comes first: a token that could not be written would be lost.
    output = _private(file) if file else None
    body = tokens.NewToken(role=Role.ADMIN, label="created by the first deploy")
    with audit.audited(
        wiring.audit_log(), wiring.signing_key(), audit.OUTSIDE, "infra up", {}, now=now
    ) as done:
        made = tokens.create(wiring.token_store(), body, now=now)
        done(Reply(201, made))
    if output is not None:
        with os.fdopen(output, "w") as opened:
            opened.write(f"{made.token}\n")
        say(f"  written to {file}")
    else:
        say("  shown only now:")
        print(f"token {made.token}", file=terminal, flush=True)
    _ring(stage)
    return made.token


def _private(file: Path) -> int:
    """Open a file for writing that only its owner may read. Raises Failure."""
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(opened, 0o600)  # it may have existed
    except OSError as error:
        raise Failure(f"the token cannot be written: {error}") from None
    return opened
