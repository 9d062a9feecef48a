"""Square, turned, scaled crops around faces, and the way back from them."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from local.rekognition.engine.faces import Image, Points

Matrix = NDArray[np.float64]  # 2 x 3, affine

# Bilinear sampling skips pixels when it shrinks much; below this scale the picture is averaged first.
_ALIASES_BELOW: Final = 0.35


def crop_matrix(centre: tuple[float, float], scale: float, roll: float, side: int) -> Matrix:
    """Map a picture onto a square of `side` px: `centre` to its middle, scaled, `roll` degrees undone."""
    angle = np.radians(-roll)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    x, y = centre
    middle = side / 2
    return np.array([[cos, -sin, middle - cos * x + sin * y], [sin, cos, middle - sin * x - cos * y]])


def warp(image: Image, matrix: Matrix, side: int) -> Image:
    """Cut the crop that `matrix` maps to a square of `side` px; black where the picture ends."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < _ALIASES_BELOW:
        image, matrix = _shrink(image, matrix, side, scale)
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


def _shrink(image: Image, matrix: Matrix, side: int, scale: float) -> tuple[Image, Matrix]:
    """Average the part of the picture that the crop needs down to about the crop's own scale."""
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float32)
    needed = back(corners, matrix)
    height, width = image.shape[:2]
    left, top = (int(v) for v in np.clip(np.floor(needed.min(axis=0)) - 2, 0, (width - 1, height - 1)))
    right, bottom = (
        int(v) for v in np.clip(np.ceil(needed.max(axis=0)) + 2, (left + 1, top + 1), (width, height))
    )
    part = image[top:bottom, left:right]
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    # A pixel's middle is at +.5: (u + .5) = (x + .5 - left) * factor
    factor = np.array([part.shape[1] / size[0], part.shape[0] / size[1]])
    offset = 0.5 * factor - 0.5 + (left, top)
    moved = np.empty_like(matrix)
    moved[:, :2] = matrix[:, :2] * factor
    moved[:, 2] = matrix[:, :2] @ offset + matrix[:, 2]
    return np.asarray(small, np.uint8), moved


def back(points: Points, matrix: Matrix) -> Points:
    """Map points of the crop (n x 2) to where they lie in the picture."""
    inverse = cv2.invertAffineTransform(matrix)
    return np.asarray(points @ inverse[:, :2].T + inverse[:, 2], np.float32)
