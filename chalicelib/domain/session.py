"""Liveness sessions and their outcomes."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from chalicelib.domain.schedule import PATTERN_END

SessionId = Annotated[str, Meta(pattern=f"^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}{PATTERN_END}")]


class SessionState(StrEnum):
    """Whether a liveness session has been used; it can be used once."""

    ISSUED = "issued"
    USED = "used"


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of a liveness session or a photo; every retry receives it again."""

    code: str
    at: datetime
    person_id: str | None = None
    punch_id: str | None = None
    face_id: str | None = None
    similarity: float | None = None
    liveness: float | None = None
    duplicate: bool = False
    image_bytes: int | None = None


class Session(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A liveness session that was created at Rekognition; `by` is the token that may use it."""

    session_id: str
    created_at: datetime
    by: str | None = None
    state: SessionState  # no default: defaults are not stored, and conditions read this attribute
    outcome: Outcome | None = None
