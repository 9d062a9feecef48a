"""People, by HTTP: made, changed, listed and searched."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from chalicelib import wiring
from chalicelib.aws import items
from chalicelib.aws.dynamodb import to_attributes
from chalicelib.domain.person import LOOKALIKE, Person
from chalicelib.domain.timeline import always
from local.aws.embedded import REGION, Embedded
from tests.conftest import Http
from tests.support.answers import check_refused, code_of

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)


def create(http: Http, name: str, **fields: Any) -> dict[str, Any]:
    answer = http.post("/v1/people", {"name": name, **fields})
    assert answer.status_code == 201, answer.body
    person: dict[str, Any] = answer.json_body
    return person


def change(http: Http, person_id: str, **fields: Any) -> Any:
    return http.call("PATCH", f"/v1/people/{person_id}", fields)


def names(http: Http, **query: Any) -> list[str]:
    answer = http.get("/v1/people", **query)
    assert answer.status_code == 200, answer.body
    return [person["name"] for person in answer.json_body["items"]]


def pages(http: Http, **query: Any) -> Iterator[list[dict[str, Any]]]:
    cursor = None
    while True:
        page = http.get("/v1/people", cursor=cursor, **query).json_body
        yield page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Count the calls to DynamoDB by operation."""
    calls: Counter[str] = Counter()
    events = wiring.directory()._table._client.meta.events

    def count(model: Any, **_: Any) -> None:
        calls[model.name] += 1

    events.register("before-call", count, "counted")
    try:
        yield calls
    finally:
        events.unregister("before-call", unique_id="counted")


def test_a_person_is_created_shown_and_listed(http: Http) -> None:
    created = create(
        http,
        "Nguyễn Văn Ánh",
        code="HS-0042",
        email="anh@example.com",
        group="12A1",
        shift="day",
        since="2026-09-01",
    )
    shown = http.get(f"/v1/people/{created['person_id']}")
    assert shown.json_body == created
    assert created | {"name": "Nguyễn Văn Ánh", "code": "HS-0042", "email": "anh@example.com"} == created
    assert (created["group"], created["shift"], created["since"]) == ("12A1", "day", "2026-09-01")
    assert (created["status"], created["faces"], created["until"]) == ("active", 0, None)
    assert datetime.fromisoformat(created["created_at"]).tzinfo is not None
    assert http.get("/v1/people").json_body == {"items": [created], "next_cursor": None}


def test_an_unknown_person_is_a_404(http: Http) -> None:
    answer = http.get("/v1/people/nobody")
    check_refused(answer, 404, "PersonNotFound")
    assert change(http, "nobody", name="A").status_code == 404
    assert http.get("/v1/people/%2e%2e").status_code == 400


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("hs-0042", "HS-0042", id="case"),
        pytest.param("STRASSE", "straße", id="case that changes the length"),
        pytest.param(unicodedata.normalize("NFC", "Ánh1"), unicodedata.normalize("NFD", "ánh1"), id="form"),
        pytest.param("HS  1", " HS 1 ", id="spaces"),
        pytest.param("HS\uff11", "HS1", id="full width"),
    ],
)
def test_a_taken_code_is_a_409(http: Http, first: str, second: str) -> None:
    create(http, "A", code=first)
    answer = http.post("/v1/people", {"name": "B", "code": second})
    check_refused(answer, 409, "PersonExists")
    assert names(http) == ["A"]
    assert names(http, q="b") == []


def test_a_code_that_looks_like_anothers_is_taken_with_a_warning(http: Http) -> None:
    first = create(http, "A", code="HS-0042")
    assert "warnings" not in first
    second = create(http, "B", code="НS-OO42")  # noqa: RUF001 - a Cyrillic letter, and two of them for digits
    [warning] = second["warnings"]
    assert (warning["field"], warning["person_id"]) == ("code", first["person_id"])
    assert warning["message"] == LOOKALIKE
    third = create(http, "C", code="X")
    changed = change(http, third["person_id"], code="hs-0O42").json_body
    assert changed["warnings"][0]["person_id"] in {first["person_id"], second["person_id"]}
    assert "warnings" not in change(http, third["person_id"], group="12A1").json_body
    assert "warnings" not in change(http, third["person_id"], code="HS-0043").json_body
    assert "warnings" not in http.get(f"/v1/people/{second['person_id']}").json_body


