"""What the judge says about one video, and each signal it is made of."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Signal:
    """One measured property of a video against its limit.

    `margin` says how far `value` lies on the good side: 0 at the limit, 1 where
    honest sessions usually are or better, negative (down to -1) beyond the limit.
    """

    name: str
    value: float
    threshold: float
    passed: bool
    margin: float
    why: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG of at most 200 kB and the face in it: left, top, width, height as shares of its size."""

    jpeg: bytes
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one video.

    `enough` is False when the video could not be judged at all (frames lost, no
    face): that is the recording's fault, not a sign of a spoof. `confidence` is
    0 to 100 and None when not enough. `reason` is for logs, never for the person.
    """

    enough: bool
    live: bool
    confidence: float | None
    reason: str
    signals: tuple[Signal, ...] = ()
    reference: Picture | None = None
    audit: tuple[Picture, ...] = field(default=())
    dark: bool = False
    bright: bool = False
