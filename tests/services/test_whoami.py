"""GET /v1/me: what a front end asks first."""

from datetime import datetime

import pytest

from tests.conftest import Http
from tests.support.builders import add_person, change_settings


def test_a_front_end_learns_its_role_and_the_site(http: Http) -> None:
    assert change_settings(http, site_name="Trường Nguyễn Trãi", language="en").status_code == 200
    add_person(http, group="10A")
    add_person(http, "Trần Bình", group="10A")
    add_person(http, "Lê Chi", group="10B")
    gone = add_person(http, "Phạm Dung", group="10C")
    assert http.call("PATCH", f"/v1/people/{gone}", {"until": "2020-12-31"}).status_code == 200

    me = http.as_("viewer").get("/v1/me").json_body

    assert (me["role"], me["label"], me["groups"]) == ("viewer", "the viewer of the tests", None)
    assert me["site"]["name"] == "Trường Nguyễn Trãi"
    assert me["site"]["language"] == "en"
    assert me["site"]["zone"] == "Asia/Ho_Chi_Minh"
    assert datetime.fromisoformat(me["site"]["now"]).utcoffset().total_seconds() == 7 * 3600  # type: ignore[union-attr]
    assert me["shifts"] == ["day"]
    assert [kind["kind"] for kind in me["leave_kinds"]] == ["annual", "sick", "unpaid"]
    assert me["group_sizes"] == [{"group": "10A", "people": 2}, {"group": "10B", "people": 1}]


@pytest.mark.parametrize(
    ("role", "expires"), [("kiosk", False), ("viewer", False), ("manager", True), ("admin", True)]
)
def test_every_role_may_ask(http: Http, role: str, expires: bool) -> None:
    me = http.as_(role).get("/v1/me").json_body
    assert me["role"] == role
    assert (me["expires_at"] is not None) == expires


def test_a_kiosk_learns_nothing_about_people(http: Http) -> None:
    add_person(http, group="10A")
    me = http.as_("kiosk").get("/v1/me").json_body
    assert (me["shifts"], me["leave_kinds"], me["group_sizes"]) == (None, None, None)
    assert me["site"]["work_day"]


def test_a_token_of_a_group_counts_its_own_people(http: Http) -> None:
    add_person(http, group="10A")
    add_person(http, "Lê Chi", group="10B")
    made = http.post("/v1/tokens", {"role": "manager", "label": "teacher", "groups": ["10B"]}).json_body
    me = http.as_(None).call("GET", "/v1/me", headers={"Authorization": f"Bearer {made['token']}"}).json_body
    assert me["groups"] == ["10B"]
    assert me["group_sizes"] == [{"group": "10B", "people": 1}]


@pytest.mark.parametrize(
    ("field", "value"), [("language", "fr"), ("site_name", "x" * 101), ("site_name", " A")]
)
def test_a_name_or_language_that_is_none_is_refused(http: Http, field: str, value: str) -> None:
    assert change_settings(http, **{field: value}).status_code == 400
