"""What the liveness judge and its stream let through: `python -m benchmarks.liveness.attacks --help`.

Prints a table of classes (how many were accepted, refused, not judged, and why) and one of signals (what
honest sessions and attacks gave). Limits may only be set on `--part setting`; figures are quoted for
`--part held-out`, which has other people and other draws. Needs npm for most of its photos.
"""

import argparse
import json
import multiprocessing
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np

from benchmarks.liveness import feeds, takes
from local.aws.sigv4 import Credentials, Scope
from local.liveness import framing, signing
from local.liveness.challenge import MOVEMENT
from local.liveness.judge import Verdict, judge
from local.liveness.sessions import Sessions
from local.liveness.stream import StreamServer
from tests.support.clips import engine
from tests.support.stream_client import CREDENTIALS, KEY, REGION, Client, new

SEED: Final = 4000
ENOUGH: Final = 90.0
"""The confidence that a check-in asks for, by default: what is live with less is no punch."""
HONEST: Final = "honest"


class Row(NamedTuple):
    """What came of one recording; `signals` maps names to value and margin."""

    name: str
    kind: str
    seed: int
    accepted: bool
    judged: bool
    reason: str
    signals: dict[str, tuple[float, float]]

    @property
    def label(self) -> str:
        """Its class and challenge, as in the table."""
        return f"{self.name}, {'movement' if self.kind == MOVEMENT else 'light'}"


def main() -> None:
    """Film, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=(takes.SETTING, takes.HELD_OUT), default=takes.HELD_OUT)
    parser.add_argument("--honest", type=int, default=54, help="honest sessions of each challenge")
    parser.add_argument("--attacks", type=int, default=12, help="of each class and challenge")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--rows", type=Path, help="keep every result in this file, a JSON a line")
    parser.add_argument("--only", help="only classes whose name has this in it")
    options = parser.parse_args()
    jobs = [
        (name, take)
        for name, (_, kinds) in feeds.CLASSES.items()
        if (options.only or "") in name
        for kind in kinds
        for take in takes.takes(
            options.part, kind, options.honest if name == HONEST else options.attacks, SEED
        )
    ]
    started = datetime.now(UTC)
    # Spawned, because OpenCV's models hang in a process that was forked after they were used.
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, spawned, cv2.setNumThreads, (1,)) as pool:
        rows = []
        for row in pool.map(_judged, *zip(*jobs, strict=True)):
            rows.append(row)
            print(f"\r{len(rows)} of {len(jobs)}", end="", file=sys.stderr)
    print(f"\r{len(rows)} judged in {datetime.now(UTC) - started}", file=sys.stderr)
    if options.rows:
        options.rows.write_text("".join(json.dumps(row._asdict()) + "\n" for row in rows))
    _print_classes(rows)
    _print_signals(rows)
    if not options.only:
        print_stream()


def is_accepted(verdict: Verdict) -> bool:
    """Whether a check-in would take it."""
    return verdict.live and (verdict.confidence or 0.0) >= ENOUGH


def _judged(name: str, take: takes.Take) -> Row:
    verdict = judge(feeds.CLASSES[name][0](take), engine())
    signals = {signal.name: (signal.value, signal.margin) for signal in verdict.signals}
    return Row(name, take.kind, take.seed, is_accepted(verdict), verdict.enough, verdict.reason, signals)


def _print_classes(rows: Iterable[Row]) -> None:
    print(f"\n| {'class':<37} |   n | accepted | refused | not judged | reasons (times) |")
    print(f"|{'-' * 39}|{'-' * 5}|{'-' * 10}|{'-' * 9}|{'-' * 12}|{'-' * 17}|")
    for label, group in _grouped(rows).items():
        reasons = Counter(
            reason
            for row in group
            if not row.accepted
            for reason in row.reason.removeprefix("not enough video: ").split("; ")
        )
        accepted, judged = sum(row.accepted for row in group), sum(row.judged for row in group)
        said = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
        print(
            f"| {label:<37} | {len(group):>3} | {accepted:>8} | {judged - accepted:>7} "
            f"| {len(group) - judged:>10} | {said} |"
        )


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.label].append(row)
    return dict(groups)


def _print_signals(rows: list[Row]) -> None:
    """Honest: the least, a tenth, the middle, the most. Attacks: the class's whole range, where it fails."""
    print("\n| signal | honest: least, p10, median, p90, most | failed by (range of what it gave) |")
    print("|---|---|---|")
    for name in dict.fromkeys(name for row in rows for name in row.signals):
        honest = [row.signals[name][0] for row in rows if row.name == HONEST and name in row.signals]
        said = (
            ", ".join(f"{value:.3g}" for value in np.percentile(honest, [0, 10, 50, 90, 100]))
            if honest
            else ""
        )
        failed: dict[str, list[float]] = defaultdict(list)
        for row in rows:
            if not row.name.startswith(HONEST) and name in row.signals and row.signals[name][1] < 0:
                failed[row.name].append(row.signals[name][0])
        by = "; ".join(f"{kind} {len(v)}x ({min(v):.3g} to {max(v):.3g})" for kind, v in failed.items())
        print(f"| {name} | {said} | {by} |")