def test_a_code_given_up_or_erased_is_not_warned_of(http: Http) -> None:
    first, second = create(http, "A", code="HS-0"), create(http, "B", code="HS-1")
    change(http, first["person_id"], code=None)
    assert http.delete(f"/v1/people/{second['person_id']}").status_code == 200
    assert "warnings" not in create(http, "C", code="HS-O")
    assert "warnings" not in create(http, "D", code="HS-I")


def test_one_of_many_who_take_a_code_at_once_gets_it(http: Http) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: http.post("/v1/people", {"name": f"P{n}", "code": "X1"}), range(12))
        )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    [made] = [answer.json_body for answer in answers if answer.status_code == 201]
    assert http.get("/v1/people").json_body["items"] == [made]


def test_a_change_touches_what_it_names_and_null_takes_away(http: Http) -> None:
    person = create(http, "Ánh", code="A1", email="a@example.com", group="12A1", since="2026-09-01")
    after = change(http, person["person_id"], group=None, email=None, status="inactive").json_body
    assert (after["group"], after["email"], after["status"]) == (None, None, "inactive")
    assert (after["name"], after["code"], after["since"]) == ("Ánh", "A1", "2026-09-01")
    assert http.get(f"/v1/people/{person['person_id']}").json_body == after
    assert change(http, person["person_id"], name=None).status_code == 400
    assert change(http, person["person_id"], status=None).status_code == 400


def test_a_renamed_person_is_found_under_the_new_name_only(http: Http) -> None:
    person = create(http, "Trần Bình", code="B1")
    change(http, person["person_id"], name="Lê Chi", code="C1")
    assert names(http, q="binh") == names(http, q="b1") == []
    assert names(http, q="chi") == names(http, q="c1") == ["Lê Chi"]
    create(http, "Đào", code="B1")


def test_an_email_ends_where_it_ends(http: Http) -> None:
    person = create(http, "A", email="a@example.com\n")
    assert person["email"] == "a@example.com"
    after = change(http, person["person_id"], email="b@example.com\n").json_body
    assert after["email"] == "b@example.com"
    assert change(http, person["person_id"], email="b\x1b@example.com").status_code == 400


def test_a_code_can_be_given_back_and_its_case_changed(http: Http) -> None:
    person = create(http, "A", code="x1")
    assert change(http, person["person_id"], code="X1").json_body["code"] == "X1"
    other = create(http, "B", code="y1")
    taken = change(http, other["person_id"], code="X1")
    check_refused(taken, 409, "PersonExists")
    change(http, person["person_id"], code=None)
    assert change(http, other["person_id"], code="x1").status_code == 200


