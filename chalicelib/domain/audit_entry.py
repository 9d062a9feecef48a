"""An entry of the audit log."""

from datetime import datetime

from msgspec import Struct


class AuditEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that somebody did, or was refused by a limit.

    `what` is a route, or a command of `python -m infra`. `about` are the ids in it; those that lead to people
    are masked. `status` is null when the process ended before it was known whether it was done.
    """

    entry_id: str
    at: datetime
    what: str
    request_id: str
    address: str
    by: str | None = None
    role: str | None = None
    about: dict[str, str] = {}
    status: int | None = None
    code: str | None = None
