"""The SQLite files of a state folder: for their user only, and without the bytes of what was deleted."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

COMPACTED_BYTES: Final = 256 * 1024 * 1024
"""The largest file that is rewritten to compact it, which takes about a second and holds up all writers."""


def connect(path: Path | str, *, exclusive: bool = False) -> sqlite3.Connection:
    """Open a file, or a database in memory (":memory:"); `exclusive` keeps every other process out.

    A write-ahead log with synchronous=NORMAL: what was answered survives the end of the process however it
    ends; a power cut may lose the last moments but never damages the file. Raises sqlite3.DatabaseError.
    """
    if path != ":memory:":
        try:
            _make_private(Path(path))
        except OSError as error:
            raise sqlite3.OperationalError(error.strerror) from error
    db = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
    try:
        if exclusive:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA temp_store = MEMORY")
        truncate_log(db)  # of a run that was killed before it could
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def transaction(db: sqlite3.Connection, *, deletes: bool = False) -> Iterator[None]:
    """Run statements, all or none; if they delete something, nothing is left of it in the log either."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    if deletes:
        truncate_log(db)


def truncate_log(db: sqlite3.Connection) -> None:
    """Bring the write-ahead log into the file and empty it: it holds pages as they were before."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def compact(db: sqlite3.Connection) -> None:
    """Rewrite a file that is not too large for it.

    SQLite overwrites what it deletes, but when a page becomes full and is split, a copy of its rows can stay
    in the unused part of the old page (measured: 5 of 14,000 rows that were deleted or replaced).
    """
    (pages,), (size,) = db.execute("PRAGMA page_count").fetchone(), db.execute("PRAGMA page_size").fetchone()
    if pages * size <= COMPACTED_BYTES:
        db.execute("VACUUM")
    truncate_log(db)


def _make_private(path: Path) -> None:
    """Create a file if there is none, and make it its user's alone; so are those that SQLite keeps beside it.

    SQLite makes those with the permissions of the file itself.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        beside = path.with_name(name)
        if beside.exists():
            beside.chmod(0o600)
