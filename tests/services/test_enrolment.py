"""Faces, by HTTP: taken in, refused with advice, shown and removed; identify and verify; crashes."""

import base64
import itertools
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import cv2
import numpy as np
import pytest

from chalicelib import wiring
from chalicelib.aws import bucket
from chalicelib.aws.directory import Directory
from chalicelib.domain.errors import PersonNotFound, PoorPhoto
from chalicelib.domain.face import MAX_FACES, Face, FaceState
from chalicelib.domain.photo_advice import BY_CODE, BY_REASON, photo_advice
from chalicelib.domain.settings import default_settings
from chalicelib.services import enrolment
from local.aws import s3 as local_s3
from tests.conftest import SERVICE, Http
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person, change_settings
from tests.support.crashes import Crash, crash_at
from tests.support.faces import JPEG, enrol, list_faces, stored_faces
from tests.support.photos import (
    group_photo,
    jpeg,
    no_face_photo,
    photo_of_b,
    photo_of_c,
    photos_of_a,
    pixels,
    png,
    shrunk,
)

COLLECTION = BUCKET = "rollcall-local"


def as_base64(content: bytes) -> dict[str, str]:
    return {"photo": base64.b64encode(content).decode()}


def sideways(content: bytes) -> bytes:
    """Turn a JPEG on its side and say so in EXIF, as a telephone does."""
    turned = jpeg(cv2.rotate(pixels(content), cv2.ROTATE_90_COUNTERCLOCKWISE))
    # One entry in the first directory: orientation (0x0112), a short, "turn clockwise to see it upright".
    tiff = struct.pack(">2sHI H HHIHH I", b"MM", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    segment = b"Exif\x00\x00" + tiff
    return turned[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + turned[2:]


def test_a_photo_is_enrolled_and_shown(http: Http, boto: Callable[[str], Any]) -> None:
    person_id = add_person(http)
    answer = enrol(http, person_id, photos_of_a()[0])
    assert answer.status_code == 201
    face = answer.json_body
    assert face["person_id"] == person_id
    assert face["confidence"] > 90
    assert 0 <= face["brightness"] <= 100
    assert 0 <= face["sharpness"] <= 100
    assert face["model"]
    assert list_faces(http, person_id) == [face]
    assert http.get(f"/v1/people/{person_id}").json_body["faces"] == 1
    objects, vectors, states = stored_faces(boto)
    assert (len(objects), vectors, states) == (1, [face["face_id"]], ["active"])
    assert objects[0].startswith(f"photos/{person_id}/")


@pytest.mark.parametrize(
    "turn", [pytest.param(False, id="upright"), pytest.param(True, id="sideways by EXIF")]
)
@pytest.mark.parametrize("form", ["raw JPEG", "raw PNG", "base64"])
def test_every_form_of_a_photo_is_taken(http: Http, form: str, turn: bool) -> None:
    person_id = add_person(http)
    content = sideways(photo_of_c()) if turn else photo_of_c()
    if form == "raw JPEG":
        answer = enrol(http, person_id, content)
    elif form == "raw PNG":
        answer = enrol(http, person_id, png(pixels(photo_of_c())), {"Content-Type": "image/png"})
    else:
        answer = http.post(f"/v1/people/{person_id}/faces", as_base64(content))
    assert answer.status_code == 201, answer.body
    seen = http.post(f"/v1/people/{person_id}/verify", photo_of_c(), JPEG).json_body
    assert seen["same_person"] is True


def test_the_same_photo_twice_is_one_face(http: Http, boto: Callable[[str], Any]) -> None:
    person_id = add_person(http)
    first = enrol(http, person_id, photo_of_c())
    again = enrol(http, person_id, photo_of_c())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json_body == first.json_body
    assert [len(found) for found in stored_faces(boto)] == [1, 1, 1]


def with_metadata(content: bytes, note: bytes) -> bytes:
    """Put a comment in front of a photo and a page behind it, as EXIF and apps do."""
    comment = b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note
    return content[:2] + comment + content[2:] + b"<html>" + note


def test_a_photo_is_kept_without_metadata_and_is_the_same_with_others(
    http: Http, boto: Callable[[str], Any]
) -> None:
    person_id = add_person(http)
    first = enrol(http, person_id, with_metadata(sideways(photo_of_c()), b"10.7769 N 106.7009 E"))
    again = enrol(http, person_id, with_metadata(sideways(photo_of_c()), b"shared by an app"))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json_body == first.json_body
    [key], _, _ = stored_faces(boto)
    stored = boto("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert b"10.7769" not in stored
    assert np.array_equal(pixels(stored), pixels(sideways(photo_of_c())))


def test_the_same_photo_many_times_at_once_is_one_face(http: Http, boto: Callable[[str], Any]) -> None:
    person_id = add_person(http)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: enrol(http, person_id, photo_of_c()), range(4)))
    codes = {(answer.status_code, answer.json_body.get("Code")) for answer in answers}
    assert codes <= {(201, None), (200, None), (409, "EnrolmentInProgress")}
    assert len({answer.json_body["face_id"] for answer in answers if answer.status_code < 300}) == 1
    assert [len(found) for found in stored_faces(boto)] == [1, 1, 1]


def dim(content: bytes) -> bytes:
    return jpeg((pixels(content) * 0.06).astype(np.uint8))


def blurred(content: bytes) -> bytes:
    return jpeg(cv2.GaussianBlur(pixels(content), (0, 0), 9))


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        pytest.param(no_face_photo(), "NoFaceFound", "", id="nobody"),
        pytest.param(group_photo(), "SeveralFaces", "", id="three people"),
        pytest.param(blurred(photo_of_c()), "PoorPhoto", "LOW_SHARPNESS", id="blurred"),
        pytest.param(dim(photo_of_c()), "PoorPhoto", "LOW_BRIGHTNESS", id="dark"),
        pytest.param(shrunk(photo_of_c(), 0.22), "PoorPhoto", "SMALL_BOUNDING_BOX", id="far away"),
    ],
)
def test_a_photo_that_will_not_do_is_refused_with_advice_and_leaves_nothing(
    http: Http, boto: Callable[[str], Any], content: bytes, code: str, reason: str
) -> None:
    person_id = add_person(http)
    english = enrol(http, person_id, content)
    assert (english.status_code, code_of(english)) == (422, code), english.body
    vietnamese = enrol(http, person_id, content, {"Accept-Language": "vi-VN,vi;q=0.9,en;q=0.8"})
    told, said = english.json_body["Details"], vietnamese.json_body["Details"]
    assert told.get("reasons") == said.get("reasons")
    assert reason in told.get("reasons", [""])
    assert told.get("count") == (3 if code == "SeveralFaces" else None)
    english_text, vietnamese_text = BY_REASON[reason] if reason else BY_CODE[code]
    assert english_text in told["advice"]
    assert vietnamese_text in said["advice"]
    assert len(told["advice"]) == len(said["advice"]) == len(set(said["advice"]))
    assert english.headers["Vary"] == vietnamese.headers["Vary"] == "Accept-Language"
    assert stored_faces(boto) == ([], [], [])


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(b"", JPEG, 400, "InvalidPhoto", id="empty"),
        pytest.param(b"GIF89a" + b"\x00" * 99, JPEG, 400, "InvalidPhoto", id="a GIF that says JPEG"),
        pytest.param(photo_of_c()[:200], JPEG, 400, "InvalidPhoto", id="cut off"),
        pytest.param(jpeg(np.zeros((60, 60, 3), np.uint8)), JPEG, 400, "InvalidPhoto", id="60 pixels"),
        pytest.param(
            photo_of_c().ljust(5 * 1024**2 + 1, b"\x00"), JPEG, 413, "PhotoTooLarge", id="over 5 MB"
        ),
        pytest.param(b"{}", {"Content-Type": "application/json"}, 400, "InvalidRequest", id="neither"),
        pytest.param(
            b'{"photo": "?"}', {"Content-Type": "application/json"}, 400, "InvalidRequest", id="base64"
        ),
        pytest.param(
            b'{"photo": "", "upload_id": "x"}',
            {"Content-Type": "application/json"},
            400,
            "InvalidRequest",
            id="both",
        ),
        pytest.param(
            b'{"upload_id": "x"}', {"Content-Type": "application/json"}, 404, "UploadNotFound", id="no upload"
        ),
        pytest.param(
            b"--x",
            {"Content-Type": "multipart/form-data; boundary=x"},
            415,
            "UnsupportedMediaType",
            id="a form",
        ),
    ],
)
def test_what_is_no_photo_is_refused(
    http: Http, boto: Callable[[str], Any], body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = enrol(http, add_person(http), body, headers)
    assert (answer.status_code, code_of(answer)) == (status, code), answer.body
    if code in BY_CODE:
        assert answer.json_body["Details"]["advice"] == [BY_CODE[code][0]]
    assert stored_faces(boto) == ([], [], [])


@pytest.mark.usefixtures("aws")
def test_there_is_advice_for_every_reason_of_rekognition_and_none_for_others() -> None:
    model = wiring.collection()._client.meta.service_model
    reasons: list[str] = model.shape_for("Reason").metadata["enum"]
    assert set(reasons) <= set(BY_REASON)
    for reason in reasons:
        for language in ("en", "vi"):
            [sentence] = photo_advice(PoorPhoto([reason]), language)
            assert sentence.endswith(".")
    assert photo_advice(PoorPhoto(["LOW_BRIGHTNESS", "EXTREME_POSE"]), "en") == [
        BY_REASON["LOW_BRIGHTNESS"][0],
        BY_REASON["EXTREME_POSE"][0],
    ]
    assert photo_advice(PoorPhoto(["LOW_FACE_QUALITY", "EXTREME_POSE"]), "vi") == [
        BY_REASON["EXTREME_POSE"][1]
    ]
    assert photo_advice(PoorPhoto(["SOMETHING_NEW"]), "vi") == [BY_REASON["LOW_FACE_QUALITY"][1]]
    assert photo_advice(PersonNotFound("x"), "en") == []


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        pytest.param("vi", 1, id="vi"),
        pytest.param("VI-vn", 1, id="region"),
        pytest.param("en;q=0.2, vi;q=0.9", 1, id="weights"),
        pytest.param("fr, vi;q=0.1", 1, id="the one we have"),
        pytest.param("vi;q=0, en;q=0.1", 0, id="not vi"),
        pytest.param("fr", 0, id="neither"),
        pytest.param(";q=;,,", 0, id="nonsense"),
    ],
)
def test_advice_is_in_the_language_the_caller_would_rather_read(http: Http, wish: str, language: int) -> None:
    answer = enrol(http, add_person(http), b"x", {"Accept-Language": wish})
    assert answer.json_body["Details"]["advice"] == [BY_CODE["InvalidPhoto"][language]]


