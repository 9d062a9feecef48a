"""Retention: what is deleted when its period is over, and temporary files."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib import wiring
from chalicelib.services import retention
from tests.conftest import Clock, Http
from tests.support.builders import add_person, change_settings, stamped
from tests.support.faces import enrolled, stored_faces
from tests.support.photos import photo_of_b, photo_of_c
from tests.support.punches import todays_punches
from tests.support.traces import sweep, traces_of
from tests.support.uploads import create_upload, post_upload

Boto = Callable[[str], Any]
BUCKET = TABLE = "rollcall-local"


def retain(later: timedelta, *, dry_run: bool = False) -> dict[str, int]:
    now = datetime.now(UTC) + later
    gateways = (
        wiring.directory(),
        wiring.audit_log(),
        wiring.personal_data(),
        wiring.collection(),
        wiring.bucket(),
    )
    return retention.apply_retention(*gateways, dry_run=dry_run, now=now).counts()


@pytest.fixture
def aged(http: Http, boto: Boto) -> tuple[str, str, str]:
    """Three people: one who stays, one who left, and one who was erased; retention is short."""
    retention = {"photos_days": 10, "liveness_days": 5, "punches_days": 100, "audit_days": 200}
    retention |= {"leaves_days": 20, "consents_days": 30, "profiles_days": 40}
    assert change_settings(http, retention=retention).status_code == 200
    stays, left, erased = (add_person(http, name) for name in ("Ở", "Lê Rời Đi", "Xóa"))
    enrolled(http, stays, photo_of_b())
    enrolled(http, left, photo_of_c())
    for person_id in (stays, left, erased):
        for at in ("2020-03-02T08:00:00+07:00", "2020-03-03T08:00:00+07:00"):
            stamped(http, person_id, at)
        stamped(http, person_id, datetime.now(UTC).isoformat())
    leave = {"since": "2026-03-04", "until": "2026-03-05", "kind": "sick"}
    assert http.post(f"/v1/people/{left}/leaves", leave).status_code == 201
    http.call("PATCH", f"/v1/people/{left}", {"status": "inactive"})
    assert http.delete(f"/v1/people/{erased}").json_body["complete"] is True
    boto("s3").put_object(Bucket=BUCKET, Key="liveness/some/audit.jpg", Body=b"x")
    return stays, left, erased


def test_each_class_goes_in_its_time_and_a_dry_run_says_what_would(
    http: Http, aged: tuple[str, str, str], boto: Boto
) -> None:
    stays, left, _ = aged
    old = {"punches": 6, "work_days": 6}
    nothing = dict.fromkeys(
        (
            "people_without_faces",
            "faces",
            "leaves",
            "consents",
            "profiles",
            "liveness_images",
            "punches",
            "work_days",
            "audit_entries",
        ),
        0,
    )
    plan = http.get("/v1/retention").json_body
    assert {name: plan[name] for name in nothing} == nothing | old
    assert retain(timedelta(0), dry_run=True) == nothing | old
    assert retain(timedelta(0)) == nothing | old
    assert retain(timedelta(0)) == nothing, "nothing is left to go"
    assert len(todays_punches(http)) == 3, "what is young stays, also of who was erased"

    eleven = timedelta(days=12)
    assert retain(eleven, dry_run=True)["faces"] == 1
    assert retain(eleven) == nothing | {"people_without_faces": 1, "faces": 1, "liveness_images": 1}
    assert http.get(f"/v1/people/{left}").json_body["faces"] == 0
    assert http.get(f"/v1/people/{stays}").json_body["faces"] == 1
    assert [key.split("/")[0] for key in stored_faces(boto)[0]] == ["photos"]

    for days, name in ((22, "leaves"), (32, "consents")):
        assert retain(timedelta(days=days), dry_run=True) == nothing | {name: 1}
        assert retain(timedelta(days=days)) == nothing | {name: 1}
        assert retain(timedelta(days=days)) == nothing
        held = http.get(f"/v1/people/{left}/data").json_body
        assert held[name] == []
    assert (held["person"]["name"], held["person"]["consent"]) == ("Lê Rời Đi", None)
    assert retain(timedelta(days=42), dry_run=True) == nothing | {"profiles": 1}
    assert retain(timedelta(days=42)) == nothing | {"profiles": 1}
    assert http.get(f"/v1/people/{left}").status_code == 404
    assert traces_of(boto, left, "Lê Rời Đi") == []
    assert len(todays_punches(http)) == 3, "under a pseudonym"
    assert len(http.get(f"/v1/people/{stays}/data").json_body["consents"]) == 1

    assert retain(timedelta(days=102))["punches"] == 3
    assert todays_punches(http) == []
    assert retain(timedelta(days=202))["audit_entries"] > 5
    assert http.get("/v1/audit").json_body["items"] == []


def test_an_edit_of_a_leaver_does_not_keep_them_longer(http: Http, clock: Clock) -> None:
    left, quit_ = add_person(http, "Đi"), add_person(http, "Nghỉ")
    enrolled(http, left, photo_of_c())
    enrolled(http, quit_, photo_of_b())
    today = clock.now.astimezone(ZoneInfo("Asia/Ho_Chi_Minh")).date()
    shown = http.call("PATCH", f"/v1/people/{left}", {"status": "inactive"}).json_body
    assert shown["until"] == today.isoformat()
    http.call("PATCH", f"/v1/people/{quit_}", {"until": today.isoformat()})
    clock.forward(days=25)
    for person_id in (left, quit_):
        change = {"email": "new@example.com", "group": "former", "status": "inactive"}
        edited = http.call("PATCH", f"/v1/people/{person_id}", change).json_body
        assert edited["updated_at"] > shown["updated_at"]
    clock.forward(days=6)
    assert http.get("/v1/retention").json_body["faces"] == 2


def test_who_comes_back_is_kept(http: Http, clock: Clock) -> None:
    person_id = add_person(http)
    enrolled(http, person_id, photo_of_c())
    http.call("PATCH", f"/v1/people/{person_id}", {"status": "inactive"})
    clock.forward(days=20)
    back = http.call("PATCH", f"/v1/people/{person_id}", {"status": "active"}).json_body
    assert back["until"] is None
    clock.forward(days=32)
    plan = http.get("/v1/retention").json_body
    assert (plan["faces"], plan["profiles"]) == (0, 0)
    http.call("PATCH", f"/v1/people/{person_id}", {"status": "inactive"})
    clock.forward(days=29)
    assert http.get("/v1/retention").json_body["faces"] == 0
    clock.forward(days=2)
    assert http.get("/v1/retention").json_body["faces"] == 1


def test_a_consent_stays_as_long_as_the_faces(http: Http, boto: Boto) -> None:
    change_settings(http, retention={"photos_days": 100, "consents_days": 1})
    person_id = add_person(http)
    enrolled(http, person_id, photo_of_c())
    http.call("PATCH", f"/v1/people/{person_id}", {"status": "inactive"})
    assert retain(timedelta(days=50))["consents"] == 0
    counts = retain(timedelta(days=102))
    assert (counts["faces"], counts["consents"]) == (1, 1)


def test_files_that_have_served_are_swept(http: Http, boto: Boto) -> None:
    add_person(http)
    assert http.get("/v1/attendance", format_="xlsx").status_code == 303
    upload = create_upload(http)
    post_upload(upload, photo_of_c())
    assert sweep(timedelta(minutes=1))["exports"] == 0
    assert sweep(timedelta(minutes=3)) == {"swept": 0, "erasures": 0, "uploads": 0, "exports": 1}
    assert sweep(timedelta(minutes=13))["uploads"] == 1
    assert stored_faces(boto)[0] == []
