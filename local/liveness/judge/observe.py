"""From a decoded clip to what the signals are computed from: faces, vectors, crops, colours."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from local.liveness.judge.relief import Crop
from local.liveness.judge.video import Clip, Image
from local.rekognition.engine import Embedding, Engine, Face

MAX_LOOKED = 120  # frames that the detector sees: 4 to 6 ms each at 320 px
SAMPLES = 16  # frames kept in full for vectors and pictures; about 40 ms each
CROPS = 100  # frames whose faces are compared with one another for their relief; about 7 ms each
CROP_PX = 192  # side of a stabilised face crop
CROP_FACE = 0.62  # of that side is the face's width, as `Track.unit` measures it
SURE = 0.7  # a detector's score for a second face to count

Points = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One frame in full, its face with refined landmarks, and what it is compared by."""

    index: int
    time: float
    image: Image
    face: Face
    embedding: Embedding
    crop: NDArray[np.uint8]  # as `crop` makes it


@dataclass(frozen=True)
class Observation:
    """What was seen, in full-size pixels; the arrays have one row per looked-at frame."""

    times: Floats
    counts: NDArray[np.int64]  # faces that count
    seen: tuple[Face | None, ...]  # the largest face, if any
    colors: Floats  # n x 3: mean R, G, B of the middle of the face, NaN without a face
    changes: Floats  # n: how much the whole picture changed since the frame before, see `_change`
    samples: tuple[Sample, ...]
    crops: tuple[Crop, ...]  # up to CROPS, in order of time

    @property
    def with_face(self) -> NDArray[np.int64]:
        """The rows that have a face."""
        return np.array([row for row, face in enumerate(self.seen) if face is not None], np.int64)


def observe(clip: Clip, engine: Engine) -> Observation:
    """Look at a clip: the detector at up to MAX_LOOKED frames, the embedder at SAMPLES of them."""
    looked = _spread(len(clip.times), MAX_LOOKED)
    scale = clip.scale
    counts: list[int] = []
    seen: list[Face | None] = []
    colors = np.full((len(looked), 3), np.nan)
    for row, index in enumerate(looked):
        found = engine.detect(clip.small[index])
        main = found[0] if found else None
        counts.append(_count(found))
        if main is not None:
            colors[row] = _skin(clip.small[index], main)
            main = scaled(main, scale)
        seen.append(main)
    changes = np.array(
        [_change(clip, before, after) for before, after in zip([0, *looked], looked, strict=False)]
    )
    faces = {looked[row]: face for row, face in enumerate(seen) if face is not None}
    chosen, compared = (set(_telling(list(faces.items()), most)) for most in (SAMPLES, CROPS))
    samples, crops = [], []
    for index, image in clip.full(chosen | compared):
        face = faces[index]
        if index in chosen:
            samples.append(_sample(engine, index, clip.times[index], image, face))
        if index in compared:
            crops.append(Crop(crop(image, face), unit(face.landmarks), _upright(face)))
    return Observation(
        np.array([clip.times[index] for index in looked]),
        np.array(counts, np.int64),
        tuple(seen),
        colors,
        changes,
        tuple(samples),
        tuple(crops),
    )


def unit(landmarks: Points) -> float:
    """A face's width in pixels by AWS's client: (2 x eye distance + 1.8 x eyes to mouth) / 2."""
    left, right, _, mouth_left, mouth_right = landmarks.astype(np.float64)
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    return float(2 * np.linalg.norm(right - left) + 1.8 * np.linalg.norm(mouth - eyes)) / 2


def center(landmarks: Points) -> tuple[float, float]:
    """A face's centre by AWS's client: between eyes and nose."""
    x, y = (landmarks[0] + landmarks[1]) / 4 + landmarks[2] / 2
    return float(x), float(y)


