"""`void`: what takes a punch out is of the work day and zone of that punch, wherever the site is now."""

import pytest

from tests.conftest import Http
from tests.support.builders import Json, add_person, day_of, set_calendar, stamp, stamped


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="without an instant"),
        pytest.param({"at": "2026-08-20T01:00:00Z"}, id="with the instant at which it was noticed"),
    ],
)
def test_void_stays_with_the_punch_after_the_site_moved(http: Http, more: Json) -> None:
    set_calendar(http)
    person = add_person(http)
    wrong = stamped(http, person, "2026-08-11T01:00:00Z")  # 08:00 in Saigon
    right = stamped(http, person, "2026-08-11T10:00:00Z")
    set_calendar(http, zone="Pacific/Honolulu")  # where it was the 10th
    answer = stamp(http, person, supersedes=wrong, void=True, **more)
    assert answer.status_code == 201, answer.json_body
    assert (answer.json_body["work_day"], answer.json_body["void"]) == ("2026-08-11", True)
    assert answer.json_body["at"].endswith("+07:00")
    day = day_of(http, person, "2026-08-11")
    assert [punch["id"] for punch in day["punches"] if punch["counted"]] == [right]
    assert day_of(http, person, "2026-08-10")["punches"] == []
    assert day_of(http, person, "2026-08-20")["punches"] == []
