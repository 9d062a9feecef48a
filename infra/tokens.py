"""Tokens made, listed and revoked from outside, by who has the stage's AWS credentials."""

import argparse
from datetime import timedelta

from infra.progress import say
from infra.stage import Failure, Stage, use, use_cloud


def create(options: argparse.Namespace) -> None:
    """Make a token and print it, alone on the standard output. Raises Failure."""
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
    body = tokens.NewToken(role=Role(options.role), label=label, site=options.site, expires_at=expires_at)
    try:
        with audit.audited(
            wiring.audit_log(), wiring.signing_key(), audit.OUTSIDE, "infra token create", {}, now=now
        ) as done:
            made = tokens.create(wiring.token_store(), body, now=now)
            done(Reply(201, made))
    except InvalidRequest as error:
        raise Failure(str(error).replace("`", "")) from None
    say(f"Token {made.token_id} ({made.role}); it is shown this once:")
    print(made.token)


def show(options: argparse.Namespace) -> None:
    """Print the tokens that hold, one a line. Raises Failure."""
    use(options.stage, options.state)
    from chalicelib import wiring
    from chalicelib.services import tokens

    for token in tokens.list_active(wiring.token_store(), now=wiring.now()).items:
        used = token.last_used_at.isoformat(timespec="minutes") if token.last_used_at else "never"
        until = token.expires_at.isoformat(timespec="minutes") if token.expires_at else "revoked"
        print(f"{token.token_id}  {token.role:<8}  used {used}, until {until}  {token.label}")


def revoke(options: argparse.Namespace) -> None:
    """Make a token worthless. Raises Failure."""
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
            tokens.revoke(wiring.token_store(), options.token_id, now=now)
            done(Reply(204))
    except (LastAdminToken, TokenNotFound) as error:
        raise Failure(str(error)) from None
    print(f"Token {options.token_id} is revoked; it holds nowhere after a minute.")


def first_admin(stage: Stage) -> str | None:
    """Make the first admin token of a stage; None when it has one that holds."""
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
    body = tokens.NewToken(role=Role.ADMIN, label="made by the first deploy")
    with audit.audited(
        wiring.audit_log(), wiring.signing_key(), audit.OUTSIDE, "infra up", {}, now=now
    ) as done:
        made = tokens.create(wiring.token_store(), body, now=now)
        done(Reply(201, made))
    return made.token
