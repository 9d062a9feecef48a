"""The examples of errors: instances of their classes, with the facts of the same story."""

from functools import cache
from typing import Any

import msgspec
from msgspec.structs import replace

from chalicelib.config import JSON_BYTES
from chalicelib.domain import errors
from chalicelib.domain.face import MAX_FACES
from chalicelib.domain.photo_advice import photo_advice
from chalicelib.domain.token import SCOPES, Caller
from chalicelib.services.imports import COLUMNS, ROWS
from chalicelib.services.timesheets import PERSON_DAYS
from infra.openapi.examples import (
    CLASS,
    CLOSED,
    FACE,
    HOLIDAY,
    IMPORT,
    LEAVE,
    PERSON,
    PUNCH,
    SETTINGS,
    TOKEN,
)


@cache
def _errors() -> dict[type[errors.RollcallError], errors.RollcallError]:
    refused = replace(
        IMPORT,
        mode="all",
        created=0,
        items=[replace(IMPORT.items[0], status="valid", person_id=None), IMPORT.items[1]],
    )
    found: tuple[errors.RollcallError, ...] = (
        errors.InvalidRequest("Object contains unknown field `nmae`."),
        errors.TooLarge(f"The body is larger than {JSON_BYTES // 1000} kB.", limit_bytes=JSON_BYTES),
        errors.TooManyRequests(30),
        errors.LockedOut(300),
        errors.TokenNotFound(TOKEN),
        errors.PersonNotFound(PERSON),
        errors.PersonExists("HS-0042"),
        errors.UnknownShift("night"),
        errors.InvalidImport(
            f"Unknown columns: phone. Known are {', '.join(COLUMNS)}.", columns=["phone"], known=list(COLUMNS)
        ),
        errors.ImportTooLarge(f"The file has more than {ROWS} rows.", limit_rows=ROWS),
        errors.ImportRefused(msgspec.to_builtins(refused)),
        errors.FaceNotFound(FACE),
        errors.SeveralFaces(2),
        errors.PoorPhoto(["LOW_BRIGHTNESS", "EXTREME_POSE"]),
        errors.FaceBelongsToAnother(CLASS[1].person_id),
        errors.TooManyFaces(MAX_FACES),
        errors.PunchNotFound(PUNCH),
        errors.PunchExists(PUNCH),
        errors.PunchIsVoid(PUNCH),
        errors.PunchSuperseded(PUNCH),
        errors.InvalidSettings(["default_shift: there is no shift 'night'"]),
        errors.SettingsChanged(SETTINGS.version),
        errors.HolidayNotFound(HOLIDAY.date),
        errors.PeriodClosed(CLOSED),
        errors.UnknownLeaveKind("anual", [one.kind for one in SETTINGS.leave_kinds]),
        errors.LeaveOverlaps(LEAVE),
        errors.LeaveNotFound(LEAVE),
        errors.ExportTooLarge(PERSON_DAYS + 12_000, PERSON_DAYS),
    )
    return {type(one): one for one in found}


def of(kind: Any, scope: str) -> errors.RollcallError:
    """Give the example of an error, as a route of a scope raises it."""
    if kind is errors.RoleNotAllowed:
        role = next(role for role, scopes in SCOPES.items() if scope not in scopes)
        made: errors.RollcallError = kind(Caller(TOKEN, role, "front door"))
    else:
        made = _errors().get(kind) or kind()
    if advice := photo_advice(made, "en"):
        made.details = {**made.details, "advice": advice}
    return made
