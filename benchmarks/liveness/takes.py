"""Who is filmed by which camera in which light: the circumstances that `benchmarks.liveness.feeds` plays in.

All is rendered from photos of 23 people: one NASA portrait, White House portraits of two, and twenty
found in the group photos of an MIT-licensed package (the last two sources are fetched, never
committed). A face is made a head by `local.camera`, with more or less depth than that draws; its
light, camera, sway and pace are drawn at random. Nothing here was filmed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from local.camera import Head, Scene
from local.camera.recorder import Recorder
from local.liveness.challenge import draw
from local.liveness.judge import Recording
from local.rekognition.engine import Face, decode
from tests.support import photos as faces
from tests.support.clips import Image, Script, engine, rng

Frame = Callable[[float], Image]
Grid = NDArray[np.float32]

SETTING, HELD_OUT = "setting", "held-out"
"""The people, lights, cameras and attacks that limits are set on, and those they are quoted for."""


@dataclass(frozen=True)
class Camera:
    """A camera with its encoder."""

    width: int
    height: int
    fps: int
    noise: float
    bit_rate: int
    blur: float = 0.0
    shake: float = 0.0  # of a hand, px
    lost: float = 0.0  # share of frames
    barrel: float = 0.0  # by what share the lens draws in what is at the sides


CAMERAS: Final = {
    "good": Camera(320, 240, 20, 1.0, 1_000_000),
    "cheap": Camera(320, 240, 12, 2.5, 450_000, blur=0.6, lost=0.06, barrel=0.06),
    "phone": Camera(640, 480, 12, 2.0, 1_000_000, shake=5.0, barrel=0.03),
}
LIGHTS: Final = ("even", "dim", "side")


@dataclass(frozen=True)
class Take:
    """One session's circumstances, all drawn from its seed."""

    part: str
    kind: str
    seed: int
    photo: Image
    others: tuple[Image, ...]
    camera: Camera
    light: str

    @property
    def rng(self) -> Random:
        """Draws for this take, the same each time."""
        return rng(self.seed)

    def script(self, head: Head, *, sway: float | None = None) -> Script:
        """A script of that head in this take's circumstances."""
        dice = self.rng
        size = (self.camera.width, self.camera.height)
        challenge = draw(self.kind, *size, dice)
        scene = Scene(
            head,
            challenge.oval,
            *size,
            seed=self.seed,
            growth=dice.uniform(1.9, 2.4),
            move_s=dice.uniform(1.8, 3.2),
            sway=dice.uniform(0.5, 1.4) if sway is None else sway,
        )
        return Script(scene, challenge)


