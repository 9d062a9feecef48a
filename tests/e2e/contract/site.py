"""A running Rollcall as its clients see it, and the record of what it answered."""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import requests

from tests.support.patience import PATIENCE_S

Json = dict[str, Any]
Scenario = Callable[["Site"], None]

# Of the transport, of the gateway, or anew for each request.
_UNTOLD = {"connection", "content-length", "date", "keep-alive", "server", "x-amz-apigw-id"}
_UNTOLD |= {"x-amzn-errortype", "x-amzn-requestid", "x-amzn-trace-id", "x-request-id"}

_ZONED = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
_RANDOM: Sequence[tuple[str, str]] = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r'"(access_key_id|secret_access_key|session_token|policy|next_cursor)":"[^"]+"', r'"\1":"<\1>"'),
    (r'"(checkinTime)":"[0-9:]+"', r'"\1":"<time>"'),
    (r"(?<![0-9a-zA-Z])[0-9a-f]{16,}(?![0-9a-zA-Z])", "<hex>"),
    # botocore signs in another order where AWS's CRT is installed.
    (r"&X-Amz-SignedHeaders=host&X-Amz-Expires=([0-9]+)", r"&X-Amz-Expires=\1&X-Amz-SignedHeaders=host"),
    (r"&X-Amz-Security-Token=[^&\"]+", ""),
    (r"(?:AKIA|ASIA)[A-Z0-9]{12,}", "<key>"),
    (r"[0-9]{8}T[0-9]{6}Z", "<signed at>"),
    (r"(?:%[0-9A-F]{2}){16,}", "<spelt>"),
    (r"(%2F|/)[0-9]{8}(?=%2F|/)", r"\1<signed on>"),
)


PAGE = "http://localhost:5173"
"""The origin of the page that calls: one that a laptop admits by itself."""


class Finish(Protocol):
    """Finishes a liveness session as a camera does that sees the photo's person, alive or as a sheet."""

    def __call__(self, session_id: str, photo: bytes, *, live: bool = True) -> None: ...


class Exchange(NamedTuple):
    """One request and its answer, with what is random or of the moment taken out."""

    request: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


