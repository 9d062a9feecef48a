"""The state of the embedded AWS: one SQLite file, written before a call is answered."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from local import database
from local.aws.dynamodb.service import Change

FILE = "aws.db"
_VERSION = 1

_SCHEMA = """
CREATE TABLE item (tbl TEXT, key BLOB, body BLOB NOT NULL, PRIMARY KEY (tbl, key)) WITHOUT ROWID;
CREATE TABLE object (
    bucket TEXT, key TEXT, meta BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (bucket, key)
);
"""


class StateDamaged(Exception):
    """A file of the state folder cannot be read; the message says which."""


class StoredObject(NamedTuple):
    """An S3 object: `meta` is what moto keeps beside the bytes."""

    bucket: str
    key: str
    meta: dict[str, Any]
    body: bytes


class Storage:
    """The file's tables of items and objects. Raises StateDamaged."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._deleted = False
        with self._readable():
            self._db = database.connect(self._path)
            try:
                self._open()
            except BaseException:
                self._db.close()
                raise

    def _open(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise StateDamaged(f"{self._path} was written by another version of Rollcall")

    def save_items(self, changes: Iterable[Change]) -> None:
        """Save changed items, all or none."""
        changes = list(changes)
        with self._lock, self._transaction(deletes=any(change.item is None for change in changes)):
            for table, key, item in changes:
                if item is None:
                    self._db.execute("DELETE FROM item WHERE tbl = ? AND key = ?", (table, key))
                else:
                    self._db.execute("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", (table, key, item))

    def save_objects(self, stored: Iterable[StoredObject], gone: Iterable[tuple[str, str]] = ()) -> None:
        """Save new and changed objects and delete those that are gone, all or none."""
        gone = list(gone)
        with self._lock, self._transaction(deletes=bool(gone)):
            self._db.executemany("DELETE FROM object WHERE bucket = ? AND key = ?", gone)
            for entry in stored:
                row = (entry.bucket, entry.key, msgspec.json.encode(entry.meta), entry.body)
                self._db.execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?)", row)

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Yield every item as its table's name and DynamoDB JSON, in key order."""
        with self._readable():
            yield from self._db.execute("SELECT tbl, body FROM item ORDER BY tbl, key")

    def objects(self) -> Iterator[StoredObject]:
        """Yield every object."""
        with self._readable():
            for bucket, key, meta, body in self._db.execute("SELECT bucket, key, meta, body FROM object"):
                yield StoredObject(bucket, key, msgspec.json.decode(meta), body)

    def clear(self) -> None:
        """Delete everything."""
        with self._lock, self._transaction(deletes=True):
            self._db.execute("DELETE FROM item")
            self._db.execute("DELETE FROM object")

    def scrub(self) -> None:
        """Remove what is left in the file of rows that were deleted or replaced."""
        with self._lock:
            if self._deleted:
                database.compact(self._db)
                self._deleted = False
            else:
                database.truncate_log(self._db)

    def close(self) -> None:
        """Scrub the file and close it."""
        self.scrub()
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self, *, deletes: bool) -> Iterator[None]:
        with database.transaction(self._db, deletes=deletes):
            yield
        self._deleted = self._deleted or deletes

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Raise StateDamaged for the errors that reading a damaged file causes."""
        try:
            yield
        except (sqlite3.DatabaseError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StateDamaged(f"{self._path} is damaged ({error})") from error
