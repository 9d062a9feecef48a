"""The engine: finds faces, measures them and turns them into vectors that can be compared."""

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from local import weights
from local.rekognition.engine.calibration import cosine, similarity
from local.rekognition.engine.detection import Detector
from local.rekognition.engine.embedding import Embedder
from local.rekognition.engine.faces import Embedding, Face, Image
from local.rekognition.engine.images import MAX_BYTES, MAX_S3_BYTES, decode
from local.rekognition.engine.quality import Quality, measure, shortcomings

# Errors only: OpenCV 5.0 warns about its own defaults whenever a net is loaded.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

__all__ = [
    "MAX_BYTES",
    "MAX_S3_BYTES",
    "Embedding",
    "Engine",
    "Face",
    "Image",
    "Quality",
    "cosine",
    "decode",
    "shortcomings",
    "similarity",
]


class Engine:
    """Both models, ready for any number of threads: as many work at once as there are processors."""

    def __init__(self, models: Path) -> None:
        """Load from a folder. Raises WeightsError if a file is absent or not the official one."""
        self._detector_model = weights.read(models, weights.DETECTOR)
        self._embedder_model = weights.read(models, weights.RECOGNISER)
        self._free: queue.LifoQueue[tuple[Detector, Embedder]] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._may_make = min(4, os.cpu_count() or 1)
        with self._nets():
            pass  # load now, so that what is wrong shows at the start

    def faces(self, image: Image, most: int | None = None) -> list[Face]:
        """Find the `most` largest faces (None: all), largest first, with refined landmarks."""
        with self._nets() as (detector, _):
            return detector.faces(image, most)

    def detect(self, image: Image) -> list[Face]:
        """Find all faces fast, largest first, with rough landmarks: for the frames of a video."""
        with self._nets() as (detector, _):
            return detector.detect(image)

    def embed(self, image: Image, face: Face) -> Embedding:
        """Turn a face into the vector that it is compared by."""
        with self._nets() as (_, embedder):
            return embedder.embed(embedder.align(image, face))

    def measure(self, image: Image, face: Face) -> Quality:
        """Measure brightness, sharpness and pose of a face."""
        with self._nets() as (_, embedder):
            return measure(image, face, embedder.align(image, face))

    @contextmanager
    def _nets(self) -> Iterator[tuple[Detector, Embedder]]:
        """Reserve a pair of nets for one thread, because OpenCV's are not thread-safe."""
        nets = self._take()
        try:
            yield nets
        finally:
            self._free.put(nets)

    def _take(self) -> tuple[Detector, Embedder]:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            with self._lock:
                make = self._may_make > 0
                self._may_make -= make
            if make:
                return Detector(self._detector_model), Embedder(self._embedder_model)
            return self._free.get()
