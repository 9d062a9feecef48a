"""When a manual punch may be: at most five minutes ahead of our clock, which may be slow, from 2000 on."""

from datetime import timedelta

from tests.conftest import Clock, Http
from tests.support.answers import check_refused
from tests.support.builders import add_person, set_calendar, stamp


def test_InvalidRequest_for_a_manual_punch_in_the_future(http: Http, clock: Clock) -> None:
    set_calendar(http)
    person = add_person(http)
    for ahead, allowed in ((timedelta(minutes=5), True), (timedelta(minutes=5, seconds=1), False)):
        answer = stamp(http, person, (clock.now + ahead).isoformat())
        if allowed:
            assert answer.status_code == 201, answer.json_body
        else:
            check_refused(answer, 400, "InvalidRequest")


def test_InvalidRequest_for_a_manual_punch_before_2000(http: Http) -> None:
    person = add_person(http)
    check_refused(stamp(http, person, "1999-12-31T23:59:59Z"), 400, "InvalidRequest")
    assert stamp(http, person, "2000-01-02T12:00:00Z").status_code == 201
