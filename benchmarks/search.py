"""The time of face searches in the local mode, by the size of the collection.

The vectors are random, with the distances of vectors of different people.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.tables import Table
from benchmarks.timing import median_s
from local.rekognition.engine import cosine
from local.rekognition.index import Vector
from local.rekognition.models import Box, Faces, NewFace
from tests.support.photos import strangers

PER_IMAGE = 100
PAGE = 1000
CALLS = 50


def measure(*, short: bool = False) -> list[Table]:
    """Measure collections of 1,000 to 100,000 faces (`short`: 200)."""
    columns = ("faces", "fill s", "open s", "search ms", "add one ms", "delete one ms", "list page ms", "MB")
    rows = []
    for size in [200] if short else [1_000, 10_000, 100_000]:
        with tempfile.TemporaryDirectory() as folder:
            rows.append((size, *_measure(size, Path(folder) / "faces.sqlite")))
    return [Table(columns, rows, f"Medians of {CALLS} calls each; without inference and HTTP.")]


def _measure(size: int, path: Path) -> tuple[float, ...]:
    vectors = strangers(size)
    started = time.perf_counter()
    faces = Faces(path)
    faces.create_collection("all")
    for first in range(0, size, PER_IMAGE):
        _add(faces, first, vectors[first : first + PER_IMAGE])
    filled = time.perf_counter()
    faces.close()
    megabytes = path.stat().st_size / 1e6
    closed = time.perf_counter()
    faces = Faces(path)
    opened = time.perf_counter()
    probes = strangers(CALLS, seed=2)
    search = _median_ms(lambda n: faces.search("all", probes[n], cosine(80), 4096))
    added = [""] * CALLS

    def add(number: int) -> None:
        added[number] = _add(faces, size + number, probes[number : number + 1])[0]

    add_one = _median_ms(add)
    delete_one = _median_ms(lambda n: faces.delete("all", [added[n]]))
    page = _median_ms(lambda n: faces.page("all", f"{n * 5:02x}", PAGE))
    faces.close()
    return filled - started, opened - closed, search, add_one, delete_one, page, megabytes


def _add(faces: Faces, key: int, vectors: Vector) -> list[str]:
    # Each face of a picture needs its own place: the same place would be the same face.
    new = [NewFace(Box(number, 0, 0.5, 0.5), 99.0, vector) for number, vector in enumerate(vectors)]
    return [face.face_id for face in faces.add("all", key.to_bytes(8, "big"), None, new)]


def _median_ms(call: Callable[[int], object]) -> float:
    numbers = iter(range(CALLS))
    return median_s(lambda: call(next(numbers)), CALLS) * 1000
