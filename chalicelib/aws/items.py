"""The layout of the table: the key of every item, and the conversion of each Struct to an item and back.

    person      PERSON#<id>           PROFILE             listed under PEOPLE#<shard> by folded name
    code        CODE#<folded code>    -                   the person who has it; makes codes unique
    search      NAMES#<letter>        <folded words> tab <id>   one for each word that a search may begin with
    face        PERSON#<id>           FACE#<digest>       listed under UNFINISHED while not active
    leave       PERSON#<id>           LEAVE#<leave id>    listed under LEAVES by last day
    leaves      PERSON#<id>           LEAVES              how often leave was added
    punch       PERSON#<id>           PUNCH#<instant>#<punch id>
    work day    DAY#<date>#<shard>    PERSON#<id>
    session     SESSION#<id>          -                   expires
    upload      UPLOAD#<id>           -                   listed under UPLOADS by when its form expires
    export      EXPORT#<id>           -                   listed under EXPORTS by when its file goes
    reply       IDEMPOTENCY#<digest>  -                   expires
    settings    SETTINGS              -
    closing     SETTINGS              CLOSED              the last closed date
    holiday     SETTINGS              HOLIDAY#<date>
    closings    CLOSINGS              <instant>#<id>      who closed or reopened days, and when
    imports     IMPORTS               -                   those that are running, while no day is closed
    consent     PERSON#<id>           CONSENT#<instant>   given or withdrawn
    erasure     PERSON#<id>           PROFILE             in place of the person; listed under ERASURES
    token       TOKEN#<sha256>        -                   listed under TOKENS by id; expires, if it does
    counter     LIMIT#<what>#<who>    <window>            expires
    lock        LOCK#<what>#<who>     -                   expires
    audit       AUDIT#<month>         <instant>#<id>
    signing key SECRET                -

Profiles and settings carry their `schema`; `upgrades` reads earlier ones.

A shard is a partition's share of the people, so that a morning rush does not meet one partition's
1,000 writes a second.
"""

import zlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from chalicelib.aws import upgrades
from chalicelib.aws.dynamodb import Item, Write, key, require_without
from chalicelib.domain.audit_entry import AuditEntry
from chalicelib.domain.closing import Closing, RunningImports
from chalicelib.domain.face import Face, FaceState
from chalicelib.domain.ids import punch_instant
from chalicelib.domain.leave import LeaveRecord
from chalicelib.domain.lookalikes import skeleton
from chalicelib.domain.person import Consent, Person
from chalicelib.domain.punch import DayRecord, Punch
from chalicelib.domain.schedule import Holiday
from chalicelib.domain.session import Session
from chalicelib.domain.settings import Settings
from chalicelib.domain.site import Site
from chalicelib.domain.stored_reply import StoredReply
from chalicelib.domain.text import fold
from chalicelib.domain.timeline import Dated, Timeline
from chalicelib.domain.token import Token
from chalicelib.domain.types import to_builtins
from chalicelib.domain.workday import TimeEvent

LISTING = "listing"
"""The index on `listing_pk` and `listing_sk`."""


UNFINISHED = "UNFINISHED"


UPLOADS, EXPORTS = "UPLOADS", "EXPORTS"
TOKENS = "TOKENS"


BEFORE_ID = "\t"
"""Separates name and id in a sort key. It sorts before a space, so that "Anh" comes before "Anh B"."""


SETTINGS = ("SETTINGS", "-")
CLOSED = ("SETTINGS", "CLOSED")
SECRET = ("SECRET", "-")
IMPORTS = ("IMPORTS", "-")


SESSION_KEPT = timedelta(days=1)
"""How long a used session still returns its result to a retry."""


WORDS = 20
"""How many words of a name can be searched for: the items of two names fit into one transaction."""


KEY_BYTES = 900
"""Most bytes of a folded name in a sort key, which may have 1,024 bytes and also contains an id."""


S = TypeVar("S", bound=Struct)


