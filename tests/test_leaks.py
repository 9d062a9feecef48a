"""The watch over the logs of the suite sees what it is there to see."""

import base64
import logging

import pytest

from chalicelib import wiring
from tests.conftest import Http
from tests.support import leaks
from tests.support.photos import photo_of_c

TOKEN = "rc_" + "x" * 43


@pytest.mark.parametrize(
    "line",
    [
        f"admitted {TOKEN}",
        f"{{'authorization': 'Bearer {TOKEN[:20]}'}}",
        base64.b64encode(photo_of_c()).decode(),
        repr(photo_of_c()[:40]),
        "created Trần Thị Bưởi",
        "mailed buoi@example.com",
    ],
)
def test_it_sees_tokens_photos_and_names(line: str) -> None:
    leaks.sent({"name": "Trần Thị Bưởi", "email": "buoi@example.com"})
    watch = leaks.Watch()
    watch.handle(logging.makeLogRecord({"msg": "nobody is named"}))
    assert watch.leaks == []
    watch.handle(logging.makeLogRecord({"msg": "%s", "args": (line,)}))
    assert len(watch.leaks) == 1
    with pytest.raises(AssertionError):
        leaks.check(f"fine\n{line}\nfine")


def test_it_listens_to_what_the_app_logs(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("nobody is named")

    with monkeypatch.context() as patched:
        patched.setattr(type(wiring.directory()), "settings", fail)
        patched.setattr(leaks, "found", lambda line: [line])
        assert http.get("/v1/settings").status_code == 500
    [line] = leaks.WATCH.leaks
    leaks.WATCH.leaks.clear()
    assert "Caught exception for path /v1/settings" in line
    assert "OSError: nobody is named" in line
