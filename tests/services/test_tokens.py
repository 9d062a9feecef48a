"""Tokens: shown once, kept as digests, revoked everywhere within a minute, never the last admin's."""

import hashlib
import json
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chalice.test import HTTPResponse

from app import app
from chalicelib import wiring
from chalicelib.aws.directory import Directory
from chalicelib.aws.dynamodb import Table
from chalicelib.aws.rate_limits import RateLimits
from chalicelib.aws.tokens import TokenStore
from chalicelib.domain.errors import InvalidToken, LastAdminToken, RollcallError
from chalicelib.domain.settings import Limits
from chalicelib.domain.token import Role, Token
from chalicelib.services import tokens
from chalicelib.services.tokens import Authenticator, NewToken, token_digest
from tests.conftest import Finish, Http, Scan
from tests.support.answers import check_refused, code_of
from tests.support.builders import add_person
from tests.support.faces import enrolled
from tests.support.patience import PATIENCE_S
from tests.support.photos import photos_of_a
from tests.support.punches import create_session, todays_punches
from tests.support.service import ROOT, Service, ask, spawn

FORM = re.compile("rc_[A-Za-z0-9_-]{43}")


def make(http: Http, role: str = "viewer", **fields: Any) -> dict[str, Any]:
    answer = http.post("/v1/tokens", {"role": role, "label": "of a test", **fields})
    assert answer.status_code == 201, answer.json_body
    made: dict[str, Any] = answer.json_body
    return made


def status(http: Http, token: str, path: str = "/v1/tokens") -> int:
    return http.call("GET", path, headers={"Authorization": f"Bearer {token}"}).status_code


def process() -> Authenticator:
    """The gate of another process: its own memory, the same table."""
    table = Table(wiring.directory()._table._client, wiring.environment().table)
    return Authenticator(lambda: TokenStore(table), lambda: RateLimits(table), Limits)


# --- made -----------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_only_its_digest_is_kept(http: Http, scan: Scan) -> None:
    made = make(http, "admin", label="mine", site="main building")
    token = made["token"]
    assert FORM.fullmatch(token)
    assert (made["role"], made["label"], made["site"]) == ("admin", "mine", "main building")
    assert status(http, token) == 200
    listed = http.get("/v1/tokens")
    assert made["token_id"] in [one["token_id"] for one in listed.json_body["items"]]
    assert "token" not in listed.json_body["items"][0]
    everything = scan()
    assert token not in everything
    assert token.removeprefix("rc_") not in everything
    assert hashlib.sha256(token.encode()).hexdigest() in everything
    assert not FORM.search(listed.body.decode() + everything)


def test_tokens_are_random_and_alike_in_nothing(http: Http) -> None:
    made = [make(http)["token"] for _ in range(50)]
    assert len({token[3:9] for token in made}) == 50  # 36 bits: alike once in 50 million such runs


def test_a_repeated_request_does_not_show_the_token_again(http: Http, scan: Scan) -> None:
    body, key = {"role": "kiosk", "label": "door"}, {"Idempotency-Key": "one"}
    token = http.post("/v1/tokens", body, key).json_body["token"]
    again = http.post("/v1/tokens", body, key)
    check_refused(again, 409, "AnswerNotKept")
    assert token not in scan()
    assert len([one for one in http.get("/v1/tokens").json_body["items"] if one["label"] == "door"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"role": "owner"}, id="no such role"),
        pytest.param({"label": ""}, id="no label"),
        pytest.param({"label": "x" * 101}, id="a long label"),
        pytest.param({"label": "a\u202eb"}, id="text that runs backwards"),
        pytest.param({"site": "a\x07b"}, id="a site that rings"),
        pytest.param({"expires_at": "2020-01-01T00:00:00Z"}, id="over before it began"),
        pytest.param({"expires_at": "2999-01-01T00:00:00"}, id="a time without a zone"),
        pytest.param({"token": "rc_" + "A" * 43}, id="a token of one's own choice"),
    ],
)
def test_what_makes_no_token(http: Http, body: dict[str, str]) -> None:
    answer = http.post("/v1/tokens", {"role": "viewer", "label": "of a test", **body})
    check_refused(answer, 400, "InvalidRequest")
    assert len(http.get("/v1/tokens").json_body["items"]) == 1


