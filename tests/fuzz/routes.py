"""Calls every route in this process, over the embedded AWS, and says what is wrong with an answer."""

import gc
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

from chalicelib import wiring
from chalicelib.domain.token import Role
from chalicelib.services.tokens import NewToken, create
from chalicelib.web.endpoint import SECURITY_HEADERS
from infra.openapi import document
from local.app.appserver import AppServer, set_environment, stage_settings
from local.aws.embedded import REGION, Embedded
from local.httpserver import Request, Response
from tests.fuzz.calls import Call, Maker, dumps
from tests.support.photos import photo_of_c

LONGEST_S = 5.0
FRESH_EVERY = 2000
"""After so many calls the site is made anew, so that what grows is a leak and not what was stored."""

GROWTH_BYTES = 150 * 1024**2
"""How much more memory than after the first calls is no leak yet: pools, caches, fragments."""

CONSENT = {"text_version": "1", "language": "vi", "method": "signed_paper"}
INNER = ("arn:aws", "Traceback", "rollcall-local", "botocore", 'File "', "boto3", "DynamoDB", "127.0.0.1")
"""What no refusal may say."""


class Site:
    """The app over an embedded AWS of its own, with a little of everything in it."""

    def __init__(self, aws: Embedded, server: AppServer) -> None:
        self._aws = aws
        self._server = server
        self.tokens: dict[str, str] = {}
        self.known: dict[str, list[str]] = {}

    def fresh(self) -> None:
        """Forget everything and make it anew."""
        self._aws.reset()
        wiring.authenticator().clear_cache()
        for role in Role:
            body = NewToken(role=role, label=f"the {role} of the fuzzer")
            self.tokens[role] = create(wiring.token_store(), body, now=datetime.now(UTC)).token
        settings = self._made("GET", "/v1/settings")
        settings["limits"] = {name: 100_000 for name in settings["limits"] if not name.endswith("_s")}
        self._made("PUT", "/v1/settings", settings)
        people = [
            self._made("POST", "/v1/people", {"name": name, "code": name, "consent": CONSENT})["person_id"]
            for name in ("Ada", "Ánh", "Bình")
        ]
        face = self._made("POST", f"/v1/people/{people[0]}/faces", photo_of_c(), "image/jpeg")
        leave = {"since": "2026-11-23", "until": "2026-11-24", "kind": "annual"}
        punches = [
            self._made("POST", "/v1/punches/manual", {"person_id": one, "at": at, "reason": "no badge"})
            for one in people
            for at in ("2026-11-23T08:00:00+07:00", "2026-11-23T17:00:00+07:00")
        ]
        session = self._made("POST", "/v1/liveness-sessions")["session_id"]
        self.known = {
            "person_id": people,
            "face_id": [face["face_id"]],
            "faceId": [face["face_id"]],
            "leave_id": [self._made("POST", f"/v1/people/{people[0]}/leaves", leave)["leave_id"]],
            "session_id": [session],
            "liveness_session_id": [session],
            "upload_id": [self._made("POST", "/v1/uploads")["upload_id"]],
            "supersedes": [punches[0]["punch_id"]],
            "externalImageId": [f"{people[0]}_Ada"],
            "token_id": [self._made("POST", "/v1/tokens", {"role": "kiosk", "label": "x"})["token_id"]],
            "cursor": [self._made("GET", "/v1/people?limit=1")["next_cursor"]],
            "version": [],
        }

    def _made(self, method: str, target: str, body: Any = None, media: str = "application/json") -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
        headers = {"Content-Type": media} if body else {}
        answer = self.handle(Call(method=method, target=target, headers=headers, body=content, role="admin"))
        if answer.status >= 300:
            raise RuntimeError(f"{method} {target}: {answer.status} {answer.body[:500]!r}")
        return json.loads(answer.body)

    def handle(self, call: Call) -> Response:
        """Send a call."""
        headers = Message()
        for name, value in call.headers.items():
            headers[name] = value
        if call.role:
            headers["Authorization"] = f"Bearer {self.tokens[call.role]}"
        return self._server.handle(Request(call.method, call.target, headers, call.body, "192.0.2.1"))


@contextmanager
def site(aws: Embedded | None = None) -> Iterator[Site]:
    """Make the app over an embedded AWS (one of its own, unless given)."""
    own = None
    if aws is None:
        aws = own = Embedded()
        own.start()
        variables = stage_settings()["environment_variables"]
        set_environment(own.aws_url, own.stream_url, REGION, own.key, variables)
    from app import app  # only now: the environment is the embedded one's

    server = AppServer("127.0.0.1", 0)
    server.start(app)
    try:
        made = Site(aws, server)
        made.fresh()
        yield made
    finally:
        server.stop()
        if own:
            own.stop()


