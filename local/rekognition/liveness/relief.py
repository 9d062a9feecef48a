"""The flat-picture test: does the face move as one plane would?

Corners of the face are followed through stabilised crops; one homography per frame is
all that a flat sheet can do, so what it leaves over is depth (or a moving face).
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

CORNERS = 220
MIN_CORNERS = 30
_WINDOW = (17, 17)
_LEVELS = 2
_UNTIL = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]


def residuals(crops: Sequence[Grey], middle: int, face_px: float) -> list[float]:
    """For each other crop: the 80th percentile of what a homography leaves over, in face widths.

    `middle` is the crop the corners come from; crops lie in order of time. A crop
    in which too few corners can be followed gives nothing.
    """
    start = _corners(crops[middle], face_px)
    if start is None:
        return []
    found: list[float] = []
    for order in (range(middle + 1, len(crops)), range(middle - 1, -1, -1)):
        guess = start.copy()
        for index in order:
            followed, good = _follow(crops[middle], crops[index], start, guess)
            if good.sum() < MIN_CORNERS:
                continue
            guess = np.where(good[:, None], followed, guess)
            value = _left_over(start[good], followed[good])
            if value is not None:
                found.append(value / face_px)
    return found


def _corners(crop: Grey, face_px: float) -> Points | None:
    mask = np.zeros_like(crop)
    side = crop.shape[0]
    center = (side // 2, round(side / 2 + 0.12 * face_px))
    cv2.ellipse(mask, center, (round(0.48 * face_px), round(0.62 * face_px)), 0, 0, 360, 255, -1)
    corners = cv2.goodFeaturesToTrack(crop, CORNERS, 0.005, 4, mask=mask, blockSize=5)
    if corners is None or len(corners) < MIN_CORNERS:
        return None
    return np.asarray(corners.reshape(-1, 2), np.float32)


def _follow(one: Grey, other: Grey, start: Points, guess: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Follow the corners there and back; good are those that come back to where they were."""
    ahead, ok = _flow(one, other, start, guess)
    back, ok_back = _flow(other, one, ahead, start)
    return ahead, ok & ok_back & (np.linalg.norm(back - start, axis=1) < 0.5)


def _flow(one: Grey, other: Grey, start: Points, guess: Points) -> tuple[Points, NDArray[np.bool_]]:
    ahead, ok, _ = cv2.calcOpticalFlowPyrLK(
        one,
        other,
        start[:, None],
        guess[:, None].copy(),
        winSize=_WINDOW,
        maxLevel=_LEVELS,
        criteria=_UNTIL,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(ahead, np.float32)[:, 0], np.asarray(ok).ravel() == 1


def _left_over(start: Points, followed: Points) -> float | None:
    plane, _ = cv2.findHomography(start, followed, cv2.LMEDS)
    if plane is None or not np.isfinite(plane).all():
        return None
    mapped = cv2.perspectiveTransform(start[:, None].astype(np.float64), plane)[:, 0]
    return float(np.percentile(np.linalg.norm(mapped - followed, axis=1), 80))