def test_the_secret_is_in_no_repr() -> None:
    token = "rc_" + "S" * 43
    at = datetime.now(UTC)
    made = tokens.CreatedToken(
        token_id="1",
        role=Role.ADMIN,
        label="l",
        site=None,
        groups=None,
        created_at=at,
        expires_at=None,
        last_used_at=None,
        created_by=None,
        token=token,
    )
    from chalicelib.web.request import Reply, Request

    headers = {"authorization": f"Bearer {token}"}
    request = Request("POST", "/v1/people/1", "/v1/people/{person_id}", {}, headers, b"Nguyen", "r")
    assert token not in f"{made!r} {made} {Reply(201, made)!r} {request!r} {request}"
    assert "Nguyen" not in repr(request)


# --- used -----------------------------------------------------------------------------------------


def test_when_it_was_used_is_kept_to_the_hour(http: Http) -> None:
    token = make(http, "admin")["token"]
    digest, at = token_digest(token), datetime.now(UTC) + timedelta(minutes=1)
    gate = process()

    def used(minutes: int) -> timedelta | None:
        gate.authenticate(f"Bearer {token}", "admin", "", now=at + timedelta(minutes=minutes))
        found = wiring.token_store().find(digest)
        assert found
        return found.last_used_at - at if found.last_used_at else None

    assert [used(minutes) for minutes in (0, 1, 59, 60, 61, 130)] == [
        timedelta(minutes=minutes) for minutes in (0, 0, 0, 60, 60, 130)
    ]


def test_a_token_that_is_over_lets_nobody_in_and_is_not_listed(http: Http) -> None:
    at = datetime.now(UTC)
    made = make(http, expires_at=(at + timedelta(hours=1)).isoformat())
    gate = process()
    last = at + timedelta(minutes=59, seconds=55)
    assert gate.authenticate(f"Bearer {made['token']}", "viewer", "", now=last).token_id == made["token_id"]
    with pytest.raises(InvalidToken):  # also from memory: it was read five seconds before
        gate.authenticate(f"Bearer {made['token']}", "viewer", "", now=at + timedelta(hours=1, seconds=1))
    later = tokens.list_active(wiring.token_store(), now=at + timedelta(hours=1, seconds=1))
    assert made["token_id"] not in [one.token_id for one in later.items]


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_the_scheme_may_be_written_in_any_case(http: Http, scheme: str) -> None:
    headers = {"Authorization": scheme + http.token("admin")}
    assert http.call("GET", "/v1/tokens", headers=headers).status_code == 200


def test_a_punch_carries_the_device_and_the_site_of_its_token(http: Http, finish: Finish) -> None:
    person_id = add_person(http)
    enrolled(http, person_id, photos_of_a()[0])
    door = make(http, "kiosk", label="front door", site="main building")["token"]
    headers = {"Authorization": f"Bearer {door}"}
    started = http.post("/v1/liveness-sessions", headers=headers).json_body["session_id"]
    body = {"liveness_session_id": finish(started, photos_of_a()[1])}
    assert http.post("/v1/punches", body, headers).status_code == 201
    [shown] = todays_punches(http)
    assert (shown["device"], shown["site"]) == ("front door", "main building")


# --- revoked --------------------------------------------------------------------------------------


