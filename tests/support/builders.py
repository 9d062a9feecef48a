"""What the tests of attendance say to the API: a site's calendar, its people, their punches."""

from typing import Any

from chalice.test import HTTPResponse

from tests.conftest import CONSENT, Http

Json = dict[str, Any]

DAY: Json = {
    "starts": "08:00",
    "ends": "17:00",
    "grace_minutes": 10,
    "early_grace_minutes": 5,
    "half_day_after_minutes": 180,
    "break_minutes": 60,
}
NIGHT: Json = {
    "starts": "22:00",
    "ends": "06:00",
    "grace_minutes": 5,
    "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
}


def calendar(zone: str = "Asia/Ho_Chi_Minh", **changes: Any) -> Json:
    """Make a calendar as the settings have it, with the shifts `day` and `night`."""
    shifts = {"day": DAY, "night": NIGHT}
    return {"zone": zone, "cutoff": "04:00", "shifts": shifts, "default_shift": "day", **changes}


def change_settings(http: Http, effective_from: str | None = None, **changes: Any) -> HTTPResponse:
    """Change the settings that stand."""
    before = http.get("/v1/settings").json_body
    query = f"?effective_from={effective_from}" if effective_from else ""
    return http.call("PUT", f"/v1/settings{query}", {**before, **changes})


def set_calendar(http: Http, effective_from: str = "2020-01-01", **wanted: Any) -> None:
    """Put a calendar in force from a date on."""
    answer = change_settings(http, effective_from, calendar=calendar(**wanted))
    assert answer.status_code == 200, answer.json_body


def set_holiday(http: Http, on: str, name: str = "Quốc khánh", **fields: Any) -> None:
    """Make a date, or a half of it, a holiday."""
    answer = http.call("PUT", f"/v1/holidays/{on}", {"name": name, **fields})
    assert answer.status_code in (200, 201), answer.json_body


def take_leave(http: Http, person_id: str, since: str, until: str | None = None, **fields: Any) -> None:
    """Give a person leave."""
    body = {"since": since, "until": until or since, "kind": "annual", **fields}
    answer = http.post(f"/v1/people/{person_id}/leaves", body)
    assert answer.status_code == 201, answer.json_body


def add_person(http: Http, name: str = "Nguyễn Văn Ánh", **fields: Any) -> str:
    """Add a person, due since 2020; gives the id."""
    answer = http.post("/v1/people", {"name": name, "since": "2020-01-01", "consent": CONSENT, **fields})
    assert answer.status_code == 201, answer.json_body
    person_id: str = answer.json_body["person_id"]
    return person_id


def stamp(http: Http, person_id: str, at: str | None = None, **fields: Any) -> HTTPResponse:
    """Record a manual punch or a correction."""
    body = {"person_id": person_id, "reason": "forgot the badge", **fields}
    return http.post("/v1/punches/manual", body | ({"at": at} if at else {}))


def stamped(http: Http, person_id: str, at: str | None = None, **fields: Any) -> str:
    """Record one that must succeed; gives its id."""
    answer = stamp(http, person_id, at, **fields)
    assert answer.status_code == 201, answer.json_body
    punch_id: str = answer.json_body["punch_id"]
    return punch_id


def sheet_of(http: Http, person_id: str, since: str, until: str | None = None) -> Json:
    """Read a timesheet."""
    answer = http.get(f"/v1/attendance/{person_id}", from_=since, to=until or since)
    assert answer.status_code == 200, answer.json_body
    found: Json = answer.json_body
    return found


def day_of(http: Http, person_id: str, on: str) -> Json:
    """Read one day of a timesheet."""
    [found] = sheet_of(http, person_id, on)["days"]
    day: Json = found
    return day
