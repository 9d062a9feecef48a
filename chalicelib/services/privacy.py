"""People's rights over what is held on them: to see it, to have it erased, and to have it go in time.

An erasure goes: mark (nothing more can be recorded) -> count -> faces, photos, uploads, exports -> what
is kept for a while -> attendance -> look again everywhere -> drop the mark. Each step may be repeated, so a
crash at any point is resumed, by the same call or by the sweep.
"""

import zlib
from datetime import UTC, date, datetime, timedelta

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from chalicelib.aws.access import Access
from chalicelib.aws.faces import Faces
from chalicelib.aws.photos import Photos
from chalicelib.aws.store import Store
from chalicelib.aws.table import Item
from chalicelib.aws.traces import AttendanceOf, Erasure, Removed, Traces
from chalicelib.domain.errors import Busy, WriteConflict
from chalicelib.domain.ids import new_id
from chalicelib.domain.models import (
    Consent,
    FaceState,
    FaceView,
    LeaveRecord,
    Link,
    Person,
    PersonView,
    SessionState,
    Status,
)
from chalicelib.services import enrolment, uploads
from chalicelib.services.corrections import PunchView
from chalicelib.services.enrolment import ABANDONED_AFTER
from chalicelib.web import exports
from chalicelib.web.http import Reply

TRIES = 5

EXPORT_KEPT = timedelta(minutes=2)
"""How long a file of an export stays: its link works for one minute."""


# --- to see it ----------------------------------------------------------------------------------


class FaceHeld(FaceView, frozen=True, kw_only=True):
    """An enrolled face with a link to its photo that works for a minute."""

    photo: Link


class SessionHeld(Struct, frozen=True, kw_only=True):
    """A liveness session that led to the person."""

    session_id: str
    created_at: datetime
    state: SessionState
    outcome: str
    similarity: float | None
    liveness: float | None


class Held(Struct, frozen=True, kw_only=True):
    """Everything that is held on a person."""

    person: PersonView
    consents: list[Consent]
    faces: list[FaceHeld]
    leaves: list[LeaveRecord]
    punches: list[PunchView]
    sessions: list[SessionHeld]


def data(store: Store, traces: Traces, photos: Photos, person_id: str, *, now: datetime) -> Held | Reply:
    """Gather everything that is held on a person; raises PersonNotFound."""
    person = store.person(person_id)
    held = Held(
        person=PersonView.of(person),
        consents=store.consents(person_id),
        faces=[
            FaceHeld(**asdict(FaceView.of(face)), photo=photos.link(face.photo_key, now=now))
            for face in enrolment.listed(store, person_id)
        ],
        leaves=store.leaves(date.min, date.max, person_id),
        punches=[PunchView.of(punch) for punch in traces.punches(person_id)],
        sessions=[_session(item) for item in traces.kept(person_id) if item["pk"].startswith("SESSION#")],
    )
    content = msgspec.json.encode(held)
    if len(content) <= exports.INLINE_BYTES:
        return held
    return exports.stored(photos, content, "application/json", f"person-{person_id}.json", now)


def _session(item: Item) -> SessionHeld:
    outcome = item["outcome"]
    return SessionHeld(
        session_id=item["session_id"],
        created_at=datetime.fromisoformat(item["created_at"]),
        state=SessionState(item["state"]),
        outcome=outcome["code"],
        similarity=outcome.get("similarity"),
        liveness=outcome.get("liveness"),
    )


# --- to have it erased --------------------------------------------------------------------------


class Receipt(Struct, frozen=True, kw_only=True):
    """What an erasure removed, counted when it began; work days and punches may only have lost their person.

    `complete`: each place was looked at again, and nothing is left. Otherwise something under way has yet to
    go, and will within two minutes.
    """

    complete: bool
    attendance: AttendanceOf
    removed: Removed


