"""The examples of the OpenAPI document are true: our own types take them, and they keep our own rules."""

import re
import typing
from collections.abc import Iterator
from datetime import datetime
from types import UnionType
from typing import Any

import msgspec
import pytest

from app import app
from chalicelib.domain import reports, schedule
from chalicelib.domain.dates import date_range
from chalicelib.domain.ids import punch_instant
from chalicelib.domain.photo import photo
from chalicelib.domain.photo_advice import BY_REASON
from chalicelib.domain.reports import RosterCounts, RosterRow, Timesheet
from chalicelib.domain.settings import SettingsView
from chalicelib.services.imports import ImportResult
from chalicelib.services.timesheets import MonthlySheet
from chalicelib.web.bodies import PhotoJson
from chalicelib.web.endpoint import Endpoint
from infra.openapi import document, examples
from infra.regions import LIVENESS

DOCUMENT = document.build(app)
ATTENDED = {"present", "late", "left", "half_day"}


def members(kind: Any) -> tuple[Any, ...]:
    if isinstance(kind, tuple):
        return kind
    return typing.get_args(kind) if isinstance(kind, UnionType) else (kind,)


def bodies() -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """Give each JSON example of the document with the types that it may have by the code."""
    routes: dict[str, dict[str, Any]] = app.routes
    for path, methods in routes.items():
        for method, entry in methods.items():
            operation = DOCUMENT["paths"][path][method.lower()]
            endpoint: Endpoint = entry.view_function.endpoint
            hints = typing.get_type_hints(entry.view_function, include_extras=True)
            asked = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if asked:
                takes = getattr(hints["body"], "TAKES", {"application/json": hints["body"]})
                yield f"{method} {path}", (takes["application/json"],), asked["example"]
            answers = endpoint.responses or {endpoint.status: hints["return"]}
            for status, kinds in answers.items():
                media = operation["responses"].get(str(status), {}).get("content", {}).get("application/json")
                if media and "example" in media:
                    types = tuple(kind for kind in members(kinds) if not isinstance(kind, str))
                    yield f"{method} {path} {status}", types, media["example"]


BODIES = list(bodies())


def every(kind: type) -> list[Any]:
    """Find each part of an example that is of a type."""
    return [
        found for _, types, example in BODIES for found in parts(msgspec.convert(example, types[0]), kind)
    ]


def parts(value: Any, kind: type) -> Iterator[Any]:
    if isinstance(value, kind):
        yield value
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from parts(getattr(value, name), kind)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from parts(inner, kind)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from parts(inner, kind)


def errors() -> Iterator[tuple[str, Any]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            for answer in operation["responses"].values():
                content = answer.get("content", {}).get("application/json", {})
                for code, example in content.get("examples", {}).items():
                    yield f"{method} {path} {code}", example["value"]


@pytest.mark.parametrize(("types", "example"), [pytest.param(*rest, id=name) for name, *rest in BODIES])
def test_an_example_is_one_of_our_types_and_keeps_its_limits(types: tuple[Any, ...], example: Any) -> None:
    read = msgspec.convert(example, types[0])
    assert msgspec.json.decode(msgspec.json.encode(read)) == example


def test_every_operation_with_a_json_body_has_an_example() -> None:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [
                answer.get("content", {})
                for status, answer in operation["responses"].items()
                if status < "300"
            ]
            for media in (content.get("application/json") for content in contents):
                assert media is None or "example" in media or path == "/openapi.json", f"{method} {path}"
            for parameter in operation["parameters"]:
                assert "$ref" in parameter or "example" in parameter, f"{method} {path} {parameter}"


def test_counts_add_up() -> None:
    for counts in every(RosterCounts):
        fields = msgspec.structs.asdict(counts)
        at_work, total = fields.pop("at_work"), fields.pop("total")
        assert sum(fields.values()) == total
        assert at_work <= total
    for page in (example for _, _, example in BODIES if isinstance(example, dict) and "counts" in example):
        for state in page["counts"].keys() - {"total", "at_work"}:
            assert page["counts"][state] == sum(row["state"] == state for row in page["items"])
    for result in every(ImportResult):
        assert result.rows_total == len(result.items)
        assert result.created == sum(row.status == "created" for row in result.items)
        assert result.failed == sum(row.status in ("invalid", "exists") for row in result.items)


def test_absent_people_have_no_times() -> None:
    rows = [*every(RosterRow), *(day for sheet in every(Timesheet) for day in sheet.days)]
    assert {row.state for row in rows} >= {"left", "late", "absent", "leave", "day_off"}
    for row in rows:
        assert (row.first_in is not None) == (row.state in ATTENDED)
        assert row.first_in is None or row.last_out is None or row.first_in < row.last_out
        assert (row.late_minutes > 0) == (row.state in ("late", "half_day"))


def test_totals_are_those_of_the_days() -> None:
    sheets = every(Timesheet)
    assert sheets
    for sheet in sheets:
        assert sheet.totals == reports.totals(sheet.days)
        assert [day.date for day in sheet.days] == date_range(sheet.since, sheet.until)
    for month in every(MonthlySheet):
        assert all(len(row.marks) == len(month.days) for row in month.items)
        assert {day.isoformat()[:7] for day in month.days} == {month.month}


def test_a_punchs_id_tells_its_instant() -> None:
    found = [one for _, _, example in BODIES for one in dicts(example) if "punch_id" in one and "at" in one]
    assert found
    for one in found:
        assert punch_instant(one["punch_id"]) == datetime.fromisoformat(one["at"])
        assert one["work_day"] == one["at"][:10]


def test_ranges_do_not_run_backwards() -> None:
    pairs = [("since", "until"), ("created_at", "updated_at"), ("server_time", "expires_at")]
    for _, _, example in BODIES:
        for one in dicts(example):
            for first, last in pairs:
                if isinstance(one.get(first), str) and isinstance(one.get(last), str):
                    assert one[first] <= one[last]


def dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from dicts(inner)


def test_settings_contradict_nothing() -> None:
    found = every(SettingsView)
    assert found
    assert not [problem for one in found for problem in schedule.calendar_problems(one.calendar)]


def test_regions_have_face_liveness() -> None:
    regions = {one["region"] for _, _, example in BODIES for one in dicts(example) if "region" in one}
    assert regions
    assert regions <= LIVENESS.keys()
    named = set(re.findall(r"\b[a-z]{2}-[a-z]+-[0-9]\b", msgspec.json.encode(DOCUMENT).decode()))
    assert named <= LIVENESS.keys()


def test_photos_are_photos() -> None:
    for one in every(PhotoJson):
        photo(one.photo)
    photo(msgspec.convert(examples.PHOTO, bytes))


def test_errors_have_the_reasons_that_rekognition_gives_and_our_advice() -> None:
    poor = [body for name, body in errors() if name.endswith(" PoorPhoto") and "Code" in body]
    assert poor
    for body in poor:
        assert set(body["Details"]["reasons"]) <= BY_REASON.keys()
        assert body["Details"]["advice"] == [BY_REASON[one][0] for one in body["Details"]["reasons"]]


def test_a_role_that_is_refused_is_one_that_may_not() -> None:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            answers = operation["responses"].get("403", {}).get("content", {}).get("application/json", {})
            example = answers.get("examples", {}).get("RoleNotAllowed", {}).get("value", {})
            if "Details" in example and operation["x-roles"]:
                assert example["Details"]["role"] not in operation["x-roles"], f"{method} {path}"