def test_a_revoked_token_holds_nowhere_after_a_minute(http: Http) -> None:
    made, at = make(http), datetime.now(UTC)
    here, there = process(), process()
    for gate in (here, there):
        gate.authenticate(f"Bearer {made['token']}", "viewer", "", now=at)
    revoked = http.delete(f"/v1/tokens/{made['token_id']}")
    assert (revoked.status_code, revoked.json_body) == (200, {"revoked": [made["token_id"]], "children": []})
    for gate in (here, there):
        with pytest.raises(InvalidToken):
            gate.authenticate(f"Bearer {made['token']}", "viewer", "", now=at + timedelta(seconds=60))
    with pytest.raises(InvalidToken):  # a process that has not seen it knows at once
        process().authenticate(f"Bearer {made['token']}", "viewer", "", now=at)
    assert code_of(http.delete(f"/v1/tokens/{made['token_id']}")) == "TokenNotFound"


def remove(made: dict[str, Any]) -> Token:
    """Remove a token behind the back of whoever has read it; gives what was stored."""
    found = wiring.token_store().find(token_digest(made["token"]))
    assert found
    wiring.token_store().remove(found)
    return found


def test_a_process_trusts_what_it_read_for_less_than_a_minute(http: Http) -> None:
    made, at = make(http), datetime.now(UTC)
    gate = process()
    gate.authenticate(f"Bearer {made['token']}", "viewer", "", now=at)
    remove(made)
    assert gate.authenticate(f"Bearer {made['token']}", "viewer", "", now=at + timedelta(seconds=29))
    with pytest.raises(InvalidToken):
        gate.authenticate(f"Bearer {made['token']}", "viewer", "", now=at + timedelta(seconds=30))
    # A clock that was set back does not make what was read new again.
    with pytest.raises(InvalidToken):
        gate.authenticate(f"Bearer {made['token']}", "viewer", "", now=at - timedelta(days=1))


def test_using_a_token_does_not_bring_it_back(http: Http, scan: Scan) -> None:
    made, at = make(http), datetime.now(UTC)
    gate = process()
    gate.authenticate(f"Bearer {made['token']}", "viewer", "", now=at)
    found = remove(made)
    wiring.token_store().set_last_used(found, at)  # as another process does that had read it
    assert found.digest not in scan()


def bearer(made: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['token']}"}


def make_by(http: Http, maker: dict[str, Any], role: str = "admin") -> HTTPResponse:
    return http.post("/v1/tokens", {"role": role, "label": "a successor"}, bearer(maker))


def test_a_revoked_admin_changes_nothing_from_that_moment(http: Http) -> None:
    made = make(http, "admin")
    assert http.call("GET", "/v1/people", headers=bearer(made)).status_code == 200  # it is in memory now
    remove(made)
    assert http.call("GET", "/v1/people", headers=bearer(made)).status_code == 200
    refused = make_by(http, made)
    check_refused(refused, 401, "InvalidToken")
    assert http.post("/v1/people", {"name": "Anybody"}, bearer(made)).status_code == 401