# --- attacks on the stream itself ---


def print_stream(times: int = 10) -> None:
    """Try each attack on a running stream server; any that ends in a judged session is accepted."""
    sessions = Sessions()
    print("\n| attack on the stream | n | accepted | refused with |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as state:
        server = StreamServer(
            sessions,
            engine(),
            {KEY: CREDENTIALS}.get,
            REGION,
            "127.0.0.1",
            port=0,
            tls_port=0,
            state=Path(state),
        )
        server.start()
        try:
            for name, attack in STREAM.items():
                outcomes = [attack(server, sessions, number) for number in range(times)]
                refused = Counter(outcome for outcome in outcomes if outcome is not None)
                said = "; ".join(f"{reason} ({count})" for reason, count in refused.items())
                print(f"| {name} | {times} | {times - refused.total()} | {said} |")
        finally:
            server.stop()


Attack = Callable[[StreamServer, Sessions, int], str | None]


def _answer(client: Client) -> str | None:
    """What the server says to an attack; None if it says that the session is complete."""
    name, body = client.hear()
    return (
        None if name == "DisconnectionEvent" else f"{name}: {re.sub('[0-9a-f-]{36}', '...', body['Message'])}"
    )


def _begun(server: StreamServer, sessions: Sessions, pieces: int) -> Client:
    """A stream that sent so many pieces of video."""
    client = Client(server.url, new(sessions))
    client.hear()
    for _ in range(pieces):
        client.video(b"\x1aE\xdf\xa3")
    return client


def injected(server: StreamServer, sessions: Sessions, number: int) -> str | None:
    """A piece of video that somebody without the key puts into an open stream."""
    with _begun(server, sessions, number) as client:
        client.chain._key = b"another key".ljust(32)
        client.video(b"injected")
        return _answer(client)


def replayed(server: StreamServer, sessions: Sessions, number: int) -> str | None:
    """A signed piece of this stream, sent again."""
    with _begun(server, sessions, number) as client:
        headers: dict[str, framing.HeaderValue] = {":event-type": "VideoEvent", ":message-type": "event"}
        piece = b'{"VideoChunk": "AAAA", "TimestampMillis": 1}'
        sealed = client.chain.sign(framing.encode(framing.Message(headers, piece)), _now())
        for _ in range(2):
            client.socket.send(sealed)
        return _answer(client)


def from_another(server: StreamServer, sessions: Sessions, number: int) -> str | None:
    """A signed piece of another stream of the same key."""
    with _begun(server, sessions, number) as client, _begun(server, sessions, 0) as other:
        client.chain._prior = other.chain._prior
        client.video(b"from another")
        return _answer(client)


def another_url(server: StreamServer, sessions: Sessions, number: int) -> str | None:
    """Another session's signed URL, overheard: without its key nothing can be sent."""
    with Client(server.url, new(sessions)) as client:
        client.hear()
        stranger = Scope(_now().strftime("%Y%m%d"), REGION, signing.SERVICE)
        client.chain = signing.ChunkChain(stranger.key(f"guess {number}"), stranger, client.chain._prior)
        client.video(b"mine")
        return _answer(client)


def used_url(server: StreamServer, sessions: Sessions, number: int) -> str | None:
    """A session's URL once more: a replay within the same session."""
    session_id = new(sessions)
    with Client(server.url, session_id) as first, Client(server.url, session_id) as second:
        first.hear()
        return _answer(second)


def expired_url(server: StreamServer, sessions: Sessions, number: int) -> str | None:
    """A URL signed more than 299 seconds ago."""
    with Client(server.url, new(sessions), at=_now() - timedelta(seconds=300 + number)) as client:
        return _answer(client)


def foreign_key(server: StreamServer, sessions: Sessions, number: int) -> str | None:
    """A URL signed with a secret that was never given out."""
    credentials = Credentials(f"guess {number}", CREDENTIALS.token)
    with Client(server.url, new(sessions), credentials=credentials) as client:
        return _answer(client)


def _now() -> datetime:
    return datetime.now(UTC)


STREAM: Final[dict[str, Attack]] = {
    "injected chunk": injected,
    "chunk's signature replayed": replayed,
    "chunk of another stream": from_another,
    "another session's URL, without its key": another_url,
    "the same session again": used_url,
    "expired URL": expired_url,
    "URL signed with another secret": foreign_key,
}


if __name__ == "__main__":
    main()
