"""Retention: what is deleted when its period is over, and temporary files."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.services import retention
from tests.conftest import Http
from tests.support.builders import add_person, change_settings, stamped
from tests.support.faces import enrolled, stored_faces
from tests.support.photos import photo_of_b, photo_of_c
from tests.support.punches import todays_punches
from tests.support.traces import sweep
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
    assert change_settings(http, retention=retention).status_code == 200
    stays, left, erased = (add_person(http, name) for name in ("Ở", "Đi", "Xóa"))
    enrolled(http, stays, photo_of_b())
    enrolled(http, left, photo_of_c())
    for person_id in (stays, left, erased):
        for at in ("2020-03-02T08:00:00+07:00", "2020-03-03T08:00:00+07:00"):
            stamped(http, person_id, at)
        stamped(http, person_id, datetime.now(UTC).isoformat())
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
        ("people_without_faces", "faces", "liveness_images", "punches", "work_days", "audit_entries"), 0
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

    assert retain(timedelta(days=102))["punches"] == 3
    assert todays_punches(http) == []
    assert retain(timedelta(days=202))["audit_entries"] > 5
    assert http.get("/v1/audit").json_body["items"] == []


def test_files_that_have_served_are_swept(http: Http, boto: Boto) -> None:
    add_person(http)
    assert http.get("/v1/attendance", format_="xlsx").status_code == 303
    upload = create_upload(http)
    post_upload(upload, photo_of_c())
    assert sweep(timedelta(minutes=1))["exports"] == 0
    assert sweep(timedelta(minutes=3)) == {"swept": 0, "erasures": 0, "uploads": 0, "exports": 1}
    assert sweep(timedelta(minutes=13))["uploads"] == 1
    assert stored_faces(boto)[0] == []