def test_an_admin_who_is_revoked_during_the_request_makes_no_successor(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, add = make(http, "admin"), TokenStore.add

    def revoked_first(store: TokenStore, token: Token, *, maker: Token | None = None) -> bool:
        remove(made)
        return add(store, token, maker=maker)

    monkeypatch.setattr(TokenStore, "add", revoked_first)
    assert code_of(make_by(http, made)) == "InvalidToken"
    assert "a successor" not in http.get("/v1/tokens").body.decode()


def test_a_token_remembers_its_maker_and_revoking_one_offers_its_children(http: Http) -> None:
    thief = make(http, "admin")
    child = make_by(http, thief).json_body
    grandchild = make_by(http, child, "viewer").json_body
    assert (thief["created_by"], child["created_by"]) == (http.token_id("admin"), thief["token_id"])
    # The chain holds even when a link of it is gone.
    assert http.delete(f"/v1/tokens/{child['token_id']}").json_body["children"] == [
        {name: value for name, value in grandchild.items() if name != "token"}
    ]
    revoked = http.delete(f"/v1/tokens/{thief['token_id']}").json_body
    assert revoked["revoked"] == [thief["token_id"]]
    assert [one["token_id"] for one in revoked["children"]] == [grandchild["token_id"]]
    assert status(http, grandchild["token"], "/v1/leaves?from=2026-11-01&to=2026-11-02") == 200


def test_children_are_revoked_with_a_token_but_for_that_of_the_caller(http: Http) -> None:
    thief = make(http, "admin")
    heir, spare = make_by(http, thief).json_body, make_by(http, thief, "kiosk").json_body
    path = f"/v1/tokens/{thief['token_id']}?children=true"
    revoked = http.call("DELETE", path, headers=bearer(heir)).json_body
    assert set(revoked["revoked"]) == {thief["token_id"], spare["token_id"]}
    assert [one["token_id"] for one in revoked["children"]] == [heir["token_id"]]
    first = http.token_id("admin")
    with_the_heir = http.delete(f"/v1/tokens/{first}?children=true")
    assert code_of(with_the_heir) == "LastAdminToken", "no admin would be left"


def test_a_token_whose_children_are_the_only_other_admins_is_not_revoked_with_them(http: Http) -> None:
    make(http, "admin")
    with pytest.raises(LastAdminToken):
        tokens.revoke(wiring.token_store(), http.token_id("admin"), children=True, now=datetime.now(UTC))
    assert len(http.get("/v1/tokens").json_body["items"]) == 2


@pytest.mark.parametrize(
    ("role", "days"),
    [("admin", 90), ("manager", 90), ("viewer", None), ("kiosk", None)],
)
def test_tokens_of_managers_and_admins_expire(http: Http, role: str, days: int | None) -> None:
    made = make(http, role)
    life = made["expires_at"] and (
        datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    )
    assert life == (timedelta(days=days) if days else None)
    now = datetime.now(UTC)
    longest = now + timedelta(days=365)
    assert make(http, role, expires_at=longest.isoformat())["expires_at"]
    body = {"role": role, "label": "x", "expires_at": (now + timedelta(days=367)).isoformat()}
    assert http.post("/v1/tokens", body).status_code == (400 if days else 201)


def test_the_last_admin_token_stays(http: Http) -> None:
    last = http.token_id("admin")
    make(http, "manager")
    refused = http.delete(f"/v1/tokens/{last}")
    check_refused(refused, 409, "LastAdminToken")
    second = make(http, "admin")
    assert http.delete(f"/v1/tokens/{last}").status_code == 200
    with pytest.raises(LastAdminToken):
        tokens.revoke(wiring.token_store(), second["token_id"], now=datetime.now(UTC))


def test_an_admin_token_that_is_over_does_not_count_as_another(http: Http) -> None:
    at = datetime.now(UTC)
    make(http, "admin", expires_at=(at + timedelta(hours=1)).isoformat())
    with pytest.raises(LastAdminToken):
        tokens.revoke(wiring.token_store(), http.token_id("admin"), now=at + timedelta(hours=2))


def test_admins_who_revoke_one_another_at_once_leave_one(directory: Directory) -> None:
    token_store, now = wiring.token_store(), datetime.now(UTC)

    def revoke(token_id: str) -> bool:
        try:
            tokens.revoke(token_store, token_id, now=now)
        except RollcallError:
            return False
        return True

    for _ in range(10):
        for _ in range(4):
            tokens.create(token_store, NewToken(role=Role.ADMIN, label="one of them"), now=now)
        everyone = [one.token_id for one in tokens.list_active(token_store, now=now).items]
        with ThreadPoolExecutor(len(everyone)) as pool:
            done = sum(pool.map(revoke, everyone))
        assert len(tokens.list_active(token_store, now=now).items) == len(everyone) - done >= 1


# --- nobody has one -------------------------------------------------------------------------------


def test_there_is_no_default_secret(http: Http, scan: Scan) -> None:
    found = wiring.token_store().find(token_digest(http.token("admin")))
    assert found
    wiring.token_store().remove(found)
    wiring.authenticator().clear_cache()
    assert "TOKEN#" not in scan()
    for path, methods in app.routes.items():
        for method, entry in methods.items():
            view: Any = entry.view_function
            if view.endpoint.scope == "public" or view.endpoint.may_be_open:
                continue
            for given in ("rc_" + "A" * 43, "rc_admin", "admin", "test", ""):
                headers = {"Authorization": f"Bearer {given}"} if given else {"Authorization": ""}
                url = re.sub(r"{\w+}", "x", path)
                answer = http.call(method, url, headers=headers | {"Content-Type": entry.content_types[0]})
                assert answer.status_code in (401, 429), (method, path)


def test_the_code_holds_no_token() -> None:
    files = [*ROOT.glob("*.py"), *ROOT.glob("chalicelib/**/*.py"), *ROOT.glob(".chalice/*.json")]
    files += [*ROOT.glob("infra/*"), *ROOT.glob("local/**/*.py"), *ROOT.glob("docs/*")]
    assert [path for path in files if path.is_file() and FORM.search(path.read_text())] == []


# --- a running service ----------------------------------------------------------------------------


def infra(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra", "token", *words, "--stage", "local", "--state", str(state)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_tokens_of_make_run_survive_a_restart_but_not_a_reset_and_infra_makes_others(tmp_path: Path) -> None:
    first = Service(tmp_path)
    given: dict[str, str] = first.run["tokens"]
    assert set(given) == {"kiosk", "viewer", "manager", "admin"}
    assert all(map(FORM.fullmatch, given.values()))
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600

    def seen(service: Service, token: str, path: str = "/v1/tokens") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        code, _, body = ask(service.run["url"] + path, headers=headers)
        return code, json.loads(body)

    assert [seen(first, given[role])[0] for role in ("admin", "manager", "kiosk")] == [200, 403, 403]

    made = infra(tmp_path, "create", "--role", "admin", "--label", "by hand", "--days", "2")
    assert made.returncode == 0, made.stderr
    token, token_id = made.stdout.strip(), made.stderr.split()[1]
    assert FORM.fullmatch(token)
    assert token not in made.stderr
    assert seen(first, token)[0] == 200
    listed = infra(tmp_path, "list").stdout
    assert token_id in listed
    assert "by hand" in listed
    assert not FORM.search(listed)
    assert infra(tmp_path, "revoke", token_id).returncode == 0
    assert token_id not in [one["token_id"] for one in seen(first, given["admin"])[1]["items"]]
    again = infra(tmp_path, "revoke", token_id)
    assert (again.returncode, again.stderr) == (2, "error: There is no such token.\n")
    audit = seen(first, given["admin"], "/v1/audit")[1]["items"]
    audit = [one for one in audit if one["by"] is None]  # without who was refused above
    noted = [(one["what"], one["status"], one["code"]) for one in reversed(audit)]
    assert noted == [
        ("infra token create", 201, None),
        ("infra token revoke", 200, None),
        ("infra token revoke", 404, "TokenNotFound"),
    ]
    assert audit[2]["about"] == audit[1]["about"] == {"token_id": token_id}
    groups = ("--group", "12B", "--group", "12A1")
    assert infra(tmp_path, "create", "--role", "viewer", *groups).returncode == 0
    assert "viewer (only 12A1, 12B)" in infra(tmp_path, "list").stdout
    assert infra(tmp_path, "create", "--role", "admin", *groups).returncode == 2
    first.end(signal.SIGTERM)

    second = Service(tmp_path)
    assert second.run["tokens"] == given
    assert seen(second, given["admin"])[0] == 200
    second.end(signal.SIGTERM)
    assert "is deleted" in spawn(tmp_path, "--reset").communicate(timeout=PATIENCE_S)[0]
    # Neither the tokens nor their digests are left; the access key is about nobody.
    kept = {"aws-config", "aws-credentials", "liveness-stream.pem", "lock"}
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_session_starts_are_by_token_not_by_role(http: Http) -> None:
    # Two kiosks are two devices: what one began is not the other's.
    other = make(http, "kiosk")["token"]
    started = create_session(http.as_("kiosk"))
    assert status(http, other, f"/v1/liveness-sessions/{started}") == 404
