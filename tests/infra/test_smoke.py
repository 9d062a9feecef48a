"""The smoke test after a deploy, and what the templates promise of the app."""

import boto3
import pytest

from chalicelib import wiring
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create
from chalicelib.web import endpoint
from chalicelib.web.telemetry import NAMESPACE
from infra import progress
from infra.smoke import smoke, stage_logs
from infra.stage import ROOT, Failure, Stage
from local.app.appserver import AppServer, error_response
from local.aws.embedded import ACCOUNT, REGION, Embedded
from local.aws.resources import TEMPLATE, read
from local.httpserver import Request, Response, Server

STAGE = Stage("dev", ACCOUNT, REGION, "aws", boto3.session.Session())


def test_the_smoke_test_asks_the_real_api(embedded: Embedded, capsys: pytest.CaptureFixture[str]) -> None:
    from app import app

    server = AppServer("127.0.0.1", 0)
    server.start(app)
    try:
        body = NewToken(role=Role.ADMIN, label="x")
        smoke(server.url, create(wiring.token_store(), body, now=wiring.now()).token)
        assert "GET /v1/settings: zone Asia/Ho_Chi_Minh" in capsys.readouterr().err
        smoke(server.url, None)
        assert "GET /v1/settings without a token: 401" in capsys.readouterr().err
    finally:
        server.stop()


def test_a_smoke_test_that_is_refused_says_what_was_answered() -> None:
    def handle(request: Request) -> Response:
        if request.target == "/health":
            return Response(200, [], b'{"status": "ok", "stage": "dev", "version": "1"}')
        assert request.headers["Authorization"] == "Bearer rc_wrong"
        return error_response(401, "There is no such token.")

    server = Server("127.0.0.1", 0, handle, error_response, limit=1000)
    server.start()
    try:
        with pytest.raises(
            Failure, match=r"/v1/settings fails: 401 .*no such token.*/aws/lambda/rollcall-dev"
        ):
            smoke(server.url, "rc_wrong", f"; {stage_logs(STAGE)}")
    finally:
        server.stop()


def test_each_function_of_the_app_has_a_log_group_that_ends() -> None:
    from app import app

    template = read(TEMPLATE)
    groups = {
        resource["Properties"]["LogGroupName"]["Fn::Sub"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Logs::LogGroup" and "RetentionInDays" in resource["Properties"]
    }
    names = ["", *(f"-{function.name}" for function in app.pure_lambda_functions)]
    names += [f"-{source.name}" for source in app.event_sources]
    assert {f"/aws/lambda/rollcall-${{Stage}}{name}" for name in names} <= groups


def test_throttled_routes_exist() -> None:
    from app import app
    from infra import template

    for limit in template.rest_api()["MethodSettings"]:
        if limit["ResourcePath"] != "/*":
            path = limit["ResourcePath"].removeprefix("/").replace("~1", "/")
            assert limit["HttpMethod"] in app.routes[path], path


def test_the_runbook_says_what_each_alarm_means() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    for resource in read(TEMPLATE)["Resources"].values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            name = resource["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("rollcall-${Stage}-")
            assert f"| `{name}` |" in runbook


def test_alarms_on_the_app_s_own_metrics_name_metrics_that_it_records() -> None:
    alarms = [
        resource["Properties"]
        for resource in read(TEMPLATE)["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and resource["Properties"]["Namespace"] == NAMESPACE
    ]
    assert {alarm["MetricName"] for alarm in alarms} == {*endpoint.WATCHED.values(), "AdminTokenCreated"}
    assert all(alarm["Dimensions"] == [{"Name": "Stage", "Value": {"Ref": "Stage"}}] for alarm in alarms)


def test_an_api_that_stays_down_says_why_and_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "POLL_S", 0)
    server = Server(
        "127.0.0.1",
        0,
        lambda request: error_response(502, "InternalError"),
        error_response,
        limit=1000,
    )
    server.start()
    try:
        with pytest.raises(Failure) as failed:
            smoke(server.url, None, f"; {stage_logs(STAGE)}")
    finally:
        server.stop()
    message = str(failed.value)
    assert "/health fails: 502 " in message
    assert "InternalError" in message
    assert "/aws/lambda/rollcall-dev and /rollcall/dev/access in us-east-1" in message
