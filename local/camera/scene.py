"""A person before a camera: sits back, comes nearer until the face fills the oval, holds still."""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from local.camera.relief import Head, Pose
from local.liveness.challenge import Color, Oval

Image = NDArray[np.uint8]

FAR_S = 1.2  # before the move: the AWS client also records about a second of it
MOVE_S = 2.6  # nearer than that would be a rush, longer strains the client's 7 s limit
SETTLE_S = 0.4  # the rest of the movement challenge
GROWTH = 2.3  # near over far; the oval's rules ask for 1.5 at least
FILL = 0.95  # of the oval's width; the AWS client matches from 0.84 to 1.4

_FOCAL = 1.3  # of the picture's width, 42 degrees: nearer lenses change a face's looks too much
_YAW, _PITCH = 9.0, 4.0  # degrees of natural sway
_NOISES = 5


@dataclass(frozen=True)
class Scene:
    """Frames of `width` x `height` px at any time (s) from the start; the same seed shows the same room."""

    head: Head
    oval: Oval
    width: int = 640
    height: int = 480
    seed: int = 0
    growth: float = GROWTH
    move_s: float = MOVE_S
    sway: float = 1.0  # how much the head turns and wanders on its way

    @property
    def match_s(self) -> float:
        """Return the time at which the face has reached the oval."""
        return FAR_S + self.move_s

    def frame(self, at: float, color: Color | None = None) -> Image:
        """The picture at that time; `color` (RGB) is what the screen shows to the face."""
        seen = self.head.look(self.pose(at), self.width, self.height, _FOCAL * self.width)
        person = seen[..., :3].astype(np.float32)
        opacity = seen[..., 3:].astype(np.float32) / 255
        room = self._room
        if color is not None:
            light = np.array(color[::-1], np.float32) / 255
            # Skin a forearm from a screen: a few percent more light; the room behind gets far less.
            person = np.asarray(person + (0.06 * person + 3.0) * light, np.float32)
            room = np.asarray(room + (0.01 * room + 0.4) * light, np.float32)
        picture = room + (person - room) * opacity
        noise = self._noise[int(at * 1000) % _NOISES]
        return np.clip(picture + noise, 0, 255).astype(np.uint8)

    def pose(self, at: float) -> Pose:
        """Return the pose of the head at that time."""
        done = min(max((at - FAR_S) / self.move_s, 0.0), 1.0)
        done = done * done * (3 - 2 * done)
        near = _FOCAL * self.width / (FILL * self.oval.width)
        distance = near * (self.growth + (1 - self.growth) * done)
        # Smooth in apparent size, not in distance: people slow down as they come near.
        distance = near / (1 / self.growth + (1 - 1 / self.growth) * done) * 0.5 + distance * 0.5
        lively = self.sway * (1 - 0.85 * done)
        yaw = _YAW * lively * math.sin(2.2 * at + self.seed % 7)
        pitch = _PITCH * lively * math.sin(2.7 * at + 1 + self.seed % 5)
        scale = distance / (_FOCAL * self.width)
        off_x, off_y = self.oval.center_x - self.width / 2, self.oval.center_y - self.height / 2
        drift = 5 * lively * math.sin(1.3 * at)
        return Pose(yaw, pitch, (off_x + drift) * scale, off_y * scale, distance)

    def face_box(self, at: float) -> tuple[float, float, float, float]:
        """Left, top, width, height of the face as shares of the picture, as the AWS client reports it."""
        pose = self.pose(at)
        unit = _FOCAL * self.width / pose.z
        x = self.width / 2 + pose.x * unit
        y = self.height / 2 + pose.y * unit
        tall = 1.618 * unit
        top, bottom = max(y - tall / 2, 0), min(y + tall / 2, self.height)
        return (
            (x - unit / 2) / self.width,
            top / self.height,
            unit / self.width,
            (bottom - top) / self.height,
        )

    @cached_property
    def _room(self) -> NDArray[np.float32]:
        rng = np.random.default_rng(self.seed)
        coarse = (rng.uniform(80, 160, (6, 8, 1)) + rng.uniform(-12, 12, (6, 8, 3))).astype(np.float32)
        room = cv2.resize(coarse, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        for _ in range(6):  # edges of shelves and frames
            x, y = rng.integers(0, self.width), rng.integers(0, self.height)
            w, h = rng.integers(self.width // 12, self.width // 4, 2)
            shade = rng.uniform(60, 180) + rng.uniform(-15, 15, 3)
            cv2.rectangle(room, (int(x), int(y)), (int(x + w), int(y + h)), shade.tolist(), -1)
        return np.asarray(cv2.GaussianBlur(room, (0, 0), self.width / 200), np.float32)

    @cached_property
    def _noise(self) -> list[NDArray[np.float32]]:
        rng = np.random.default_rng(self.seed + 1)
        shape = (self.height, self.width, 3)
        return [rng.normal(0, 1.2, shape).astype(np.float32) for _ in range(_NOISES)]
