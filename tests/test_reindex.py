"""`python -m infra reindex`: the collection is lost, and comes back from the photos in S3."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import enrolment, wiring
from chalicelib.models import Face
from chalicelib.store import Store
from infra.__main__ import main
from local.embedded import REGION, Embedded
from tests import recorder
from tests.conftest import Http
from tests.faces import photo_of_b, photo_of_c, photos_of_a
from tests.test_faces import JPEG, create, enrol, listed

COLLECTION = BUCKET = "rollcall-local"


@pytest.fixture
def state(aws: Embedded, tmp_path: Path) -> Iterator[Path]:
    """The state folder of a `make run` on the embedded AWS; what is asked is the administrator's."""
    run = {"aws_url": aws.aws_url, "stream_url": aws.stream_url, "region": REGION}
    (tmp_path / "run.json").write_text(json.dumps(run))
    with recorder.recording():
        yield tmp_path


@pytest.fixture
def people(http: Http) -> dict[str, bytes]:
    """Three people, of whom one has two faces: person ids and another photo of each."""
    first, second, third = photos_of_a()
    found = {}
    for name, photos, seen in (
        ("A", [first, second], third),
        ("B", [photo_of_b()], photo_of_b()),
        ("C", [photo_of_c()], photo_of_c()),
    ):
        person = create(http, name)
        for photo in photos:
            assert enrol(http, person, photo).status_code == 201
        found[person] = seen
    return found


def lose_the_collection(boto: Callable[[str], Any]) -> None:
    boto("rekognition").delete_collection(CollectionId=COLLECTION)


def reindex(state: Path) -> int:
    return main(["reindex", "--stage", "local", "--state", str(state)])


def consistent(store: Store, boto: Callable[[str], Any]) -> bool:
    """Say whether table and collection know the same faces, each of the same person."""
    vectors = boto("rekognition").list_faces(CollectionId=COLLECTION)["Faces"]
    indexed = {face["FaceId"]: face["ExternalImageId"] for face in vectors}
    noted = {
        face.face_id: person.person_id
        for person in store.everybody()
        for face in store.faces(person.person_id)
    }
    counted = {face_id: person.person_id for person in store.everybody() for face_id in person.face_ids}
    return indexed == noted == counted


def recognised(http: Http, people: dict[str, bytes]) -> list[bool]:
    return [
        http.post("/v1/identify", photo, JPEG).json_body["person_id"] == person
        for person, photo in people.items()
    ]


def test_people_are_recognised_again_after_the_collection_was_lost(
    http: Http,
    store: Store,
    state: Path,
    boto: Callable[[str], Any],
    people: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    lose_the_collection(boto)

    assert reindex(state) == 0

    shown = capsys.readouterr()
    assert shown.out == "0 faces were there, 4 are back, 0 are lost.\n"
    assert "3 of 3 people done" in shown.err
    assert consistent(store, boto)
    assert recognised(http, people) == [True, True, True]

    assert reindex(state) == 0
    assert capsys.readouterr().out == "4 faces were there, 0 are back, 0 are lost.\n"


class PowerLost(BaseException):
    """The machine that reindexes is gone; nothing catches it."""


@pytest.mark.parametrize("crash_at", range(1, 9))
def test_a_reindex_that_died_anywhere_is_resumed(
    http: Http,
    store: Store,
    state: Path,
    boto: Callable[[str], Any],
    people: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    crash_at: int,
) -> None:
    """Each face takes a search in S3, an IndexFaces and a transaction: eight calls are past two faces."""
    lose_the_collection(boto)
    monkeypatch.setattr("infra.work.PARALLEL", 1)
    made, lock = [0], threading.Lock()

    def die(**_: Any) -> None:
        with lock:
            made[0] += 1
            if made[0] > crash_at:
                raise PowerLost

    steps = [
        (wiring.photos()._client, "before-call.s3.GetObject"),
        (wiring.faces()._client, "before-call.rekognition.IndexFaces"),
        (wiring.store()._table._client, "before-call.dynamodb.TransactWriteItems"),
    ]
    for client, event in steps:
        client.meta.events.register(event, die, unique_id=event)
    try:
        with pytest.raises(PowerLost):
            reindex(state)
    finally:
        for client, event in steps:
            client.meta.events.unregister(event, die, unique_id=event)
    assert not consistent(store, boto)

    assert reindex(state) == 0

    assert consistent(store, boto)
    assert recognised(http, people) == [True, True, True]


def test_a_reindex_that_is_throttled_waits_and_goes_on(
    http: Http, store: Store, state: Path, boto: Callable[[str], Any], people: dict[str, bytes]
) -> None:
    lose_the_collection(boto)
    client, event, refused = wiring.faces()._client, "before-call.rekognition.IndexFaces", [0]

    def refuse(**_: Any) -> Any:
        refused[0] += 1
        if refused[0] % 3 == 0:
            return None
        metadata = {"HTTPStatusCode": 400}
        answer = {"Error": {"Code": "ThrottlingException", "Message": "Slow"}, "ResponseMetadata": metadata}
        return type("Reply", (), {"status_code": 400, "headers": {}})(), answer

    client.meta.events.register(event, refuse, unique_id=event)
    try:
        assert reindex(state) == 0
    finally:
        client.meta.events.unregister(event, refuse, unique_id=event)

    assert refused[0] == 12
    assert consistent(store, boto)


def test_a_face_without_its_photo_is_named_and_the_others_come_back(
    http: Http,
    store: Store,
    state: Path,
    boto: Callable[[str], Any],
    people: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    lose_the_collection(boto)
    unlucky, *_ = people
    [key, *_] = [face.photo_key for face in store.faces(unlucky)]
    boto("s3").delete_object(Bucket=BUCKET, Key=key)

    assert reindex(state) == 2

    shown = capsys.readouterr()
    assert f"lost: {unlucky} {key}: no photo" in shown.err
    assert "3 are back, 1 are lost" in shown.out
    assert recognised(http, people) == [True, True, True], "by the other photo, too"


def test_a_face_that_is_removed_meanwhile_stays_away(
    http: Http, store: Store, state: Path, boto: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = create(http)
    enrol(http, person, photo_of_c())
    [face] = listed(http, person)
    lose_the_collection(boto)
    boto("rekognition").create_collection(CollectionId=COLLECTION)
    move = Store.move_face

    def remove_first(self: Store, before: Face, face_id: str, model: str) -> None:
        gateways = wiring.store(), wiring.faces(), wiring.photos()
        enrolment.remove(*gateways, person, face["face_id"], now=wiring.now())
        move(self, before, face_id, model)

    monkeypatch.setattr(Store, "move_face", remove_first)

    assert reindex(state) == 0

    assert consistent(store, boto)
    assert listed(http, person) == []