def test_a_face_of_somebody_else_is_a_409_that_names_them(http: Http, boto: Callable[[str], Any]) -> None:
    first, second, _ = photos_of_a()
    owner, other = add_person(http, "A"), add_person(http, "B")
    enrol(http, owner, first)
    before = stored_faces(boto)
    for content in (first, second):
        answer = enrol(http, other, content, allow_different="true")
        check_refused(answer, 409, "FaceBelongsToAnother")
        assert answer.json_body["Details"] == {"person_id": owner}
    assert stored_faces(boto) == before
    assert list_faces(http, other) == []


@contextmanager
def in_step(client: Any, *operations: str) -> Iterator[None]:
    """Have two requests wait for one another before each of their calls of some operations."""
    barriers = {operation: threading.Barrier(2) for operation in operations}

    def wait(model: Any, **_: Any) -> None:
        if model.name in barriers:
            with suppress(threading.BrokenBarrierError):  # the other was refused before it came here
                barriers[model.name].wait(2)

    client.meta.events.register("before-call", wait, "in-step")
    try:
        yield
    finally:
        client.meta.events.unregister("before-call", unique_id="in-step")


@pytest.mark.parametrize("step", ["PutObject", "IndexFaces", "SearchFaces", "TransactWriteItems"])
def test_one_face_enrolled_for_two_people_at_once_is_at_most_ones(
    http: Http, boto: Callable[[str], Any], step: str
) -> None:
    first, second, _ = photos_of_a()
    both = [(add_person(http, "A"), first), (add_person(http, "B"), second)]
    clients = {"PutObject": wiring.bucket(), "TransactWriteItems": wiring.directory()._table}
    client = clients.get(step, wiring.collection())._client  # type: ignore[attr-defined]
    with in_step(client, step), ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pair: enrol(http, *pair), both))
    assert sorted(a.status_code for a in answers) in ([201, 409], [409, 409])
    objects, vectors, states = stored_faces(boto)
    assert len(objects) == len(vectors) == len(states) == [a.status_code for a in answers].count(201)


