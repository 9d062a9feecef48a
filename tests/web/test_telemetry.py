"""The line of a request: what is in it, what never is, and that it measures what it says."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from msgspec.structs import replace

from app import app
from chalicelib import wiring
from chalicelib.aws import deadline, metrics
from chalicelib.aws.collection import FaceCollection
from tests.conftest import CONSENT, Clock, Finish, Http
from tests.support.answers import check_refused, code_of
from tests.support.faces import JPEG
from tests.support.photos import photos_of_a
from tests.support.punches import create_session, punch

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(http: Http, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lines:
    """Switches the log on; gives the lines written since the last call."""
    loud = replace(wiring.environment(), log="json")
    monkeypatch.setattr(wiring, "environment", lambda: loud)
    return lambda: [json.loads(text) for text in capsys.readouterr().out.splitlines()]


def fire(name: str) -> Any:
    """Run a schedule as EventBridge does."""
    event = dict.fromkeys(
        ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"), ""
    )
    return app.handler_map[name](event, None)


def test_a_request_is_one_line_of_the_log(http: Http, lines: Lines) -> None:
    answer = http.get("/v1/people/0")
    [line] = lines()
    assert line["route"] == "GET /v1/people/{person_id}"
    assert (line["status"], line["RequestId"]) == (404, answer.json_body["RequestId"])
    assert answer.headers["X-Request-Id"] == line["RequestId"]
    assert (line["Stage"], line["aws_calls"]) == ("local", 3), "the token, its use and the person"
    assert 0 < line["aws_ms"] < line["Ms"]
    assert line["PersonNotFound"] == 1
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "Rollcall",
        "Dimensions": [["Stage"]],
        "Metrics": [{"Name": "PersonNotFound", "Unit": "Count"}],
    }


def test_a_line_names_the_token_of_its_caller_and_never_its_secret(http: Http, lines: Lines) -> None:
    http.as_("viewer").get("/v1/tokens")
    http.as_(None).get("/v1/tokens")
    http.post("/v1/tokens", {"role": "admin", "label": "x"})
    http.get("/health")
    found = lines()
    ids = [http.token_id("viewer"), None, http.token_id("admin"), None]
    assert [line.get("token_id") for line in found] == ids
    assert http.token("viewer") not in json.dumps(found)
    # What has an alarm on bursts.
    assert [line.get("Forbidden") for line in found] == [1, None, None, None]
    assert [line.get("Unauthenticated") for line in found] == [None, 1, None, None]
    assert [line.get("AdminTokenCreated") for line in found] == [None, None, 1, None]


def test_responses_of_chalice_are_logged_too(http: Http, lines: Lines) -> None:
    http.get("/health")
    http.post("/v1/people", b"x", {"Content-Type": "text/plain"})
    assert [(line["status"], "_aws" in line) for line in lines()] == [(200, False), (415, False)]


def test_a_punch_has_metrics_and_no_names(http: Http, lines: Lines, finish: Finish) -> None:
    body = {"name": "Nguyễn Văn Ánh", "consent": CONSENT}
    person_id = http.post("/v1/people", body).json_body["person_id"]
    http.post(f"/v1/people/{person_id}/faces", photos_of_a()[0], JPEG)
    kiosk = http.as_("kiosk")
    session_id = create_session(kiosk)
    begun = lines()[-1]
    finish(session_id, photos_of_a()[1])
    assert punch(kiosk, session_id).status_code == 201
    [line] = lines()
    assert (line["Punched"], line["aws_calls"]) == (1, 5)
    assert 20 < line["MatchMargin"] <= 30
    assert line["session"] == begun["session"]
    text = json.dumps(line, ensure_ascii=False)
    assert not [word for word in ("Ánh", person_id, session_id, kiosk.token("kiosk")) if word in text]
    finish(refused := create_session(kiosk), photos_of_a()[1], confidence=5.0)
    lines()
    punch(kiosk, refused)
    assert lines()[0]["NotLive"] == 1


def test_concurrent_aws_calls_are_counted(http: Http, lines: Lines) -> None:
    http.get("/v1/people", limit=1)
    lines()
    http.get("/v1/people", q="x")
    http.get("/v1/timesheets", from_="2026-01-01", to="2026-01-02")
    assert [line["aws_calls"] >= least for line, least in zip(lines(), (1, 4), strict=True)] == [True, True]


def test_a_schedule_logs_its_counts_and_nothing_as_no_metric(http: Http, lines: Lines, clock: Clock) -> None:
    assert fire("sweep") == {"swept": 0, "erasures": 0, "uploads": 0, "exports": 0}
    [line] = lines()
    assert (line["schedule"], line["done"]) == ("sweep", True)
    assert "_aws" not in line, "a metric costs in each hour in which it is written"

    assert http.get("/v1/attendance", format="xlsx").status_code == 303
    clock.forward(minutes=3)
    assert fire("sweep")["exports"] == 1
    line = lines()[-1]
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Metrics"], line["SweepExports"]) == ([{"Name": "SweepExports", "Unit": "Count"}], 1)


def test_a_failing_schedule_is_logged_and_fails(
    http: Http, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring.personal_data(), "erasures", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fire("sweep")
    [line] = lines()
    assert (line["schedule"], line["done"]) == ("sweep", False)


# --- whether all it needs answers -----------------------------------------------------------------


def test_deep_health_is_for_admins_and_names_failed_checks(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = http.get("/health", deep="true")
    assert (sound.status_code, set(sound.json_body["checks"].values())) == (200, {"ok"})
    assert code_of(http.as_(None).get("/health", deep="true")) == "TokenMissing"
    assert code_of(http.as_("manager").get("/health", deep="true")) == "RoleNotAllowed"
    assert http.as_(None).get("/health").json_body["checks"] is None

    monkeypatch.setattr(FaceCollection, "check", lambda _: 1 / 0)
    failing = http.get("/health", deep="true")
    assert (failing.status_code, failing.json_body["status"]) == (503, "failed")
    assert failing.json_body["checks"] == {"table": "ok", "bucket": "ok", "collection": "failed"}


# --- in time --------------------------------------------------------------------------------------


def test_a_request_past_its_deadline_starts_no_aws_call(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    http.get("/v1/people", limit=1)
    monkeypatch.setattr("chalicelib.web.endpoint.DEADLINE_S", -1.0)
    answer = http.get("/v1/people", limit=1)
    check_refused(answer, 503, "Busy")
    assert fire("sweep")["swept"] == 0, "a schedule may take its time"
    with metrics.measuring(-1.0), deadline.without_deadline():
        assert wiring.directory().settings().version == 0, "and so may what takes back"


# --- replies that broke off -----------------------------------------------------------------------


class Cut:
    """The body of a reply that broke off."""

    def stream(self) -> Iterator[bytes]:
        yield b'{"Responses": {"rollcall-local": [{"pk": {"S": "SESS'


@pytest.mark.parametrize("service", ["dynamodb", "rekognition"])
def test_a_truncated_reply_of_aws_is_retried_and_never_used(http: Http, service: str, finish: Finish) -> None:
    http.get("/v1/people", limit=1)
    session_ids = [finish(create_session(http), photos_of_a()[0]) for _ in range(2)]
    client = wiring.table()._client if service == "dynamodb" else wiring.collection()._client
    operation = "BatchGetItem" if service == "dynamodb" else "GetFaceLivenessSessionResults"
    headers: Any = HeadersDict({"content-type": "application/x-amz-json-1.1"})
    if service == "dynamodb":
        headers["x-amz-crc32"] = "1"
    broken = [1]

    def cut(request: Any, **_: Any) -> Any:
        return AWSResponse(request.url, 200, headers, Cut()) if broken and broken.pop() else None

    client.meta.events.register_first(f"before-send.{service}.{operation}", cut, "cut")
    try:
        assert code_of(punch(http, session_ids[0])) == "NotRecognised", "it is asked for again"
        assert broken == []
        broken += [1, 1, 1]
        again = punch(http, session_ids[1])
        assert (again.status_code, code_of(again)) == (503, "Busy"), "never whole"
    finally:
        client.meta.events.unregister(f"before-send.{service}.{operation}", unique_id="cut")