def test_changes_of_one_person_at_the_same_time_are_all_made(http: Http) -> None:
    person_id = create(http, "A")["person_id"]
    changes = [{"group": "g"}, {"email": "a@example.com"}, {"shift": "day"}, {"until": "2030-01-01"}]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda fields: change(http, person_id, **fields), changes * 4))
    assert [answer.status_code for answer in answers] == [200] * 16
    after = http.get(f"/v1/people/{person_id}").json_body
    assert all(after | fields == after for fields in changes)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({}, "InvalidRequest", id="no name"),
        pytest.param({"name": ""}, "InvalidRequest", id="empty"),
        pytest.param({"name": "   "}, "InvalidRequest", id="spaces"),
        pytest.param({"name": "\u0301"}, "InvalidRequest", id="an accent alone"),
        pytest.param({"name": "x" * 201}, "InvalidRequest", id="too long"),
        pytest.param({"name": "A\x00B"}, "InvalidRequest", id="NUL"),
        pytest.param({"name": "A\x1bB"}, "InvalidRequest", id="escape"),
        pytest.param({"name": "A\u202eB"}, "InvalidRequest", id="direction override"),
        pytest.param({"name": "A\u2066B"}, "InvalidRequest", id="direction isolate"),
        pytest.param({"name": "A\ue000B"}, "InvalidRequest", id="private use"),
        pytest.param({"name": "\u200b"}, "InvalidRequest", id="zero-width space alone"),
        pytest.param({"name": "A\u200bnh"}, "InvalidRequest", id="zero-width space inside"),
        pytest.param({"name": "A\u00adnh"}, "InvalidRequest", id="soft hyphen"),
        pytest.param(
            {"name": "\u3164"}, "InvalidRequest", id="a filler, which is a letter that shows nothing"
        ),
        pytest.param({"name": "\u200d\u200d"}, "InvalidRequest", id="joiners alone"),
        pytest.param({"name": "A\uffff"}, "InvalidRequest", id="a noncharacter"),
        pytest.param({"name": "A", "email": "a\x00@example.com"}, "InvalidRequest", id="NUL in an e-mail"),
        pytest.param({"name": "A", "code": "\u200f"}, "InvalidRequest", id="invisible code"),
        pytest.param({"name": "ﷺ" * 200}, "InvalidRequest", id="3,600 letters in disguise"),
        pytest.param({"name": "A", "code": "ﷺ" * 64}, "InvalidRequest", id="a code longer than a key"),
        pytest.param({"name": "A", "email": "not an address"}, "InvalidRequest", id="e-mail"),
        pytest.param({"name": "A", "since": "23/11/2026"}, "InvalidRequest", id="date"),
        pytest.param({"name": "A", "nmae": "B"}, "InvalidRequest", id="misspelt"),
        pytest.param({"name": 1}, "InvalidRequest", id="number"),
        pytest.param({"name": "A", "shift": "moon"}, "UnknownShift", id="shift"),
    ],
)
def test_what_cannot_be_a_person_is_a_400(http: Http, body: dict[str, Any], code: str) -> None:
    answer = http.post("/v1/people", body)
    check_refused(answer, 400, code)
    assert names(http) == []


def test_half_a_character_is_a_400(http: Http) -> None:
    for body in (b'{"name": "\\ud800"}', b'{"name": "\xff"}', b"[" * 100_000):
        assert http.post("/v1/people", body, {"Content-Type": "application/json"}).status_code == 400


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        pytest.param(unicodedata.normalize("NFD", "Nguyễn Văn Ánh"), "Nguyễn Văn Ánh", id="NFC"),
        pytest.param("  Ada \t Lovelace\n", "Ada Lovelace", id="spaces"),
        pytest.param("Ada 🚀", "Ada 🚀", id="emoji"),
        pytest.param("👩‍🚀", "👩‍🚀", id="joined emoji alone"),
        pytest.param("محمد علي", "محمد علي", id="Arabic"),
        pytest.param("می‌خواهم", "می‌خواهم", id="Persian with a joiner"),
        pytest.param("李小龍", "李小龍", id="Chinese"),
        pytest.param("\U00031350\U0001fae8 A", "\U00031350\U0001fae8 A", id="letters newer than our tables"),
        pytest.param("O'Brien-Ñandú, Jr. #2", "O'Brien-Ñandú, Jr. #2", id="signs"),
        pytest.param("x" * 200, "x" * 200, id="longest"),
        pytest.param("\U0001f680" * 200, "\U0001f680" * 200, id="longest in bytes"),
        pytest.param("각" * 200, "각" * 200, id="Korean, which folds to three times the bytes"),
    ],
)
def test_a_name_in_any_script_is_kept_and_found(http: Http, typed: str, kept: str) -> None:
    person = create(http, typed)
    assert person["name"] == kept
    assert http.get("/v1/people", q=kept.split()[0][:100]).json_body["items"] == [person]


def test_a_name_of_a_hundred_words_can_be_made_changed_and_found(http: Http) -> None:
    long = " ".join(chr(0x4E00 + n) for n in range(100))
    other = " ".join(chr(0x5E00 + n) for n in range(100))
    person = create(http, long, code="L1")
    assert names(http, q=long[:3]) == [long]
    assert change(http, person["person_id"], name=other).status_code == 200
    assert names(http, q=other[:3]) == [other]
    assert names(http, q=long[:3]) == []


