"""Rollcall as its users run it, and a server of the page's files."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.sync.client import connect

from local.aws.sigv4 import Credentials
from local.liveness import certificate, framing
from local.liveness.challenge import VERSIONS
from local.liveness.signing import presign

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path(__file__).resolve().parent / "page" / "out"
START_S, ANSWER_S = 60.0, 60.0
CANCELLED = 4003  # the code by which AWS's component says so
_PORTS = ["--port", "0", "--aws-port", "0", "--stream-port", "0", "--tls-port", "0"]


class Rollcall:
    """A run of `python -m local` on free ports."""

    def __init__(self, state: Path, **environment: str) -> None:
        self._state = state
        self._log = (state / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local", "--state", str(state), *_PORTS],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.run = self._ready(state / "run.json")
        self.url = str(self.run["url"])

    def _ready(self, file: Path) -> dict[str, Any]:
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.process.poll() is None:
            if file.exists():
                return dict(json.loads(file.read_text()))
            time.sleep(0.05)
        self.stop()
        raise AssertionError(self.log())

    @property
    def public_key(self) -> str:
        """Base64 of the SHA-256 of the key of the stream's certificate, as Chromium wants it."""
        pem = (self._state / certificate.NAME).read_bytes()
        key = x509.load_pem_x509_certificate(pem).public_key()
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    def token(self, role: str) -> str:
        return str(self.run["tokens"].get(role, ""))

    def call(self, method: str, path: str, role: str, body: Any = None) -> Any:
        """Call the API and give its JSON; raises HTTPError for a refusal."""
        headers = {"Content-Type": "application/json"}
        if token := self.token(role):
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            return json.load(answer)

    def new_kiosk(self, label: str) -> None:
        """Make a camera's token of its own; `label` stands for it as roles do."""
        made = self.call("POST", "/v1/tokens", "admin", {"role": "kiosk", "label": label})
        self.run["tokens"][label] = made["token"]

    def change(self, limits: Mapping[str, int] | None = None, **settings: Any) -> Any:
        """Change the site's settings; gives those before."""
        before = self.call("GET", "/v1/settings", "admin")
        changes = {**settings, "limits": {**before["limits"], **(limits or {})}}
        self.call("PUT", "/v1/settings", "admin", {**before, **changes})
        return before

    @contextmanager
    def changed(self, limits: Mapping[str, int] | None = None, **settings: Any) -> Iterator[None]:
        """Change the site's settings for a while."""
        before = self.change(limits, **settings)
        before.pop("version")
        try:
            yield
        finally:
            self.change(**before)

    def relax(self) -> None:
        """Let one person try more often than a site would."""
        limits = {"sessions_per_minute": 10_000, "kiosk_failures": 10_000, "person_failures": 10_000}
        self.change(limits, duplicate_window_s=0)

    def enrol(self, name: str, photo: bytes) -> None:
        """Enrol somebody by the lab's route."""
        text = base64.b64encode(photo).decode()
        file = {"fileBase64": text, "fileName": "photo.jpg", "fileType": "image/jpeg"}
        self.call("POST", "/index-face", "manager", {"name": name, **file})

    def punches(self) -> list[dict[str, Any]]:
        """List the punches of today, whatever the zone."""
        today = datetime.now(UTC).date()
        days = f"from={today - timedelta(days=1)}&to={today + timedelta(days=1)}"
        found: list[dict[str, Any]] = self.call("GET", f"/v1/punches?{days}", "manager")["items"]
        return found

    def log(self) -> str:
        self._log.flush()
        return (self._state / "log").read_text()

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._log.close()


def leave(run: Mapping[str, Any], session: Any, *, politely: bool = True) -> None:
    """Open a session's stream, hear the challenge, and go, or lose the connection."""
    query = {
        "session-id": session["session_id"],
        "video-width": "320",
        "video-height": "240",
        "challenge-versions": ",".join(f"{kind}_{version}" for kind, version in VERSIONS.items()),
    }
    lent = session["streaming"]["credentials"]
    credentials = Credentials(lent["secret_access_key"], lent["session_token"])
    host = urlsplit(run["stream_url"]).hostname or ""
    target, _ = presign(host, run["region"], lent["access_key_id"], credentials, query, datetime.now(UTC))
    with connect(run["stream_url"] + target, compression=None, max_size=framing.MAX_MESSAGE) as stream:
        stream.recv(ANSWER_S)
        if politely:
            stream.close(CANCELLED)
        else:
            stream.socket.shutdown(SHUT_RDWR)


class PageServer:
    """Serves the built page with the strictest policy that AWS's component works under."""

    def __init__(self) -> None:
        self._reachable = "'self'"
        pages = self

        class Files(SimpleHTTPRequestHandler):
            def end_headers(self) -> None:
                self.send_header("Content-Security-Policy", pages.policy)
                super().end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(PAGE)))
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    @property
    def origin(self) -> str:
        return self.url.rstrip("/")

    @property
    def policy(self) -> str:
        return (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; font-src 'self'; "
            "img-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
            f"connect-src {self._reachable}"
        )

    def may_reach(self, origins: Iterable[str]) -> None:
        """Let the page connect to these origins."""
        self._reachable = " ".join(("'self'", *origins))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
