"""Tokens: until when one holds, what its role lets it do, and that nothing shows what it is looked up by."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.token import Caller, Role, Token

NOW = datetime(2026, 8, 11, tzinfo=UTC)


def token(expires_at: datetime | None) -> Token:
    return Token(
        token_id="t1",
        digest="d" * 64,
        role=Role.KIOSK,
        label="door",
        created_at=NOW,
        expires_at=expires_at,
    )


@pytest.mark.parametrize(
    ("expires_at", "holds"),
    [
        pytest.param(None, True, id="without an end"),
        pytest.param(NOW + timedelta(microseconds=1), True, id="a moment before its end"),
        pytest.param(NOW, False, id="at its end"),
        pytest.param(NOW - timedelta(microseconds=1), False, id="after its end"),
    ],
)
def test_InvalidToken_from_the_instant_at_which_it_expires(expires_at: datetime | None, holds: bool) -> None:
    assert token(expires_at).is_active(NOW) is holds


def test_a_token_shows_its_id_and_role_alone() -> None:
    assert repr(token(None)) == "Token(token_id='t1', role='kiosk')"


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        (Role.KIOSK, {"kiosk"}),
        (Role.VIEWER, {"viewer"}),
        (Role.MANAGER, {"viewer", "manager"}),
        (Role.ADMIN, {"kiosk", "viewer", "manager", "admin"}),
    ],
)
def test_a_caller_may_what_the_role_lets_them(role: Role, scopes: set[str]) -> None:
    caller = Caller("t1", role, "door")
    asked = {"kiosk", "viewer", "manager", "admin", "public", ""}
    assert {scope for scope in asked if caller.may(scope)} == scopes