def test_a_search_minds_neither_case_nor_accents_nor_which_word(http: Http) -> None:
    create(http, "Nguyễn Văn Ánh", code="HS-1")
    create(http, "Ánh", code="HS-2")
    create(http, "Anh Anh")
    create(http, "Đặng Thị Hồng", code="ANH-3")
    create(http, "Bình")
    assert sorted(names(http, q="anh")) == ["Anh Anh", "Nguyễn Văn Ánh", "Ánh", "Đặng Thị Hồng"]
    assert names(http, q="ÁNH") == names(http, q="anh")
    assert names(http, q="van a") == ["Nguyễn Văn Ánh"]
    assert names(http, q="dang") == names(http, q="Đ") == ["Đặng Thị Hồng"]
    assert sorted(names(http, q="hs-")) == ["Nguyễn Văn Ánh", "Ánh"]
    assert names(http, q="nh") == []


@pytest.mark.parametrize(
    "q",
    [
        pytest.param("\x00", id="NUL"),
        pytest.param("ﷺ" * 100, id="what folds to more bytes than a key has"),
        pytest.param("\U0010ffff" * 100, id="what sorts last"),
        pytest.param("#", id="what keys are made with"),
        pytest.param("%_*\\'\"", id="signs of other query languages"),
        pytest.param("x" * 100, id="longest"),
    ],
)
def test_any_text_can_be_searched_for(http: Http, q: str) -> None:
    create(http, "Ánh")
    assert names(http, q=q) == []
    assert http.get("/v1/people", q="x" * 101).status_code == 400


def test_nobody_leaves_before_they_come(http: Http) -> None:
    person_id = create(http, "A", since="2026-09-01")["person_id"]
    answer = change(http, person_id, until="2026-08-31")
    check_refused(answer, 400, "InvalidRequest")
    assert change(http, person_id, until="2026-09-01").status_code == 200


def test_filters_and_their_faults(http: Http) -> None:
    a = create(http, "Anh A", group="12A1")
    create(http, "Anh B", group="12A2")
    create(http, "Chi", group="12A1")
    change(http, a["person_id"], status="inactive")
    assert names(http, group="12A1") == ["Anh A", "Chi"]
    assert names(http, status="active") == ["Anh B", "Chi"]
    assert names(http, q="anh", status="inactive", group="12A1") == ["Anh A"]
    assert names(http, group="nobody's") == []
    create(http, "Dũng", group="Lớp 1")
    assert names(http, group=unicodedata.normalize("NFD", " Lớp  1")) == ["Dũng"]
    for wrong in ({"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"status": "gone"}, {"grup": "x"}):
        assert http.get("/v1/people", **wrong).status_code == 400


@pytest.mark.parametrize("q", ["", "anh"])
@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("!", id="not base64"),
        pytest.param("w", id="cut off"),
        pytest.param("_w", id="not UTF-8"),
        pytest.param("YW5oCTE", id="not signed"),
        pytest.param("A" * 2000, id="signed with nothing"),
    ],
)
def test_a_cursor_that_is_not_ours_is_a_400(http: Http, cursor: str, q: str) -> None:
    create(http, "Anh")
    answer = http.get("/v1/people", cursor=cursor, q=q)
    check_refused(answer, 400, "InvalidCursor")


def test_a_cursor_is_bound_to_its_list_and_to_every_bit_of_it(http: Http) -> None:
    for name in ("Anh", "Anh B", "Chi"):
        create(http, name)
    cursor = http.get("/v1/people", limit=1).json_body["next_cursor"]
    assert http.get("/v1/people", limit=1, cursor=cursor).status_code == 200
    elsewhere = http.get("/v1/punches", from_="2026-01-01", to="2026-01-02", cursor=cursor)
    check_refused(elsewhere, 400, "InvalidCursor")
    assert code_of(http.get("/v1/people", q="chi", cursor=cursor)) == "InvalidCursor"
    for place in range(len(cursor)):
        other = "B" if cursor[place] == "A" else "A"
        changed = cursor[:place] + other + cursor[place + 1 :]
        assert http.get("/v1/people", cursor=changed).status_code == 400, place


