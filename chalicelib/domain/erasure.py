"""The erasure of a person: its options, its progress and its counts."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

AttendanceHandling = Literal["pseudonymise", "remove"]
"""Whether an erasure moves the attendance to a made-up id, or removes it.

A pseudonym is no anonymity: whoever knows when somebody came and went can recognise them.
"""


class ErasedCounts(Struct, frozen=True):
    """How many items of each kind existed when the erasure began."""

    faces: int = 0
    photos: int = 0
    liveness_images: int = 0
    uploads: int = 0
    exports: int = 0
    consents: int = 0
    leaves: int = 0
    sessions: int = 0
    answers: int = 0
    punches: int = 0
    work_days: int = 0


class Erasure(Struct, frozen=True, kw_only=True):
    """An erasure in progress. It replaces the person's profile and holds nothing that identifies them.

    `face_ids` are deleted once more at the end. `found` counts what existed when the erasure began.
    """

    person_id: str
    erasing: datetime
    attendance: AttendanceHandling
    pseudonym: str
    face_ids: tuple[str, ...] = ()
    found: ErasedCounts | None = None
