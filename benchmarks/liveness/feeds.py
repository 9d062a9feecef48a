"""Feeds for the liveness judge: honest people and attacks on them, as cameras would record them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from benchmarks.liveness import shapes
from benchmarks.liveness.takes import Grid, Take, clipped, film, lit
from local.camera import Head
from local.camera.relief import TEXTURE_PX
from local.liveness.challenge import LIGHT, MOVEMENT, draw
from local.liveness.judge import Recording
from tests.support.clips import Image, engine, rng, zoomed

# --- what is before the camera ---


def person(take: Take) -> Head:
    """A head of one of three shapes, a fifth flatter or deeper."""
    dice = take.rng
    head = Head.of(take.photo, engine())
    others: list[Callable[[], Grid] | None] = [None, shapes.ellipsoid, shapes.mean_face]
    shape = dice.choice(others)
    height = shape() if shape else head.height
    return replace(head, height=height * np.float32(dice.uniform(0.8, 1.2)))


def sheet(take: Take) -> Head:
    """The photo on paper."""
    return Head.of(take.photo, engine(), flat=True)


def bent(take: Take) -> Head:
    """The photo on paper bent about an axis, to a radius of 0.6 (a head's) to 3 face widths, or to an S."""
    dice = take.rng
    radius, angle = dice.uniform(0.6, 3.0), np.radians(dice.choice([0, 90, dice.uniform(-40, 40)]))
    x, y = shapes.grid()
    across = x * np.cos(angle) + y * np.sin(angle)
    if dice.random() < 0.25:
        height = 0.12 / radius * np.sin(2.2 * across + dice.uniform(0, 3))
    else:
        height = np.sqrt(np.maximum(radius**2 - across**2, (0.3 * radius) ** 2)) - radius
    return replace(sheet(take), height=np.asarray(height, np.float32))


def cloth(take: Take) -> Head:
    """The photo on a cushion: round both ways, without a nose."""
    dice = take.rng
    x, y = shapes.grid()
    fallen = dice.uniform(0.2, 1.2) * x * x + dice.uniform(0.2, 1.2) * y * y
    return replace(sheet(take), height=np.asarray(-np.minimum(fallen, 1.0), np.float32))


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


def flexed_by_hand(take: Take) -> Recording:
    """The same, on paper that is bent more and less and about another axis all the time."""
    dice = take.rng
    script = take.script(sheet(take), sway=dice.uniform(0.2, 2.0))
    x, y = shapes.grid()
    bend, axis, turn = dice.uniform(0.1, 0.5), dice.uniform(0, 3), dice.uniform(0, 1.5)
    pace, begin = dice.uniform(0.5, 3), dice.uniform(0, 6)

    def frame(at: float) -> Image:
        across = x * np.cos(axis + turn * at) + y * np.sin(axis + turn * at)
        height = -bend * (0.6 + 0.4 * np.sin(pace * at + begin)) * across**2
        head = replace(script.scene.head, height=np.asarray(height, np.float32))
        return replace(script.scene, head=head).frame(at, script.light(at))

    return film(take, script, frame)


def on_cloth(take: Take) -> Recording:
    """A photo on a cushion, moved like that."""
    return film(take, take.script(cloth(take), sway=take.rng.uniform(0.2, 2.0)))


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
        return clipped(script.frame(at) + (depth * beat + band + spot)[..., None])

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

    return film(take, script, lit(script, frame))


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


def _at_pace(take: Take, pace: float) -> Recording:
    script = take.script(person(take))
    return film(take, script, pace=pace)


def _for_another(take: Take, recorded: Recording) -> Recording:
    """The same video, brought to a session that asks for another oval and other colours."""
    asked = draw(take.kind, take.camera.width, take.camera.height, rng(take.seed + 1_000_003))
    shown = tuple((at, color) for (at, _), color in zip(recorded.shown, asked.colors, strict=True))
    return replace(recorded, challenge=asked, shown=shown)


BOTH: Final = (MOVEMENT, LIGHT)

CLASSES: Final[dict[str, tuple[Callable[[Take], Recording], tuple[str, ...]]]] = {
    "honest": (honest, BOTH),
    "honest, the head held still": (held_still, BOTH),
    "still photo": (still, BOTH),
    "photo moved by hand": (by_hand, BOTH),
    "bent photo": (bent_by_hand, BOTH),
    "photo flexed by hand": (flexed_by_hand, BOTH),
    "photo on a cushion": (on_cloth, BOTH),
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
