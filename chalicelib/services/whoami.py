"""What a caller needs to know first: who they are, and the site as far as their role may know it."""

from collections import Counter
from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from chalicelib.aws.directory import Directory
from chalicelib.aws.tokens import TokenStore
from chalicelib.domain.settings import LeaveKind
from chalicelib.domain.timeline import employed
from chalicelib.domain.token import Caller, Role
from chalicelib.domain.types import Language


class SiteToday(Struct, frozen=True, kw_only=True):
    """The site now. `now` carries the offset of its `zone`; `work_day` is that of the default shift."""

    name: str
    zone: str
    language: Language
    now: datetime
    work_day: date


class GroupSize(Struct, frozen=True):
    """A group, and the number of people who are in it today and belong to the site."""

    group: str
    people: int


class Me(Struct, frozen=True, kw_only=True):
    """The caller's token and what it may know.

    `groups` are those to which the token is limited; null if it is not. `shifts`, `leave_kinds` and
    `group_sizes` are null for a kiosk; `group_sizes` has the groups that the caller sees.
    """

    token_id: str
    role: Role
    label: str
    groups: list[str] | None
    expires_at: datetime | None
    site: SiteToday
    shifts: list[str] | None
    leave_kinds: list[LeaveKind] | None
    group_sizes: list[GroupSize] | None


def show(directory: Directory, token_store: TokenStore, *, caller: Caller, now: datetime) -> Me:
    """Describe the caller and the site."""
    token = token_store.find(caller.digest)
    settings = directory.settings()
    today = settings.today(now)
    calendar = settings.calendar(today)
    sees_people = caller.may("viewer")
    return Me(
        token_id=caller.token_id,
        role=caller.role,
        label=caller.label,
        groups=sorted(caller.groups) if caller.groups is not None else None,
        expires_at=token.expires_at if token else None,
        site=SiteToday(
            name=settings.site_name,
            zone=calendar.zone,
            language=settings.language,
            now=now.astimezone(ZoneInfo(calendar.zone)),
            work_day=today,
        ),
        shifts=sorted(calendar.names()) if sees_people else None,
        leave_kinds=list(settings.leave_kinds) if sees_people else None,
        group_sizes=_group_sizes(directory, today) if sees_people else None,
    )


def _group_sizes(directory: Directory, today: date) -> list[GroupSize]:
    people = (person for person in directory.all_people() if employed(person.stints, today))
    sizes = Counter(group for person in people if (group := person.group(today)) is not None)
    return [GroupSize(group, size) for group, size in sorted(sizes.items())]
