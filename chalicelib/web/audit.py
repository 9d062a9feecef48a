"""The audit log of requests.

An entry of a mutation is written before it runs, and its outcome afterwards. An entry of a read is written
before the response is sent: what cannot be noted is not shown. Entries hold no names, photos or tokens. Ids
of people are masked, always in the same way: whoever knows a person's id can find the entries about them, but
the log alone identifies nobody.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct, convert
from msgspec.structs import replace

from chalicelib.aws.audit_log import AuditLog
from chalicelib.aws.deadline import without_deadline
from chalicelib.aws.metrics import recorded_changes
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.aws.signing_key import SigningKey
from chalicelib.domain.audit_entry import AuditEntry, FieldChange
from chalicelib.domain.dates import check_date, date_range
from chalicelib.domain.errors import RoleNotAllowed, RollcallError, Unauthenticated
from chalicelib.domain.ids import new_id
from chalicelib.domain.types import Page
from chalicelib.web.request import RecordOutcome, Reply, Request, status_of

_log = logging.getLogger("rollcall")


PLAIN = frozenset(
    (
        *("allow_different", "attendance", "begins", "bom", "children", "date", "dry_run", "effective_from"),
        *("format", "from", "group", "hours", "lang", "limit", "link", "mode", "month", "rows", "state"),
        *("status", "to", "token_id", "version"),
    )
)
"""Ids and parameters that identify no person, so they are not masked."""


DENIED = (Unauthenticated, RoleNotAllowed)
"""Who has no token, a wrong one, or one of another role."""


OUTSIDE = Request(method="", path="", route="", query={}, headers={}, body=b"", request_id="")
"""Stands for the request when an administrator acts with AWS credentials, by `python -m infra`."""


SHOWN = timedelta(days=31)
"""The default range of a list, up to its last day."""


class AuditView(Struct, frozen=True, kw_only=True):
    """An audit entry. `by` is the id of a token; ids of people, and searched words, in `about` are masked.

    `status` is null if the process stopped before the outcome was known. `items` is how many items a list
    showed. `changes` has the fields that were changed: of settings with their values, of people without. Of
    an import of punches it has the numbers of rows that were created, were duplicates, and failed.
    """

    entry_id: str
    at: datetime
    what: str
    about: dict[str, str]
    by: str | None
    role: str | None
    address: str
    request_id: str
    status: int | None
    code: str | None
    items: int | None
    changes: list[FieldChange]

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditView":
        """Make the view of a stored entry."""
        return convert(entry, cls, from_attributes=True)


def _entry(
    signing_key: SigningKey, request: Request, what: str, ids: Mapping[str, str], now: datetime
) -> AuditEntry:
    caller = request.caller
    parameters = {name: values[0] for name, values in request.query.items()}
    return AuditEntry(
        entry_id=new_id(),
        at=now,
        what=what,
        about=_masked(signing_key, {**parameters, **ids}),
        by=caller.token_id if caller else None,
        role=caller.role.value if caller else None,
        address=request.address,
        request_id=request.request_id,
    )


def _masked(signing_key: SigningKey, ids: Mapping[str, str]) -> dict[str, str]:
    return {name: text if name in PLAIN else signing_key.mask(text) for name, text in ids.items()}


def _conclude(
    audit_log: AuditLog,
    signing_key: SigningKey,
    entry: AuditEntry,
    status: int,
    code: str | None,
    ids: Mapping[str, str],
) -> None:
    """Record the outcome. A failure to do so is only logged: the request itself has been carried out."""
    try:
        about = entry.about | _masked(signing_key, ids)
        with without_deadline():
            audit_log.set_outcome(
                replace(entry, status=status, code=code, about=about, changes=recorded_changes())
            )
    except Exception as error:
        _log.error("the outcome of audit entry %s was not recorded: %s", entry.entry_id, type(error).__name__)


@contextmanager
def audited(
    audit_log: AuditLog,
    signing_key: SigningKey,
    request: Request,
    what: str,
    ids: Mapping[str, str],
    *,
    now: datetime,
) -> Iterator[RecordOutcome]:
    """Write an audit entry, run the block, and record its outcome.

    The block passes its reply to the function that it is given; a RollcallError is recorded by its code.
    """
    entry = _entry(signing_key, request, what, ids, now)
    audit_log.add(entry)

    def record_outcome(reply: Reply) -> None:
        created = {name: getattr(reply.body, name, None) for name in ("person_id", "token_id")}
        _conclude(
            audit_log,
            signing_key,
            entry,
            reply.status,
            None,
            {name: value for name, value in created.items() if value},
        )

    try:
        yield record_outcome
    except RollcallError as error:
        _conclude(audit_log, signing_key, entry, status_of(error), type(error).__name__, {})
        raise


def seen(
    audit_log: AuditLog,
    signing_key: SigningKey,
    request: Request,
    what: str,
    ids: Mapping[str, str],
    reply: Reply,
    *,
    now: datetime,
) -> None:
    """Record what a caller is about to be shown of people."""
    items = getattr(reply.body, "items", None)
    entry = _entry(signing_key, request, what, ids, now)
    count = len(items) if isinstance(items, list) else None
    audit_log.add(replace(entry, status=reply.status, items=count))


def refused(
    audit_log: AuditLog,
    signing_key: SigningKey,
    rate_limits: RateLimits,
    request: Request,
    what: str,
    error: RollcallError,
    *,
    now: datetime,
) -> None:
    """Record that a caller was refused: by a limit once a minute for each route, otherwise once a minute.

    Refused requests may arrive a thousand times a second and must not fill the log. A failure to record one
    is only logged. Callers are told apart by their tokens, or by their addresses if they have none.
    """
    if isinstance(error, RoleNotAllowed):
        request = replace(request, caller=error.caller)
    caller, code = request.caller, type(error).__name__
    who = caller.token_id if caller else request.address
    kind = "denied" if isinstance(error, DENIED) else f"{what} {code}"
    try:
        count, _ = rate_limits.count("noted", f"{kind} {who}", 60, now)
        if count == 1:
            # Parameters are left out: nobody has checked them.
            entry = _entry(signing_key, replace(request, query={}), what, {}, now)
            audit_log.add(replace(entry, status=status_of(error), code=code))
    except Exception as failure:
        _log.error("a refusal was not recorded: %s", type(failure).__name__)


def listed(
    audit_log: AuditLog,
    signing_key: SigningKey,
    *,
    since: date | None,
    until: date | None,
    person_id: str | None,
    limit: int,
    after: str | None,
    now: datetime,
) -> Page[AuditView]:
    """List the entries of a range of UTC dates (default: the last 31 days), newest first."""
    until = check_date(until or now.astimezone(UTC).date())
    days = date_range(since or until - SHOWN + timedelta(days=1), until)
    wanted = signing_key.mask(person_id) if person_id else None
    shown: list[tuple[str, AuditView]] = []
    for place, entry in audit_log.entries(days[0], days[-1], after):
        if wanted is None or wanted in entry.about.values():
            if len(shown) == limit:
                return Page([view for _, view in shown], shown[-1][0])
            shown.append((place, AuditView.of(entry)))
    return Page([view for _, view in shown], None)
