"""Punches and what is read of them: at the camera, by hand, on the roster, in files; the settings."""

import uuid
from datetime import UTC, datetime, timedelta

import requests

from tests.e2e.contract.site import Scenario, Site, code
from tests.support.patience import PATIENCE_S
from tests.support.photos import photo_of_b, photos_of_a

XLSX = b"PK\x03\x04"


def punches_once_for_a_live_and_known_face(site: Site) -> None:
    person_id = site.person()
    assert site.enrol(person_id, photos_of_a()[0]).status_code == 201
    session_id = site.session()
    assert site.get(f"/v1/liveness-sessions/{session_id}", role="kiosk")["status"] == "waiting"
    early = site.punch(session_id)
    assert code(early) == (409, "SessionPending"), early.text
    site.finish(session_id, photos_of_a()[1])
    assert site.get(f"/v1/liveness-sessions/{session_id}", role="kiosk")["status"] == "finished"
    first = site.punch(session_id)
    assert first.status_code == 201, first.text
    assert (first.json()["person_id"], first.json()["name"]) == (None, "Ánh")  # no more for a kiosk
    assert code(site.punch(session_id)) == (409, "SessionUsed")
    assert site.get(f"/v1/liveness-sessions/{session_id}", role="kiosk")["status"] == "used"
    day = first.json()["work_day"]
    log = site.get("/v1/punches", from_=day, to=day, person_id=person_id)["items"]
    assert [punch["punch_id"] for punch in log] == [first.json()["punch_id"]]
    roster = site.get("/v1/attendance", q="nguyen")
    assert person_id in [row["person_id"] for row in roster["items"]]


def calls_a_second_punch_a_duplicate(site: Site) -> None:
    person_id = site.person()
    assert site.enrol(person_id, photos_of_a()[0]).status_code == 201
    answers = []
    sessions = [site.session(), site.session()]
    for session_id in sessions:
        site.finish(session_id, photos_of_a()[1])
    for session_id in sessions:
        answers.append(site.punch(session_id))
    assert [answer.status_code for answer in answers] == [201, 200], [answer.text for answer in answers]
    assert answers[1].json()["duplicate"] is True
    assert answers[1].json()["punch_id"] == answers[0].json()["punch_id"]


def refuses_what_is_not_alive_or_not_known(site: Site) -> None:
    assert site.enrol(site.person(), photos_of_a()[0]).status_code == 201
    held_up = site.session()
    site.finish(held_up, photos_of_a()[1], live=False)
    assert code(site.punch(held_up)) == (422, "NotLive")
    stranger = site.session()
    site.finish(stranger, photo_of_b())
    assert code(site.punch(stranger)) == (422, "NotRecognised")
    assert code(site.punch(str(uuid.UUID(int=0)))) == (404, "SessionNotFound")
    today = datetime.now(UTC).date()
    log = site.get("/v1/punches", from_=today - timedelta(days=1), to=today + timedelta(days=1))["items"]
    assert not [punch for punch in log if punch["evidence"] and punch["evidence"]["session_id"] == held_up]


def reports_a_day_made_by_hand(site: Site) -> None:
    person_id = site.person("Phạm Thị Mến")
    by_hand = {"person_id": person_id, "reason": "forgot the badge"}
    came = site.make("/v1/punches/manual", {**by_hand, "at": "2026-03-02T08:12:30+07:00"})
    site.make("/v1/punches/manual", {**by_hand, "at": "2026-03-02T10:01:00Z"})
    moved = site.make(
        "/v1/punches/manual",
        {**by_hand, "supersedes": came["punch_id"], "at": "2026-03-02T07:55:00+07:00"},
    )
    twice = {**by_hand, "supersedes": came["punch_id"], "at": "2026-03-02T07:50:00+07:00"}
    assert code(site.call("POST", "/v1/punches/manual", twice)) == (409, "PunchSuperseded")
    log = site.get("/v1/punches", from_="2026-03-02", to="2026-03-02", person_id=person_id)["items"]
    assert len(log) == 3  # corrected ones stay
    [day] = site.get(f"/v1/attendance/{person_id}", from_="2026-03-02", to="2026-03-02")["days"]
    assert day["first_in"].startswith("2026-03-02T07:55:00")
    assert day["last_out"].startswith("2026-03-02T17:01:00")
    path = f"/v1/attendance/{person_id}"
    csv = site.call("GET", path, headers={"Accept": "text/csv"}, from_="2026-03-01", to="2026-03-07")
    assert csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "Phạm Thị Mến" in csv.content.decode()
    assert csv.content == site.call("GET", path, from_="2026-03-01", to="2026-03-07", format_="csv").content
    for path in (f"/v1/attendance/{person_id}", "/v1/timesheets"):
        book = site.call("GET", path, from_="2026-03-01", to="2026-03-07", format_="xlsx")
        assert book.status_code == 303, book.text
        assert requests.get(book.headers["Location"], timeout=PATIENCE_S).content.startswith(XLSX)
    month = site.call("GET", "/v1/timesheets/monthly", month="2026-03", format_="csv")
    assert month.status_code == 200
    assert "Phạm Thị Mến" in month.content.decode()
    # A minute apart, because punches of one instant are listed in the order of random ids.
    void = {**by_hand, "supersedes": moved["punch_id"], "void": True, "at": "2026-03-02T07:56:00+07:00"}
    site.make("/v1/punches/manual", void)
    [day] = site.get(f"/v1/attendance/{person_id}", from_="2026-03-02", to="2026-03-02")["days"]
    assert day["first_in"].startswith("2026-03-02T17:01:00")


