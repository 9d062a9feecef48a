"""Authentication of requests by their tokens."""

from datetime import datetime
from typing import Literal

from chalicelib.domain.errors import LabOff
from chalicelib.domain.token import Caller
from chalicelib.services.tokens import Authenticator
from chalicelib.web.request import Request


def authenticate(authenticator: Authenticator, request: Request, scope: str, *, now: datetime) -> Caller:
    """Return the caller; raises TokenMissing, InvalidToken, RoleNotAllowed or TooManyRequests."""
    return authenticator.authenticate(request.headers.get("authorization"), scope, request.address, now=now)


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