def scaled(face: Face, scale: float) -> Face:
    """The same face in a picture `scale` times as large."""
    x, y, width, height = (scale * side for side in face.box)
    return Face((x, y, width, height), np.asarray(face.landmarks * scale, np.float32), face.score)


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` indices, evenly, first and last included."""
    if count <= most:
        return list(range(count))
    return sorted({round(step) for step in np.linspace(0, count - 1, most)})


def _telling(faces: Sequence[tuple[int, Face]], most: int) -> list[int]:
    """At most `most` of the rows: evenly in time, and more densely while the face grows.

    Depth shows while the distance changes, so a long hold must not take all the samples.
    """
    if len(faces) <= most:
        return [row for row, _ in faces]
    sizes = np.log([max(unit(face.landmarks), 1.0) for _, face in faces])
    smooth = np.convolve(np.pad(sizes, 3, mode="edge"), np.full(7, 1 / 7), "valid")
    grown = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(smooth)))])
    way = np.linspace(0, 1, len(faces)) + grown / max(grown[-1], 1e-6)
    picks = np.searchsorted(way, np.linspace(way[0], way[-1], most))
    return [faces[pick][0] for pick in sorted({min(int(pick), len(faces) - 1) for pick in picks})]


def _count(found: Sequence[Face]) -> int:
    """How many faces count: the largest, and others that are surely faces and not much smaller."""
    if not found:
        return 0
    return 1 + sum(face.score >= SURE and face.size >= 0.35 * found[0].size for face in found[1:])


def _skin(image: Image, face: Face) -> Floats:
    """Mean R, G, B between the eyes and the mouth."""
    points = face.landmarks
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    height, width = image.shape[:2]
    x0, x1 = (int(np.clip(value, 0, width)) for value in (left, right + 1))
    y0, y1 = (int(np.clip(value, 0, height)) for value in (top, bottom + 1))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return np.full(3, np.nan)
    return np.asarray(image[y0:y1, x0:x1].reshape(-1, 3).mean(axis=0)[::-1], np.float64)


def _change(clip: Clip, before: int, after: int) -> float:
    """Mean change in grey levels between two frames, a flash's even brightening taken out."""
    if before == after:
        return 0.0
    one, other = (
        cv2.resize(
            cv2.cvtColor(clip.small[index], cv2.COLOR_BGR2GRAY), (64, 48), interpolation=cv2.INTER_AREA
        ).astype(np.float32)
        for index in (before, after)
    )
    return float(np.abs((one - one.mean()) - (other - other.mean())).mean())


def _sample(engine: Engine, index: int, time: float, image: Image, rough: Face) -> Sample:
    """Refine the face in a crop of its surroundings, and embed it."""
    x, y, width, height = rough.box
    reach = 0.9 * max(width, height)
    left, top = max(0, int(x + width / 2 - reach)), max(0, int(y + height / 2 - reach))
    part = image[top : int(y + height / 2 + reach) + 1, left : int(x + width / 2 + reach) + 1]
    found = engine.faces(np.ascontiguousarray(part), 1)
    face = rough
    if found:
        near = found[0]
        box = (near.box[0] + left, near.box[1] + top, near.box[2], near.box[3])
        face = Face(box, np.asarray(near.landmarks + np.array([left, top]), np.float32), near.score)
    return Sample(index, time, image, face, engine.embed(image, face), crop(image, face))


def crop(image: Image, face: Face) -> NDArray[np.uint8]:
    """A grey, upright square with the face in its middle at a fixed size."""
    scale = CROP_FACE * CROP_PX / max(unit(face.landmarks), 1.0)
    angle = np.radians(-face.roll)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    x, y = center(face.landmarks)
    middle = CROP_PX / 2
    matrix = np.array([[cos, -sin, middle - cos * x + sin * y], [sin, cos, middle - sin * x - cos * y]])
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(grey, matrix, (CROP_PX, CROP_PX), flags=flags), np.uint8)


def _upright(face: Face) -> Points:
    """A face's landmarks in its crop, in face widths from the middle."""
    angle = np.radians(-face.roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    away = face.landmarks - np.array(center(face.landmarks))
    return np.asarray(away @ turn.T / max(unit(face.landmarks), 1.0), np.float32)
