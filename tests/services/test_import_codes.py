"""Codes in an import: `EMP-1` and `emp-1` are one code, in one file and beside people who are there."""

from typing import Any

import pytest
from chalice.test import HTTPResponse

from tests.conftest import Http
from tests.support.answers import check_refused

CSV = {"Content-Type": "text/csv"}


def send(http: Http, *rows: str, **query: Any) -> HTTPResponse:
    return http.post("/v1/imports", "\n".join(("name,code", *rows)).encode(), CSV, **query)


def codes(http: Http) -> list[str]:
    return sorted(person["code"] or "" for person in http.get("/v1/people", limit=100).json_body["items"])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("EMP-1", "emp-1", id="case"),
        pytest.param("emp-1", "EMP-1", id="case, the small one first"),
        pytest.param("ĐỨC-1", "đức-1", id="case of letters with marks"),
        pytest.param("emp-1", "  emp-1 ", id="white space around it"),
        pytest.param("EMP-1", "EMP-1", id="the same"),
    ],
)
def test_two_rows_with_one_code_whatever_its_case_refuse_the_file(
    http: Http, first: str, second: str
) -> None:
    refused = send(http, f"Ann,{first}", f"Bob,{second}")
    check_refused(refused, 422, "ImportRefused")
    rows = refused.json_body["Details"]["items"]
    assert [(row["row"], row["status"]) for row in rows] == [(2, "valid"), (3, "invalid")]
    [problem] = rows[1]["problems"]
    assert problem == {"field": "code", "message": "Row 2 has this code too."}
    assert codes(http) == []


def test_with_mode_good_the_first_row_of_a_code_is_taken_whatever_the_case(http: Http) -> None:
    done = send(http, "Ann,EMP-1", "Bob,emp-1", "Cid,emp-2", "Dan,Emp-1", mode="good").json_body
    assert [row["status"] for row in done["items"]] == ["created", "invalid", "created", "invalid"]
    assert {row["problems"][0]["message"] for row in done["items"] if row["problems"]} == {
        "Row 2 has this code too."
    }
    assert codes(http) == ["EMP-1", "emp-2"]


def test_a_code_that_somebody_has_in_another_case_exists(http: Http) -> None:
    ann = http.post("/v1/people", {"name": "Ann", "code": "Emp-1"}).json_body["person_id"]
    done = send(http, "Bob,EMP-1", "Cid,emp-2", mode="good").json_body
    assert [(row["status"], row["person_id"] == ann) for row in done["items"]] == [
        ("exists", True),
        ("created", False),
    ]
    assert (done["created"], done["failed"]) == (1, 1)
    taken = http.post("/v1/people", {"name": "Dan", "code": "EMP-2"})
    check_refused(taken, 409, "PersonExists")


def test_rows_without_a_code_are_not_one_another(http: Http) -> None:
    done = send(http, "Ann,", "Bob,", "Cid,").json_body
    assert [row["status"] for row in done["items"]] == ["created"] * 3