def test_a_face_unlike_the_others_is_refused_unless_a_manager_says_it_is_right(http: Http) -> None:
    person_id = add_person(http)
    enrol(http, person_id, photos_of_a()[0])
    assert enrol(http, person_id, photos_of_a()[1]).status_code == 201
    answer = enrol(http, person_id, photo_of_b())
    check_refused(answer, 422, "FaceDiffers")
    assert answer.json_body["Details"]["advice"] == [BY_CODE["FaceDiffers"][0]]
    assert enrol(http, person_id, photo_of_b(), allow_different="true").status_code == 201
    assert len(list_faces(http, person_id)) == 3
    assert enrol(http, person_id, photo_of_c(), allow_different="maybe").status_code == 400


def give_faces(directory: Directory, person_id: str, count: int) -> None:
    """Note faces as if they had been enrolled; only their number is looked at."""
    for n in range(count):
        digest, face_id = f"{n:032x}", f"00000000-0000-0000-0000-{n:012x}"
        now = datetime.now(UTC)
        face = Face(
            person_id=person_id,
            digest=digest,
            photo_key=f"photos/{person_id}/{digest}.jpg",
            state=FaceState.PENDING,
            since=now,
            face_id=face_id,
        )
        directory.add_pending_face(face, directory.person(person_id))
        directory.activate_face(face, directory.person(person_id))


