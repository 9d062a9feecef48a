"""Enrolled faces, and matches against them. All scores are Rekognition's, in percent."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

FaceId = Annotated[str, Meta(min_length=1, max_length=64)]


MAX_FACES = 10
"""The most faces of one person. Amazon recommends at least five photos, from different sides."""


class FaceState(StrEnum):
    """The stage of an enrolment or a removal. The sweep finishes those that were interrupted."""

    PENDING = "pending"
    ACTIVE = "active"
    REMOVING = "removing"


class Face(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One enrolled photo of a person.

    `digest`, the photo's, is its key in the table, so enrolling the same photo twice gives one face.
    `face_id` is Rekognition's and is set once the photo is indexed.
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
        """Make the view of an active face."""
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
    """An enrolled face that is similar to the one searched for."""

    person_id: str
    face_id: str
    similarity: float
