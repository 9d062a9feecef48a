"""Finding faces: YuNet over the whole picture, then again on each face until its landmarks hold.

YuNet's five landmarks hardly follow a tilted head when the face is small in its input (at 60 px
a roll of 40 degrees is seen as 2), and embeddings live on landmarks. So each face is cut out at
the size YuNet sees best (200 px in 320), looked at again, and in the next pass with its measured
roll undone. On 52 photos the cosine between a face and its copy turned by 45 degrees rose from
.42 to .92 (median) by this.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from local.rekognition.engine import geometry
from local.rekognition.engine.faces import Face, Image, Points

Rows = NDArray[np.float32]  # n x 15: box (4), landmarks (10), score

FOUND: Final = 0.6  # real faces score .6 to .95
_CANDIDATE: Final = 0.4  # tilted faces among others score this little until they are looked at alone
_CONFIRMED: Final = 0.8  # what it must score then: real faces reach .87, what only looks like one .76
_TURNED_FOUND: Final = 0.8  # a picture that shows no face upright is turned; be surer of what is then seen
_FINE: Final = 1024  # long side in px: a face of 40 px in 1920 x 1080 is still 21 px
_COARSE: Final = 320  # a face that fills the picture is seen better here
_FAST: Final = 640

_SIDE: Final = 320
_FACE: Final = 200.0
_PASSES: Final = 2
_MORE_PASSES: Final = 4
_SETTLED: Final = 4.0  # degrees of roll between two passes
_DOUBTFUL: Final = 0.93  # below this the face may be lying on its side, or on its head
_SURE_ALONE: Final = 0.85  # believed even if the closer look does not confirm it
_TILTED: Final = 15.0  # degrees; if a face is, so may be the whole picture, with others in it unseen


class Detector:
    """One YuNet. Not for two threads at once: OpenCV keeps the input size in the object."""

    def __init__(self, model: bytes) -> None:
        self._net: Any = cv2.FaceDetectorYN.create(
            "onnx",
            np.frombuffer(model, np.uint8),
            np.empty(0, np.uint8),
            (_SIDE, _SIDE),
            _CANDIDATE,
            0.3,
            200,
        )

    def detect(self, image: Image) -> list[Face]:
        """Find faces in one fast look, largest first; landmarks are rough."""
        return _largest_first([face for face in _faces(self._look(image, _FAST)) if face.score >= FOUND])

    def faces(self, image: Image, most: int | None = None) -> list[Face]:
        """Find the `most` largest faces (None: all), largest first, with landmarks refined."""
        rows = self._look(image, _FINE)
        if max(image.shape[:2]) > _COARSE:
            rows = np.vstack([rows, self._look(image, _COARSE)])
        found = self._confirmed(image, _distinct(_faces(rows)), [], most)
        if not found:
            return self._confirmed(image, self._turned(image, (90.0, -90.0, 180.0), _TURNED_FOUND), [], most)
        tilt = float(np.median([face.roll for face in found]))
        if abs(tilt) > _TILTED:
            found = self._confirmed(image, self._turned(image, (tilt,), _CANDIDATE), found, most)
        return found

    def _look(self, image: Image, cap: int) -> Rows:
        height, width = image.shape[:2]
        scale = min(1.0, cap / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        if scale < 1:
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._net.setInputSize(size)
        _, rows = self._net.detect(image)
        if rows is None:
            return np.empty((0, 15), np.float32)
        rows = rows[np.isfinite(rows).all(axis=1)]
        rows[:, 0:14:2] *= width / size[0]
        rows[:, 1:14:2] *= height / size[1]
        return np.asarray(rows, np.float32)

    def _turned(self, image: Image, rolls: Sequence[float], least: float) -> list[Face]:
        """Look at the picture with each of the rolls undone, for faces that score `least`."""
        height, width = image.shape[:2]
        side = min(_FINE, math.ceil(math.hypot(height, width)))
        found = []
        for roll in rolls:
            scale = min(1.0, side / math.hypot(height, width))
            matrix = geometry.crop_matrix((width / 2, height / 2), scale, roll, side)
            seen = _faces(self._look(geometry.warp(image, matrix, side), side))
            found += [_replaced(face, matrix) for face in seen if face.score >= least]
        return _distinct(found)

    def _confirmed(
        self, image: Image, candidates: list[Face], found: list[Face], most: int | None
    ) -> list[Face]:
        """Look closer at candidates, largest first, and add those that are new faces to `found`."""
        found = list(found)
        fresh = 0
        for face in _largest_first(candidates):
            if fresh == most:
                break
            if any(_overlap(face, other) > 0.7 for other in found):
                continue
            closer = self._refine(image, face)
            sure = closer is not None and closer.score >= _CONFIRMED
            if closer is None and face.score >= _SURE_ALONE:
                closer, sure = face, True
            if closer and sure and not any(_same(closer, other) for other in found):
                found.append(closer)
                fresh += 1
        return _largest_first(found)[:most]

    def _refine(self, image: Image, face: Face) -> Face | None:
        first = self._closer(image, face, 0.0)
        best = first
        if first is None or first.score < _DOUBTFUL:
            for roll in (90.0, -90.0, 180.0):
                turned = self._closer(image, face, roll)
                if turned and (best is None or turned.score > best.score + 0.02):
                    best = turned
        if best is None:
            return None
        # The box stays as seen upright: later crops are turned, and their boxes with them.
        box = first.box if first else best.box
        for done in range(1, _MORE_PASSES):
            closer = self._closer(image, best, best.roll)
            if closer is None:
                break
            change = abs((closer.roll - best.roll + 180) % 360 - 180)
            best = closer
            if done + 1 >= _PASSES and change < _SETTLED:
                break
        return Face(box, best.landmarks, max(face.score, best.score))

    def _closer(self, image: Image, face: Face, roll: float) -> Face | None:
        """Look at one face alone; None if no face of about its size is in the middle of the crop."""
        x, y, width, height = face.box
        matrix = geometry.crop_matrix((x + width / 2, y + height / 2), _FACE / face.size, roll, _SIDE)
        seen = _faces(self._look(geometry.warp(image, matrix, _SIDE), _SIDE))
        near = [
            other for other in seen if _off_centre(other) < 0.4 * _FACE and 0.5 < other.size / _FACE < 1.8
        ]
        if not near:
            return None
        return _replaced(min(near, key=_off_centre), matrix)


def _off_centre(face: Face) -> float:
    x, y, width, height = face.box
    return float(np.hypot(x + width / 2 - _SIDE / 2, y + height / 2 - _SIDE / 2))


def _replaced(face: Face, matrix: geometry.Matrix) -> Face:
    """Put a face seen in a crop where it is in the picture; the box keeps its size, turned upright."""
    x, y, width, height = face.box
    middle: Points = np.array([[x + width / 2, y + height / 2]], np.float32)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    quarter = abs(matrix[1, 0]) > abs(matrix[0, 0])
    width, height = (height / scale, width / scale) if quarter else (width / scale, height / scale)
    ((centre_x, centre_y),) = geometry.back(middle, matrix).tolist()
    box = (centre_x - width / 2, centre_y - height / 2, width, height)
    return Face(box, geometry.back(face.landmarks, matrix), face.score)


def _faces(rows: Rows) -> list[Face]:
    return [
        Face((float(r[0]), float(r[1]), float(r[2]), float(r[3])), r[4:14].reshape(5, 2).copy(), float(r[14]))
        for r in rows
        if r[2] > 1 and r[3] > 1
    ]


def _largest_first(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: -face.area)


def _distinct(faces: list[Face]) -> list[Face]:
    """Keep the surest of the faces that lie on one another: the scales see some of them twice."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_overlap(face, other) < 0.5 for other in kept):
            kept.append(face)
    return kept


def _same(one: Face, other: Face) -> bool:
    """Return whether two faces have their eyes and noses in the same place."""
    apart = np.linalg.norm(one.landmarks[:3].mean(axis=0) - other.landmarks[:3].mean(axis=0))
    return bool(apart < 0.25 * min(one.size, other.size))


def _overlap(one: Face, other: Face) -> float:
    """Return the share of the smaller box that the other one covers, 0..1."""
    (ax, ay, aw, ah), (bx, by, bw, bh) = one.box, other.box
    width = min(ax + aw, bx + bw) - max(ax, bx)
    height = min(ay + ah, by + bh) - max(ay, by)
    return max(0.0, width) * max(0.0, height) / min(one.area, other.area)
