"""The test for a flat picture: how much of a face's changes does a head's relief explain?

Crops of the face are aligned to one another by a warp that has two parts: all that a sheet of
paper can do, held and tilted by hand, flat or bent (any quadratic map, and the cubic terms by which a
bent sheet's bulge grows as it comes nearer); and what a nose and sockets do on top: their parallax
when the head turns, and that a nose grows faster than the rest as it comes nearer. The answer
is the share of the remaining change in the picture that the second part takes away. Moire, noise
and flicker count against it, because no relief explains them.

In that, each crop may have a relief of its own, so that a face may talk and blink. `rigid` asks more
of the same alignment, and finds less: whether one head that does not change explains all crops.

The alignment is Gauss-Newton over all pixels of the face (Lucas and Kanade 1981, with robust weights
and a prior), against the mean of the aligned crops, which has less noise than any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Warp = Floats64  # one weight for each of the `_Basis` maps

SHEET: Final = 15  # maps of a sheet; those of each nose follow
NOSE: Final = 3  # maps of each nose
_TILT: Final = np.arange(12)  # those of a sheet without its bulge growing
_ALIGNED: Final = np.arange(SHEET + NOSE)  # with the first nose; the second's are for `rigid` alone
# How far each map usually goes, in face widths: shift; the linear ones; the quadratic; the bulge; relief.
_SPREAD: Final = np.array([0.5] * 6 + [0.3] * 6 + [0.15] * 3 + [0.15, 0.15, 0.3])
_BLUR: Final = 8.0  # pixels of a blurred crop that count as one: their noise is shared

_NOTHING: Final = np.empty((0, 0), np.float32)  # gemm's third matrix

_TILT_STEPS, _STEPS, _PASSES = 4, 5, 2
_DONE: Final = 3e-4  # face widths
_NEAR: Final = 0.35  # log units of size: crops that are averaged
_MATCHED: Final = 0.3  # of a crop's contrast must be explained for it to count as aligned
_OUTLIER: Final = 1.8  # times the median error
# Face widths that any pixel may be off. Where hardly anything is left to explain (a still enlarged by a
# program), a relief would explain most of it.
_SLACK: Final = 0.0015


@dataclass(frozen=True, slots=True)
class Crop:
    """A face in a square picture: upright, its middle in the middle; how wide it was before, in px.

    `landmarks` (5 x 2) are the eyes, the nose and the corners of the mouth, in face widths from the middle.
    """

    image: Grey
    size: float
    landmarks: Floats


@dataclass(frozen=True, slots=True)
class Nose:
    """A nose and the hollows on both sides of it, in face widths."""

    width: float
    widens: float  # to its tip
    inward: float  # from each eye to its hollow's middle, as a share of the way to the nose's
    below: float
    wide: float
    high: float
    deep: float


# A narrow one between sockets, and a broad one between valleys that go down beside it. MediaPipe's canonical
# face model is nearer to the second (correlations of 0.76 and 0.88, what a bent sheet can have taken out).
NOSES: Final = (
    Nose(0.055, 0.05, inward=0, below=0, wide=0.13, high=0.09, deep=0.06),
    Nose(0.115, 0, inward=0.33, below=0.07, wide=0.13, high=0.18, deep=0.125),
)


@dataclass(frozen=True, slots=True)
class _Basis:
    """The face's pixels in a crop (face widths from its middle), and what each map adds to them."""

    x: Floats
    y: Floats
    dx: Floats  # maps x pixels
    dy: Floats


@dataclass(frozen=True, slots=True)
class Aligned:
    """One crop's warp; at `warp + d` its squared error is `error + 2 pull @ d + d @ normal @ d`.

    It is aligned by the first nose: the last maps of the warp are 0.
    """

    warp: Warp
    normal: Floats64
    pull: Floats64
    error: float
    slack: float  # the error of pixels that are off by `_SLACK`
    nearer: bool  # than the crop that all are aligned to