def erase(
    store: Store,
    traces: Traces,
    faces: Faces,
    photos: Photos,
    person_id: str,
    attendance: AttendanceOf,
    *,
    now: datetime,
) -> Receipt:
    """Erase a person, or go on where an erasure stopped (`attendance` is then as it was said first).

    Raises PersonNotFound.
    """
    erasure = traces.erasure(person_id) or _begin(store, traces, person_id, attendance, now)
    return _go_on(store, traces, faces, photos, erasure, now)


def _begin(store: Store, traces: Traces, person_id: str, attendance: AttendanceOf, now: datetime) -> Erasure:
    for _ in range(TRIES):
        person = store.person(person_id)
        _forget_answers(
            traces, person.person_id, *_names(person)
        )  # the last moment at which we know what names the person
        erasure = Erasure(person_id=person_id, erasing=now, attendance=attendance, pseudonym=new_id())
        try:
            traces.begin(person, erasure)
        except WriteConflict:
            continue
        return erasure
    raise Busy


def _go_on(
    store: Store, traces: Traces, faces: Faces, photos: Photos, erasure: Erasure, now: datetime
) -> Receipt:
    person_id = erasure.person_id
    if erasure.found is None:
        erasure = _counted(store, traces, photos, erasure)
    waiting = False
    for face in store.faces(person_id):
        if face.state is FaceState.PENDING and now - face.since < ABANDONED_AFTER:
            waiting = True  # whoever enrols it is still at work, and will take it back
        else:
            enrolment.discard(store, faces, photos, face)
    if not waiting:
        photos.remove_all(f"photos/{person_id}/")
    photos.remove_all("exports/")  # files made before may name the person
    for upload_id in traces.uploads(person_id):
        uploads.discard(store, photos, upload_id)
    kept = traces.kept(person_id)
    for item in kept:
        if item["pk"].startswith("SESSION#"):
            photos.remove_all(f"liveness/{item['session_id']}/")
    traces.remove((item["pk"], item["sk"]) for item in kept)
    _forget_answers(traces, person_id)
    traces.remove(traces.failures(person_id))
    traces.remove(traces.own(person_id, "LEAVE#") + traces.own(person_id, "CONSENT#"))
    if erasure.attendance == "remove":
        traces.remove_attendance(person_id, traces.punches(person_id))
    else:
        traces.move_attendance(person_id, erasure.pseudonym, traces.punches(person_id))
    gone = not waiting and _nothing_left(traces, faces, photos, erasure)
    if gone:
        traces.end(erasure)
    return Receipt(complete=gone, attendance=erasure.attendance, removed=erasure.found or Removed())


def _counted(store: Store, traces: Traces, photos: Photos, erasure: Erasure) -> Erasure:
    person_id = erasure.person_id
    kept = traces.kept(person_id)
    sessions = [item["session_id"] for item in kept if item["pk"].startswith("SESSION#")]
    own = store.faces(person_id)
    punches = list(traces.punches(person_id))
    found = Removed(
        faces=len(own),
        photos=len(photos.names(f"photos/{person_id}/")),
        liveness_images=sum(len(photos.names(f"liveness/{session_id}/")) for session_id in sessions),
        uploads=len(traces.uploads(person_id)),
        exports=len(photos.names("exports/")),
        consents=len(traces.own(person_id, "CONSENT#")),
        leaves=len(traces.own(person_id, "LEAVE#")),
        sessions=len(sessions),
        answers=len(kept) - len(sessions),
        punches=len(punches),
        work_days=len({punch.work_day for punch in punches}),
    )
    face_ids = tuple(face.face_id for face in own if face.face_id)
    erasure = replace(erasure, found=found, face_ids=face_ids)
    traces.note(erasure)
    return erasure


def _nothing_left(traces: Traces, faces: Faces, photos: Photos, erasure: Erasure) -> bool:
    """Look everywhere again."""
    person_id = erasure.person_id
    return (
        not traces.left(person_id)
        and not traces.kept(person_id)
        and not photos.names(f"photos/{person_id}/")
        and not any(faces.owner(face_id) for face_id in erasure.face_ids)
    )