def takes(part: str, kind: str, count: int, seed: int) -> list[Take]:
    """`count` takes: people, lights and cameras in turn, so that all are there about as often."""
    folk = people()[part]
    names = list(CAMERAS)
    first = seed + (0 if part == SETTING else 500_000)
    return [
        Take(
            part,
            kind,
            first + number,
            folk[number % len(folk)],
            tuple(folk[: number % len(folk)] + folk[number % len(folk) + 1 :]),
            CAMERAS[names[(number + number // 3) % len(names)]],
            LIGHTS[number % len(LIGHTS)],
        )
        for number in range(count)
    ]


# Which group photos are in which part; left out: who is on another photo, too, and one who looks down.
_PARTS: Final = {SETTING: (0, 2, 4), HELD_OUT: (1, 3, 5)}
_LEFT_OUT: Final = {(2, 0), (3, 3), (1, 2)}
_FRONTAL: Final = (
    0.3  # eye distances that the nose may be off the middle: of a face turned away no head can be made
)


@cache
def people() -> dict[str, list[Image]]:
    """Photos by part: no person is in both."""
    groups = [decode(data) for data in faces.groups()]
    single = {SETTING: ("astronaut", "obama"), HELD_OUT: ("biden",)}
    return {
        part: [decode(faces.photo(name)) for name in single[part]]
        + [
            _portrait(groups[group], face)
            for group in numbers
            for number, face in enumerate(engine().faces(groups[group]))
            if (group, number) not in _LEFT_OUT and _off_middle(face) <= _FRONTAL
        ]
        for part, numbers in _PARTS.items()
    }


def _off_middle(face: Face) -> float:
    left, right, nose, *_ = face.landmarks
    across = right - left
    return abs(float((nose - (left + right) / 2) @ across / (across @ across)))


def _portrait(image: Image, face: Face) -> Image:
    """The surroundings of one face, as far as it is the largest in them."""
    x, y, width, height = face.box
    for share in (1.15, 1.0, 0.85, 0.7):
        reach = share * max(width, height)
        left, top = max(0, int(x + width / 2 - reach)), max(0, int(y + height / 2 - reach))
        part = np.ascontiguousarray(
            image[top : int(y + height / 2 + reach), left : int(x + width / 2 + reach)]
        )
        largest = engine().faces(part)[0].box
        if abs(largest[0] + left - x) < width / 3 and abs(largest[1] + top - y) < height / 3:
            break
    return part


# --- filming ---


def film(take: Take, script: Script, frame: Frame | None = None, pace: float = 1.0) -> Recording:
    """Record what `frame` shows (the script, if it is None) under the take's light with its camera."""
    camera, dice, frame = take.camera, take.rng, frame or script.frame
    lens = _lens(camera)
    recorder = Recorder(camera.width, camera.height, camera.fps, camera.bit_rate)
    shape = (camera.height, camera.width, 3)
    grain = np.random.default_rng(take.seed).normal(0, camera.noise, (7, *shape)).astype(np.float32)
    count = int(script.ends * camera.fps) + 1
    for number in range(count):
        at = number / camera.fps
        if 0 < number < count - 2 and dice.random() < camera.lost:
            continue
        image = _shaken(_under(take.light, frame(at), at), camera.shake * script.scene.width / 640, at)
        seen = cv2.remap(image, *lens, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if camera.blur:
            seen = cv2.GaussianBlur(seen, (0, 0), camera.blur)
        recorder.add(clipped(seen + grain[dice.randrange(len(grain))]), at / pace)
    shown = tuple(
        (at / pace, color) for at, color in zip(script.starts, script.challenge.colors, strict=True)
    )
    length = script.ends / pace
    return Recording(recorder.close(), script.challenge, length, length + 0.5, shown)


def lit(script: Script, frame: Frame) -> Frame:
    """Tint finished pictures as the colours shown would tint what they show."""

    def lit(at: float) -> Image:
        color = script.light(at)
        if color is None:
            return frame(at)
        light = np.array(color[::-1], np.float32) / 255
        image = frame(at).astype(np.float32)
        return clipped(image + (0.06 * image + 3.0) * light)

    return lit


def _under(light: str, image: Image, at: float) -> NDArray[np.float32]:
    """A room's light: even; dim and warm; or from the side, with the camera's exposure drifting."""
    if light == "dim":
        return np.asarray(image * np.array([0.45, 0.55, 0.62], np.float32), np.float32)
    if light == "side":
        across = np.linspace(0.5, 1.15, image.shape[1], dtype=np.float32)[None, :, None]
        return np.asarray(image * across * np.float32(1 + 0.06 * np.sin(0.9 * at)), np.float32)
    return image.astype(np.float32)


def _lens(camera: Camera) -> tuple[Grid, Grid]:
    """Where a lens shows what would be straight: the further out, the more drawn in."""
    half = camera.width / 2
    x, y = np.meshgrid(np.arange(camera.width) - half, np.arange(camera.height) - camera.height / 2)
    drawn = 1 + camera.barrel * (x * x + y * y) / half**2
    return (
        np.asarray(x * drawn + half, np.float32),
        np.asarray(y * drawn + camera.height / 2, np.float32),
    )


def _shaken(image: NDArray[np.float32], px: float, at: float) -> NDArray[np.float32]:
    if not px:
        return image
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 0.2 * px * np.sin(1.9 * at), 1)
    turn[:, 2] += (px * np.sin(3.1 * at), 0.7 * px * np.sin(2.3 * at + 1))
    shaken = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shaken, np.float32)


def clipped(image: NDArray[np.floating]) -> Image:
    """Bring finished light to what a picture can hold."""
    return np.asarray(np.clip(image, 0, 255), np.uint8)
