"""The restore of the runbook, rehearsed: an old table comes back, and everything else follows it.

The embedded AWS stands for the stage: its items are exported, and later put back in place of the newer ones,
as a restore to a point in time does.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.aws.directory import Directory
from infra.__main__ import main
from local.aws.embedded import Embedded
from tests.conftest import CONSENT, Finish, Http
from tests.support import recorder
from tests.support.builders import add_person, stamped
from tests.support.crashes import Crash, crash_at
from tests.support.faces import JPEG, enrolled, list_faces, stored_faces
from tests.support.photos import photo_of_b, photo_of_c, photos_of_a
from tests.support.punches import create_session, punch
from tests.support.state import write_run_file
from tests.support.traces import sweep, traces_of

Boto = Callable[[str], Any]
TABLE = BUCKET = COLLECTION = "rollcall-local"
Items = list[dict[str, Any]]


@pytest.fixture
def command(aws: Embedded, tmp_path: Path) -> Callable[..., int]:
    """Runs a command of an administrator on the stage."""
    write_run_file(aws, tmp_path)

    def command(name: str, *options: str) -> int:
        with recorder.recording():
            return main([name, "--stage", "local", "--state", str(tmp_path), *options])

    return command


def items(boto: Boto) -> Items:
    pages = boto("dynamodb").get_paginator("scan").paginate(TableName=TABLE)
    return [item for page in pages for item in page["Items"]]


def restore(boto: Boto, old: Items) -> None:
    """Put back an old state of the table; tokens stay, so that the test can go on calling."""
    for item in items(boto):
        boto("dynamodb").delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})
    for item in old:
        boto("dynamodb").put_item(TableName=TABLE, Item=item)


def consistent(boto: Boto, directory: Directory) -> bool:
    """Whether table, collection and bucket know the same faces, each of the same person."""
    vectors = boto("rekognition").list_faces(CollectionId=COLLECTION)["Faces"]
    indexed = {(face["ExternalImageId"], face["FaceId"]) for face in vectors}
    people = directory.all_people()
    faces = [face for person in people for face in directory.faces(person.person_id)]
    photos = {key for key in stored_faces(boto)[0] if key.startswith("photos/")}
    return (
        indexed
        == {(face.person_id, face.face_id) for face in faces}
        == {(person.person_id, face_id) for person in people for face_id in person.face_ids}
    ) and photos == {face.photo_key for face in faces}


@pytest.fixture
def restored(http: Http, boto: Boto) -> dict[str, str]:
    """A table from before three things: an erasure, a second photo of A, and the enrolment of B."""
    gone = add_person(http, "Cường", email="cuong@example.com")
    enrolled(http, gone, photo_of_c())
    stamped(http, gone, "2026-03-02T08:00:00+07:00")
    a = add_person(http, "Ánh")
    enrolled(http, a, photos_of_a()[0])
    b = add_person(http, "Bình")
    old = items(boto)
    assert http.delete(f"/v1/people/{gone}").json_body["complete"] is True
    enrolled(http, a, photos_of_a()[1])
    enrolled(http, b, photo_of_b())
    restore(boto, old)
    return {"gone": gone, "a": a, "b": b}


def test_the_restore_of_the_runbook(
    http: Http,
    boto: Boto,
    directory: Directory,
    restored: dict[str, str],
    command: Callable[..., int],
    finish: Finish,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert http.get(f"/v1/people/{restored['gone']}").status_code == 200, "the restore brought them back"
    assert not consistent(boto, directory)
    capsys.readouterr()

    before = stored_faces(boto), len(items(boto))
    assert command("reconcile", "--dry-run") == 0
    plan = capsys.readouterr().out
    assert (stored_faces(boto), len(items(boto))) == before
    assert command("reconcile") == 0

    shown = capsys.readouterr()
    assert shown.out == (
        "1 people who had been erased were erased again.\n"
        "0 people who had withdrawn their consent were without it again.\n"
        "2 of 3 faces of the collection were nobody's and were deleted.\n"
        "2 of 3 photos were nobody's and were deleted.\n"
    )
    assert plan == shown.out.replace(" were erased again", " would be erased again").replace(
        "and were deleted", "and would be deleted"
    ).replace("were without it", "would be without it")
    assert "1 of 1 erasures done" in shown.err
    assert "3 faces of the collection checked" in shown.err
    sweep()
    assert command("reindex") == 0
    assert consistent(boto, directory)
    assert traces_of(boto, restored["gone"], "Cường", "cuong@example.com") == []
    log = http.get("/v1/punches", from_="2026-03-02", to="2026-03-02").json_body["items"]
    assert [one["person_id"] == restored["gone"] for one in log] == [False], (
        "pseudonymised, as they had asked"
    )
    assert punch(http, finish(create_session(http), photos_of_a()[2])).json_body["person_id"] == restored["a"]
    enrolled(http, restored["b"], photo_of_b())

    capsys.readouterr()
    assert command("reconcile") == 0
    assert "0 people" in capsys.readouterr().out


def test_an_erasure_that_removed_the_attendance_removes_it_again(
    http: Http, boto: Boto, command: Callable[..., int]
) -> None:
    person_id = add_person(http)
    stamped(http, person_id, "2026-03-02T08:00:00+07:00")
    old = items(boto)
    assert http.call("DELETE", f"/v1/people/{person_id}", attendance="remove").status_code == 200
    restore(boto, old)
    assert command("reconcile") == 0
    assert http.get("/v1/punches", from_="2026-03-02", to="2026-03-02").json_body["items"] == []


def consent_of(http: Http, person_id: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = http.get(f"/v1/people/{person_id}").json_body["consent"]
    return found


def test_a_consent_that_was_withdrawn_does_not_come_back(
    http: Http, boto: Boto, directory: Directory, command: Callable[..., int]
) -> None:
    a, b, c = add_person(http, "Ánh"), add_person(http, "Bình"), add_person(http, "Cường")
    enrolled(http, a, photos_of_a()[0])
    enrolled(http, b, photo_of_b())
    old = items(boto)
    for person_id in (a, c):
        assert http.delete(f"/v1/people/{person_id}/consent").status_code == 200
    restore(boto, old)
    assert consent_of(http, a), "the restore brought it back"
    assert http.call("PUT", f"/v1/people/{c}/consent", CONSENT).status_code == 200, "another one"

    assert command("reconcile") == 0

    assert directory.person(a).face_ids == ()
    assert http.post(f"/v1/people/{a}/faces", photos_of_a()[0], JPEG).status_code == 403
    assert len(list_faces(http, b)) == 1, "who did not withdraw keeps theirs"
    assert http.post(f"/v1/people/{c}/faces", photo_of_c(), JPEG).status_code == 201
    assert consistent(boto, directory)


def test_a_withdrawal_is_on_the_list_as_a_digest(http: Http) -> None:
    person_id = add_person(http)
    assert http.delete(f"/v1/people/{person_id}/consent").status_code == 200
    [key] = wiring.bucket().erasures()
    assert key.endswith(".withdrawn")
    assert person_id not in key


@pytest.mark.parametrize("call", ["DeleteFaces", "DeleteObjects", "GetObject", "TransactWriteItems"])
def test_a_reconciliation_that_died_is_run_again(
    http: Http,
    boto: Boto,
    directory: Directory,
    restored: dict[str, str],
    command: Callable[..., int],
    call: str,
) -> None:
    with pytest.raises(Crash), crash_at(call):
        command("reconcile")
    assert not consistent(boto, directory)
    assert command("reconcile") == 0
    sweep()
    assert consistent(boto, directory)
    assert traces_of(boto, restored["gone"], "Cường") == []


def test_people_are_recognised_although_a_better_match_is_nobodys(
    http: Http, boto: Boto, finish: Finish
) -> None:
    """Until somebody reconciles, the collection has the very photo, of a person unknown to the table."""
    stranger = add_person(http, "Ai đó")
    old = items(boto)
    first, second, third = photos_of_a()
    enrolled(http, stranger, third)
    restore(boto, [item for item in old if stranger not in json.dumps(item)])
    person_id = add_person(http, "Ánh")
    face = boto("rekognition").search_faces_by_image(
        CollectionId=COLLECTION, Image={"Bytes": third}, FaceMatchThreshold=70
    )["FaceMatches"][0]
    assert face["Face"]["ExternalImageId"] == stranger
    enrolled(http, person_id, first)
    enrolled(http, person_id, second)

    assert http.post("/v1/identify", third, JPEG).json_body["person_id"] == person_id
    stamped(http, person_id, "2026-03-02T08:00:00+07:00")
    receipt = punch(http, finish(create_session(http), third))
    assert (receipt.status_code, receipt.json_body["person_id"]) == (201, person_id)
    again = punch(http, finish(create_session(http), third)).json_body
    assert again["duplicate"] is True, "decided by the work day of the owner"
    assert len(list_faces(http, person_id)) == 2


def test_what_is_being_enrolled_or_removed_is_left_to_the_sweep(
    http: Http, boto: Boto, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    person_id = add_person(http)
    with pytest.raises(Crash), crash_at("SearchFaces"):
        http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG)
    other = add_person(http, "B")
    face_id = enrolled(http, other, photo_of_b())
    with pytest.raises(Crash), crash_at("DeleteFaces"):
        http.delete(f"/v1/people/{other}/faces/{face_id}")
    before = stored_faces(boto)
    assert command("reconcile") == 0
    assert "0 of 2 faces" in capsys.readouterr().out
    assert stored_faces(boto) == before


def test_an_erasure_is_on_the_list_once_it_began_and_not_before(http: Http, boto: Boto) -> None:
    person_id = add_person(http)
    with pytest.raises(Crash), crash_at("TransactWriteItems"):
        http.delete(f"/v1/people/{person_id}")
    assert wiring.bucket().erasures() == set(), "they are still there"
    http.delete(f"/v1/people/{person_id}")
    [key] = wiring.bucket().erasures()
    assert person_id not in key
    assert boto("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"pseudonymise"
