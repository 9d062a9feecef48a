"""Uploads: the form is posted to S3 as a browser posts it, and used once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib import wiring
from chalicelib.aws import bucket
from chalicelib.domain.photo import LIMIT_BYTES
from local.aws import s3 as local_s3
from tests.conftest import CONSENT, Http
from tests.support.answers import check_refused
from tests.support.photos import heavy, photo_of_b, photo_of_c
from tests.support.traces import sweep
from tests.support.uploads import create_upload, post_upload

TABLE = BUCKET = "rollcall-local"


def enrol(http: Http, person_id: str, upload: dict[str, Any]) -> HTTPResponse:
    return http.post(f"/v1/people/{person_id}/faces", {"upload_id": upload["upload_id"]})


@pytest.fixture
def person_id(http: Http) -> str:
    made: str = http.post("/v1/people", {"name": "A", "consent": CONSENT}).json_body["person_id"]
    return made


@pytest.fixture
def aws_calls() -> Any:
    """Collect the parameters of the calls to Rekognition."""
    seen: list[tuple[str, dict[str, Any]]] = []
    events = wiring.collection()._client.meta.events

    def note(model: Any, params: Any, **_: Any) -> None:
        seen.append((model.name, params))

    events.register("provide-client-params.rekognition", note, "seen")
    yield seen
    events.unregister("provide-client-params.rekognition", unique_id="seen")


def test_a_form_says_what_it_takes_and_how_long(http: Http) -> None:
    before = datetime.now(UTC)
    upload = create_upload(http)
    assert upload["limit_bytes"] == 15 * 1024**2
    life = datetime.fromisoformat(upload["expires_at"]) - before
    assert timedelta(minutes=9) < life < timedelta(minutes=11)
    assert upload["fields"]["key"] == f"uploads/{upload['upload_id']}"
    assert create_upload(http)["upload_id"] != upload["upload_id"]


def test_an_uploaded_photo_is_enrolled_once(http: Http, person_id: str) -> None:
    upload = create_upload(http)
    assert post_upload(upload, photo_of_c())[0] in (200, 201, 204)
    assert enrol(http, person_id, upload).status_code == 201
    again = enrol(http, person_id, upload)
    check_refused(again, 404, "UploadNotFound")


def test_an_uploaded_photo_can_be_identified_and_verified(http: Http, person_id: str) -> None:
    for path, field in (("/v1/identify", "outcome"), (f"/v1/people/{person_id}/verify", "same_person")):
        upload = create_upload(http)
        post_upload(upload, photo_of_c())
        answer = http.post(path, {"upload_id": upload["upload_id"]})
        assert answer.json_body[field] in ("NotRecognised", False)


def test_nothing_uploaded_is_a_404(http: Http, person_id: str) -> None:
    answer = enrol(http, person_id, create_upload(http))
    check_refused(answer, 404, "UploadNotFound")


def test_what_was_uploaded_is_looked_at_again(http: Http, person_id: str) -> None:
    upload = create_upload(http)
    post_upload(upload, b"GIF89a" + b"\x00" * 200)
    answer = enrol(http, person_id, upload)
    check_refused(answer, 400, "InvalidPhoto")


def test_s3_refuses_a_form_that_has_expired(
    http: Http, person_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted, late = create_upload(http), create_upload(http)
    post_upload(posted, photo_of_c())

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Later":
            return cls.fromtimestamp((datetime.now(UTC) + bucket.UPLOAD_LIFE).timestamp() + 2, tz)

    monkeypatch.setattr(local_s3, "datetime", Later)
    assert post_upload(late, photo_of_c())[0] == 403


@pytest.mark.parametrize(
    ("content", "content_type", "fields", "status", "code"),
    [
        pytest.param(photo_of_c(), "text/html", {}, 403, "AccessDenied", id="wrong type"),
        pytest.param(b"", "image/jpeg", {}, 400, "EntityTooSmall", id="empty"),
        pytest.param(
            b"\xff\xd8\xff" + bytes(15 * 1024**2), "image/jpeg", {}, 400, "EntityTooLarge", id="too large"
        ),
        pytest.param(
            photo_of_c(), "image/jpeg", {"key": "photos/x/y.jpg"}, 403, "AccessDenied", id="another key"
        ),
        pytest.param(
            photo_of_c(), "image/jpeg", {"acl": "public-read"}, 403, "AccessDenied", id="made public"
        ),
    ],
)
def test_s3_refuses_what_the_form_does_not_allow(
    http: Http,
    boto: Callable[[str], Any],
    content: bytes,
    content_type: str,
    fields: dict[str, str],
    status: int,
    code: str,
) -> None:
    answered, error = post_upload(create_upload(http), content, content_type, **fields)
    assert (answered, code in error) == (status, True), error
    assert boto("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0


def test_a_photo_over_five_megabytes_goes_to_rekognition_by_way_of_s3(
    http: Http, person_id: str, aws_calls: list[tuple[str, dict[str, Any]]], boto: Callable[[str], Any]
) -> None:
    content = heavy(photo_of_c())
    assert len(content) > LIMIT_BYTES
    upload = create_upload(http)
    assert post_upload(upload, content)[0] in (200, 201, 204)
    answer = enrol(http, person_id, upload)
    assert answer.status_code == 201, answer.body
    images = [params["Image"] for _, params in aws_calls if "Image" in params]
    assert len(images) == 3
    assert all(image.keys() == {"S3Object"} for image in images)
    # What is indexed is what is kept, so that indexing it again finds the same face.
    assert [image["S3Object"]["Name"].partition("/")[0] for image in images] == [
        "uploads",
        "uploads",
        "photos",
    ]
    keys = [entry["Key"] for entry in boto("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    [kept] = [key for key in keys if key.startswith("photos/")]
    assert boto("s3").get_object(Bucket=BUCKET, Key=kept)["Body"].read() == content


def test_what_a_telephone_puts_behind_a_photo_goes_neither_to_s3_nor_to_rekognition(
    http: Http, person_id: str, aws_calls: list[tuple[str, dict[str, Any]]], boto: Callable[[str], Any]
) -> None:
    upload = create_upload(http)
    assert post_upload(upload, photo_of_c() + bytes(6 * 1024**2))[0] in (200, 201, 204)
    assert enrol(http, person_id, upload).status_code == 201
    assert [params["Image"] for _, params in aws_calls if "Image" in params] == [{"Bytes": photo_of_c()}] * 3
    [kept] = boto("s3").list_objects_v2(Bucket=BUCKET, Prefix="photos/")["Contents"]
    assert boto("s3").get_object(Bucket=BUCKET, Key=kept["Key"])["Body"].read() == photo_of_c()


def test_an_upload_of_many_uses_at_once_is_used_once(http: Http, person_id: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    upload = create_upload(http)
    post_upload(upload, photo_of_c())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: enrol(http, person_id, upload), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 404, 404, 404]


def test_what_a_used_form_leaves_is_gone_with_the_next_sweep(
    http: Http, person_id: str, boto: Callable[[str], Any]
) -> None:
    upload, open_ = create_upload(http), create_upload(http)
    post_upload(upload, photo_of_c())
    post_upload(open_, photo_of_c())
    assert enrol(http, person_id, upload).status_code == 201
    assert post_upload(upload, photo_of_b())[0] in (200, 201, 204), "S3 cannot know that it was used"
    again = enrol(http, person_id, upload)
    check_refused(again, 404, "UploadNotFound")
    assert sweep(timedelta(0))["uploads"] == 0, "no upload that nobody used"
    left = boto("s3").list_objects_v2(Bucket=BUCKET, Prefix="uploads/")["Contents"]
    assert [entry["Key"] for entry in left] == [f"uploads/{open_['upload_id']}"], "it waits to be used"
    assert enrol(http, person_id, open_).status_code == 200


def test_an_upload_in_use_is_left_alone(http: Http, person_id: str, boto: Callable[[str], Any]) -> None:
    upload = create_upload(http)
    post_upload(upload, photo_of_c())
    assert wiring.directory().use_upload(upload["upload_id"], person_id)
    assert sweep(timedelta(minutes=11))["uploads"] == 0
    assert sweep(timedelta(minutes=13))["uploads"] == 1
    assert boto("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
