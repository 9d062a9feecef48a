"""A head made from one photo: its picture laid over a height field of a face's shape.

The height field is anchored on the landmarks, so eyes, nose and mouth stand out where
they are in the photo. Seen in perspective from changing places it shows the parallax of
a real head, which a photo held before the camera does not.

Lengths are in face widths, measured as AWS's client does: (2 x distance of the eyes +
1.8 x distance from eyes to mouth) / 2. x points right, y down, z towards the camera;
the origin lies between eyes and nose.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from local.rekognition.engine import Engine, Face

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

REACH = 1.5  # the texture covers -REACH..REACH in x and y
TEXTURE_PX = 720
_STEPS = 8  # of the search for where a ray meets the surface; errors fell below 0.1 px by then
_COARSE = 4  # rays are traced for every fourth pixel and interpolated


class NoFaceInPhoto(ValueError):
    """There is no face in the photo to animate."""


@dataclass(frozen=True, slots=True)
class Pose:
    """The pose of a head: its rotation in degrees, and its place (x, y, z) from the camera in face widths."""

    yaw: float
    pitch: float
    x: float
    y: float
    z: float


@dataclass(frozen=True)
class Head:
    """Texture (BGR and opacity), and the surface's height over it."""

    texture: Image  # TEXTURE_PX square, 4 channels
    height: Floats  # TEXTURE_PX square, face widths

    @classmethod
    def of(cls, photo: Image, engine: Engine, *, flat: bool = False) -> "Head":
        """Make a head of the largest face in a BGR photo; `flat` makes a sheet of paper of it.

        Raises NoFaceInPhoto.
        """
        photo, face = _find(photo, engine)
        matrix, points = _to_texture(face)
        size = (TEXTURE_PX, TEXTURE_PX)
        colors = cv2.warpAffine(photo, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        whole = np.full(photo.shape[:2], 255, np.uint8)
        covered = np.asarray(cv2.warpAffine(whole, matrix, size), np.uint8)
        grid = np.linspace(-REACH, REACH, TEXTURE_PX, dtype=np.float32)
        x, y = (np.asarray(axis, np.float32) for axis in np.meshgrid(grid, grid))
        if flat:
            alpha, height = np.asarray(covered / 255, np.float32), np.zeros_like(x)
        else:
            alpha, height = _silhouette(x, y, covered), _face_height(x, y, points)
        opacity = np.rint(alpha * 255).astype(np.uint8)
        return cls(np.dstack([colors, opacity]), height)

    def look(self, pose: Pose, width: int, height: int, focal: float) -> Image:
        """The head as a camera of that focal length (px) sees it: height x width x 4, outside transparent."""
        u, v = self._trace(pose, width, height, focal)
        seen = cv2.remap(
            self.texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0)
        )
        return np.asarray(seen, np.uint8)

    def _trace(self, pose: Pose, width: int, height: int, focal: float) -> tuple[Floats, Floats]:
        """Find the texture pixel that each picture pixel shows, by fixed-point steps along its ray."""
        turn = _rotation(pose.yaw, pose.pitch).T
        columns = np.arange(_COARSE / 2 - 0.5, width, _COARSE, dtype=np.float32)
        rows = np.arange(_COARSE / 2 - 0.5, height, _COARSE, dtype=np.float32)
        px, py = np.meshgrid((columns - width / 2) / focal, (rows - height / 2) / focal)
        rays = np.stack([px, py, -np.ones_like(px)], axis=-1) @ turn.T
        start = turn @ np.array([-pose.x, -pose.y, pose.z])
        ray_x, ray_y, ray_z = (rays[..., axis].astype(np.float32) for axis in range(3))
        z: Floats = np.zeros_like(ray_x)
        to_px = TEXTURE_PX / (2 * REACH)
        for _ in range(_STEPS):
            along = (z - start[2]) / ray_z
            u = ((start[0] + along * ray_x + REACH) * to_px - 0.5).astype(np.float32)
            v = ((start[1] + along * ray_y + REACH) * to_px - 0.5).astype(np.float32)
            seen = cv2.remap(self.height, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            z = np.asarray(seen, np.float32)
        size = (width, height)
        return (
            np.asarray(cv2.resize(u, size, interpolation=cv2.INTER_LINEAR), np.float32),
            np.asarray(cv2.resize(v, size, interpolation=cv2.INTER_LINEAR), np.float32),
        )


def _find(photo: Image, engine: Engine) -> tuple[Image, Face]:
    """The largest face; a tiny photo is enlarged first so that its landmarks are found well."""
    side = max(photo.shape[:2])
    if side < 320:
        scale = 320 / side
        photo = np.asarray(
            cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8
        )
    elif side > 1600:
        scale = 1600 / side
        photo = np.asarray(
            cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    faces = engine.faces(photo)
    if not faces:
        raise NoFaceInPhoto("there is no face in the photo")
    return photo, faces[0]


def _to_texture(face: Face) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """The affine map that sets the face upright into the texture, and its landmarks in face widths."""
    left, right, nose, mouth_left, mouth_right = face.landmarks.astype(np.float64)
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    unit = (2 * np.linalg.norm(right - left) + 1.8 * np.linalg.norm(mouth - eyes)) / 2
    origin = (eyes + nose) / 2
    angle = math.atan2(right[1] - left[1], right[0] - left[0])
    scale = TEXTURE_PX / (2 * REACH) / float(unit)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    linear = scale * turn
    middle = TEXTURE_PX / 2 - 0.5
    matrix = np.hstack([linear, (middle - linear @ origin)[:, None]])
    named = {"left": left, "right": right, "nose": nose, "mouth": mouth}
    return matrix, {name: turn @ (point - origin) / unit for name, point in named.items()}


def _silhouette(x: Floats, y: Floats, covered: NDArray[np.uint8]) -> Floats:
    """Opacity: head with hair, neck and some shoulder, soft at the edge and where the photo ends."""
    head = 1 - np.sqrt((x / 0.82) ** 2 + ((y - 0.05) / 1.18) ** 2)
    neck = np.minimum(0.5 + 0.9 * np.clip(y - 0.8, 0, None) - np.abs(x), (y - 0.4) * 2)
    shape = np.clip(np.maximum(head, neck) / 0.12, 0, 1)
    inside = cv2.GaussianBlur(cv2.erode(covered, np.ones((9, 9), np.uint8)), (0, 0), 5)
    return np.asarray(shape * (inside.astype(np.float32) / 255), np.float32)


def _face_height(x: Floats, y: Floats, points: dict[str, NDArray[np.float64]]) -> Floats:
    """The height of the surface: a rounded head with brow, sockets, nose, mouth and chin."""

    def bump(at: NDArray[np.float64], wide: float, high: float) -> Floats:
        return np.asarray(np.exp(-(((x - at[0]) / wide) ** 2) - ((y - at[1]) / high) ** 2), np.float32)

    nose, mouth = points["nose"], points["mouth"]
    eyes = (points["left"] + points["right"]) / 2
    middle = (eyes + mouth) / 2
    head = 0.58 * np.exp(-(((x - middle[0]) / 0.62) ** 2) - ((y - middle[1]) / 0.95) ** 2)
    bridge = (eyes + 2 * nose) / 3
    height = (
        head
        + 0.20 * bump(nose, 0.11, 0.13)
        + 0.08 * bump(bridge, 0.09, 0.2)
        - 0.06 * (bump(points["left"], 0.13, 0.1) + bump(points["right"], 0.13, 0.1))
        + 0.04 * bump(mouth, 0.2, 0.1)
        + 0.05 * bump(mouth + np.array([0, 0.26]), 0.2, 0.12)
    )
    return np.asarray(height - 0.5, np.float32)


def _rotation(yaw: float, pitch: float) -> NDArray[np.float64]:
    a, b = math.radians(yaw), math.radians(pitch)
    about_y = np.array([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    return np.asarray(about_y @ about_x, np.float64)
