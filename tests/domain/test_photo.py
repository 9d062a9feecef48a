"""What a photo claims to be is read before anybody decodes it; Rekognition is not asked about the rest."""

import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib import wiring
from chalicelib.config import BODY_BYTES
from chalicelib.domain.errors import InvalidPhoto, PhotoTooLarge
from chalicelib.domain.photo import MOST_PIXELS, photo
from tests.conftest import CONSENT, Http
from tests.support.answers import code_of
from tests.support.photos import jpeg, photo_of_c, png

GREY = np.full((80, 120, 3), 127, np.uint8)
JPEG, PNG = jpeg(GREY), png(GREY)
EMPTY_COMMENT = b"\xff\xfe\x00\x02"


def jpeg_of(width: int, height: int) -> bytes:
    """Let a small JPEG claim another size."""
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]


def png_of(width: int, height: int) -> bytes:
    """Let a small PNG claim another size, its checksum right."""
    ihdr = b"IHDR" + struct.pack(">II", width, height) + PNG[24:29]
    return PNG[:12] + ihdr + struct.pack(">I", zlib.crc32(ihdr)) + PNG[33:]


def commented(comment: bytes) -> bytes:
    return JPEG[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + JPEG[2:]


def with_thumbnail() -> bytes:
    """Put a whole JPEG, of another size, into the metadata of a JPEG."""
    small = jpeg(GREY[:16, :16])
    return JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(small) + 2) + small + JPEG[2:]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        pytest.param(JPEG, "image/jpeg", id="JPEG"),
        pytest.param(PNG, "image/png", id="PNG"),
        pytest.param(with_thumbnail(), "image/jpeg", id="thumbnail inside"),
        pytest.param(JPEG[:2] + b"\xff" * 20 + JPEG[2:], "image/jpeg", id="fill bytes"),
        pytest.param(commented(b"<script>alert(1)</script>"), "image/jpeg", id="HTML in a comment"),
        pytest.param(commented(b"\xff\xd9\xff\xda"), "image/jpeg", id="an end in a comment"),
        # Telephones put films and depth maps there.
        pytest.param(JPEG + b"PK\x03\x04" + bytes(99), "image/jpeg", id="an archive behind the JPEG"),
        pytest.param(PNG + b"<html><script>", "image/png", id="HTML behind the PNG"),
    ],
)
def test_a_photo_is_what_its_header_says(content: bytes, content_type: str) -> None:
    taken = photo(content)
    assert (taken.content, taken.content_type) == (PNG if content_type == "image/png" else JPEG, content_type)
    assert taken.digest == photo(taken.content).digest


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(JPEG[:-2], id="JPEG without its end"),
        pytest.param(JPEG[: len(JPEG) // 2], id="half a JPEG"),
        pytest.param(JPEG[: JPEG.index(b"\xff\xda")], id="JPEG without its scan"),
        pytest.param(JPEG[: JPEG.index(b"\xff\xc0")] + b"\xff\xd9", id="JPEG without its frame"),
        pytest.param(with_thumbnail()[:-2], id="only the thumbnail has an end"),
        pytest.param(PNG[:-12], id="PNG without its end"),
        pytest.param(PNG[:-1], id="PNG but for a byte"),
        pytest.param(PNG[:20], id="PNG cut in its header"),
        pytest.param(PNG[:8] + PNG[33:], id="PNG without its header"),
        pytest.param(b"\xff\xd8\xff" + b"\xff" * 1_000_000, id="nothing but fill bytes"),
        pytest.param(JPEG[:2] + EMPTY_COMMENT * 1_000_000 + JPEG[2:], id="a million segments"),
        pytest.param(JPEG[:2] + b"\xff\xfe\x00\x01" + JPEG[2:], id="a segment shorter than its length"),
        pytest.param(jpeg_of(0, 80), id="no width"),
        pytest.param(jpeg_of(120, 0), id="a height that is told later"),
        pytest.param(jpeg_of(79, 80), id="79 pixels wide"),
        pytest.param(png_of(80, 79), id="79 pixels high"),
        pytest.param(b"GIF89a" + bytes(99), id="GIF"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="SVG"),
        pytest.param(b" " + JPEG, id="a space before it"),
        pytest.param(b"<html>" + JPEG, id="HTML before it"),
    ],
)
def test_what_cannot_be_a_whole_photo_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidPhoto):
        photo(content)