def _names(person: Person) -> list[str]:
    return [text for text in (person.name, person.code, person.email) if text]


def _forget_answers(traces: Traces, person_id: str, *names: str) -> None:
    """Drop kept answers of nobody in particular that mention a person, by id or as a whole text of theirs."""
    wanted = [person_id.encode(), *map(msgspec.json.encode, names)]
    found = [
        (item["pk"], item["sk"])
        for item in traces.answers()
        if any(word in zlib.decompress(item["body"]) for word in wanted)
    ]
    traces.remove(found)


# --- to have it go in time ----------------------------------------------------------------------


def sweep(store: Store, traces: Traces, faces: Faces, photos: Photos, *, now: datetime) -> dict[str, int]:
    """Finish or undo what a crash left half-done, and drop files that have served; says how many of each."""
    erasures = traces.erasures(now - ABANDONED_AFTER)
    swept = enrolment.sweep(store, faces, photos, now=now)
    for erasure in erasures:
        _go_on(store, traces, faces, photos, erasure, now)
    return {
        "swept": swept,
        "erasures": len(erasures),
        "uploads": uploads.sweep(store, photos, now=now),
        "exports": photos.remove_all("exports/", before=now - EXPORT_KEPT),
    }


class RetentionPlan(Struct, frozen=True, kw_only=True):
    """What has been kept for as long as the settings say; dates are the first that stay."""

    photos_before: date
    liveness_before: datetime
    punches_before: date
    audit_before: date
    people_without_faces: int
    faces: int
    liveness_images: int
    punches: int
    work_days: int
    audit_entries: int

    def counts(self) -> dict[str, int]:
        """Give the numbers alone."""
        return {name: value for name, value in asdict(self).items() if isinstance(value, int)}


def retain(
    store: Store,
    access: Access,
    traces: Traces,
    faces: Faces,
    photos: Photos,
    *,
    dry_run: bool,
    now: datetime,
) -> RetentionPlan:
    """Remove what has been kept for as long as the settings say; with `dry_run` only say what that is."""
    settings = store.settings()
    kept, today = settings.retention, settings.today(now)
    before_photos = _ago(today, kept.photos_days)
    before_punches = _ago(today, kept.punches_days)
    before_liveness = now - timedelta(days=kept.liveness_days)
    before_audit = _ago(now.astimezone(UTC).date(), kept.audit_days)
    people = store.everybody()
    left = [person for person in people if person.face_ids and _left(person, today) < before_photos]
    face_count = 0
    for person in left:
        face_count += person.faces
        for face_id in person.face_ids if not dry_run else ():
            enrolment.remove(store, faces, photos, person.person_id, face_id, now=now)
    punches = days = 0
    for person_id in [*(person.person_id for person in people), *traces.pseudonyms()]:
        old = list(traces.punches(person_id, before_punches))
        punches, days = punches + len(old), days + len({punch.work_day for punch in old})
        if not dry_run:
            traces.remove_attendance(person_id, old)
    return RetentionPlan(
        photos_before=before_photos,
        liveness_before=before_liveness,
        punches_before=before_punches,
        audit_before=before_audit,
        people_without_faces=len(left),
        faces=face_count,
        liveness_images=photos.remove_all("liveness/", before=before_liveness, dry_run=dry_run),
        punches=punches,
        work_days=days,
        audit_entries=access.forget_entries(before_audit, dry_run=dry_run),
    )


def _ago(today: date, days: int) -> date:
    """Give the date so many days before, or the first there is."""
    return date.fromordinal(max(1, today.toordinal() - days))


def _left(person: Person, today: date) -> date:
    """Say since when a person no longer comes; the last of all dates for who does."""
    if person.until and person.until < today:
        return person.until
    return person.updated_at.date() if person.status is Status.INACTIVE else date.max
