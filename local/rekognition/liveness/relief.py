"""The test for a flat picture: how much of a face's changes does a head's relief explain?

Crops of the face are aligned to one another by a warp that has two parts: all that a sheet of
paper can do, held and tilted by hand, flat or bent (any quadratic map, and the cubic terms by which a
bent sheet's bulge grows as it comes nearer); and what a nose, sockets and cheeks do on top: their
parallax when the head turns, and that they grow faster than the rest as it comes nearer. The answer
is the share of the remaining change in the picture that the second part takes away. Moire, noise
and flicker count against it, because no relief explains them.

The alignment is Gauss-Newton over all pixels of the face (Lucas and Kanade 1981, with robust weights
and a prior), against the mean of the aligned crops, which has less noise than any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]
Warp = NDArray[np.float64]  # one weight for each of the `_Basis` maps

_SHEET: Final = 15  # maps of a sheet; three of a relief follow
_TILT: Final = np.arange(12)  # those of a sheet without its bulge growing
_ALL: Final = np.arange(_SHEET + 3)
# How far each map usually goes, in face widths: shift; the linear ones; the quadratic; the bulge; relief.
_SPREAD: Final = np.array([0.5] * 6 + [0.3] * 6 + [0.15] * 3 + [0.15, 0.15, 0.3])
_BLUR: Final = 8.0  # pixels of a blurred crop that count as one: their noise is shared

_TILT_STEPS, _STEPS, _PASSES = 4, 5, 2
_DONE: Final = 3e-4  # face widths
_NEAR: Final = 0.35  # log units of size: crops that are averaged
_MATCHED: Final = 0.3  # of a crop's contrast must be explained for it to count as aligned
_OUTLIER: Final = 1.8  # times the median error
_MIN_CROPS: Final = 6


@dataclass(frozen=True, slots=True)
class _Basis:
    """The face's pixels in a crop (face widths from its middle), and what each map adds to them."""

    x: Floats
    y: Floats
    dx: Floats  # maps x pixels
    dy: Floats


def explained(crops: Sequence[Grey], sizes: Sequence[float], face_px: float) -> float | None:
    """The share (0 to 1) of the face's changes that a relief explains and a bent sheet does not.

    `crops` are square, in order of time, the face upright in the middle and `face_px` wide; `sizes`
    are the face's widths before cropping, in any unit. None if too few crops can be aligned.
    """
    basis = _basis(crops[0].shape[0], face_px)
    flattened = [_flattened(crop) for crop in crops]
    logs = np.log(np.asarray(sizes))
    middle = int(np.abs(logs - (logs.min() + logs.max()) / 2).argmin())
    target, warps = flattened[middle], dict[int, Warp]()
    for number in range(_PASSES):
        if number:
            close = [i for i in warps if abs(logs[i] - logs[middle]) < _NEAR]
            if not close:
                return None
            target = np.mean(
                [_warped(flattened[i], warps[i], face_px) for i in close], axis=0, dtype=np.float32
            )
        reference, slopes = _reference(target, basis, face_px)
        warps = _aligned(flattened, middle, reference, slopes, basis, face_px, warps)
    if len(warps) < _MIN_CROPS:
        return None
    gained, left = [], []
    for index, warp in warps.items():
        error = _seen(flattened[index], warp, basis, face_px) - reference
        weights = _weights(error)
        gained.append(_gain(slopes, weights, warp))
        left.append(float((weights * error * error).sum()))
    usual = np.array(left) < _OUTLIER * np.median(left)
    gain, rest = float(np.array(gained)[usual].sum()), float(np.array(left)[usual].sum())
    return gain / max(gain + rest, 1e-9)


def face_height(x: Floats, y: Floats) -> Floats:
    """A face's height at a place, in face widths: a rounded head with nose, sockets, lips and chin.

    The sizes are those of a typical adult; that real faces differ costs some of what is explained.
    """
    down = np.clip((y + 0.14) / 0.28, 0, 1)
    ridge = np.where(y < 0.14, down, np.clip(1 - (y - 0.14) / 0.10, 0, 1))
    nose = 0.22 * ridge * np.exp(-((x / (0.055 + 0.05 * down)) ** 2))
    sockets = sum(_bump(x, y, (at, -0.137), 0.13, 0.09) for at in (-0.26, 0.26))
    head, lips = _bump(x, y, (0, 0.13), 0.62, 0.95), _bump(x, y, (0, 0.4), 0.2, 0.1)
    chin = _bump(x, y, (0, 0.62), 0.18, 0.12)
    return np.asarray(nose + 0.58 * head - 0.06 * sockets + 0.03 * lips + 0.04 * chin, np.float32)