def imports_what_devices_write(site: Site) -> None:
    name = f"{site.mark}-9"
    person_id = site.make("/v1/people", {"name": "Phạm Văn Chín", "code": name})["person_id"]
    lines = "".join(f"{name}\t2026-03-03 {time}\t1\t{way}\t1\t0\r\n" for time, way in TIMES)
    for media in ("text/plain", "application/octet-stream"):
        sent = site.call("POST", "/v1/punches/imports", lines.encode(), {"Content-Type": media})
        assert (sent.status_code, sent.json()["format"]) == (200, "attlog"), sent.text
        assert sent.json()["created"] == (2 if media == "text/plain" else 0)
    header = "Person ID\tName\tTime\tAttendance Status\r\n"
    table = header + f"'{name}\tPhạm Văn Chín\t2026-03-04 08:00:00\tCheck-in\r\n"
    kind = {"Content-Type": "application/vnd.ms-excel"}
    sent = site.call("POST", "/v1/punches/imports", table.encode("utf-16"), kind)
    assert sent.status_code == 200, sent.text
    assert (sent.json()["format"], sent.json()["created"]) == ("hikvision", 1)
    missing = site.get("/v1/attendance/open-days", from_="2026-03-03", to="2026-03-04")["items"]
    mine = [day for day in missing if day["person_id"] == person_id]
    assert [(day["date"], day["missing"]) for day in mine] == [("2026-03-04", "out")]


TIMES = (("08:00:00", 0), ("17:00:00", 1))


def excuses_people_on_leave(site: Site) -> None:
    person_id = site.person()
    leave = site.make(
        f"/v1/people/{person_id}/leaves", {"since": "2026-03-02", "until": "2026-03-04", "kind": "annual"}
    )
    assert leave in site.get("/v1/leaves", from_="2026-03-01", to="2026-03-31")["items"]
    [day] = site.get(f"/v1/attendance/{person_id}", from_="2026-03-03", to="2026-03-03")["days"]
    assert day["state"] == "leave"
    path = f"/v1/people/{person_id}/leaves/{leave['leave_id']}"
    assert site.call("DELETE", path).status_code == 204
    assert code(site.call("DELETE", path)) == (404, "LeaveNotFound")


def changes_settings_by_version(site: Site) -> None:
    before = site.get("/v1/settings")
    changed = site.call("PUT", "/v1/settings", {**before, "duplicate_window_s": 90})
    assert changed.status_code == 200, changed.text
    assert changed.json()["duplicate_window_s"] == 90
    assert code(site.call("PUT", "/v1/settings", before)) == (409, "SettingsChanged")
    nowhere = {**changed.json(), "calendar": {**before["calendar"], "zone": "Asia/Saigon2"}}
    assert code(site.call("PUT", "/v1/settings", nowhere)) == (400, "InvalidSettings")
    lax = {**changed.json(), "similarity_threshold": 20}
    assert code(site.call("PUT", "/v1/settings", lax)) == (400, "InvalidRequest")
    back = {**before, "version": changed.json()["version"]}
    assert site.call("PUT", "/v1/settings", back).status_code == 200


SCENARIOS: list[Scenario] = [
    punches_once_for_a_live_and_known_face,
    calls_a_second_punch_a_duplicate,
    refuses_what_is_not_alive_or_not_known,
    reports_a_day_made_by_hand,
    imports_what_devices_write,
    excuses_people_on_leave,
    changes_settings_by_version,
]
