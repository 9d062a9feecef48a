"""The schedules of the app, run on this machine."""

import threading
from datetime import UTC, datetime

import pytest
from chalice.app import Chalice

from local.app.schedules import Schedules, Unsupported, following
from tests.support.patience import PATIENCE_S


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("rate(1 minute)", "2026-11-23T08:00:30", "2026-11-23T08:01:30"),
        ("rate(2 days)", "2026-11-23T08:00:00", "2026-11-25T08:00:00"),
        ("cron(0 8 * * ? *)", "2026-11-23T08:00:00", "2026-11-24T08:00:00"),
        ("cron(17 19 * * ? *)", "2026-11-23T19:16:59", "2026-11-23T19:17:00"),
        ("cron(59 23 * * ? *)", "2026-12-31T23:59:01", "2027-01-01T23:59:00"),
    ],
)
def test_a_schedule_comes_round_when_it_should(expression: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert following(expression)(moment) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    ["rate(0 minutes)", "rate(1 week)", "cron(* * * *)", "cron(0 0 ? * MON *)", "cron(61 0 * * ? *)"],
)
def test_a_schedule_that_only_the_cloud_understands_is_an_error(expression: str) -> None:
    with pytest.raises(Unsupported):
        following(expression)


def test_a_schedule_fires_soon_after_the_start_and_survives_its_own_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = Chalice(app_name="scheduled")
    fired = threading.Event()

    @app.schedule("rate(1 hour)")
    def clean(event: object) -> None:
        fired.set()
        raise ValueError("no broom")

    schedules = Schedules(app)
    schedules.start()
    assert fired.wait(PATIENCE_S)
    schedules.stop()
    assert "schedule clean (rate(1 hour)): ValueError: no broom" in capsys.readouterr().err
