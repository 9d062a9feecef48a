"""The value types of the engine."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # height x width x 3, BGR, upright
Points = NDArray[np.float32]  # 5 x 2, pixels


@dataclass(frozen=True)
class Face:
    """A face in a picture, in that picture's pixels."""

    box: tuple[float, float, float, float]
    """Left, top, width, height; may reach beyond the picture."""
    landmarks: Points
    """5 x 2: eye at image left, eye at image right, nose, mouth corner at image left, at image right."""
    score: float
    """The detector's, 0..1; clear faces reach .95."""

    @property
    def size(self) -> float:
        """The longer side of the box, in pixels."""
        return max(self.box[2], self.box[3])

    @property
    def area(self) -> float:
        """The area of the box in square pixels, by which the largest face is chosen."""
        return self.box[2] * self.box[3]

    @property
    def roll(self) -> float:
        """The slope of the line through the eyes in degrees; positive is clockwise."""
        x, y = self.landmarks[1] - self.landmarks[0]
        return float(np.degrees(np.arctan2(y, x)))


@dataclass(frozen=True)
class Embedding:
    """The vector that a face is compared by."""

    vector: NDArray[np.float32]
    """128 numbers, length 1: the cosine of two of them is their dot product."""
    norm: float
    """The length before it was made 1: clear faces about 12, poor ones below 9."""
