"""Feeds for the liveness judge: honest people and attacks on them, as cameras would record them.

All is rendered from photos of 23 people: one NASA portrait, White House portraits of two, and twenty
found in the group photos of an MIT-licensed package (the last two sources are fetched, never
committed). A face is made a head by `local.camera`, with more or less depth than that draws; its
light, camera, sway and pace are drawn at random. Nothing here was filmed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from local.camera import Head, Scene
from local.camera.recorder import Recorder
from local.camera.relief import REACH, TEXTURE_PX
from local.rekognition.engine import Face, decode
from local.rekognition.liveness import Recording
from local.rekognition.liveness.challenge import LIGHT, MOVEMENT, draw
from tests import faces
from tests.clips import Image, Script, engine, rng, zoomed

Frame = Callable[[float], Image]
Grid = NDArray[np.float32]

SETTING, HELD_OUT = "setting", "held-out"
"""The people, lights, cameras and attacks that limits are set on, and those they are quoted for."""


@dataclass(frozen=True)
class Camera:
    """A camera with its encoder; `shake` is that of a hand, in px."""

    width: int
    height: int
    fps: int
    noise: float
    bit_rate: int
    blur: float = 0.0
    shake: float = 0.0
    lost: float = 0.0  # share of frames


CAMERAS: Final = {
    "good": Camera(320, 240, 20, 1.0, 1_000_000),
    "cheap": Camera(320, 240, 12, 2.5, 450_000, blur=0.6, lost=0.06),
    "phone": Camera(640, 480, 12, 2.0, 1_000_000, shake=5.0),
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


# --- what is before the camera ---


def person(take: Take) -> Head:
    """A head of one of two shapes, a fifth flatter or deeper."""
    dice = take.rng
    head = Head.of(take.photo, engine())
    height = head.height if dice.random() < 0.5 else _ellipsoid()
    return replace(head, height=height * np.float32(dice.uniform(0.8, 1.2)))


@cache
def _ellipsoid() -> Grid:
    """A shape other than `local.camera`'s: an ellipsoid with a wedge for a nose, and sockets."""
    x, y = _grid()
    round_ = 0.55 * np.sqrt(np.maximum(1 - (x / 0.75) ** 2 - ((y - 0.1) / 1.1) ** 2, 0.01))
    down = np.clip((y + 0.12) / 0.28, 0, 1) * (y < 0.16) + np.clip(1 - (y - 0.16) / 0.05, 0, 1) * (y >= 0.16)
    wedge = 0.21 * down * np.clip(1 - np.abs(x) / (0.05 + 0.1 * down), 0, 1)
    sockets = sum(0.05 * np.exp(-(((x - at) / 0.12) ** 2) - ((y + 0.13) / 0.08) ** 2) for at in (-0.26, 0.26))
    return np.asarray(cv2.GaussianBlur(round_ + wedge - sockets - 0.5, (0, 0), 5), np.float32)


