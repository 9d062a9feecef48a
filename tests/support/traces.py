"""A person with data in every place, and a search for what is left of them."""

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.domain.text import fold
from chalicelib.services.sweep import sweep as run_sweep
from tests.conftest import CONSENT, Finish, Http
from tests.support.answers import code_of
from tests.support.builders import stamp, stamped
from tests.support.crashes import Crash, crash_at
from tests.support.faces import enrolled
from tests.support.photos import photo_of_b, photos_of_a
from tests.support.punches import create_session, punch
from tests.support.uploads import create_upload, post_upload

Boto = Callable[[str], Any]
BUCKET = TABLE = COLLECTION = "rollcall-local"
NAME, CODE, EMAIL = "Trần Thị Ngọc Diệp", "HS-4711", "diep@example.com"


def everything(boto: Boto) -> str:
    """Return everything that is stored anywhere as one text."""
    found: list[str] = []
    for page in boto("dynamodb").get_paginator("scan").paginate(TableName=TABLE):
        for item in page["Items"]:
            body = item.pop("body", {}).get("B")
            found.append(json.dumps(item, ensure_ascii=False, default=str))
            found.append(zlib.decompress(body).decode() if body else "")
    found.append(in_bucket(boto))
    found += [str(face) for face in boto("rekognition").list_faces(CollectionId=COLLECTION)["Faces"]]
    return "\n".join(found)


def in_bucket(boto: Boto) -> str:
    """Return every key and every version of every object as one text; a workbook is unpacked."""
    found: list[str] = []
    versions = boto("s3").list_object_versions(Bucket=BUCKET)
    for entry in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
        found.append(entry["Key"])
    for entry in versions.get("Versions", []):
        content = boto("s3").get_object(Bucket=BUCKET, Key=entry["Key"], VersionId=entry["VersionId"])
        found += _unpacked(content["Body"].read())
    return "\n".join(found)


def _unpacked(content: bytes) -> Iterator[str]:
    """Yield the text of a file or, of a zip as every workbook is, that of all files in it."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        yield content.decode(errors="ignore")
        return
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        for name in files.namelist():
            yield from _unpacked(files.read(name))


def traces_of(boto: Boto, *words: str) -> list[str]:
    """Return which words are stored anywhere."""
    text = everything(boto)
    return [word for word in words if word in text or fold(word) in fold(text)]


def sweep(later: timedelta = timedelta(hours=1)) -> dict[str, int]:
    """Run the sweep as if it were later."""
    now = datetime.now(UTC) + later
    return run_sweep(
        wiring.directory(), wiring.personal_data(), wiring.collection(), wiring.bucket(), now=now
    )


class Someone:
    """A person with data in every place."""

    def __init__(self, http: Http, finish: Finish) -> None:
        key = {"Idempotency-Key": "someone"}
        body = {"name": NAME, "code": CODE, "email": EMAIL, "since": "2020-01-01", "consent": CONSENT}
        self.id: str = http.post("/v1/people", body, key).json_body["person_id"]
        self.face_ids = [enrolled(http, self.id, photo) for photo in photos_of_a()[:2]]
        self.session_ids = [finish(create_session(http), photos_of_a()[2]) for _ in range(2)]
        for session_id in self.session_ids:  # the second repeats the first
            assert punch(http, session_id).status_code in (200, 201)
        stamped(http, self.id, "2026-03-02T08:00:00+07:00", reason="her badge was lost")
        late = stamped(http, self.id, "2026-03-03T08:30:00+07:00")
        stamp(http, self.id, "2026-03-03T08:00:00+07:00", supersedes=late)
        leave = {"since": "2026-03-04", "until": "2026-03-05", "kind": "sick"}
        assert http.post(f"/v1/people/{self.id}/leaves", leave, {"Idempotency-Key": "l"}).status_code == 201
        assert http.get("/v1/attendance", format_="xlsx").status_code == 303
        upload = create_upload(http)
        post_upload(upload, photo_of_b())
        with pytest.raises(Crash), crash_at("DeleteObject"):  # the upload is used, but not yet removed
            http.post(f"/v1/people/{self.id}/verify", {"upload_id": upload["upload_id"]})
        self.upload_id: str = upload["upload_id"]
        failed = finish(create_session(http), photos_of_a()[2], confidence=10.0)
        assert code_of(punch(http, failed)) == "NotLive"
        self.words = [NAME, CODE, EMAIL, self.id, *self.face_ids, self.upload_id, "her badge was lost"]
