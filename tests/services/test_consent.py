"""Consent: required for enrolment, recorded, withdrawn."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import CONSENT, Finish, Http
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person
from tests.support.crashes import Crash, crash_at
from tests.support.faces import JPEG, enrolled, stored_faces
from tests.support.photos import photo_of_c, photos_of_a
from tests.support.punches import create_session, punch, todays_punches
from tests.support.traces import sweep

Boto = Callable[[str], Any]
Json = dict[str, Any]


def test_a_face_is_enrolled_only_with_consent(http: Http, boto: Boto) -> None:
    person_id = http.post("/v1/people", {"name": "A"}).json_body["person_id"]
    refused = http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG)
    check_refused(refused, 403, "ConsentMissing")
    assert stored_faces(boto) == ([], [], [])
    given: Json = {**CONSENT, "given_at": "2026-01-05T10:00:00+07:00"}
    given |= {"purposes": ["attendance", "payroll"], "recipients": ["Amazon Web Services (Singapore)"]}
    shown = http.call("PUT", f"/v1/people/{person_id}/consent", given).json_body["consent"]
    assert shown["given_at"] == "2026-01-05T03:00:00Z"
    assert {name: shown[name] for name in given if name != "given_at"} == {
        name: value for name, value in given.items() if name != "given_at"
    }
    assert shown["recorded_by"] == http.token_id("admin")
    enrolled(http, person_id, photo_of_c())


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"given_at": "2126-01-01T00:00:00Z"}, id="in the future"),
        pytest.param({"given_at": "0001-01-01T00:00:00+14:00"}, id="before all time"),
        pytest.param({"given_at": "2025-12-31T23:59:59Z"}, id="before there was a site"),
        pytest.param({"purposes": ["x" * 201]}, id="a long purpose"),
        pytest.param({"purposes": ["\u202e"]}, id="a bidi purpose"),
        pytest.param({"recipients": ["x"] * 21}, id="many recipients"),
        pytest.param({"language": "Vietnamese"}, id="no language tag"),
        pytest.param({"text_version": "\u202e1"}, id="a bidi character"),
        pytest.param({"method": "he said so!"}, id="no word"),
        pytest.param({"who": "x"}, id="an unknown field"),
    ],
)
def test_a_consent_that_makes_no_sense_is_a_400(http: Http, change: Json) -> None:
    person_id = http.post("/v1/people", {"name": "A"}).json_body["person_id"]
    assert http.call("PUT", f"/v1/people/{person_id}/consent", {**CONSENT, **change}).status_code == 400
    assert http.post("/v1/people", {"name": "B", "consent": {**CONSENT, **change}}).status_code == 400


def test_withdrawing_consent_erases_faces_and_keeps_attendance(
    http: Http, boto: Boto, finish: Finish
) -> None:
    person_id = add_person(http)
    enrolled(http, person_id, photos_of_a()[0])
    enrolled(http, person_id, photos_of_a()[1])
    assert punch(http, finish(create_session(http), photos_of_a()[2])).status_code == 201
    before = todays_punches(http)
    shown = http.delete(f"/v1/people/{person_id}/consent").json_body
    assert (shown["consent"], shown["faces"]) == (None, 0)
    assert stored_faces(boto) == ([], [], [])
    assert todays_punches(http) == before
    assert code_of(punch(http, finish(create_session(http), photos_of_a()[2]))) == "NotRecognised"
    again = http.delete(f"/v1/people/{person_id}/consent")
    check_refused(again, 404, "ConsentNotFound")
    assert code_of(http.post(f"/v1/people/{person_id}/faces", photo_of_c(), JPEG)) == "ConsentMissing"
    [consent] = http.get(f"/v1/people/{person_id}/data").json_body["consents"]
    assert consent["withdrawn_at"] > consent["recorded_at"]


def test_a_crash_anywhere_in_a_withdrawal_is_finished_by_the_sweep(http: Http, boto: Boto) -> None:
    person_id = add_person(http)
    for number in itertools.count():
        http.call("PUT", f"/v1/people/{person_id}/consent", CONSENT)
        enrolled(http, person_id, photo_of_c())
        try:
            with crash_at(number) as calls:
                http.delete(f"/v1/people/{person_id}/consent")
        except Crash:
            begun = "TransactWriteItems" in calls[:-1]
            sweep()
            if begun:
                assert stored_faces(boto) == ([], [], []), calls
                assert http.get(f"/v1/people/{person_id}").json_body["consent"] is None
            else:
                assert http.get(f"/v1/people/{person_id}").json_body["faces"] == 1
                http.delete(f"/v1/people/{person_id}/consent")
        else:
            break
    assert stored_faces(boto) == ([], [], [])


def test_a_photo_is_compared_with_a_person_only_with_consent(http: Http, boto: Boto) -> None:
    person_id = http.post("/v1/people", {"name": "A"}).json_body["person_id"]
    answer = http.post(f"/v1/people/{person_id}/verify", photo_of_c(), JPEG)
    check_refused(answer, 403, "ConsentMissing")
    http.call("PUT", f"/v1/people/{person_id}/consent", CONSENT)
    assert http.post(f"/v1/people/{person_id}/verify", photo_of_c(), JPEG).status_code == 200
    http.delete(f"/v1/people/{person_id}/consent")
    assert http.post(f"/v1/people/{person_id}/verify", photo_of_c(), JPEG).status_code == 403
