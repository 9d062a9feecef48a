"""Face vectors in one preallocated matrix, so that a search is one matrix-vector product."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIMENSIONS: Final = 128
_FIRST_CAPACITY: Final = 64

Vector = NDArray[np.float32]


class Index:
    """Face ids and their vectors (length 1). Not locked: its owner is."""

    def __init__(self) -> None:
        self._matrix = np.zeros((_FIRST_CAPACITY, DIMENSIONS), np.float32)
        self._ids: list[str | None] = []  # by row of the matrix; None is a row to use again
        self._rows: dict[str, int] = {}
        self._free: list[int] = []

    @classmethod
    def of(cls, face_ids: Sequence[str], vectors: bytes) -> "Index":
        """Build an index from concatenated vectors. Raises ValueError if they are not that many."""
        matrix = np.frombuffer(vectors, np.float32).reshape(len(face_ids), DIMENSIONS)
        if not np.isfinite(matrix).all():
            raise ValueError("a stored vector is not a number")
        index = cls()
        index._matrix = np.concatenate([matrix, index._matrix])
        index._ids = list(face_ids)
        index._rows = {face_id: row for row, face_id in enumerate(face_ids)}
        return index

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, face_id: str) -> bool:
        return face_id in self._rows

    def vector(self, face_id: str) -> Vector:
        """Return the vector of a face in the index."""
        return np.array(self._matrix[self._rows[face_id]])

    def add(self, face_id: str, vector: Vector) -> None:
        """Add a face, in the row of a removed one if possible."""
        if self._free:
            row = self._free.pop()
            self._ids[row] = face_id
        else:
            row = len(self._ids)
            if row == len(self._matrix):
                self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
            self._ids.append(face_id)
        self._matrix[row] = vector
        self._rows[face_id] = row

    def remove(self, face_id: str) -> None:
        """Remove a face and overwrite its vector with zeros."""
        row = self._rows.pop(face_id)
        self._matrix[row] = 0
        self._ids[row] = None
        self._free.append(row)

    def nearest(
        self, query: Vector, least: float, most: int, other_than: str | None = None
    ) -> list[tuple[str, float]]:
        """Find the `most` nearest faces with a cosine of `least` or more, nearest first."""
        cosines = self._matrix[: len(self._ids)] @ query
        near = np.flatnonzero(cosines >= least)
        # Removed rows may be among them, and the face itself.
        spare = len(self._free) + 1
        if len(near) > most + spare:
            near = near[np.argpartition(cosines[near], -(most + spare))[-(most + spare) :]]
        found = []
        for row in near[np.argsort(-cosines[near], kind="stable")].tolist():
            face_id = self._ids[row]
            if face_id is not None and face_id != other_than:
                found.append((face_id, float(cosines[row])))
                if len(found) == most:
                    break
        return found
