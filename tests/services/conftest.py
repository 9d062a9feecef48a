"""Fixtures of the use cases' tests."""

import threading

import pytest

from chalicelib.aws.attendance_store import AttendanceStore
from tests.conftest import Finish, Http
from tests.support.builders import set_calendar
from tests.support.traces import Someone


@pytest.fixture
def someone(http: Http, finish: Finish) -> Someone:
    """A person with data in every place."""
    set_calendar(http)
    return Someone(http, finish)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make threads race as if each were a process of its own: none takes turns with another."""
    monkeypatch.setattr(AttendanceStore, "person_lock", lambda *_: threading.Lock())
