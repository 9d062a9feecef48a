"""What liveness sessions leave behind in the server: `python -m benchmarks.sessions [COUNT]` (Linux only).

COUNT sessions (200), four at a time, against one `python -m local`. Of ten, five are played to the
punch, two are stopped by the client, two lose their connection in the middle, and one is signed with
a wrong key. A row counts what the server's process holds when none of them is open.
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

from local import weights
from local.aws.sigv4 import Credentials
from local.camera import ServerRefused, play
from local.rekognition.engine import Engine
from tests.browser.servers import Rollcall, leave
from tests.support.photos import photo_of_c

AT_ONCE = 4
STEP = 40
WIDTH, HEIGHT = 320, 240
SETTLE_S = 5.0  # for sockets and threads of the last sessions to go
FORGOTTEN_S = 970.0  # a session's credentials hold a quarter of an hour; the server sweeps each minute


def main(count: int) -> int:
    """Print one row per STEP sessions and one after they are forgotten; 1 if sockets or files are left."""
    with tempfile.TemporaryDirectory(prefix="rollcall-sessions-") as folder:
        server = Rollcall(Path(folder), ROLLCALL_CHALLENGE="FaceMovementChallenge")
        try:
            return _measure(server, count)
        finally:
            server.stop()


def _measure(server: Rollcall, count: int) -> int:
    server.enrol("Visitor", photo_of_c())
    server.relax()
    visits, came = _Visits(server), Counter[str]()
    print(f"{'sessions':>10}" + "".join(f"{name:>14}" for name in _Held._fields))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        came.update(pool.map(visits.visit, range(10)))  # what is made once is made now
        rows = [_row("10 warm-up", server)]
        for first in range(0, count, STEP):
            came.update(pool.map(visits.visit, range(first, min(first + STEP, count))))
            rows.append(_row(f"{min(first + STEP, count)}", server))
    time.sleep(FORGOTTEN_S)
    rows.append(_row("forgotten", server))
    print(", ".join(f"{number} {what}" for what, number in came.most_common()))
    # Of the first full row: by then the pools of connections to the AWS services are filled.
    left = [name for name in ("sockets", "files") if getattr(rows[-1], name) > getattr(rows[1], name)]
    if left:
        print(f"left behind: {', '.join(left)}")
    return bool(left)


class _Visits:
    """Sessions of all kinds, each with credentials that the API lends it."""

    def __init__(self, server: Rollcall) -> None:
        self._server = server
        self._engine = Engine(weights.models_folder())
        self._photo = photo_of_c()

    def visit(self, number: int) -> str:
        """Begin a session and end it as its number says; gives what came of it."""
        session = self._server.call("POST", "/v1/liveness-sessions", "kiosk")
        session_id, lent = session["session_id"], session["streaming"]["credentials"]
        kind = number % 10
        if kind in range(5, 9):
            leave(self._server.run, session, politely=kind < 7)
            return "cancelled" if kind < 7 else "connection lost"
        run = self._server.run
        secret = "wrong" if kind == 9 else lent["secret_access_key"]
        try:
            play(
                run["stream_url"],
                session_id,
                run["region"],
                lent["access_key_id"],
                Credentials(secret, lent["session_token"]),
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
    """What a process holds now."""

    resident_mb: float
    threads: int
    sockets: int
    files: int


def _row(label: str, server: Rollcall) -> _Held:
    time.sleep(SETTLE_S)
    process = Path("/proc", str(server.process.pid))
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    opened = [os.readlink(entry) for entry in (process / "fd").iterdir()]
    sockets = sum(name.startswith("socket:") for name in opened)
    memory = int(status["VmRSS"].split()[0]) / 1024
    held = _Held(round(memory, 1), int(status["Threads"]), sockets, len(opened) - sockets)
    print(f"{label:>10}" + "".join(f"{value:>14}" for value in held), flush=True)
    return held


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