def instant(at: datetime) -> str:
    """Format an instant so that text order is time order."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def shard(person_id: str, shards: int) -> int:
    """Return the shard of a person."""
    return zlib.crc32(person_id.encode()) % shards


def read_person(item: Item | None) -> Person | None:
    """Convert an item to a person; None if there is none or the person is being erased."""
    if item is None or "erasing" in item:
        return None
    profile = upgrades.profile(item)
    dated = {name: _read_timeline(profile.get(name)) for name in ("groups", "shifts")}
    return struct(profile | dated | {"stints": _read_stints(profile.get("stints"))}, Person)


def read_groups(profile: Item) -> Timeline[str | None]:
    """Convert the groups of a profile alone."""
    stored = upgrades.profile(profile).get("groups")
    return msgspec.convert(_read_timeline(stored), tuple[Dated[str | None], ...])


def require_person(person_id: str) -> Write:
    """The condition that a person exists and is not being erased."""
    return require_without(f"PERSON#{person_id}", "PROFILE", "erasing", must_exist=True)


def struct(item: Item, kind: type[S]) -> S:
    """Convert an item to a Struct."""
    return msgspec.convert(item, kind)


def person(person: Person, shards: int) -> Item:
    """Convert a person.

    A list of people reads all of it, so what never changed is only its value, and stints are one text.
    """
    return (
        key(f"PERSON#{person.person_id}", "PROFILE")
        | to_builtins(person)
        | {
            "schema": upgrades.SCHEMA,
            "groups": _timeline(person.groups),
            "shifts": _timeline(person.shifts),
            "stints": " ".join(f"{one.since or ''}/{one.until or ''}" for one in person.stints) or None,
            "listing_pk": f"PEOPLE#{shard(person.person_id, shards)}",
            "listing_sk": name_sort_key(person),
        }
    )


def _timeline(dated: Timeline[str | None]) -> Any:
    """Convert a timeline: a value that always held as it is, or a list of all; None if it is empty."""
    if len(dated) == 1 and dated[0].effective_from is None:
        return dated[0].value
    return msgspec.to_builtins(dated) or None


def _read_timeline(stored: Any) -> list[Any]:
    return [{"value": stored}] if isinstance(stored, str) else stored or []


def _read_stints(stored: str | None) -> list[dict[str, str]]:
    """Convert stints, written as intervals of ISO 8601 that may be open."""
    found = [text.partition("/") for text in (stored or "").split()]
    return [{name: day for name, day in (("since", a), ("until", b)) if day} for a, _, b in found]


def name_sort_key(person: Person) -> str:
    """Return the sort key of a person in the list of people: name, then id."""
    return f"{_cut(fold(person.name))}{BEFORE_ID}{person.person_id}"


def _cut(text: str) -> str:
    return text.encode()[:KEY_BYTES].decode(errors="ignore")


def search_keys(person: Person) -> dict[tuple[str, str], Item]:
    """Return the items that a search finds a person by: each word of the name with the rest, and the code."""
    words = fold(person.name).split()
    texts = {" ".join(words[start:]) for start in range(min(len(words), WORDS))}
    if person.code:
        texts.add(fold(person.code))
    found = {search_key(text, f"{BEFORE_ID}{person.person_id}") for text in texts if text}
    return {(pk, sk): key(pk, sk) | {"person_id": person.person_id} for pk, sk in found}


def search_key(folded: str, suffix: str = "") -> tuple[str, str]:
    """Return the partition and sort key of a folded text."""
    return f"NAMES#{folded[0]}", f"{_cut(folded)}{suffix}"


def code(code: str) -> tuple[str, str]:
    """Return the key of the item that makes a code unique."""
    return f"CODE#{fold(code)}", "-"


def looks(code: str) -> str:
    """Give the partition of the index in which all codes are listed that look like one."""
    return f"LOOKS#{skeleton(code)}"


def code_owner(code_: str, person_id: str) -> Item:
    """Lay out whose a code is, listed with the codes that look like it."""
    listed = {"listing_pk": looks(code_), "listing_sk": fold(code_)}
    return key(*code(code_)) | listed | {"person_id": person_id}


def face(face: Face) -> Item:
    """Convert a face; one that is not active is listed for the sweep."""
    item = key(f"PERSON#{face.person_id}", f"FACE#{face.digest}") | to_builtins(face)
    if face.state is not FaceState.ACTIVE:
        item |= {"listing_pk": UNFINISHED, "listing_sk": f"{instant(face.since)}#{face.digest}"}
    return item


def session(session: Session) -> Item:
    """Convert a liveness session, listed by the person whom it recognised."""
    expires = int((session.created_at + SESSION_KEPT).timestamp())
    item = key(f"SESSION#{session.session_id}", "-") | to_builtins(session) | {"expires": expires}
    return item | _about(session.outcome.person_id if session.outcome else None, session.session_id)


def _about(person_id: str | None, listing_sk: str) -> Item:
    """List a temporary item under the person whom it is about."""
    return {"listing_pk": f"ABOUT#{person_id}", "listing_sk": listing_sk} if person_id else {}


def upload_key(upload_id: str) -> tuple[str, str]:
    """Return the key of an upload."""
    return f"UPLOAD#{upload_id}", "-"


def upload(upload_id: str, expires: datetime) -> Item:
    """Return the item of an upload, listed by when it expires."""
    return {"state": "open"} | _expiring(upload_key(upload_id), UPLOADS, upload_id, expires)


def export_key(export_id: str) -> tuple[str, str]:
    """Return the key of an exported file."""
    return f"EXPORT#{export_id}", "-"


def export(export_id: str, expires: datetime) -> Item:
    """Return the item of an exported file, listed by when it goes."""
    return _expiring(export_key(export_id), EXPORTS, export_id, expires)


def _expiring(place: tuple[str, str], listing_pk: str, identifier: str, expires: datetime) -> Item:
    """Return the item of a file of the bucket, without which the sweep would not find the file.

    Therefore it has no `expires`, by which DynamoDB might delete it before the sweep has run.
    """
    return key(*place) | {"listing_pk": listing_pk, "listing_sk": f"{instant(expires)}#{identifier}"}


def punch_key(person_id: str, punch_id: str) -> tuple[str, str] | None:
    """Return the key of a punch; None if the id is not valid."""
    at = punch_instant(punch_id)
    return (f"PERSON#{person_id}", f"PUNCH#{instant(at)}#{punch_id}") if at else None


def punch(punch: Punch) -> Item:
    """Convert a punch."""
    place = punch_key(punch.person_id, punch.punch_id)
    assert place  # noqa: S101 - the id is one of ours
    return key(*place) | to_builtins(punch)


def day_key(person_id: str, work_day: date, shards: int) -> tuple[str, str]:
    """Return the key of a person's work day."""
    return f"DAY#{work_day.isoformat()}#{shard(person_id, shards)}", f"PERSON#{person_id}"