def test_a_person_has_at_most_ten_faces_also_when_two_come_at_once(
    http: Http, directory: Directory, boto: Callable[[str], Any]
) -> None:
    person_id = add_person(http)
    give_faces(directory, person_id, MAX_FACES - 1)
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda content: enrol(http, person_id, content, allow_different="true"),
                [photo_of_b(), photo_of_c()],
            )
        )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    [refused] = [answer.json_body for answer in answers if answer.status_code == 409]
    assert (refused["Code"], refused["Details"]) == ("TooManyFaces", {"limit": 10})
    assert len(list_faces(http, person_id)) == MAX_FACES
    objects, vectors, states = stored_faces(boto)
    assert (len(objects), len(vectors), states) == (1, 1, ["active"] * 10)


def test_a_removed_face_is_gone_everywhere_and_recognises_nobody(
    http: Http, boto: Callable[[str], Any]
) -> None:
    person_id = add_person(http)
    face_id = enrol(http, person_id, photo_of_c()).json_body["face_id"]
    other = add_person(http, "B")
    assert http.delete(f"/v1/people/{other}/faces/{face_id}").status_code == 404
    assert http.delete(f"/v1/people/{person_id}/faces/{face_id}").status_code == 204
    assert stored_faces(boto) == ([], [], [])
    assert http.get(f"/v1/people/{person_id}").json_body["faces"] == 0
    again = http.delete(f"/v1/people/{person_id}/faces/{face_id}")
    check_refused(again, 404, "FaceNotFound")
    assert http.post("/v1/identify", photo_of_c(), JPEG).json_body["candidates"] == []
    assert enrol(http, other, photo_of_c()).status_code == 201