def _bump(x: Floats, y: Floats, at: tuple[float, float], wide: float, tall: float) -> Floats:
    return np.asarray(np.exp(-(((x - at[0]) / wide) ** 2) - ((y - at[1]) / tall) ** 2), np.float32)


@cache
def _basis(side: int, face_px: float) -> _Basis:
    """The maps over every second pixel of the ellipse that a face fills in a crop."""
    line = (np.arange(0, side, 2, dtype=np.float32) + 0.5 - side / 2) / np.float32(face_px)
    x, y = (np.asarray(axis, np.float32) for axis in np.meshgrid(line, line))
    face = (x / 0.50) ** 2 + ((y - 0.12) / 0.64) ** 2 < 1
    x, y = x[face], y[face]
    return _Basis(x, y, *_maps(x, y))


@cache
def _whole(side: int, face_px: float) -> _Basis:
    line = (np.arange(side, dtype=np.float32) - side / 2) / np.float32(face_px)
    x, y = (np.asarray(axis, np.float32).ravel() for axis in np.meshgrid(line, line))
    return _Basis(x, y, *_maps(x, y))


def _maps(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    none, height = np.zeros_like(x), face_height(x, y)
    maps: list[tuple[Floats, Floats]] = []
    for term in (np.ones_like(x), x, y, x * x, x * y, y * y):
        maps += [(term, none), (none, term)]
    maps += [(x * bulge, y * bulge) for bulge in (x * x, x * y, y * y, height)]
    maps[_SHEET:_SHEET] = [(height, none), (none, height)]
    return np.array([dx for dx, _ in maps], np.float32), np.array([dy for _, dy in maps], np.float32)


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
        latest = np.zeros(len(_ALL))
        for index in order:
            start = before.get(index)
            if start is None:
                start = _fitted(crops[index], reference, slopes, basis, face_px, latest, _TILT, _TILT_STEPS)
            warp = _fitted(crops[index], reference, slopes, basis, face_px, start, _ALL, _STEPS)
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


def _gain(slopes: Floats, weights: Floats, warp: Warp) -> float:
    """How much larger the squared error would be without the relief's maps, all others refitted."""
    normal = _product(slopes * weights, slopes)
    sheet, both, depth = normal[:_SHEET, :_SHEET], normal[:_SHEET, _SHEET:], normal[_SHEET:, _SHEET:]
    sheet = sheet + 1e-6 * sheet.diagonal().mean() * np.eye(_SHEET)
    own = depth - both.T @ np.linalg.solve(sheet, both)
    return float(warp[_SHEET:] @ own @ warp[_SHEET:])


def _product(one: Floats, other: Floats) -> NDArray[np.float64]:
    """`one @ other.T`; by OpenCV, because BLAS's threads stand in one another's way on a busy machine."""
    return np.asarray(cv2.gemm(one, other, 1.0, None, 0.0, flags=cv2.GEMM_2_T), np.float64)


def _weights(error: Floats) -> Floats:
    """Cauchy's weights: what changes far more than the rest is no motion."""
    scale = 1.5 * float(np.median(np.abs(error))) + 1e-6
    return np.asarray(1 / (1 + (error / scale) ** 2), np.float32)


def _seen(image: Floats, warp: Warp, basis: _Basis, face_px: float) -> Floats:
    """What a crop shows where the warp puts the basis's pixels."""
    weights = warp.astype(np.float32)[None]
    x = basis.x + cv2.gemm(weights, basis.dx, 1.0, None, 0.0)[0]
    y = basis.y + cv2.gemm(weights, basis.dy, 1.0, None, 0.0)[0]
    return _at(image, _pixels(x, image, face_px), _pixels(y, image, face_px))


def _warped(image: Floats, warp: Warp, face_px: float) -> Floats:
    side = image.shape[0]
    return _seen(image, warp, _whole(side, face_px), face_px).reshape(side, side)


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