def day(day: DayRecord, shards: int) -> Item:
    """Convert a work day. All events are one attribute, because a report reads a month of all people."""
    events = msgspec.json.encode(day.events).decode()
    return key(*day_key(day.person_id, day.work_day, shards)) | {"version": day.version, "marks": events}


_events = msgspec.json.Decoder(tuple[TimeEvent, ...])


def read_day(item: Item) -> DayRecord:
    """Convert an item to a work day."""
    return DayRecord(
        person_id=item["sk"].removeprefix("PERSON#"),
        work_day=date.fromisoformat(item["pk"].split("#")[1]),
        events=_events.decode(item["marks"]),
        version=item["version"],
    )


def settings(settings: Settings) -> Item:
    """Convert the settings, stored as one document."""
    document = msgspec.json.encode(settings).decode()
    return key(*SETTINGS) | {"schema": upgrades.SCHEMA, "document": document, "version": settings.version}


def read_settings(item: Item | None, defaults: Settings) -> Settings:
    """Convert an item to settings; `defaults` apply until an admin changes them.

    Of an item of an earlier schema, only the calendar of today is known; `read_site` knows all.
    """
    return msgspec.json.decode(upgrades.settings(item)[0]["document"], type=Settings) if item else defaults


def holiday_key(on: date) -> tuple[str, str]:
    """Return the key of a holiday."""
    return "SETTINGS", f"HOLIDAY#{on.isoformat()}"