@pytest.mark.parametrize("q", [pytest.param("", id="all"), pytest.param("le", id="a search")])
def test_pages_do_not_overlap_while_people_are_added(http: Http, q: str) -> None:
    before = {create(http, f"Lê {chr(65 + n % 5)}")["person_id"] for n in range(12)}
    seen: list[str] = []
    for number, page in enumerate(pages(http, limit=5, q=q)):
        seen += [person["person_id"] for person in page]
        create(http, "Lê A")  # behind what was shown
        create(http, f"Lê Z{number}")  # still to come, for some pages
        if number == 6:
            break
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_namesakes_are_each_listed_once(http: Http) -> None:
    made = sorted(create(http, "An An")["person_id"] for _ in range(7))
    for q in ("", "an"):
        listed = [person["person_id"] for page in pages(http, limit=3, q=q) for person in page]
        assert listed == made


@pytest.fixture
def ten_thousand(aws: Embedded) -> None:
    """Lay 10,000 people into the table, past the API: only reading them is looked at."""
    everybody = [
        Person(
            person_id=f"{n:024x}",
            name=f"{('Nguyễn', 'Trần', 'Lê')[n % 3]} Văn {chr(65 + n % 26)}{n}",
            created_at=NOW,
            updated_at=NOW,
            groups=always(f"G{n % 100}"),
            version=1,
        )
        for n in range(10_000)
    ]
    laid = (
        item
        for person in everybody
        for item in (items.person(person, 4), *items.search_keys(person).values())
    )
    aws.dynamo.load(REGION, (("rollcall-local", msgspec.json.encode(to_attributes(item))) for item in laid))


@pytest.mark.usefixtures("ten_thousand")
def test_ten_thousand_people_are_listed_by_a_few_queries(http: Http) -> None:
    http.get("/v1/people", limit=1)  # so that the token is known, and the key that signs cursors
    with counted_calls() as calls:
        page = http.get("/v1/people", limit=100).json_body
    assert len(page["items"]) == 100
    listed = {"Query": 4, "GetItem": 1, "PutItem": 1}
    assert calls == listed, "one page of each shard, the settings for today's date, and the audit's entry"
    with counted_calls() as calls:
        second = http.get("/v1/people", limit=100, cursor=page["next_cursor"]).json_body
    assert calls == listed | {"GetItem": 2}, "the person whom the cursor names, too"
    assert {p["person_id"] for p in page["items"]}.isdisjoint(p["person_id"] for p in second["items"])
    with counted_calls() as calls:
        found = http.get("/v1/people", q="van", limit=100).json_body
    assert len(found["items"]) == 100
    assert calls == {"Query": 1, "BatchGetItem": 2, "GetItem": 1, "PutItem": 1}
    with counted_calls() as calls:
        assert len(http.get("/v1/people", q="nguyễn văn a", limit=1000).json_body["items"]) == 129
    assert calls == {"Query": 1, "BatchGetItem": 2, "GetItem": 1, "PutItem": 1}
    with counted_calls() as calls:
        assert len(http.get("/v1/people", group="G7", limit=1000).json_body["items"]) == 100
    assert set(calls) == {"Query", "GetItem", "PutItem"}
    assert 40 <= calls["Query"] <= 44, "250 people a page, in each of four shards"


def test_a_search_reads_no_more_places_than_it_needs(
    http: Http, ten_thousand: None, boto: Callable[[str], Any]
) -> None:
    events = wiring.directory()._table._client.meta.events
    read: list[int] = []

    def count(parsed: Any, **_: Any) -> None:
        read.append(parsed["Count"])

    events.register("after-call.dynamodb.Query", count, "read")
    try:
        http.get("/v1/people", q="van", limit=10)
    finally:
        events.unregister("after-call.dynamodb.Query", unique_id="read")
    assert read == [250]
