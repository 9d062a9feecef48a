"""`python -m infra reindex`: the collection is lost, and comes back from the photos in S3."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.aws.directory import Directory
from chalicelib.domain.face import Face
from chalicelib.services import enrolment
from infra.__main__ import main
from local.aws.embedded import REGION, Embedded
from tests.conftest import Http
from tests.support import recorder
from tests.support.builders import add_person
from tests.support.faces import JPEG, enrol, list_faces
from tests.support.photos import photo_of_b, photo_of_c, photos_of_a

COLLECTION = BUCKET = "rollcall-local"


class Site:
    """Three people, of whom one has two faces, and a collection that can be lost.

    `people` are another photo of each by id, the one with two faces first.
    """

    def __init__(self, http: Http, directory: Directory, aws: Embedded, state: Path) -> None:
        self.http, self.store, self.aws, self._state = http, directory, aws, state
        first, second, third = photos_of_a()
        self.people = {
            self._person("A", first, second): third,
            self._person("B", photo_of_b()): photo_of_b(),
            self._person("C", photo_of_c()): photo_of_c(),
        }
        run = {
            "aws_url": aws.aws_url,
            "stream_url": aws.stream_url,
            "region": REGION,
            "access_key_id": aws.key.id,
            "secret_access_key": aws.key.secret,
        }
        (state / "run.json").write_text(json.dumps(run))  # as `make run` leaves it

    def _person(self, name: str, *photos: bytes) -> str:
        person = add_person(self.http, name)
        for photo in photos:
            assert enrol(self.http, person, photo).status_code == 201
        return person

    def lose_the_collection(self) -> None:
        self.aws.client("rekognition").delete_collection(CollectionId=COLLECTION)

    def reindex(self) -> int:
        return main(["reindex", "--stage", "local", "--state", str(self._state)])

    @property
    def consistent(self) -> bool:
        """Whether table and collection know the same faces, each of the same person."""
        vectors = self.aws.client("rekognition").list_faces(CollectionId=COLLECTION)["Faces"]
        indexed = {face["FaceId"]: face["ExternalImageId"] for face in vectors}
        everybody = self.store.all_people()
        noted = {
            face.face_id: person.person_id
            for person in everybody
            for face in self.store.faces(person.person_id)
        }
        counted = {face_id: person.person_id for person in everybody for face_id in person.face_ids}
        return indexed == noted == counted

    @property
    def recognised(self) -> list[bool]:
        return [
            self.http.post("/v1/identify", photo, JPEG).json_body["person_id"] == person
            for person, photo in self.people.items()
        ]


@pytest.fixture
def site(http: Http, directory: Directory, aws: Embedded, tmp_path: Path) -> Iterator[Site]:
    made = Site(http, directory, aws, tmp_path)
    made.lose_the_collection()
    with recorder.recording():  # what is asked from here on is the administrator's
        yield made


@contextmanager
def before(calls: dict[str, Any], do: Callable[..., Any]) -> Iterator[None]:
    """Do something before calls, by "service.Operation" with the client that makes them."""
    for name, client in calls.items():
        client.meta.events.register(f"before-call.{name}", do, unique_id=name)
    try:
        yield
    finally:
        for name, client in calls.items():
            client.meta.events.unregister(f"before-call.{name}", unique_id=name)


def test_people_are_recognised_again_after_the_collection_was_lost(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.reindex() == 0

    shown = capsys.readouterr()
    assert shown.out == "0 faces were present, 4 were restored, 0 are lost.\n"
    assert "3 of 3 people done" in shown.err
    assert site.consistent
    assert site.recognised == [True, True, True]

    assert site.reindex() == 0
    assert capsys.readouterr().out == "4 faces were present, 0 were restored, 0 are lost.\n"


class PowerLost(BaseException):
    """The machine that reindexes is gone; nothing catches it."""


@pytest.mark.parametrize("crash_at", range(1, 9))
def test_a_reindex_that_died_anywhere_is_resumed(
    site: Site, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    """Each face takes a search in S3, an IndexFaces and a transaction: eight calls are past two faces."""
    monkeypatch.setattr("infra.work.PARALLEL", 1)
    made = 0

    def die(**_: Any) -> None:
        nonlocal made
        made += 1
        if made > crash_at:
            raise PowerLost

    steps = {
        "s3.GetObject": wiring.bucket()._client,
        "rekognition.IndexFaces": wiring.collection()._client,
        "dynamodb.TransactWriteItems": wiring.table()._client,
    }
    with before(steps, die), pytest.raises(PowerLost):
        site.reindex()
    assert not site.consistent

    assert site.reindex() == 0

    assert site.consistent
    assert site.recognised == [True, True, True]


def test_a_reindex_that_is_throttled_waits_and_goes_on(site: Site) -> None:
    asked = 0

    def refuse(**_: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked % 3 == 0:
            return None
        metadata = {"HTTPStatusCode": 400}
        answer = {"Error": {"Code": "ThrottlingException", "Message": "Slow"}, "ResponseMetadata": metadata}
        return type("Reply", (), {"status_code": 400, "headers": {}})(), answer

    with before({"rekognition.IndexFaces": wiring.collection()._client}, refuse):
        assert site.reindex() == 0

    assert asked == 12
    assert site.consistent


def test_a_face_without_its_photo_is_named_and_the_others_come_back(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    unlucky, *_ = site.people
    key = site.store.faces(unlucky)[0].photo_key
    site.aws.client("s3").delete_object(Bucket=BUCKET, Key=key)

    assert site.reindex() == 2

    shown = capsys.readouterr()
    assert f"lost: {unlucky} {key}: no photo" in shown.err
    assert "3 were restored, 1 are lost" in shown.out
    assert site.recognised == [True, True, True], "by the other photo, too"


def test_a_face_that_is_removed_meanwhile_stays_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, person = site.people
    [face] = list_faces(site.http, person)
    site.aws.client("rekognition").create_collection(CollectionId=COLLECTION)
    move = Directory.move_face

    def remove_first(self: Directory, one: Face, face_id: str, model: str) -> None:
        if one.person_id == person:
            gateways = wiring.directory(), wiring.collection(), wiring.bucket()
            enrolment.remove(*gateways, person, face["face_id"], now=wiring.now())
        move(self, one, face_id, model)

    monkeypatch.setattr(Directory, "move_face", remove_first)

    assert site.reindex() == 0

    assert site.consistent
    assert list_faces(site.http, person) == []
