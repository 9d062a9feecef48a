"""The packaged schedules, fired by EventBridge's event, with Lambda's retries and dead letters."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chalicelib.models import Face, FaceState, Person
from chalicelib.store import Store
from local.embedded import Embedded
from local.schedules import following
from tests.e2e.conftest import variables
from tests.e2e.emulator import Emulator
from tests.e2e.faults import Faults
from tests.e2e.package import Package
from tests.e2e.template import Function, Schedule

QUEUE = "arn:aws:sqs:us-east-1:123456789012:rollcall-dead-letters"


def schedule(emulator: Emulator, function: str) -> Schedule:
    [found] = [one for one in emulator.template.schedules if one.function == function]
    return found


def abandon(store: Store) -> None:
    """Leave behind what an enrolment leaves that crashed a minute ago."""
    since = datetime.now(UTC) - timedelta(minutes=1)
    person = Person(person_id="nobody", name="Nobody", created_at=since, updated_at=since)
    key = "photos/nobody/d.jpg"
    face = Face(person_id="nobody", digest="d" * 32, photo_key=key, state=FaceState.PENDING, since=since)
    store.begin_face(face, person)


def test_every_schedule_of_the_app_is_in_the_package_and_runs(packaged: Emulator, aws: Embedded) -> None:
    from app import app

    fired = packaged.template.schedules
    assert len(fired) == len(app.event_sources)
    for one in fired:
        assert following(one.expression)(datetime.now(UTC)) > datetime.now(UTC)
        assert packaged.fire(one) is not None, packaged.log.read_text()[-2000:]


def test_the_sweep_undoes_what_a_crash_left(packaged: Emulator, store: Store) -> None:
    abandon(store)
    result = packaged.fire(schedule(packaged, "Sweep"))
    assert json.loads(result or b"")["swept"] == 1
    assert store.unfinished_faces(before=datetime.now(UTC)) == []


def with_queue(function: Function) -> Function:
    """Give a function a dead-letter queue where its template has none."""
    return dataclasses.replace(function, dead_letters=function.dead_letters or QUEUE)


def test_a_sweep_that_fails_twice_is_tried_again_and_succeeds(
    package: Package, aws: Embedded, store: Store, tmp_path: Path
) -> None:
    abandon(store)
    with (
        Faults(aws) as faults,
        Emulator(package.sam, tmp_path, variables(aws, faults.url), change=with_queue) as emulator,
    ):
        faults.fail("DynamoDB_", times=6)  # two attempts of three tries each
        result = emulator.fire(schedule(emulator, "Sweep"))
    assert json.loads(result or b"")["swept"] == 1
    assert emulator.dead_letters == []


def test_a_sweep_that_keeps_failing_ends_in_the_dead_letter_queue_with_its_event(
    package: Package, aws: Embedded, store: Store, tmp_path: Path
) -> None:
    abandon(store)
    with (
        Faults(aws) as faults,
        Emulator(package.sam, tmp_path, variables(aws, faults.url), change=with_queue) as emulator,
    ):
        faults.fail("DynamoDB_", times=1000)
        assert emulator.fire(schedule(emulator, "Sweep")) is None
        faults.fail("DynamoDB_", times=0)
        [letter] = emulator.dead_letters
        assert letter.attempts == 3
        assert letter.error_code in {"ClientError", "InternalServerError"}
        assert json.loads(letter.event)["detail-type"] == "Scheduled Event"
        # Nothing is lost by it: the next minute's sweep finds what is still there.
        assert json.loads(emulator.fire(schedule(emulator, "Sweep")) or b"")["swept"] == 1
