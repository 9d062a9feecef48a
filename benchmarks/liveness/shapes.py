"""Shapes of heads other than `local.camera`'s, as heights over a head's texture, in face widths."""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.liveness.takes import Grid
from local.camera.relief import REACH, TEXTURE_PX
from local.liveness.judge.observe import center, unit
from tests.support import photos as faces

# Of the mean face's points, by number: the corners of both eyes, the nose's tip, the mouth's corners.
_EYES, _NOSE, _MOUTH = ((33, 133), (263, 362)), 4, (61, 291)
_SMOOTH: Final = 4.0  # px: the mesh's edges are no edges of a face


def grid() -> tuple[Grid, Grid]:
    """Where each pixel of a head's texture lies, in face widths."""
    line = np.linspace(-REACH, REACH, TEXTURE_PX, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


@cache
def ellipsoid() -> Grid:
    """An ellipsoid with a wedge for a nose, and sockets."""
    x, y = grid()
    round_ = 0.55 * np.sqrt(np.maximum(1 - (x / 0.75) ** 2 - ((y - 0.1) / 1.1) ** 2, 0.01))
    down = np.clip((y + 0.12) / 0.28, 0, 1) * (y < 0.16) + np.clip(1 - (y - 0.16) / 0.05, 0, 1) * (y >= 0.16)
    wedge = 0.21 * down * np.clip(1 - np.abs(x) / (0.05 + 0.1 * down), 0, 1)
    sockets = sum(0.05 * np.exp(-(((x - at) / 0.12) ** 2) - ((y + 0.13) / 0.08) ** 2) for at in (-0.26, 0.26))
    return np.asarray(cv2.GaussianBlur(round_ + wedge - sockets - 0.5, (0, 0), 5), np.float32)


@cache
def mean_face() -> Grid:
    """MediaPipe's canonical face model, a mesh of 468 points; around it the head falls away."""
    points, triangles = faces.mean_face()
    points = points * np.array([1, -1, 1])
    eyes = [points[list(corners)].mean(axis=0) for corners in _EYES]
    landmarks = np.array([*eyes, *points[[_NOSE, *_MOUTH]]], np.float32)[:, :2]
    points = (points - [*center(landmarks), 0]) / unit(landmarks)
    height, covered = _drawn(points, triangles)
    x, y = grid()
    _, nearest = cv2.distanceTransformWithLabels(
        np.asarray(~covered, np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rim = np.zeros(int(nearest.max()) + 1, np.float32)
    rim[nearest[covered]] = height[covered]
    falls = 0.5 * np.maximum(np.hypot(x / 0.8, (y - 0.05) / 1.15) - 0.85, 0)
    height = np.where(covered, height, rim[nearest] - falls)
    smooth: Grid = np.asarray(cv2.GaussianBlur(np.asarray(height, np.float32), (0, 0), _SMOOTH), np.float32)
    return np.asarray(smooth - smooth[TEXTURE_PX // 2, TEXTURE_PX // 2], np.float32)


def _drawn(points: NDArray[np.float64], triangles: NDArray[np.int64]) -> tuple[Grid, NDArray[np.bool_]]:
    """The mesh's height at each pixel, and where it has one."""
    height = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
    covered = np.zeros((TEXTURE_PX, TEXTURE_PX), bool)
    at = (points[:, :2] + REACH) / (2 * REACH) * (TEXTURE_PX - 1)
    for triangle in triangles:
        corners = at[triangle]
        (left, top), (right, bottom) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
        x, y = np.meshgrid(np.arange(left, right + 1), np.arange(top, bottom + 1))
        edges = np.vstack([corners.T, np.ones(3)])
        if abs(np.linalg.det(edges)) < 1e-9:
            continue
        shares = np.linalg.inv(edges) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
        inside = (shares >= -1e-6).all(axis=0)
        rows, columns = y.ravel()[inside].astype(int), x.ravel()[inside].astype(int)
        height[rows, columns] = points[triangle, 2] @ shares[:, inside]
        covered[rows, columns] = True
    return height, covered
