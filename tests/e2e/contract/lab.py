"""The lab's own routes, where they are on: its front end sends forms and expects its own shapes."""

from urllib.parse import quote

import requests

from chalicelib.domain.photo import photo as as_kept
from tests.e2e.contract.site import Scenario, Site
from tests.support.patience import PATIENCE_S
from tests.support.photos import no_face_photo, photos_of_a


def serves_the_labs_front_end(site: Site) -> None:
    if site.get("/health")["lab"] == "off":
        assert site.call("GET", "/session").status_code == 404
        return
    first, second, _ = photos_of_a()
    made = _form(site, name="Nguyễn Văn Ánh", photo=first)
    assert (made.status_code, made.json()) == (200, {"success": True, "name": "Nguyễn Văn Ánh"})
    refused = _form(site, name="A house", photo=no_face_photo())
    assert (refused.status_code, refused.json()["success"]) == (200, False)
    faces = site.get("/list-collections")["faces"]
    [face] = [one for one in faces if one["ExternalImageId"].endswith("_Nguyễn Văn Ánh")]
    handle = face["ExternalImageId"]
    session_id = site.get("/session")["sessionId"]
    site.finish(session_id, second)
    live = site.get(f"/liveness-result/{session_id}", preview="true")
    assert (live["isLive"], live["faceMatch"]["name"]) == (True, handle)
    assert site.get("/attendance", externalImageId=handle)["count"] == 1
    # What is kept is the picture that came through the form.
    person_id = handle.partition("_")[0]
    [kept] = site.get(f"/v1/people/{person_id}/faces")["items"]
    link = site.get(f"/v1/people/{person_id}/faces/{kept['face_id']}/photo")
    assert requests.get(link["url"], timeout=PATIENCE_S).content == as_kept(first).content
    gone = site.call("DELETE", "/delete-face", {"faceId": face["FaceId"], "s3Key": face["s3Key"]})
    assert (gone.status_code, gone.json()["success"]) == (200, True)


def refuses_as_the_lab_does(site: Site) -> None:
    if site.get("/health")["lab"] == "off":
        return
    assert site.call("GET", "/liveness-result").json()["error"] == "Missing session ID"
    odd = site.call("GET", f"/liveness-result/{quote('không phải', safe='')}")
    assert (odd.status_code, odd.json()["success"]) == (400, False)


def _form(site: Site, *, name: str, photo: bytes) -> requests.Response:
    body = f'--mark\r\nContent-Disposition: form-data; name="name"\r\n\r\n{name}\r\n'.encode()
    body += b'--mark\r\nContent-Disposition: form-data; name="photo"; filename="me.jpg"\r\n'
    body += b"Content-Type: image/jpeg\r\n\r\n" + photo + b"\r\n--mark--\r\n"
    return site.call("POST", "/index-face", body, {"Content-Type": "multipart/form-data; boundary=mark"})


SCENARIOS: list[Scenario] = [serves_the_labs_front_end, refuses_as_the_lab_does]