def test_faces_of_nobody_are_a_404(http: Http) -> None:
    for answer in (
        enrol(http, "nobody", photo_of_c()),
        http.get("/v1/people/nobody/faces"),
        http.get("/v1/people/nobody/faces/x/photo"),
        http.delete("/v1/people/nobody/faces/x"),
        http.post("/v1/people/nobody/verify", photo_of_c(), JPEG),
    ):
        check_refused(answer, 404, "PersonNotFound")


def fetch(url: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(url) as reply:  # noqa: S310 - the embedded S3
            return reply.status, reply.headers["Content-Type"], reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, "", error.read()


def test_a_link_serves_the_photo_for_a_minute(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    person_id = add_person(http)
    face_id = enrol(http, person_id, photo_of_c()).json_body["face_id"]
    before = datetime.now(UTC)
    link = http.get(f"/v1/people/{person_id}/faces/{face_id}/photo").json_body
    assert datetime.fromisoformat(link["expires_at"]) - before <= timedelta(seconds=61)
    assert fetch(link["url"]) == (200, "image/jpeg", photo_of_c())
    assert fetch(link["url"].replace(person_id, "other"))[0] == 403

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Later":
            return cls.fromtimestamp((datetime.now(UTC) + bucket.LINK_LIFE).timestamp() + 2, tz)

    monkeypatch.setattr(local_s3, "datetime", Later)
    assert fetch(link["url"])[0] == 403


def test_identify_is_refused_where_the_settings_do_not_allow_it(http: Http) -> None:
    assert default_settings(local=False, zone="UTC").identify is False
    assert change_settings(http, identify=False).status_code == 200
    refused = http.post("/v1/identify", photos_of_a()[0], JPEG)
    check_refused(refused, 403, "IdentifyOff")


def test_nobody_is_verified_without_a_consent(http: Http) -> None:
    person_id = add_person(http)
    assert http.delete(f"/v1/people/{person_id}/consent").status_code == 200
    refused = http.post(f"/v1/people/{person_id}/verify", photos_of_a()[0], JPEG)
    check_refused(refused, 403, "ConsentMissing")


def test_identify_finds_whom_a_photo_shows_and_records_nothing(
    http: Http, boto: Callable[[str], Any]
) -> None:
    a, b = add_person(http, "Ánh"), add_person(http, "Bình")
    enrol(http, a, photos_of_a()[0])
    enrol(http, b, photo_of_b())

    def recorded() -> list[str]:
        found = [item["pk"]["S"] for item in boto("dynamodb").scan(TableName="rollcall-local")["Items"]]
        return [pk for pk in found if not pk.startswith(SERVICE)]

    before = recorded()
    found = http.post("/v1/identify", photos_of_a()[1], JPEG).json_body
    assert (found["outcome"], found["person_id"]) == ("Recognised", a)
    [best] = [candidate for candidate in found["candidates"] if candidate["person_id"] == a]
    assert (best["name"], best["similarity"] > 95) == ("Ánh", True)
    stranger = http.post("/v1/identify", as_base64(photo_of_c())).json_body
    assert (stranger["outcome"], stranger["person_id"]) == ("NotRecognised", None)
    nobody = http.post("/v1/identify", no_face_photo(), JPEG)
    check_refused(nobody, 422, "NoFaceFound")
    http.call("PATCH", f"/v1/people/{a}", {"status": "inactive"})
    away = http.post("/v1/identify", photos_of_a()[1], JPEG).json_body
    assert (away["outcome"], away["person_id"]) == ("NotRecognised", None)
    assert recorded() == before


def test_verify_compares_with_one_person_only(http: Http) -> None:
    a, b, nobody = add_person(http, "A"), add_person(http, "B"), add_person(http, "C")
    enrol(http, a, photos_of_a()[0])
    enrol(http, b, photo_of_b())
    same = http.post(f"/v1/people/{a}/verify", photos_of_a()[1], JPEG).json_body
    assert (same["same_person"], same["similarity"] >= same["similarity_threshold"]) == (True, True)
    for person_id, content in ((b, photos_of_a()[1]), (a, photo_of_b()), (nobody, photo_of_b())):
        other = http.post(f"/v1/people/{person_id}/verify", content, JPEG).json_body
        assert other["same_person"] is False


def sweep(later: timedelta = timedelta(hours=1)) -> int:
    now = datetime.now(UTC) + later
    return enrolment.sweep(wiring.directory(), wiring.collection(), wiring.bucket(), now=now)


def assert_sound(http: Http, boto: Callable[[str], Any], person_id: str) -> int:
    """Check that every trace of a face belongs to an active one, and that none lacks anything."""
    faces = list_faces(http, person_id)
    objects, vectors, states = stored_faces(boto)
    assert sorted(face["face_id"] for face in faces) == vectors
    assert states == ["active"] * len(faces)
    assert http.get(f"/v1/people/{person_id}").json_body["faces"] == len(objects) == len(faces)
    for face in faces:
        link = http.get(f"/v1/people/{person_id}/faces/{face['face_id']}/photo").json_body
        assert fetch(link["url"])[0] == 200
    return len(faces)


def test_a_crash_anywhere_in_an_enrolment_leaves_nothing_after_the_sweep(
    http: Http, boto: Callable[[str], Any]
) -> None:
    person_id = add_person(http)
    enrol(http, person_id, photos_of_a()[0])
    for number in itertools.count():
        try:
            with crash_at(number) as calls:
                enrol(http, person_id, photos_of_a()[1])
        except Crash:
            sweep()
            # Once the face is active only the audit lacks what came of it.
            done = calls.count("TransactWriteItems") == 2 and calls[-1] != "TransactWriteItems"
            assert assert_sound(http, boto, person_id) == (2 if done else 1), calls
            if done:
                break
        else:
            break
    assert {"DetectFaces", "SearchFacesByImage", "PutObject", "IndexFaces", "TransactWriteItems"} <= set(
        calls
    )
    assert assert_sound(http, boto, person_id) == 2


def test_a_crash_anywhere_in_a_removal_is_finished_by_the_sweep(
    http: Http, boto: Callable[[str], Any]
) -> None:
    person_id = add_person(http)
    enrol(http, person_id, photos_of_a()[0])
    crashes = set()
    for number in itertools.count():
        face_id = enrol(http, person_id, photos_of_a()[1]).json_body["face_id"]
        try:
            with crash_at(number) as calls:
                answer = http.delete(f"/v1/people/{person_id}/faces/{face_id}")
        except Crash:
            begun = "TransactWriteItems" in calls[:-1]
            crashes.add(calls[-1])
            sweep()
            assert assert_sound(http, boto, person_id) == (1 if begun else 2), calls
        else:
            break
    assert answer.status_code == 204
    assert {"TransactWriteItems", "DeleteFaces", "DeleteObject", "DeleteItem"} <= crashes
    assert assert_sound(http, boto, person_id) == 1


def test_a_crash_in_the_sweep_itself_is_made_good_by_the_next(http: Http, boto: Callable[[str], Any]) -> None:
    person_id = add_person(http)
    for number in itertools.count():
        with pytest.raises(Crash), crash_at("SearchFaces"):
            enrol(http, person_id, photo_of_c())
        try:
            with crash_at(number):
                sweep()
        except Crash:
            assert sweep() <= 1
            assert assert_sound(http, boto, person_id) == 0
        else:
            break
    assert number > 3
    assert assert_sound(http, boto, person_id) == 0


def test_the_sweep_leaves_alone_what_is_just_going_on(http: Http, boto: Callable[[str], Any]) -> None:
    person_id = add_person(http)
    with pytest.raises(Crash), crash_at("IndexFaces"):
        enrol(http, person_id, photo_of_c())
    before = stored_faces(boto)
    assert sweep(timedelta(0)) == 0
    assert stored_faces(boto) == before
    answer = enrol(http, person_id, photo_of_c())
    check_refused(answer, 409, "EnrolmentInProgress")
    assert sweep() == 1
    assert enrol(http, person_id, photo_of_c()).status_code == 201
