"""Enrolled faces and matches with them. Figures are Rekognition's, in percent."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

FaceId = Annotated[str, Meta(min_length=1, max_length=64)]


MAX_FACES = 10
"""Most faces of one person; Amazon advises five or more photos, from several sides."""


class FaceState(StrEnum):
    """How far an enrolment or a removal has got; the sweep finishes what is not active."""

    PENDING = "pending"
    ACTIVE = "active"
    REMOVING = "removing"


class Face(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One enrolled photo of a person.

    `digest` (of the photo) is its place in the table, so the same photo twice is one face;
    `face_id` is Rekognition's, known once the photo is indexed.
    """

    person_id: str
    digest: str
    photo_key: str
    state: FaceState
    since: datetime
    face_id: str | None = None
    confidence: float | None = None
    brightness: float | None = None
    sharpness: float | None = None
    model: str | None = None


class FaceView(Struct, frozen=True, kw_only=True):
    """An enrolled face. `confidence`, `brightness` and `sharpness` are Rekognition's, in percent."""

    face_id: str
    person_id: str
    enrolled_at: datetime
    confidence: float | None
    brightness: float | None
    sharpness: float | None
    model: str | None

    @classmethod
    def of(cls, face: Face) -> "FaceView":
        """Show an active face."""
        assert face.face_id is not None  # noqa: S101 - active
        return cls(
            face_id=face.face_id,
            person_id=face.person_id,
            enrolled_at=face.since,
            confidence=face.confidence,
            brightness=face.brightness,
            sharpness=face.sharpness,
            model=face.model,
        )


class Match(Struct, frozen=True):
    """An enrolled face that resembles the one looked for."""

    person_id: str
    face_id: str
    similarity: float
