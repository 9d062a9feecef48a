"""People and their faces: added, found, enrolled from photos in every form, recognised, imported."""

import base64

import requests

from chalicelib.domain.photo import photo
from tests.e2e.contract.site import Json, Scenario, Site, code
from tests.support.patience import PATIENCE_S
from tests.support.photos import group_photo, no_face_photo, photo_of_b, photos_of_a

CSV = "name,code\nTrần Thị Hoa,{0}-1\nLê Văn Đạt,{0}-2\n"


def keeps_people(site: Site) -> None:
    group = f"g-{site.mark}"
    made = site.make(
        "/v1/people", {"name": "  Đặng   Thị Ánh Tuyết ", "email": "tuyet@example.com", "group": group}
    )
    path = f"/v1/people/{made['person_id']}"
    assert made["name"] == "Đặng Thị Ánh Tuyết"
    assert site.get(path) == made
    assert site.get("/v1/people", q="tuyet", group=group)["items"] == [made]
    assert site.get("/v1/people", q="đặng", group=group)["items"] == [made]
    assert site.get("/v1/people", q="nobody", group=group) == {"items": [], "next_cursor": None}
    changed = site.call("PATCH", path, {"email": None, "status": "inactive"})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["email"], changed.json()["status"]) == (None, "inactive")
    assert site.get("/v1/people", group=group, status="active")["items"] == []


def keeps_codes_apart(site: Site) -> None:
    badge = f"E-{site.mark}"
    site.person(code=badge)
    assert code(site.call("POST", "/v1/people", {"name": "B", "code": badge})) == (409, "PersonExists")


def pages_through_people(site: Site) -> None:
    group = f"p-{site.mark}"
    names = ["An", "Bình", "Châu", "Dũng", "Êm"]
    for name in names:
        site.person(name, group=group)
    seen: list[str] = []
    page: Json = site.get("/v1/people", group=group, limit=2)
    seen += [person["name"] for person in page["items"]]
    while page["next_cursor"]:
        page = site.get("/v1/people", group=group, limit=2, cursor=page["next_cursor"])
        seen += [person["name"] for person in page["items"]]
    assert seen == names


def enrols_a_photo_in_every_form(site: Site) -> None:
    person_id = site.person()
    first, second, third = photos_of_a()
    raw = site.enrol(person_id, first)
    assert raw.status_code == 201, raw.text
    again = site.enrol(person_id, first)
    assert (again.status_code, again.json()) == (200, raw.json())
    site.make(f"/v1/people/{person_id}/faces", {"photo": base64.b64encode(second).decode()})
    upload = site.make("/v1/uploads")
    assert "x-amz-signature" in upload["fields"]  # version 4: S3 takes no other for a new bucket
    posted = requests.post(
        upload["url"],
        data={**upload["fields"], "Content-Type": "image/jpeg"},
        files={"file": ("me.jpg", third)},
        timeout=PATIENCE_S,
    )
    assert posted.ok, posted.text
    site.make(f"/v1/people/{person_id}/faces", {"upload_id": upload["upload_id"]})
    faces = site.get(f"/v1/people/{person_id}/faces")["items"]
    assert len(faces) == site.get(f"/v1/people/{person_id}")["faces"] == 3
    for face, sent in zip(faces, (first, second, third), strict=True):
        link = site.get(f"/v1/people/{person_id}/faces/{face['face_id']}/photo")
        assert "X-Amz-Signature=" in link["url"]
        kept = requests.get(link["url"], timeout=PATIENCE_S).content
        assert kept == photo(sent).content, "the photo is more or less than the picture that was sent"
    path = f"/v1/people/{person_id}/faces/{faces[0]['face_id']}"
    assert site.call("DELETE", path).status_code == 204
    assert code(site.call("DELETE", path)) == (404, "FaceNotFound")


def refuses_photos_with_advice(site: Site) -> None:
    person_id, other = site.person(), site.person("Somebody Else")
    assert site.enrol(person_id, photos_of_a()[0]).status_code == 201
    answer = site.call(
        "POST",
        f"/v1/people/{person_id}/faces",
        no_face_photo(),
        {"Content-Type": "image/jpeg", "Accept-Language": "vi"},
    )
    assert code(answer) == (422, "NoFaceFound")
    assert "Accept-Language" in answer.headers["Vary"]
    assert "ảnh" in " ".join(answer.json()["Details"]["advice"]).lower()
    assert code(site.enrol(person_id, group_photo())) == (422, "SeveralFaces")
    assert code(site.enrol(person_id, b"GIF89a")) == (400, "InvalidPhoto")
    assert code(site.enrol(other, photos_of_a()[1])) == (409, "FaceBelongsToAnother")
    assert code(site.enrol("nobody", photo_of_b())) == (404, "PersonNotFound")
    gone = {"upload_id": "never-began"}
    assert code(site.call("POST", f"/v1/people/{person_id}/faces", gone)) == (404, "UploadNotFound")


def recognises_without_recording(site: Site) -> None:
    person_id = site.person()
    first, second, _ = photos_of_a()
    assert site.enrol(person_id, first).status_code == 201
    jpeg = {"Content-Type": "image/jpeg"}
    identified = site.call("POST", "/v1/identify", second, jpeg)
    assert identified.status_code == 200, identified.text
    assert person_id in identified.text
    stranger = site.call("POST", "/v1/identify", photo_of_b(), jpeg)
    assert stranger.status_code == 200
    assert person_id not in stranger.text
    verified = site.call("POST", f"/v1/people/{person_id}/verify", second, jpeg)
    assert verified.status_code == 200, verified.text
    assert verified.json()["same_person"] is True
    assert (
        site.call("POST", f"/v1/people/{person_id}/verify", photo_of_b(), jpeg).json()["same_person"] is False
    )


def imports_what_spreadsheets_write(site: Site) -> None:
    mark = site.mark
    text = CSV.format(mark)
    tried = site.call("POST", "/v1/imports", text.encode(), {"Content-Type": "text/csv"}, dry_run="true")
    assert tried.status_code == 200, tried.text
    assert site.get("/v1/people", q=f"{mark}-1")["items"] == []
    # UTF-16 with Excel's media type: every second byte is zero, and none may be lost on the way.
    kind = {"Content-Type": "application/vnd.ms-excel"}
    done = site.call("POST", "/v1/imports", text.encode("utf-16"), kind)
    assert done.status_code == 200, done.text
    [hoa] = site.get("/v1/people", q=f"{mark}-1")["items"]
    assert hoa["name"] == "Trần Thị Hoa"


SCENARIOS: list[Scenario] = [
    keeps_people,
    keeps_codes_apart,
    pages_through_people,
    enrols_a_photo_in_every_form,
    refuses_photos_with_advice,
    recognises_without_recording,
    imports_what_spreadsheets_write,
]