def _grid() -> tuple[Grid, Grid]:
    """Where each pixel of a head's texture lies, in face widths."""
    line = np.linspace(-REACH, REACH, TEXTURE_PX, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def sheet(take: Take) -> Head:
    """The photo on paper."""
    return Head.of(take.photo, engine(), flat=True)


def bent(take: Take) -> Head:
    """The photo on paper bent about an axis, to a radius of 0.6 (a head's) to 3 face widths, or to an S."""
    dice = take.rng
    radius, angle = dice.uniform(0.6, 3.0), np.radians(dice.choice([0, 90, dice.uniform(-40, 40)]))
    x, y = _grid()
    across = x * np.cos(angle) + y * np.sin(angle)
    if dice.random() < 0.25:
        height = 0.12 / radius * np.sin(2.2 * across + dice.uniform(0, 3))
    else:
        height = np.sqrt(np.maximum(radius**2 - across**2, (0.3 * radius) ** 2)) - radius
    return replace(sheet(take), height=np.asarray(height, np.float32))


def screen(take: Take) -> Head:
    """The photo shown on a screen: its black frame, a cold white, coarse pixels."""
    flat = sheet(take)
    texture = flat.texture.copy()
    coarse = cv2.resize(texture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    texture = np.asarray(cv2.resize(coarse, texture.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    texture[..., :3] = np.clip(texture[..., :3] * np.array([1.12, 1.0, 0.93]), 0, 255)
    edge = int(take.rng.uniform(0.02, 0.18) * TEXTURE_PX)
    frame = np.ones(texture.shape[:2], bool)
    frame[edge:-edge, edge:-edge] = False
    texture[frame] = (14, 12, 12, 255)
    return replace(flat, texture=texture)


# --- honest and attacking feeds ---


def honest(take: Take) -> Recording:
    """A person who does what is asked."""
    return film(take, take.script(person(take)))


def held_still(take: Take) -> Recording:
    """A person who turns the head by hardly 2 to 4 degrees on the way."""
    return film(take, take.script(person(take), sway=take.rng.uniform(0.2, 0.5)))


def still(take: Take) -> Recording:
    """A photo that stands before the camera, as far off as a person begins, or already in the oval."""
    script = take.script(sheet(take), sway=0.0)
    at = take.rng.choice([0.2, script.scene.match_s])
    return film(take, script, lambda _: script.scene.frame(at))


def by_hand(take: Take) -> Recording:
    """A photo moved and tilted by hand until it fills the oval."""
    return film(take, take.script(sheet(take), sway=take.rng.uniform(0.2, 2.5)))


def bent_by_hand(take: Take) -> Recording:
    """The same, on bent paper."""
    return film(take, take.script(bent(take), sway=take.rng.uniform(0.2, 2.0)))


def on_screen(take: Take) -> Recording:
    """A photo on a screen that is moved like that: moire, bands of its refresh, a reflection of a lamp."""
    dice = take.rng
    script = take.script(screen(take), sway=dice.uniform(0.2, 1.5))
    depth, pitch, bands = dice.uniform(2, 10), dice.uniform(0.008, 0.03), dice.uniform(0, 8)
    lamp = (dice.uniform(0.2, 0.8), dice.uniform(0.1, 0.6), dice.uniform(0, 60))
    width, height = take.camera.width, take.camera.height
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    spot = lamp[2] * np.exp(-(((x / width - lamp[0]) / 0.05) ** 2) - ((y / height - lamp[1]) / 0.07) ** 2)

    def frame(at: float) -> Image:
        scale = script.scene.pose(at).z  # the screen's grid beats with the sensor's as its size changes
        beat = np.sin(2 * np.pi * (320 / width) * pitch * scale * (x + 0.3 * y) + 9 * scale)
        beat *= np.sin(2 * np.pi * (320 / width) * pitch * scale * (y - 0.2 * x) + 5 * scale)
        band = bands * np.sin(2 * np.pi * (y / height * 1.5 + 3.7 * at))
        return _clipped(script.frame(at) + (depth * beat + band + spot)[..., None])

    return film(take, script, frame)


def scaled(take: Take) -> Recording:
    """One still of a person enlarged in an editor, with a little turning and shifting to look alive."""
    dice = take.rng
    script = take.script(person(take))
    image = script.scene.frame(0.2)
    oval, begin = script.challenge.oval, script.scene.face_box(0.2)[2]
    shake = dice.uniform(0, 3)

    def frame(at: float) -> Image:
        factor = script.scene.face_box(at)[2] / begin
        larger = zoomed(image, factor, (oval.center_x, oval.center_y))
        turn = cv2.getRotationMatrix2D((oval.center_x, oval.center_y), shake * np.sin(2 * at), 1)
        turn[:, 2] += (2 * shake * np.sin(1.7 * at), shake * np.cos(2.3 * at))
        return np.asarray(
            cv2.warpAffine(larger, turn, larger.shape[1::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8
        )

    return film(take, script, _lit(script, frame))


def replayed(take: Take) -> Recording:
    """An honest recording of another session, sent as it is."""
    return _for_another(take, honest(take))


def mirrored(take: Take) -> Recording:
    """The same, flipped left to right."""
    script = take.script(person(take))
    recorded = film(take, script, lambda at: np.ascontiguousarray(script.frame(at)[:, ::-1]))
    return _for_another(take, recorded)


def wrong_colors(take: Take) -> Recording:
    """A person under other colours than those asked for."""
    script = take.script(person(take))
    order = take.rng.choice([(2, 0, 1), (1, 2, 0), (1, 0, 2), (0, 2, 1), (2, 1, 0)])
    return film(take, script, lambda at: script.frame(at, order=order))


def no_colors(take: Take) -> Recording:
    """A person who reflects nothing."""
    script = take.script(person(take))
    return film(take, script, script.scene.frame)


def late_colors(take: Take) -> Recording:
    """A person who reflects the colours half a second to two seconds too late."""
    script = take.script(person(take))
    late = take.rng.uniform(0.5, 2.0)

    def frame(at: float) -> Image:
        return script.scene.frame(at, script.light(at - late))

    return film(take, script, frame)


def swapped(take: Take) -> Recording:
    """Another person takes over: at once, or faded over."""
    dice = take.rng
    script = take.script(person(take))
    other = replace(script, scene=replace(script.scene, head=Head.of(dice.choice(take.others), engine())))
    begin, fade = dice.uniform(1.3, script.scene.match_s), dice.choice([0.01, 0.5, 1.0])

    def frame(at: float) -> Image:
        share = min(max((at - begin) / fade, 0.0), 1.0)
        one = script.frame(at) if share < 1 else other.frame(at)
        two = other.frame(at) if share > 0 else one
        return np.asarray(cv2.addWeighted(one, 1 - share, two, share, 0), np.uint8)

    return film(take, script, frame)


def two_faces(take: Take) -> Recording:
    """Somebody else is beside the person."""
    dice = take.rng
    script = take.script(person(take))
    width = take.camera.width
    oval = script.challenge.oval
    beside = replace(oval, width=oval.width * dice.uniform(0.45, 0.6), center_x=width * 0.16)
    scene = replace(script.scene, head=Head.of(dice.choice(take.others), engine()), oval=beside, growth=1.0)
    edge = int(width * 0.32)

    def frame(at: float) -> Image:
        image = script.frame(at)
        image[:, :edge] = scene.frame(at)[:, :edge]
        return image

    return film(take, script, frame)


def cut(take: Take) -> Recording:
    """Two recordings of one person, far and near, without the way in between."""
    dice = take.rng
    script = take.script(person(take))
    at_cut, near = dice.uniform(1.2, 3.0), script.scene.match_s

    def frame(at: float) -> Image:
        when = 0.3 + at * 0.3 if at < at_cut else near + (at - at_cut) * 0.05
        return script.scene.frame(when, script.light(at))

    return film(take, script, frame)


def fast(take: Take) -> Recording:
    """An honest recording ten times as fast."""
    return _at_pace(take, 10)


def slow(take: Take) -> Recording:
    """An honest recording a tenth as fast."""
    return _at_pace(take, 0.1)


# --- filming ---


def film(take: Take, script: Script, frame: Frame | None = None) -> Recording:
    """Record what `frame` shows (the script, if it is None) under the take's light with its camera."""
    return _record(take, script, frame or script.frame, 1.0)


def _record(take: Take, script: Script, frame: Frame, pace: float) -> Recording:
    camera, dice = take.camera, take.rng
    recorder = Recorder(camera.width, camera.height, camera.fps, camera.bit_rate)
    shape = (camera.height, camera.width, 3)
    grain = np.random.default_rng(take.seed).normal(0, camera.noise, (7, *shape)).astype(np.float32)
    count = int(script.ends * camera.fps) + 1
    for number in range(count):
        at = number / camera.fps
        if 0 < number < count - 2 and dice.random() < camera.lost:
            continue
        image = _shaken(_under(take.light, frame(at), at), camera.shake * script.scene.width / 640, at)
        if camera.blur:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), camera.blur), np.uint8)
        recorder.add(_clipped(image + grain[dice.randrange(len(grain))]), at / pace)
    shown = tuple(
        (at / pace, color) for at, color in zip(script.starts, script.challenge.colors, strict=True)
    )
    length = script.ends / pace
    return Recording(recorder.close(), script.challenge, length, length + 0.5, shown)


def _at_pace(take: Take, pace: float) -> Recording:
    script = take.script(person(take))
    return _record(take, script, script.frame, pace)


def _for_another(take: Take, recorded: Recording) -> Recording:
    """The same video, brought to a session that asks for another oval and other colours."""
    asked = draw(take.kind, take.camera.width, take.camera.height, rng(take.seed + 1_000_003))
    shown = tuple((at, color) for (at, _), color in zip(recorded.shown, asked.colors, strict=True))
    return replace(recorded, challenge=asked, shown=shown)


def _lit(script: Script, frame: Frame) -> Frame:
    """Tint finished pictures as the colours shown would tint what they show."""

    def lit(at: float) -> Image:
        color = script.light(at)
        if color is None:
            return frame(at)
        light = np.array(color[::-1], np.float32) / 255
        image = frame(at).astype(np.float32)
        return _clipped(image + (0.06 * image + 3.0) * light)

    return lit


def _under(light: str, image: Image, at: float) -> NDArray[np.float32]:
    """A room's light: even; dim and warm; or from the side, with the camera's exposure drifting."""
    if light == "dim":
        return np.asarray(image * np.array([0.45, 0.55, 0.62], np.float32), np.float32)
    if light == "side":
        across = np.linspace(0.5, 1.15, image.shape[1], dtype=np.float32)[None, :, None]
        return np.asarray(image * across * np.float32(1 + 0.06 * np.sin(0.9 * at)), np.float32)
    return image.astype(np.float32)


def _shaken(image: NDArray[np.float32], px: float, at: float) -> NDArray[np.float32]:
    if not px:
        return image
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 0.2 * px * np.sin(1.9 * at), 1)
    turn[:, 2] += (px * np.sin(3.1 * at), 0.7 * px * np.sin(2.3 * at + 1))
    shaken = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shaken, np.float32)


def _clipped(image: NDArray[np.floating]) -> Image:
    return np.asarray(np.clip(image, 0, 255), np.uint8)


BOTH: Final = (MOVEMENT, LIGHT)

CLASSES: Final[dict[str, tuple[Callable[[Take], Recording], tuple[str, ...]]]] = {
    "honest": (honest, BOTH),
    "honest, the head held still": (held_still, BOTH),
    "still photo": (still, BOTH),
    "photo moved by hand": (by_hand, BOTH),
    "bent photo": (bent_by_hand, BOTH),
    "photo on a screen": (on_screen, BOTH),
    "one still, enlarged": (scaled, BOTH),
    "replay of another session": (replayed, BOTH),
    "mirrored replay": (mirrored, BOTH),
    "wrong colours": (wrong_colors, (LIGHT,)),
    "no colours": (no_colors, (LIGHT,)),
    "delayed colours": (late_colors, (LIGHT,)),
    "face swapped midway": (swapped, BOTH),
    "two faces": (two_faces, BOTH),
    "jump cut": (cut, BOTH),
    "10x time": (fast, BOTH),
    "0.1x time": (slow, BOTH),
}
"""Each class's feed, and the challenges it is tried on."""