def align(crops: Sequence[Crop], face_px: float) -> list[Aligned]:
    """Align crops, in order of time, each face `face_px` wide in them; those that cannot be are left out."""
    logs = np.log([max(crop.size, 1.0) for crop in crops])
    middle = int(np.abs(logs - (logs.min() + logs.max()) / 2).argmin())
    side, landmarks = crops[middle].image.shape[0], crops[middle].landmarks
    basis, whole = _face(side, landmarks, face_px), _square(side, landmarks, face_px)
    flattened = [_flattened(crop.image) for crop in crops]
    target, warps = flattened[middle], dict[int, Warp]()
    for number in range(_PASSES):
        if number:
            close = [i for i in warps if abs(logs[i] - logs[middle]) < _NEAR]
            if not close:
                return []
            seen = [_seen(flattened[i], warps[i], whole, face_px) for i in close]
            target = np.asarray(np.mean(seen, axis=0), np.float32).reshape(side, side)
        reference, slopes = _reference(target, basis, face_px)
        warps = _aligned(flattened, middle, reference, slopes, basis, face_px, warps)
    found = []
    for index, warp in warps.items():
        error = _seen(flattened[index], warp, basis, face_px) - reference
        weights = _weights(error)
        weighted = slopes * weights
        slack = float((weights * (slopes[0] ** 2 + slopes[1] ** 2)).sum()) * _SLACK**2
        found.append(
            Aligned(
                warp,
                _product(weighted, slopes),
                _product(weighted, error[None])[:, 0],
                float((weights * error * error).sum()),
                slack,
                bool(logs[index] > logs[middle]),
            )
        )
    most = _OUTLIER * np.median([one.error for one in found]) if found else 0.0
    return [one for one in found if one.error < most]


def explained(aligned: Sequence[Aligned]) -> float:
    """The share (0 to 1) of the face's changes that a relief explains and a bent sheet does not."""
    gain = sum(_gain(one) for one in aligned)
    rest = sum(one.error + one.slack for one in aligned)
    return gain / max(gain + rest, 1e-9)


def nose_height(x: Floats, y: Floats, landmarks: Floats, nose: Nose) -> Floats:
    """How far a face stands out at places around its landmarks, all in face widths: a nose and its hollows.

    No more of it, because a bent sheet can have the rest, and heads differ there.
    """
    left, right, tip, *_ = landmarks
    eyes = (left + right) / 2
    down = np.clip((y - eyes[1]) / max(float(tip[1] - eyes[1]), 0.1), 0, 1)
    middle = eyes[0] + down * (tip[0] - eyes[0])  # the ridge runs from between the eyes to the tip
    ridge = np.where(y < tip[1], down, np.clip(1 - (y - tip[1]) / 0.10, 0, 1))
    ridge = 0.22 * ridge * np.exp(-(((x - middle) / (nose.width + nose.widens * down)) ** 2))
    for eye in (left, right):
        across = x - eye[0] - nose.inward * (eyes[0] - eye[0])
        ridge -= nose.deep * np.exp(
            -((across / nose.wide) ** 2) - ((y - eye[1] - nose.below) / nose.high) ** 2
        )
    return np.asarray(ridge, np.float32)


def _face(side: int, landmarks: Floats, face_px: float) -> _Basis:
    """The maps over every second pixel of the ellipse that a face fills in a crop."""
    line = (np.arange(0, side, 2, dtype=np.float32) + 0.5 - side / 2) / np.float32(face_px)
    x, y = (np.asarray(axis, np.float32) for axis in np.meshgrid(line, line))
    inside = (x / 0.50) ** 2 + ((y - 0.12) / 0.64) ** 2 < 1
    return _maps(x[inside], y[inside], landmarks)


def _square(side: int, landmarks: Floats, face_px: float) -> _Basis:
    """The maps over a whole crop."""
    line = (np.arange(side, dtype=np.float32) - side / 2) / np.float32(face_px)
    x, y = (np.asarray(axis, np.float32).ravel() for axis in np.meshgrid(line, line))
    return _maps(x, y, landmarks)


def _maps(x: Floats, y: Floats, landmarks: Floats) -> _Basis:
    none = np.zeros_like(x)
    maps: list[tuple[Floats, Floats]] = []
    for term in (np.ones_like(x), x, y, x * x, x * y, y * y):
        maps += [(term, none), (none, term)]
    maps += [(x * bulge, y * bulge) for bulge in (x * x, x * y, y * y)]
    for nose in NOSES:
        height = nose_height(x, y, landmarks, nose)
        maps += [(height, none), (none, height), (x * height, y * height)]
    dx, dy = (np.array(axis, np.float32) for axis in zip(*maps, strict=True))
    return _Basis(x, y, dx, dy)


def _flattened(crop: Grey) -> Floats:
    """The crop's detail in units of its surroundings' contrast: light and exposure taken out."""
    smooth = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), 1.2)
    detail = smooth - cv2.GaussianBlur(smooth, (0, 0), 12)
    return np.asarray(detail / (np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 12)) + 4), np.float32)


def _reference(target: Floats, basis: _Basis, face_px: float) -> tuple[Floats, Floats]:
    """The target's pixels, and how they change with each map: maps x pixels."""
    at_x, at_y = _pixels(basis.x, target, face_px), _pixels(basis.y, target, face_px)
    scale = face_px / 8  # of Sobel's sums to a slope per face width
    across = _at(cv2.Sobel(target, cv2.CV_32F, 1, 0, ksize=3) * scale, at_x, at_y)
    down = _at(cv2.Sobel(target, cv2.CV_32F, 0, 1, ksize=3) * scale, at_x, at_y)
    return _at(target, at_x, at_y), across * basis.dx + down * basis.dy