def faults(call: Call, answer: Response) -> list[str]:
    """Say what is wrong with an answer, whatever the call was."""
    found = []
    headers = {name.lower(): value for name, value in answer.headers}
    text = answer.body.decode(errors="replace")
    if answer.status >= 500:
        found.append(f"status {answer.status}")
    if any("\r" in part or "\n" in part for pair in answer.headers for part in pair):
        found.append("a line break in a header")
    if "access-control-allow-origin" not in headers:
        found.append("no CORS header")
    if answer.status < 400:
        body_is_json = headers.get("content-type", "").startswith("application/json")
        if body_is_json and answer.body:
            json.loads(answer.body)
    elif call.method != "HEAD":
        found += _faults_of_refusal(call, text)
    gateways = '"RouteNotFound"' in text or '"TooLarge"' in text
    if not gateways and call.method != "OPTIONS":
        missing = [name for name in SECURITY_HEADERS if name.lower() not in headers]
        found += [f"no header {name}" for name in missing]
    return found


def _faults_of_refusal(call: Call, text: str) -> list[str]:
    found = [f"says {inner!r}" for inner in INNER if inner in text]
    try:
        body = json.loads(text)
    except ValueError:
        return [*found, "not JSON"]
    shapes = ({"Code", "Message", "RequestId"}, {"success", "error"})
    if not isinstance(body, dict) or not any(shape <= body.keys() for shape in shapes):
        found.append("not the shape of an error")
    return found


def fuzz(seconds: float, requests: int | None, seed: int, failures: Path) -> bool:
    """Send calls until the time is over, or so many; says whether nothing was wrong."""
    statuses: Counter[int] = Counter()
    wrong: Counter[str] = Counter()
    longest, longest_call = 0.0, ""
    early: int | None = None
    began = shown = time.monotonic()
    with site() as place:
        rng = random.Random(seed)
        maker = Maker(document.build(the_app()), place.known, rng)
        number = 0
        while number < requests if requests else time.monotonic() - began < seconds:
            if number and number % FRESH_EVERY == 0:
                place.fresh()
                maker.known = place.known
                early = early or resident()
            number += 1
            call = maker.make()
            try:
                answer, took = _timed(place, call)
                found = faults(call, answer)
                statuses[answer.status] += 1
            except Exception as error:  # it went past everything that should have caught it
                found, took = [f"raised {type(error).__name__}: {error}"], 0.0
            if took > longest:
                longest, longest_call = took, f"{call.method} {call.target[:80]}"
            if took > LONGEST_S:
                found.append(f"took over {LONGEST_S:g} s")
            for fault in found:
                key = f"{fault}: {call.method} {call.target.partition('?')[0][:60]}"
                wrong[key] += 1
                if sum(wrong.values()) <= 50:
                    _keep(call, failures, number, fault)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                rate = number / (shown - began)
                print(f"  {number} calls, {rate:.0f}/s, {sum(wrong.values())} wrong", flush=True)
        late = resident()
    shares = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    print(f"routes: {number} calls in {time.monotonic() - began:.0f} s, seed {seed}; {shares}")
    print(f"  longest {longest:.2f} s: {longest_call}")
    if early and late:
        print(f"  memory {early / 1e6:.0f} MB after {FRESH_EVERY} calls, {late / 1e6:.0f} MB at the end")
        if late > early + GROWTH_BYTES:
            wrong["memory grew"] += 1
    for fault, count in wrong.most_common():
        print(f"  wrong, {count} times: {fault}", file=sys.stderr)
    return not wrong


def _timed(place: Site, call: Call) -> tuple[Response, float]:
    """Answer a call; one that was slow is made again, for the machine may have been busy elsewhere."""
    took = LONGEST_S
    for _ in range(3):
        began = time.monotonic()
        answer = place.handle(call)
        took = time.monotonic() - began
        if took < LONGEST_S:
            break
    return answer, took


def _keep(call: Call, failures: Path, number: int, fault: str) -> None:
    failures.mkdir(parents=True, exist_ok=True)
    kept = failures / f"{number}.json"
    kept.write_bytes(dumps(call))
    print(f"  wrong: {fault}: {call.method} {call.target[:100]} ({kept})", file=sys.stderr, flush=True)


def the_app() -> Any:
    """Give the app; imported late, because the environment comes first."""
    from app import app

    return app


def resident() -> int | None:
    """Say how much memory this process has now, in bytes; None where the system does not tell."""
    gc.collect()
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return None
    return int(statm.read_text().split()[1]) * resource.getpagesize()
