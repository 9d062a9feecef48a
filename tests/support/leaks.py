"""Watches what the whole suite logs and prints: a token, a name or a photo in it fails the test.

A plugin that tests/conftest.py registers. Looked at are what the loggers of the service are told, what is
printed in the tests' own process, and what services of their own have printed (`check`). Names are all that
the tests send as one.
"""

import logging
import re
from collections.abc import Generator
from typing import Any

import pytest

NAMES: set[str] = set()
"""Names and addresses that have been sent to the service."""

_SECRET = re.compile(
    r"rc_[A-Za-z0-9_-]{43}"  # a token
    r"|/9j/[A-Za-z0-9+/]{12}|iVBORw0KGgo"  # a photo in base64
    r"|\\xff\\xd8\\xff|\\x89PNG"  # a photo as Python shows bytes
    r"|(?i:bearer )[^ .`]{8}"
)
_ON_PURPOSE = re.compile("token rc_[A-Za-z0-9_-]{43}")  # what `python -m infra up` shows once
_FIELDS = {"name", "email", "code"}
_LOGGERS = (None, "rollcall", "local")  # Chalice's own, named after the app, tells the root nothing


def sent(body: Any) -> None:
    """Remember whom a request names."""
    if isinstance(body, dict):
        # A short one is found in words that name nobody.
        texts = (body.get(field) for field in _FIELDS)
        NAMES.update(text for text in texts if isinstance(text, str) and len(text) > 5)


def found(text: str) -> list[str]:
    """List what must not be in a line of a log or of the output of the service."""
    return _SECRET.findall(text) + [name for name in NAMES if name in text]


def _leaks(line: str) -> bool:
    return bool(found(line)) and not _ON_PURPOSE.fullmatch(line)


def check(text: str) -> None:
    """Check the output of a service that ran on its own."""
    assert [line for line in text.splitlines() if found(line)] == []


class Watch(logging.Handler):
    """Keeps the lines in which something was found."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))  # and the traceback
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a line."""
        line = self.format(record)
        if found(line):
            self.leaks.append(line)


WATCH = Watch()


def pytest_configure(config: pytest.Config) -> None:
    """Listen to the loggers of the service."""
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(WATCH)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what logged something that it must not."""
    report = yield
    leaks, WATCH.leaks = WATCH.leaks, []
    leaks += [line for _, text in report.sections for line in text.splitlines() if _leaks(line)]
    if leaks:
        report.outcome = "failed"
        report.longrepr = "A token, a name or a photo was logged:\n" + "\n".join(leaks)
    return report