def _aligned(
    crops: Sequence[Floats],
    middle: int,
    reference: Floats,
    slopes: Floats,
    basis: _Basis,
    face_px: float,
    before: dict[int, Warp],
) -> dict[int, Warp]:
    """Each crop's warp, followed from the middle outwards; crops that do not match are left out."""
    power = reference * reference
    found: dict[int, Warp] = {}
    for order in (range(middle, len(crops)), range(middle - 1, -1, -1)):
        latest = np.zeros(SHEET + len(NOSES) * NOSE)
        for index in order:
            start = before.get(index)
            if start is None:
                start = _fitted(crops[index], reference, slopes, basis, face_px, latest, _TILT, _TILT_STEPS)
            warp = _fitted(crops[index], reference, slopes, basis, face_px, start, _ALIGNED, _STEPS)
            error = _seen(crops[index], warp, basis, face_px) - reference
            weights = _weights(error)
            if (weights * error * error).sum() < (1 - _MATCHED) * (weights * power).sum():
                found[index] = latest = warp
    return found


def _fitted(
    crop: Floats,
    reference: Floats,
    slopes: Floats,
    basis: _Basis,
    face_px: float,
    warp: Warp,
    used: NDArray[np.intp],
    steps: int,
) -> Warp:
    """Improve a warp by Gauss-Newton steps in the maps that are used."""
    slopes, spread = slopes[used], _SPREAD[used]
    for _ in range(steps):
        error = _seen(crop, warp, basis, face_px) - reference
        weights = _weights(error)
        prior = _BLUR * np.average(error * error, weights=weights) / spread**2
        weighted = slopes * weights
        pull = _product(weighted, error[None])[:, 0] + prior * warp[used]
        step = np.linalg.solve(_product(weighted, slopes) + np.diag(prior), pull)
        warp = warp.copy()
        warp[used] -= step
        if np.abs(step).max() < _DONE:
            break
    return warp


def _gain(one: Aligned) -> float:
    """How much larger the squared error would be without the relief's maps, all others refitted.

    A nose that grows less than the rest as the face comes nearer is none.
    """
    nose = one.warp[SHEET : SHEET + NOSE]
    normal = one.normal[: SHEET + NOSE, : SHEET + NOSE]
    sheet, both, depth = normal[:SHEET, :SHEET], normal[:SHEET, SHEET:], normal[SHEET:, SHEET:]
    sheet = sheet + 1e-6 * sheet.diagonal().mean() * np.eye(SHEET)
    own = depth - both.T @ np.linalg.solve(sheet, both)
    gain = float(nose @ own @ nose)
    if (nose[-1] > 0) != one.nearer:
        gain -= float(nose[-1] ** 2 * (own[2, 2] - own[2, :2] @ np.linalg.solve(own[:2, :2], own[:2, 2])))
    return gain


def _product(one: Floats, other: Floats) -> Floats64:
    """`one @ other.T`; by OpenCV, because BLAS's threads stand in one another's way on a busy machine."""
    return np.asarray(cv2.gemm(one, other, 1.0, _NOTHING, 0.0, flags=cv2.GEMM_2_T), np.float64)


def _weights(error: Floats) -> Floats:
    """Cauchy's weights: what changes far more than the rest is no motion."""
    scale = 1.5 * float(np.median(np.abs(error))) + 1e-6
    return np.asarray(1 / (1 + (error / scale) ** 2), np.float32)


def _seen(image: Floats, warp: Warp, basis: _Basis, face_px: float) -> Floats:
    """What a crop shows where the warp puts the basis's pixels."""
    weights = warp.astype(np.float32)[None]
    x = basis.x + cv2.gemm(weights, basis.dx, 1.0, _NOTHING, 0.0)[0]
    y = basis.y + cv2.gemm(weights, basis.dy, 1.0, _NOTHING, 0.0)[0]
    return _at(image, _pixels(x, image, face_px), _pixels(y, image, face_px))


def _pixels(axis: Floats, image: Floats, face_px: float) -> Floats:
    return np.asarray(axis * face_px + image.shape[0] / 2, np.float32)


_ROW: Final = 16_384  # px: remap takes at most 32,767 in a row


def _at(image: Floats, x: Floats, y: Floats) -> Floats:
    """The image's values at these places."""
    parts = [
        cv2.remap(
            image,
            x[None, i : i + _ROW],
            y[None, i : i + _ROW],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )[0]
        for i in range(0, len(x), _ROW)
    ]
    return np.concatenate(parts)