def holiday(holiday: Holiday) -> Item:
    """Convert a holiday."""
    return key(*holiday_key(holiday.date)) | to_builtins(holiday)


def read_holiday(item: Item) -> Holiday:
    """Convert an item to a holiday."""
    return Holiday(date.fromisoformat(item["date"]), item["name"], item.get("half"))


def closed(through: date) -> Item:
    """Lay out the last closed date."""
    return key(*CLOSED) | {"through": through.isoformat()}


def running_imports(running: RunningImports) -> Item:
    """Convert the running imports."""
    return key(*IMPORTS) | to_builtins(running)


def closing(closing: Closing, closing_id: str) -> Item:
    """Convert a closing or a reopening, by its instant."""
    return key("CLOSINGS", f"{instant(closing.at)}#{closing_id}") | to_builtins(closing)


def read_site(items: Iterable[Item], defaults: Settings) -> Site:
    """Convert the items of a site."""
    found = {item["sk"]: item for item in items}
    closed, document = found.get(CLOSED[1]), found.get(SETTINGS[1])
    holidays = {item["date"]: item for sk, item in found.items() if sk.startswith("HOLIDAY#")}
    if document and upgrades.is_outdated(document):
        document, before = upgrades.settings(document, found.values())
        holidays = {day["date"]: day for day in before} | holidays
    return Site(
        settings=read_settings(document, defaults),
        holidays=tuple(read_holiday(holidays[day]) for day in sorted(holidays)),
        closed_through=date.fromisoformat(closed["through"]) if closed else None,
    )


def leave(leave: LeaveRecord) -> Item:
    """Convert leave, listed by its last day."""
    return (
        key(f"PERSON#{leave.person_id}", f"LEAVE#{leave.leave_id}")
        | to_builtins(leave)
        | {"listing_pk": "LEAVES", "listing_sk": f"{leave.until.isoformat()}#{leave.leave_id}"}
    )


def leaves_key(person_id: str) -> tuple[str, str]:
    """Return the key of the item that counts how often leave of a person was added."""
    return f"PERSON#{person_id}", "LEAVES"


def lock_key(what: str, who: str) -> tuple[str, str]:
    """Return the key of the lock-out of a kiosk or a person."""
    return f"LOCK#{what}#{who}", "-"


def stored_reply_key(place: str) -> tuple[str, str]:
    """Return the key of a stored reply."""
    return f"IDEMPOTENCY#{place}", "-"


def stored_reply(place: str, reply: StoredReply, expires: datetime) -> Item:
    """Convert a stored reply."""
    item = key(*stored_reply_key(place)) | to_builtins(reply) | {"expires": int(expires.timestamp())}
    if not reply.body:
        return item
    # `-` lists the replies about several people or none: an erasure looks for the person's id in all of them.
    about = reply.about[0] if len(reply.about) == 1 else "-"
    return item | {"body": reply.body, **_about(about, place)}


def consent(person_id: str, consent: Consent) -> Item:
    """Convert a consent, by when it was recorded; withdrawing it replaces the item."""
    return key(f"PERSON#{person_id}", f"CONSENT#{instant(consent.recorded_at)}") | to_builtins(consent)


def limit_key(what: str, who: str, window: int) -> tuple[str, str]:
    """Return the key of a counter of one window of time."""
    return f"LIMIT#{what}#{who}", str(window)


def token_key(digest: str) -> tuple[str, str]:
    """Return the key of a token by the SHA-256 of its secret."""
    return f"TOKEN#{digest}", "-"


def token(token: Token) -> Item:
    """Convert a token, listed by id; the item expires with the token."""
    item = key(*token_key(token.digest)) | to_builtins(token)
    item |= {"listing_pk": TOKENS, "listing_sk": token.token_id}
    return item | ({"expires": int(token.expires_at.timestamp())} if token.expires_at else {})


def audit_entry(entry: AuditEntry) -> Item:
    """Convert an audit entry, by its month and instant."""
    at = entry.at.astimezone(UTC)
    return key(f"AUDIT#{at:%Y-%m}", f"{instant(at)}#{entry.entry_id}") | to_builtins(entry)