class Site:
    """Talks to one Rollcall by HTTP as a role, and records each answer.

    `tokens` maps roles to bearer tokens; without one a request goes out without. `mark` is in the names
    and codes that must be new on a site that is not empty.
    """

    def __init__(self, url: str, tokens: Mapping[str, str], finish: Finish, language: str = "en") -> None:
        self.url = url
        self.finish = finish
        self.exchanges: list[Exchange] = []
        self._tokens = tokens
        self.mark = secrets.token_hex(4)
        self._http = requests.Session()
        self._http.headers.update({"Accept": "*/*", "Accept-Language": language, "Origin": PAGE})
        self._consent = self._asks_consent()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        role: str = "admin",
        **query: Any,
    ) -> requests.Response:
        """Send a request; a body that is not bytes goes as JSON. A redirect is an answer."""
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
            sent.setdefault("Content-Type", "application/json")
        if token := self._tokens.get(role):
            sent.setdefault("Authorization", f"Bearer {token}")
        given = {name.rstrip("_"): value for name, value in query.items()}
        answer = self._http.request(
            method,
            self.url + path,
            params=given,
            data=body,
            headers=sent,
            allow_redirects=False,
            timeout=PATIENCE_S,
        )
        exchange = recorded(f"{method} {path}", answer)
        unmarked = [text.replace(self.mark, "<mark>") for text in (exchange.request, exchange.body)]
        self.exchanges.append(exchange._replace(request=unmarked[0], body=unmarked[1]))
        return answer

    def call_unrecorded(self, method: str, path: str) -> requests.Response:
        """Send what a laptop and the cloud may answer differently."""
        answer = self.call(method, path)
        self.exchanges.pop()
        return answer

    def get(self, path: str, **query: Any) -> Any:
        """Read JSON that must be there."""
        answer = self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def make(self, path: str, body: Any = None, *, role: str = "admin", **query: Any) -> Json:
        """Post what must succeed with 201."""
        answer = self.call("POST", path, body, role=role, **query)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    def person(self, name: str = "Nguyễn Văn Ánh", **fields: Any) -> str:
        """Add a person who consented, due since 2020; gives the id."""
        body = {"name": name, "since": "2020-01-01", **fields}
        if self._consent:
            body["consent"] = {"text_version": "1", "language": "en", "method": "paper"}
        person_id: str = self.make("/v1/people", body)["person_id"]
        return person_id

    def enrol(self, person_id: str, photo: bytes, **query: Any) -> requests.Response:
        """Send a photo of a person as it is."""
        return self.call(
            "POST", f"/v1/people/{person_id}/faces", photo, {"Content-Type": "image/jpeg"}, **query
        )

    def session(self) -> str:
        """Start a liveness session at a kiosk; gives the id."""
        session_id: str = self.make("/v1/liveness-sessions", role="kiosk")["session_id"]
        return session_id

    def punch(self, session_id: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Spend a session at a kiosk."""
        body = {"liveness_session_id": session_id}
        return self.call("POST", "/v1/punches", body, headers, role="kiosk")

    def forget_faces(self) -> None:
        """Remove every enrolled face, so that the next scenario may enrol the same people anew."""
        for person in self.get("/v1/people", limit=1000)["items"]:
            for face in self.get(f"/v1/people/{person['person_id']}/faces")["items"]:
                self.call("DELETE", f"/v1/people/{person['person_id']}/faces/{face['face_id']}")
        self.exchanges.clear()

    def _asks_consent(self) -> bool:
        document = self._http.get(f"{self.url}/openapi.json", timeout=PATIENCE_S).json()
        return "consent" in document["components"]["schemas"]["NewPerson"]["properties"]


def code(answer: requests.Response) -> tuple[int, str]:
    """Give status and code of a refusal, and insist on the API's one error shape, readable by browsers."""
    body = answer.json()
    assert {"Code", "Message", "RequestId"} <= set(body), body
    assert answer.headers["X-Request-Id"] == body["RequestId"]
    assert answer.headers["Access-Control-Allow-Origin"]
    return answer.status_code, str(body["Code"])


def recorded(request: str, answer: requests.Response) -> Exchange:
    """Record an answer. An ETag is kept where nothing in the body is random."""
    text = answer.content.decode("utf-8", "backslashreplace")
    body = masked(text)
    # API Gateway renames what it keeps for itself, WWW-Authenticate for one.
    named = {name.lower().removeprefix("x-amzn-remapped-"): value for name, value in answer.headers.items()}
    headers = {name: value for name, value in named.items() if name not in _UNTOLD}
    if "etag" in headers and body != text:
        headers["etag"] = "<of what is masked>"
    # A laptop answers with the page's own origin where the cloud says `*`, and so its answers vary by it.
    if headers.get("access-control-allow-origin") in ("*", PAGE):
        headers["access-control-allow-origin"] = "<the page's>"
    headers.pop("vary", None)
    if not text:
        headers.pop("content-type", None)  # API Gateway names one also for nothing
    elif answer.status_code >= 400 and '"Code"' not in text and '"success"' not in text:
        # The gateway's own error: its headers are a matter of its settings, its spaces nobody's.
        headers, body = {}, json.dumps(answer.json())
    told = tuple(sorted((name, masked(value)) for name, value in headers.items()))
    return Exchange(masked(request), answer.status_code, told, body)


def masked(text: str) -> str:
    """Take out what is random or of the moment; instants of long ago stay, for they were asked for."""
    now = datetime.now(UTC)

    def instant(found: re.Match[str]) -> str:
        near = abs(datetime.fromisoformat(found[0]) - now) < timedelta(days=2)
        return re.sub("[0-9]+", "0", found[0]) if near else found[0]

    def day(found: re.Match[str]) -> str:
        near = abs(date.fromisoformat(found[0]) - now.date()) < timedelta(days=3)
        return "<today>" if near else found[0]

    text = re.sub(_ZONED, instant, text)
    text = re.sub(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9])\b", day, text)
    for pattern, name in _RANDOM:
        text = re.sub(pattern, name, text)
    return text
