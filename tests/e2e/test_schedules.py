"""The packaged schedules, fired by EventBridge's event, with Lambda's retries and dead letters."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.aws.directory import Directory
from chalicelib.domain.face import Face, FaceState
from chalicelib.domain.person import Person
from local.app.schedules import following
from local.aws.embedded import Embedded
from tests.e2e.conftest import variables
from tests.e2e.emulator import Emulator
from tests.e2e.faults import Faults
from tests.e2e.package import Package
from tests.e2e.template import Function

QUEUE = "arn:aws:sqs:us-east-1:123456789012:rollcall-dead-letters"


def with_queue(function: Function) -> Function:
    """Give a function a dead-letter queue where its template has none."""
    return dataclasses.replace(function, dead_letters=function.dead_letters or QUEUE)


@pytest.fixture
def failing(package: Package, aws: Embedded, faults: Faults, tmp_path: Path) -> Iterator[Emulator]:
    """The package over an AWS that fails when told to, with a dead-letter queue."""
    over = variables(aws, faults.url)
    with Emulator(package.sam, tmp_path, over, change=with_queue) as emulator:
        yield emulator


@pytest.fixture
def abandoned(directory: Directory) -> None:
    """What an enrolment leaves behind that crashed a minute ago."""
    since = datetime.now(UTC) - timedelta(minutes=1)
    person = Person(person_id="nobody", name="Nobody", created_at=since, updated_at=since)
    key = "photos/nobody/d.jpg"
    face = Face(person_id="nobody", digest="d" * 32, photo_key=key, state=FaceState.PENDING, since=since)
    directory.add_pending_face(face, person)


def sweep(emulator: Emulator) -> int | None:
    """Fire the sweep; gives how much it swept, or None when it failed each time."""
    [one] = [one for one in emulator.template.schedules if one.function == "Sweep"]
    result = emulator.fire(one)
    return None if result is None else json.loads(result)["swept"]


def test_every_schedule_of_the_app_is_in_the_package_and_runs(packaged: Emulator, aws: Embedded) -> None:
    from app import app

    fired = packaged.template.schedules
    assert len(fired) == len(app.event_sources)
    for one in fired:
        assert following(one.expression)(datetime.now(UTC)) > datetime.now(UTC)
        assert packaged.fire(one) is not None, packaged.log.read_text()[-2000:]


@pytest.mark.usefixtures("abandoned")
def test_the_sweep_undoes_what_a_crash_left(packaged: Emulator, directory: Directory) -> None:
    assert sweep(packaged) == 1
    assert directory.unfinished_faces(before=datetime.now(UTC)) == []


@pytest.mark.usefixtures("abandoned")
def test_a_sweep_that_fails_twice_is_tried_again_and_succeeds(failing: Emulator, faults: Faults) -> None:
    faults.fail("DynamoDB_", times=6)  # two attempts of three tries each
    assert sweep(failing) == 1
    assert failing.dead_letters == []


@pytest.mark.usefixtures("abandoned")
def test_a_sweep_that_keeps_failing_ends_in_the_dead_letter_queue_with_its_event(
    failing: Emulator, faults: Faults
) -> None:
    faults.fail("DynamoDB_", times=1000)
    assert sweep(failing) is None
    faults.fail("DynamoDB_", times=0)
    [letter] = failing.dead_letters
    assert letter.attempts == 3
    assert letter.error_code in {"ClientError", "InternalServerError"}
    assert json.loads(letter.event)["detail-type"] == "Scheduled Event"
    # Nothing is lost by it: the next minute's sweep finds what is still there.
    assert sweep(failing) == 1
