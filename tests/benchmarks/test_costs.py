"""What benchmarks/costs.py says that each action asks of AWS is what it asks, driven through HTTP."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

import pytest

from benchmarks import costs
from benchmarks.read_units import Meter, size
from chalicelib import wiring
from infra import template
from tests.conftest import Finish, Http
from tests.support.builders import add_person, change_settings, stamped
from tests.support.faces import enrol
from tests.support.photos import photos_of_a


class Asked:
    """What was asked: images and sessions of Rekognition, and units of the table's reads and writes."""

    def __init__(self, reads: Meter) -> None:
        self.reads = reads
        self.rekognition: Counter[str] = Counter()
        self.write_units = 0

    @property
    def images(self) -> int:
        """Calls that are charged as an image each."""
        return sum(self.rekognition[name] for name in costs.CHARGED_AS_IMAGES)

    def _note(self, event_name: str, request: Any, **unused: Any) -> None:
        _, service, operation = event_name.split(".")
        if service == "rekognition":
            self.rekognition[operation] += 1
            return
        asked = json.loads(request.data)
        if operation == "TransactWriteItems":
            members = [member for entry in asked["TransactItems"] for member in entry.items()]
            self.write_units += sum(_units(kind, member, 2) for kind, member in members)
        elif operation in {"PutItem", "UpdateItem", "DeleteItem"}:
            self.write_units += _units(operation.removesuffix("Item"), asked, 1)


def _units(kind: str, asked: dict[str, Any], price: int) -> int:
    """Return the units of a write: of each KB, twice in a transaction, and once more in the index."""
    item = asked.get("Item", {})
    listed = "listing_pk" in item and kind == "Put"
    return price * max(1, ceil(size(item) / 1024)) + listed


@contextmanager
def asking() -> Iterator[Asked]:
    """Count what is asked of AWS inside."""
    table, rekognition = wiring.table(), wiring.collection()._client
    asked = Asked(Meter(table._client))
    clients = [table._client, rekognition]
    for client in clients:
        client.meta.events.register("before-sign", asked._note)
    table._client = asked.reads  # type: ignore[assignment]  # counts, and otherwise behaves as the client
    try:
        yield asked
    finally:
        table._client = asked.reads.client
        for client in clients:
            client.meta.events.unregister("before-sign", asked._note)


Punch = Callable[[str], None]


@pytest.fixture
def ways(http: Http, finish: Finish) -> dict[str, Punch]:
    """The ways of punching, each for a person whose face is enrolled.

    What managers do is audited, which costs two more writes a request.
    """
    kiosk = http.as_("kiosk")

    def by_liveness(person_id: str) -> None:
        session = kiosk.post("/v1/liveness-sessions").json_body["session_id"]
        answer = kiosk.post("/v1/punches", {"liveness_session_id": finish(session, photos_of_a()[1])})
        assert answer.status_code == 201, answer.json_body

    def by_photo(person_id: str) -> None:
        answer = kiosk.post("/checkin", photos_of_a()[1], {"Content-Type": "image/jpeg"})
        assert answer.status_code == 200, answer.json_body

    def by_hand(person_id: str) -> None:
        stamped(http, person_id, "2026-08-11T01:00:00Z")

    return {"liveness": by_liveness, "photo": by_photo, "manual": by_hand}


@pytest.mark.parametrize("name", ["liveness", "photo", "manual"])
def test_a_way_of_punching_asks_what_it_is_charged_for(name: str, http: Http, ways: dict[str, Punch]) -> None:
    change_settings(http, photo_punch=True)
    person_id = add_person(http)
    assert enrol(http, person_id, photos_of_a()[0]).status_code == 201
    http.as_("kiosk").get("/v1/people")  # so that the token is known

    with asking() as asked:
        ways[name](person_id)

    way = costs.WAYS[name]
    assert asked.rekognition["CreateFaceLivenessSession"] == way.sessions
    assert asked.images == way.images
    assert (asked.write_units, asked.reads.units) == (way.write_units, way.read_units)


def test_an_enrolment_asks_what_it_is_charged_for(http: Http) -> None:
    person_id = add_person(http)

    with asking() as asked:
        assert enrol(http, person_id, photos_of_a()[0]).status_code == 201

    assert asked.rekognition == {"DetectFaces": 1, "SearchFacesByImage": 1, "IndexFaces": 1, "SearchFaces": 1}
    assert asked.images == costs.ENROLMENT.images
    assert asked.rekognition["DetectFaces"] == costs.ENROLMENT.detections
    units = costs.ENROLMENT.write_units, costs.ENROLMENT.read_units
    assert (asked.write_units, asked.reads.units) == units


def test_every_alarm_is_counted() -> None:
    resources = template.of_stage()["Resources"].values()
    assert sum(resource["Type"] == "AWS::CloudWatch::Alarm" for resource in resources) == costs.ALARMS


def test_an_idle_stage_pays_for_its_alarms_and_hardly_more() -> None:
    idle = costs.monthly(0)
    assert idle["alarms, metrics"] == pytest.approx(1.30)
    assert sum(idle.values()) < 1.40
