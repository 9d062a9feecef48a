"""When the sweep takes an upload: never while its form still works or what it brought may be in use."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.aws.metrics import measuring
from chalicelib.services.sweep import sweep as run_sweep
from tests.conftest import Clock, Http
from tests.support import recorder
from tests.support.answers import check_refused
from tests.support.builders import Json, add_person
from tests.support.photos import photo_of_c
from tests.support.uploads import post_upload

FORM = timedelta(minutes=10)
"""How long a form works."""


@pytest.fixture
def upload(http: Http, clock: Clock) -> Json:
    """A form that was just made."""
    made: Json = http.post("/v1/uploads").json_body
    assert datetime.fromisoformat(made["expires_at"]) == clock.now + FORM
    return made


def sweep(clock: Clock) -> int:
    swept = run_sweep(
        wiring.directory(), wiring.personal_data(), wiring.collection(), wiring.bucket(), now=clock.now
    )
    return swept["uploads"]


def objects(boto: Callable[[str], Any]) -> list[str]:
    return [one["Key"] for one in boto("s3").list_objects_v2(Bucket="rollcall-local").get("Contents", [])]


def test_what_was_uploaded_in_the_last_minute_of_the_form_survives_the_sweep_and_is_used(
    http: Http, clock: Clock, upload: Json
) -> None:
    person_id = add_person(http)
    clock.forward(minutes=9, seconds=59)
    assert sweep(clock) == 0
    assert post_upload(upload, photo_of_c())[0] in (200, 201, 204)
    clock.forward(seconds=1)
    assert sweep(clock) == 0, "the form has only just ended, and what it brought is not used yet"
    clock.forward(minutes=1, seconds=59)
    assert sweep(clock) == 0
    answer = http.post(f"/v1/people/{person_id}/faces", {"upload_id": upload["upload_id"]})
    assert answer.status_code == 201, answer.json_body


def test_an_upload_that_nobody_used_goes_two_minutes_after_its_form(
    http: Http, clock: Clock, upload: Json, boto: Callable[[str], Any]
) -> None:
    post_upload(upload, photo_of_c())
    clock.forward(minutes=11, seconds=59)
    assert sweep(clock) == 0
    assert len(objects(boto)) == 1
    clock.forward(seconds=2)
    assert sweep(clock) == 1
    assert objects(boto) == []
    answer = http.post("/v1/identify", {"upload_id": upload["upload_id"]})
    check_refused(answer, 404, "UploadNotFound")


def test_a_sweep_takes_only_what_is_old(
    http: Http, clock: Clock, upload: Json, boto: Callable[[str], Any]
) -> None:
    clock.forward(minutes=12)
    young: Json = http.post("/v1/uploads").json_body
    post_upload(young, photo_of_c())
    clock.forward(seconds=1)
    assert sweep(clock) == 1
    assert objects(boto) == [f"uploads/{young['upload_id']}"]


def test_exports_outlive_their_link_and_no_more(http: Http, clock: Clock, boto: Callable[[str], Any]) -> None:
    assert http.get("/v1/attendance", format_="xlsx").status_code == 303
    clock.forward(minutes=1)  # as long as its link works
    sweep(clock)
    assert len(objects(boto)) == 1
    clock.forward(minutes=1, seconds=1)
    sweep(clock)
    assert objects(boto) == []


def test_what_a_used_form_brings_goes_with_each_sweep_until_the_form_has_expired(
    http: Http, clock: Clock, upload: Json, boto: Callable[[str], Any]
) -> None:
    person_id = add_person(http)
    post_upload(upload, photo_of_c())
    assert http.post(f"/v1/people/{person_id}/faces", {"upload_id": upload["upload_id"]}).status_code == 201
    for _ in range(2):
        clock.forward(minutes=4)
        assert post_upload(upload, photo_of_c())[0] in (200, 201, 204)
        sweep(clock)
        assert not [key for key in objects(boto) if key.startswith("uploads/")]
    clock.forward(minutes=5)
    assert sweep(clock) == 0, "it was used"
    assert not wiring.directory().used_uploads(), "and is forgotten when its form brings nothing any more"


def test_a_minute_without_work_asks_the_table_only(http: Http, clock: Clock, upload: Json) -> None:
    add_person(http)
    with recorder.recording() as calls, measuring() as meter:
        sweep(clock)
    assert {call.action for call in calls} == {"dynamodb:Query"}
    assert meter.aws_calls == 5
