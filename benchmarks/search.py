"""How long a search takes by the size of the collection: `python -m benchmarks.search [FACES ...]`.

Vectors are drawn to lie as those of different people do. Every time is a median in milliseconds
and includes SQLite and the locks, but no inference and no HTTP.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from local.rekognition.engine import cosine
from local.rekognition.index import Vector
from local.rekognition.models import Box, Faces, NewFace
from tests.support.photos import strangers

PER_IMAGE = 100
PAGE = 1000


def main(sizes: list[int]) -> None:
    """Print one line per size."""
    names = ("fill s", "open s", "search", "add 1", "delete 1", "page", "MB")
    print(f"{'faces':>9}" + "".join(f"{name:>9}" for name in names))
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            _measure(size, Path(folder) / "faces.sqlite")


def _measure(size: int, path: Path) -> None:
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
    probes = strangers(50, seed=2)
    search = _median(lambda n: faces.search("all", probes[n], cosine(80), 4096))
    added = [""] * 50

    def add(number: int) -> None:
        added[number] = _add(faces, size + number, probes[number : number + 1])[0]

    add_one = _median(add)
    delete_one = _median(lambda n: faces.delete("all", [added[n]]))
    page = _median(lambda n: faces.page("all", f"{n * 5:02x}", PAGE))
    faces.close()
    row = (filled - started, opened - closed, search, add_one, delete_one, page, megabytes)
    print(f"{size:>9,}" + "".join(f"{value:>9.2f}" for value in row))


def _add(faces: Faces, key: int, vectors: Vector) -> list[str]:
    # All faces of a picture lie elsewhere: the same place would be the same face.
    new = [NewFace(Box(number, 0, 0.5, 0.5), 99.0, vector) for number, vector in enumerate(vectors)]
    return [face.face_id for face in faces.add("all", key.to_bytes(8, "big"), None, new)]


def _median(call: Callable[[int], object]) -> float:
    times = []
    for number in range(50):
        started = time.perf_counter()
        call(number)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000, 10_000, 100_000])
