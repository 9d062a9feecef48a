"""Collections and the faces in them: one SQLite file, and a matrix per collection to search in.

Every change is in the file before its answer goes out, so a killed process loses nothing that it
confirmed. The vectors are also kept in memory: a search is one matrix product.
"""

import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from local import database
from local.rekognition.exceptions import (
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from local.rekognition.index import Index, Vector

_SCHEMA: Final = """
CREATE TABLE collections (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    collection_id TEXT NOT NULL UNIQUE,
    created REAL NOT NULL,
    tags TEXT NOT NULL
);
CREATE TABLE faces (
    collection INTEGER NOT NULL,
    face_id TEXT NOT NULL,
    image_id TEXT NOT NULL,
    image_key BLOB NOT NULL,
    external_image_id TEXT,
    box_left REAL NOT NULL,
    box_top REAL NOT NULL,
    box_width REAL NOT NULL,
    box_height REAL NOT NULL,
    confidence REAL NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (collection, face_id)
);
CREATE INDEX faces_of_image ON faces (collection, image_key);
"""
_SCHEMA_VERSION: Final = 1
_COLUMNS: Final = "face_id, image_id, external_image_id, box_left, box_top, box_width, box_height, confidence"

# Two boxes in one and the same picture that cover each other this much are one face.
_SAME_FACE: Final = 0.8


class StateDamaged(Exception):
    """The file of faces cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


@dataclass(frozen=True)
class Box:
    """A bounding box as shares of the picture's width and height; it may reach beyond 0..1."""

    left: float
    top: float
    width: float
    height: float

    def covers(self, other: "Box") -> float:
        """Return the intersection over union of two boxes, 0..1."""
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        down = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        common = max(0.0, across) * max(0.0, down)
        return common / (self.width * self.height + other.width * other.height - common)


@dataclass(frozen=True)
class NewFace:
    """A face as the engine saw it, to be stored."""

    box: Box
    confidence: float
    """0..100."""
    vector: Vector


@dataclass(frozen=True)
class StoredFace:
    """A face in a collection."""

    face_id: str
    image_id: str
    external_image_id: str | None
    box: Box
    confidence: float


@dataclass(frozen=True)
class Collection:
    """A collection, as it is described."""

    number: int
    collection_id: str
    created: float
    """Seconds since the epoch."""
    face_count: int


class Faces:
    """All collections of one file. Any number of threads may use it; one process only."""

    def __init__(self, path: Path | str) -> None:
        """Open or make the file (":memory:": none). Raises StateDamaged if it cannot be used."""
        self._lock = threading.RLock()
        self._deleted = False
        self._indexes: dict[int, Index] = {}
        try:
            # The matrices in memory must be the only ones: no second process may write this file.
            self._db = database.connect(path, exclusive=True)
            try:
                self._open()
            except BaseException:
                self._db.close()
                raise
        except (sqlite3.DatabaseError, ValueError) as error:
            raise StateDamaged(str(path), f"the stored faces cannot be read ({error})") from error

    def _open(self) -> None:
        self._db.execute("PRAGMA cache_size = -65536")  # 64 MB: the pages of 100,000 faces
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT"
            )
        elif version != _SCHEMA_VERSION:
            raise ValueError(f"made by another version of Rollcall: {version}, not {_SCHEMA_VERSION}")
        (check,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if check != "ok":
            raise ValueError(check)
        for (number,) in self._db.execute("SELECT number FROM collections").fetchall():
            rows = self._db.execute(
                "SELECT face_id, vector FROM faces WHERE collection = ?", (number,)
            ).fetchall()
            self._indexes[number] = Index.of([row[0] for row in rows], b"".join(row[1] for row in rows))

    def scrub(self) -> None:
        """Remove what is left in the file of faces that were deleted."""
        with self._lock:
            if self._deleted:
                database.compact(self._db)
                self._deleted = False

    def close(self) -> None:
        """Scrub the file and close it."""
        with self._lock:
            self.scrub()
            self._db.close()

    @contextmanager
    def _transaction(self, *, deletes: bool = False) -> Iterator[None]:
        """Run a transaction. The indexes in memory are changed after it, under the same lock."""
        with database.transaction(self._db, deletes=deletes):
            yield
        self._deleted = self._deleted or deletes

    def _number(self, collection_id: str) -> int:
        row = self._db.execute(
            "SELECT number FROM collections WHERE collection_id = ?", (collection_id,)
        ).fetchone()
        if row is None:
            raise ResourceNotFoundException(f"The collection id: {collection_id} does not exist")
        return int(row[0])

    # Collections

    def create_collection(self, collection_id: str) -> None:
        """Create an empty collection. Raises ResourceAlreadyExistsException."""
        with self._lock:
            try:
                row = self._db.execute(
                    "INSERT INTO collections (collection_id, created, tags) VALUES (?, ?, '{}')",
                    (collection_id, time.time()),
                )
            except sqlite3.IntegrityError:
                message = f"The collection id: {collection_id} already exists"
                raise ResourceAlreadyExistsException(message) from None
            self._indexes[int(row.lastrowid or 0)] = Index()

    def collection(self, collection_id: str) -> Collection:
        """Describe a collection. Raises ResourceNotFoundException."""
        with self._lock:
            number = self._number(collection_id)
            (created,) = self._db.execute(
                "SELECT created FROM collections WHERE number = ?", (number,)
            ).fetchone()
            return Collection(number, collection_id, created, len(self._indexes[number]))

    def collections(self, after: int, most: int) -> list[tuple[int, str]]:
        """List numbers and ids of collections, oldest first, past the number `after`."""
        with self._lock:
            return self._db.execute(
                "SELECT number, collection_id FROM collections WHERE number > ? ORDER BY number LIMIT ?",
                (after, most),
            ).fetchall()

    def delete_collection(self, collection_id: str) -> None:
        """Remove a collection with its faces. Raises ResourceNotFoundException."""
        with self._lock:
            number = self._number(collection_id)
            with self._transaction(deletes=True):
                self._db.execute("DELETE FROM faces WHERE collection = ?", (number,))
                self._db.execute("DELETE FROM collections WHERE number = ?", (number,))
            del self._indexes[number]

    # Faces

    def add(
        self, collection_id: str, image_key: bytes, external_image_id: str | None, faces: Sequence[NewFace]
    ) -> list[StoredFace]:
        """Store the faces of one picture and return them in the order given.

        `image_key` stands for the picture's bytes and its external id: a face that this collection
        already holds from the same picture under the same id is returned as it is, not stored again.
        Raises ResourceNotFoundException.
        """
        with self._lock:
            number = self._number(collection_id)
            known = self._select("image_key = ?", (number, image_key))
            image_id = known[0].image_id if known else str(uuid.uuid4())
            stored: list[StoredFace] = []
            fresh: list[tuple[StoredFace, NewFace]] = []
            for face in faces:
                same = next((old for old in known if old.box.covers(face.box) > _SAME_FACE), None)
                if same is None:
                    same = StoredFace(
                        str(uuid.uuid4()), image_id, external_image_id, face.box, face.confidence
                    )
                    fresh.append((same, face))
                stored.append(same)
            with self._transaction():
                self._db.executemany(
                    "INSERT INTO faces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [_row(number, image_key, record, new.vector) for record, new in fresh],
                )
            for record, new in fresh:
                self._indexes[number].add(record.face_id, new.vector)
            return stored

    def page(
        self, collection_id: str, after: str, most: int, only: Sequence[str] | None = None
    ) -> list[StoredFace]:
        """List faces by face id, past the id `after`; `only` these if given.

        Raises ResourceNotFoundException.
        """
        with self._lock:
            number = self._number(collection_id)
            if only is None:
                return self._select("face_id > ? ORDER BY face_id LIMIT ?", (number, after, most))
            wanted = sorted(
                {face_id for face_id in only if face_id > after and face_id in self._indexes[number]}
            )
            return self._by_ids(number, wanted[:most])

    def delete(self, collection_id: str, face_ids: Sequence[str]) -> tuple[list[str], list[str]]:
        """Remove faces; return the ids removed and those not found. Raises ResourceNotFoundException."""
        with self._lock:
            number = self._number(collection_id)
            index = self._indexes[number]
            asked = list(dict.fromkeys(face_ids))
            here = [face_id for face_id in asked if face_id in index]
            with self._transaction(deletes=bool(here)):
                self._db.executemany(
                    "DELETE FROM faces WHERE collection = ? AND face_id = ?",
                    [(number, face_id) for face_id in here],
                )
            for face_id in here:
                index.remove(face_id)
            gone = set(here)
            return here, [face_id for face_id in asked if face_id not in gone]

    def vector(self, collection_id: str, face_id: str) -> Vector | None:
        """Return a face's vector; None if it is not in the collection. Raises ResourceNotFoundException."""
        with self._lock:
            index = self._indexes[self._number(collection_id)]
            return index.vector(face_id) if face_id in index else None

    def search(
        self, collection_id: str, query: Vector, least: float, most: int, other_than: str | None = None
    ) -> list[tuple[StoredFace, float]]:
        """Find the `most` nearest faces and their cosines, `least` or more, nearest first.

        `query` is of length 1; the face `other_than` is left out. Raises ResourceNotFoundException.
        """
        with self._lock:
            number = self._number(collection_id)
            found = self._indexes[number].nearest(query, least, most, other_than)
            faces = {face.face_id: face for face in self._by_ids(number, [face_id for face_id, _ in found])}
        return [(faces[face_id], cosine) for face_id, cosine in found]

    def _by_ids(self, number: int, face_ids: list[str]) -> list[StoredFace]:
        marks = ", ".join("?" * len(face_ids))
        return self._select(f"face_id IN ({marks}) ORDER BY face_id", (number, *face_ids))

    def _select(self, where: str, arguments: tuple[int | str | bytes, ...]) -> list[StoredFace]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM faces WHERE collection = ? AND {where}", arguments)  # noqa: S608
        return [StoredFace(row[0], row[1], row[2], Box(*row[3:7]), row[7]) for row in rows]


def _row(number: int, image_key: bytes, face: StoredFace, vector: Vector) -> tuple[object, ...]:
    box = face.box
    return (
        number,
        face.face_id,
        face.image_id,
        image_key,
        face.external_image_id,
        box.left,
        box.top,
        box.width,
        box.height,
        face.confidence,
        np.asarray(vector, np.float32).tobytes(),
    )
