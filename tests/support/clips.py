"""Rendered liveness videos: honest ones, and what can be done to them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from local import weights
from local.camera import Head, Scene
from local.camera.client import HOLD_S
from local.camera.recorder import Recorder
from local.camera.scene import SETTLE_S
from local.liveness.challenge import COLOR_MS, MOVEMENT, Challenge, Color, draw
from local.liveness.judge import Recording, signals
from local.rekognition.engine import Engine, decode

Image = NDArray[np.uint8]
Edit = Callable[[float], Image | None]

ASTRONAUT = Path(__file__).resolve().parents[1] / "photos" / "astronaut.jpg"
FPS = 12


def rng(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - the same clip each time


@cache
def engine() -> Engine:
    return Engine(weights.models_folder())


@cache
def head(*, flat: bool = False) -> Head:
    return Head.of(decode(ASTRONAUT.read_bytes()), engine(), flat=flat)


@dataclass(frozen=True)
class Script:
    """A scene with its light, and the times at which each colour begins."""

    scene: Scene
    challenge: Challenge

    @property
    def starts(self) -> list[float]:
        first = self.scene.match_s + HOLD_S
        return [first + max(n - 1, 0) * COLOR_MS / 1000 for n in range(len(self.challenge.colors))]

    @property
    def ends(self) -> float:
        return (
            self.starts[-1] + 2 * COLOR_MS / 1000 if self.challenge.colors else self.scene.match_s + SETTLE_S
        )

    def light(self, at: float, order: tuple[int, int, int] = (0, 1, 2)) -> Color | None:
        """The colour that the screen shows at that time, its channels in that order."""
        if not self.challenge.colors:
            return None
        shares = signals.on_screen(np.array([at]), np.array(self.starts))
        light = (shares @ np.array(self.challenge.colors, float))[0]
        red, green, blue = (round(float(light[channel])) for channel in order)
        return red, green, blue

    def frame(self, at: float, order: tuple[int, int, int] = (0, 1, 2)) -> Image:
        """The picture at that time; `order` is the light's channels as they are reflected."""
        return self.scene.frame(at, self.light(at, order))


@cache
def script(
    kind: str = MOVEMENT, *, flat: bool = False, seed: int = 5, size: tuple[int, int] = (320, 240)
) -> Script:
    challenge = draw(kind, *size, rng(seed))
    return Script(Scene(head(flat=flat), challenge.oval, *size, seed=3), challenge)


def film(played: Script, frame: Edit | None = None, *, fps: int = FPS) -> Recording:
    """Record a script without waiting; `frame` may show something else, or drop a frame with None."""
    recorder = Recorder(played.scene.width, played.scene.height, fps)
    for number in range(int(played.ends * fps) + 1):
        image = (frame or played.frame)(number / fps)
        if image is not None:
            recorder.add(image, number / fps)
    shown = tuple(zip(played.starts, played.challenge.colors, strict=True))
    return Recording(recorder.close(), played.challenge, played.ends, played.ends + 0.5, shown)


def zoomed(image: Image, factor: float, center: tuple[float, float]) -> Image:
    """Enlarge a still picture about a point: what an image editor can do with one photo."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(center, 0, factor)
    return np.asarray(
        cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