@pytest.mark.parametrize("make", [jpeg_of, png_of])
def test_a_few_bytes_that_claim_billions_of_pixels_are_refused(make: Callable[[int, int], bytes]) -> None:
    if make is jpeg_of:  # as many as a photo may have, but too few bytes for them
        with pytest.raises(InvalidPhoto, match="ends before"):
            photo(make(8192, 8192))
    for size in ((8193, 8192), (60_000, 60_000), (65_535, 1025)):
        assert size[0] * size[1] > MOST_PIXELS
        with pytest.raises(PhotoTooLarge):
            photo(make(*size))


def test_a_photo_fits_into_what_lambda_takes() -> None:
    assert photo(JPEG.ljust(BODY_BYTES, b"\0"))
    with pytest.raises(PhotoTooLarge):
        photo(JPEG.ljust(BODY_BYTES + 1, b"\0"))
    assert photo(JPEG.ljust(15 * 1024**2, b"\0"), key="uploads/x")
    with pytest.raises(PhotoTooLarge):
        photo(JPEG.ljust(15 * 1024**2 + 1, b"\0"), key="uploads/x")


@given(st.one_of(st.binary(max_size=400), st.integers(0, len(JPEG)).map(lambda at: JPEG[:at])))
@example(b"\xff\xd8\xff\xc0")
def test_any_bytes_are_a_photo_or_none(content: bytes) -> None:
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"):
        with suppress(InvalidPhoto):
            taken = photo(start + content)
            assert photo(taken.content) == taken


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(jpeg_of(60_000, 60_000), "PhotoTooLarge", id="bomb"),
        pytest.param(png_of(79, 79), "InvalidPhoto", id="tiny"),
        pytest.param(photo_of_c()[:-2], "InvalidPhoto", id="cut off"),
    ],
)
def test_rekognition_is_not_asked_about_what_is_no_photo(http: Http, content: bytes, code: str) -> None:
    asked: list[str] = []

    def note(model: Any, **_: Any) -> None:
        asked.append(model.name)

    events = wiring.collection()._client.meta.events
    person = http.post("/v1/people", {"name": "A", "consent": CONSENT}).json_body["person_id"]
    events.register("before-call.rekognition", note, "seen")
    try:
        for path in (f"/v1/people/{person}/faces", "/v1/identify", f"/v1/people/{person}/verify", "/checkin"):
            answer = http.call("POST", path, content, {"Content-Type": "image/jpeg"})
            assert answer.status_code == (413 if code == "PhotoTooLarge" else 400)
            assert path == "/checkin" or code_of(answer) == code
    finally:
        events.unregister("before-call.rekognition", unique_id="seen")
    assert asked == []


def test_a_polyglot_is_kept_as_the_picture_it_is(http: Http, boto: Callable[[str], Any]) -> None:
    content = photo_of_c() + b"<html><script>alert(1)</script>"
    person = http.post("/v1/people", {"name": "A", "consent": CONSENT}).json_body["person_id"]
    sent = http.call("POST", f"/v1/people/{person}/faces", content, {"Content-Type": "image/png"})
    assert sent.status_code == 201, sent.json_body
    [entry] = boto("s3").list_objects_v2(Bucket="rollcall-local")["Contents"]
    assert entry["Key"].endswith(".jpg")
    stored = boto("s3").get_object(Bucket="rollcall-local", Key=entry["Key"])
    assert stored["ContentType"] == "image/jpeg"
    assert b"script" not in stored["Body"].read()
