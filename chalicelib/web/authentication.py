"""Authentication of requests by their tokens."""

from datetime import datetime
from typing import Literal

from chalicelib.domain.errors import LabOff
from chalicelib.domain.token import Caller
from chalicelib.services.tokens import Authenticator
from chalicelib.web.request import MUTATIONS, Request


def authenticate(authenticator: Authenticator, request: Request, scope: str, *, now: datetime) -> Caller:
    """Return the caller; raises TokenMissing, InvalidToken, RoleNotAllowed or TooManyRequests.

    A mutation reads the token from the table, so that a revoked token changes nothing. Kiosks are excepted: a
    punch would wait for one more call to AWS, and what a kiosk makes is its own sessions.
    """
    given, fresh = request.headers.get("authorization"), request.method in MUTATIONS and scope != "kiosk"
    return authenticator.authenticate(given, scope, request.address, fresh=fresh, now=now)


def authenticate_lab(
    lab: Literal["off", "on", "open"],
    authenticator: Authenticator,
    request: Request,
    scope: str,
    *,
    now: datetime,
) -> Caller | None:
    """Return the caller of a route of the lab; None where the lab is open. Raises LabOff where it is off."""
    if lab == "off":
        raise LabOff
    return None if lab == "open" else authenticate(authenticator, request, scope, now=now)
