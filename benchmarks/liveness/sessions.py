"""What liveness sessions leave behind in the local server: `python -m benchmarks.liveness.sessions`.

It takes half an hour and reads /proc, so it needs Linux.

Sessions run four at a time against one `python -m local`. Of ten, five are played to the punch, the client
cancels two, two lose their connection, and one is signed with a wrong key. Each row counts what the server's
process holds when no session is open. Sessions are forgotten after a quarter of an hour, when their
credentials expire and the server's next sweep has run.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError

from benchmarks.tables import Table
from local import weights
from local.aws.sigv4 import Credentials
from local.camera import ServerRefused, play
from local.rekognition.engine import Engine
from tests.browser.servers import Rollcall, leave
from tests.support.photos import photo_of_c

AT_ONCE = 4
STEP = 40
WIDTH, HEIGHT = 320, 240


def measure(*, short: bool = False) -> list[Table]:
    """Measure 400 sessions (`short`: three that end early, without waiting until they are forgotten)."""
    kinds, count, settle_s, forgotten_s = (
        (range(7, 10), 3, 0.5, 0.0) if short else (range(10), 400, 5.0, 970.0)
    )
    with tempfile.TemporaryDirectory(prefix="rollcall-sessions-") as folder:
        server = Rollcall(Path(folder), ROLLCALL_CHALLENGE="FaceMovementChallenge")
        try:
            return [_table(server, kinds, count, settle_s, forgotten_s)]
        finally:
            server.stop()


def _table(server: Rollcall, kinds: range, count: int, settle_s: float, forgotten_s: float) -> Table:
    server.enrol("Visitor", photo_of_c())
    server.relax()
    visits, ends = _Visits(server), Counter[str]()
    numbers = [kinds[number % len(kinds)] for number in range(count)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends.update(pool.map(visits.visit, kinds))  # warm-up: what is made once is made now
        rows = [("warm-up", *_held(server, settle_s))]
        for first in range(0, count, STEP):
            ends.update(pool.map(visits.visit, numbers[first : first + STEP]))
            rows.append((str(min(first + STEP, count)), *_held(server, settle_s)))
    time.sleep(forgotten_s)
    rows.append(("after they are forgotten", *_held(server, settle_s)))
    notes = "Sessions: " + ", ".join(f"{number} {end}" for end, number in ends.most_common()) + "."
    return Table(("sessions", "resident MB", "threads", "sockets", "files"), rows, notes)


class _Visits:
    """Sessions of all kinds, each with its own streaming credentials from the API."""

    def __init__(self, server: Rollcall) -> None:
        self._server = server
        self._engine = Engine(weights.models_folder())
        self._photo = photo_of_c()

    def visit(self, number: int) -> str:
        """Start a session and end it as its number says; return how it ended."""
        session = self._server.call("POST", "/v1/liveness-sessions", "kiosk")
        session_id, credentials = session["session_id"], session["streaming"]["credentials"]
        kind = number % 10
        if kind in range(5, 9):
            leave(self._server.run, session, politely=kind < 7)
            return "cancelled" if kind < 7 else "connection lost"
        run = self._server.run
        secret = "wrong" if kind == 9 else credentials["secret_access_key"]
        try:
            play(
                run["stream_url"],
                session_id,
                run["region"],
                credentials["access_key_id"],
                Credentials(secret, credentials["session_token"]),
                self._photo,
                engine=self._engine,
                width=WIDTH,
                height=HEIGHT,
            )
        except ServerRefused as refused:
            return refused.code
        try:
            self._server.call("POST", "/v1/punches", "kiosk", {"liveness_session_id": session_id})
        except HTTPError as refused:
            with refused:
                return f"punch refused with {refused.code}"
        return "punched"


class _Held(NamedTuple):
    """The resources that a process holds."""

    resident_mb: int
    threads: int
    sockets: int
    files: int


def _held(server: Rollcall, settle_s: float) -> _Held:
    time.sleep(settle_s)  # for sockets and threads of the last sessions to close
    process = Path("/proc", str(server.process.pid))
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    opened = [os.readlink(entry) for entry in (process / "fd").iterdir()]
    sockets = sum(name.startswith("socket:") for name in opened)
    memory = int(status["VmRSS"].split()[0]) / 1024
    return _Held(round(memory), int(status["Threads"]), sockets, len(opened) - sockets)


if __name__ == "__main__":
    for table in measure(short="--short" in sys.argv):
        print(table.markdown())
