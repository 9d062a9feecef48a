"""A camera for Chromium, and people who stand before it and do as the page tells them.

Chromium plays a y4m file as a camera and reads it anew for each picture it takes. The file here has
one picture, which is replaced in place all the time: what is read is what is before the camera now.
So people can do what a film cannot: come nearer when they are told to, and show on their skin the
colours that the screen has now.
"""

import mmap
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from local import weights
from local.camera import Head, Scene
from local.camera.relief import Pose
from local.camera.scene import FAR_S
from local.liveness.challenge import OVAL_RATIO, STATIC_WIDTH, Color, Oval
from local.rekognition.engine import Engine, decode

Image = NDArray[np.uint8]
Show = Callable[[float, Color | None], Image]

WIDTH, HEIGHT, FPS = 320, 240, 20
LENGTH_S = 6.0
"""Of a reel: sits back, comes nearer, and some of holding still, which goes on from its end to its middle."""

_REEL_FPS = 40  # finer than the camera's, so that the beat between the two clocks does not show
_HEADER = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420\nFRAME\n".encode()
_PICTURE_BYTES = WIDTH * HEIGHT * 3 // 2
_DARK: Color = (0, 0, 0)


@dataclass(frozen=True)
class Reel:
    """A scene at all of its times, in the dark and under a white screen; every other colour lies between."""

    dark: list[Image]
    white: list[Image]

    @classmethod
    def of(cls, show: Show) -> "Reel":
        times = np.arange(0, LENGTH_S, 1 / _REEL_FPS)
        return cls([show(at, _DARK) for at in times], [show(at, (255, 255, 255)) for at in times])

    def at(self, seconds: float, color: Color) -> Image:
        """The picture at that time; times past the end swing to and fro in the last second."""
        number, last = int(seconds * _REEL_FPS), len(self.dark) - 1
        if number > last:
            number = last - abs((number - last) % (2 * _REEL_FPS) - _REEL_FPS)
        light = np.array(color[::-1], np.float32) / 255
        dark = self.dark[number].astype(np.float32)
        return np.asarray(dark + (self.white[number] - dark) * light, np.uint8)


class Camera(AbstractContextManager["Camera"]):
    """The file that Chromium takes for a camera, and whoever is before it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "camera.y4m"  # "virtual" or "back" in the path would make it another kind
        self.path.write_bytes(_HEADER + bytes(_PICTURE_BYTES))
        with self.path.open("r+b") as file:
            self._file = mmap.mmap(file.fileno(), 0)
        self.screen: Color = _DARK
        self._person: Person | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._play, name="camera", daemon=True)
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._file.close()

    def face(self, person: "Person") -> None:
        """Let somebody sit down before the camera."""
        self._person = person

    def _play(self) -> None:
        empty = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        while not self._stopped.wait(1 / _REEL_FPS):
            picture = self._person.picture(self.screen) if self._person else empty
            yuv = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            self._file[len(_HEADER) :] = yuv.tobytes()


@dataclass
class Person:
    """Sits back until told to come closer; one who does not listen stays where they are."""

    reel: Reel
    listens: bool = True
    _told: float | None = field(default=None, init=False)

    def come_closer(self) -> None:
        if self._told is None and self.listens:
            self._told = time.monotonic()

    def sit_back(self) -> None:
        self._told = None

    def picture(self, screen: Color) -> Image:
        now, told = time.monotonic(), self._told
        if told is None:
            return self.reel.at(FAR_S - abs(now % (2 * FAR_S) - FAR_S), screen)  # to and fro
        return self.reel.at(FAR_S + now - told, screen)


def person(photo: bytes, *, flat: bool = False) -> Reel:
    """Somebody before the camera; `flat`: their photo, held before it."""
    return Reel.of(_scene(Head.of(decode(photo), engine(), flat=flat)).frame)


def two_people(photo: bytes, bystander: bytes) -> Reel:
    """Somebody before the camera, and another person who looks over their shoulder."""
    scene, beside = _scene(Head.of(decode(photo), engine())), Head.of(decode(bystander), engine())
    focal = 1.3 * WIDTH
    distance = focal / 44  # a face of 44 px
    middle = (34 - WIDTH / 2) / 44, (70 - HEIGHT / 2) / 44

    def show(at: float, color: Color | None) -> Image:
        seen = beside.look(Pose(0, 0, middle[0], middle[1], distance), WIDTH, HEIGHT, focal)
        opacity = seen[..., 3:].astype(np.float32) / 255
        behind = scene.frame(at, color).astype(np.float32)
        return np.asarray(behind + (seen[..., :3] - behind) * opacity, np.uint8)

    return Reel.of(show)


@cache
def engine() -> Engine:
    return Engine(weights.models_folder())


def _scene(head: Head) -> Scene:
    """Who sits down before a camera does not know where the oval will be: in the middle, of usual size."""
    width = 0.95 * STATIC_WIDTH * HEIGHT
    return Scene(head, Oval(width, OVAL_RATIO * width, WIDTH / 2, HEIGHT / 2), WIDTH, HEIGHT, seed=3)
