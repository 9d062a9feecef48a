"""Quality and pose of a face, both computed from its pixels and landmarks.

Brightness, sharpness and the levels of the quality filter are our own measures on Rekognition's
scales; Amazon's formulas are not public.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from local.rekognition.engine.faces import Face, Image, Points


@dataclass(frozen=True)
class Quality:
    """The measurements of one face."""

    brightness: float
    """Mean luma of the face, 0..100."""
    sharpness: float
    """0..100: clear portraits about 90, a face of 40 px 23, clearly out of focus below 10."""
    yaw: float
    """Degrees, positive when the face looks to image right."""
    pitch: float
    """Degrees, positive when it looks up; five landmarks show little of it, so it is a weak estimate."""
    roll: float
    """Degrees, positive when the head is turned clockwise in the image."""


@dataclass(frozen=True)
class Bar:
    """The least that one level of the quality filter asks for."""

    score: float
    brightness: float
    sharpness: float
    yaw: float
    roll: float
    norm: float


# Read off 160 labelled pictures, clean and degraded by blur, noise, darkness, scale and rotation.
BARS: Final = {
    "LOW": Bar(0.70, 8, 5, 45, 60, 6),
    "MEDIUM": Bar(0.80, 12, 10, 40, 45, 7),
    "HIGH": Bar(0.85, 20, 25, 30, 30, 8),
}
BARS["AUTO"] = BARS["MEDIUM"]

# Rekognition finds faces of 40 px in pictures up to 1920 x 1080, and proportionally larger ones above.
_LEAST_FACE: Final = 40
_FULL_HD: Final = 1920

# A mean face in units of the distance of its eyes: x right, y down, z away from the camera.
_MEAN_FACE: Final = np.array(
    [[-0.5, 0, 0], [0.5, 0, 0], [0, 0.527, -0.662], [-0.455, 1.032, 0], [0.455, 1.032, 0]]
)
_CENTRED_FACE: Final = _MEAN_FACE - _MEAN_FACE.mean(axis=0)
_SOLVE: Final = np.linalg.pinv(_CENTRED_FACE)

# The landmarks follow a turned head by this much (slope over heads rendered at known angles).
_YAW_SLOPE: Final = 0.70


def measure(image: Image, face: Face, aligned: Image) -> Quality:
    """Measure a face; `aligned` is its 112 x 112 crop."""
    yaw, pitch, roll = pose(face.landmarks)
    return Quality(_brightness(image, face), _sharpness(aligned), yaw, pitch, roll)


def pose(landmarks: Points) -> tuple[float, float, float]:
    """Estimate yaw, pitch and roll in degrees by fitting the mean face under weak perspective."""
    points = np.asarray(landmarks, np.float64)
    fit = (points - points.mean(axis=0)).T @ _SOLVE.T  # 2 x 3: the first two rows of scale * rotation
    across, down = fit[:, 0], fit[:, 1]
    scale = max(float(np.linalg.norm(across)), float(np.linalg.norm(down)), 1e-9)
    roll = np.arctan2(across[1], across[0])
    # The depth axis as the camera sees it, with the roll undone; a nose towards image right pulls it left.
    cos, sin = np.cos(-roll), np.sin(-roll)
    x = cos * fit[0, 2] - sin * fit[1, 2]
    y = sin * fit[0, 2] + cos * fit[1, 2]
    yaw = np.degrees(np.arcsin(np.clip(-x / scale, -1, 1))) / _YAW_SLOPE
    pitch = np.degrees(np.arcsin(np.clip(y / scale, -1, 1)))
    return float(np.clip(yaw, -90, 90)), float(pitch), float(np.degrees(roll))


def shortcomings(face: Face, quality: Quality, norm: float, image: Image, level: str) -> list[str]:
    """Name the Reasons for which this level of the filter refuses the face; none at level NONE."""
    if level == "NONE":
        return []
    bar = BARS[level]
    least = _LEAST_FACE * max(1.0, max(image.shape[:2]) / _FULL_HD)
    failed = {
        "EXTREME_POSE": abs(quality.yaw) > bar.yaw or abs(quality.roll) > bar.roll,
        "LOW_BRIGHTNESS": quality.brightness < bar.brightness,
        "LOW_SHARPNESS": quality.sharpness < bar.sharpness,
        "LOW_CONFIDENCE": face.score < bar.score,
        "SMALL_BOUNDING_BOX": face.size < least,
        "LOW_FACE_QUALITY": norm < bar.norm,
    }
    return [reason for reason, is_so in failed.items() if is_so]


def _brightness(image: Image, face: Face) -> float:
    x, y, width, height = (round(value) for value in face.box)
    part = image[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)]
    if not part.size:
        return 0.0
    return float(cv2.mean(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY))[0]) * 100 / 255


def _sharpness(aligned: Image) -> float:
    """Compare fine detail with all detail, so that a dull picture does not count as a blurred one."""
    grey = cv2.cvtColor(aligned, cv2.COLOR_BGR2GRAY)
    detail = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    ratio = detail / (float(grey.var()) + 25)
    return 100 * (1 - float(np.exp(-ratio / 0.12)))
