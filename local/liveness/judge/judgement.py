"""Judging a recorded video: is it one live person who did what was asked?

`judge` is the whole of it: decode, look, compute the signals, weigh them, pick the images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from local.liveness.challenge import LIGHT, OVAL_RATIO, Challenge, Color
from local.liveness.judge import relief, signals
from local.liveness.judge.observe import (
    CROP_FACE,
    CROP_PX,
    Observation,
    Sample,
    center,
    observe,
    unit,
)
from local.liveness.judge.rigid import rigid
from local.liveness.judge.verdict import Picture, Signal, Verdict
from local.liveness.judge.video import Clip, VideoRefused, decode
from local.rekognition.engine import Engine, Face

MAX_JPEG = 204_800  # bytes, the service model's limit for an image in the answer
DARK, BRIGHT = 45.0, 225.0  # mean grey of the face

# Signals that lost frames can spoil: where frames were lost, they speak against the recording alone.
_TIMED = {"steady_size", "steady_place", "no_cut", "video_clock", "reflection", "swing", "rank"}
_SPARSE = 0.5  # margin of what was supplied below which frames were lost
# Below the limit, but too good for chance: a starved browser's (AWS's then gave 0.73 to 0.91) may try again.
_FAINT_REFLECTION = 0.70
_MIN_ALIGNED = 6
_STALLED_S = 0.25  # without a new picture: frames were lost, though the camera repeated the last one

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Recording:
    """A finished stream: the video, and what the client claims about it next to what we measured.

    Times are seconds. `claimed` is the recording's length by the client's clock; `taken` the time
    by ours from the challenge to the last message. `shown` tells when (from the claimed start)
    each colour began to show.
    """

    video: bytes
    challenge: Challenge
    claimed: float
    taken: float
    shown: tuple[tuple[float, Color], ...] = field(default=())


def judge(recording: Recording, engine: Engine, audit: int = 4) -> Verdict:
    """Judge a recording; `audit` is the number of further images wanted. Never raises for bad video."""
    try:
        clip = decode(recording.video)
    except VideoRefused as refusal:
        return Verdict(enough=False, live=False, confidence=None, reason=f"not enough video: {refusal}")
    asked = (recording.challenge.video_width, recording.challenge.video_height)
    if (clip.width, clip.height) != asked:  # the oval was drawn for the size that the client named
        reason = f"not enough video: it is {clip.width}x{clip.height}, not {asked[0]}x{asked[1]}"
        return Verdict(enough=False, live=False, confidence=None, reason=reason)
    supply = [
        signals.length(clip.duration),
        signals.frames(len(clip.times)),
        signals.rate(np.array(clip.times)),
        signals.gap(np.array(clip.times)),
        signals.tail(clip.duration, recording.claimed),
    ]
    lacking = [signal for signal in supply if not signal.passed]
    if lacking:
        return _insufficient(supply)
    seen = observe(clip, engine)
    supply.append(signals.samples(len(seen.samples)))
    shown = [(start, np.array(color, np.float64)) for start, color in recording.shown]
    if recording.challenge.kind == LIGHT:
        supply.append(signals.flash_frames(seen.times, seen.colors, shown))
    if not all(signal.passed for signal in supply):
        return _insufficient(supply)
    aligned = relief.align(seen.crops, CROP_FACE * CROP_PX)
    if len(aligned) < _MIN_ALIGNED:
        reason = "not enough video: the face cannot be followed"
        return Verdict(enough=False, live=False, confidence=None, reason=reason, signals=tuple(supply))
    found = [*_evidence(recording, clip, seen), _relief(aligned)]
    if recording.challenge.kind == LIGHT:
        early = clip.duration - recording.claimed
        found += signals.reflection(seen.times, seen.colors, shown, early)
    live = all(signal.passed for signal in found)
    stalled = signals.standstill(seen.times, seen.changes) > _STALLED_S
    if not live and _spoilt(supply, found, stalled=stalled):
        return _insufficient([*supply, *found])
    best = max(seen.samples, key=_worth)
    others = _others(seen.samples, best, audit)
    brightness = float(np.mean(best.crop))
    return Verdict(
        enough=True,
        live=live,
        confidence=confidence(found),  # of the evidence alone: a slow camera is no sign of a spoof
        reason="live" if live else "; ".join(signal.why for signal in found if not signal.passed),
        signals=(*supply, *found),
        reference=picture(best.image, best.face),
        audit=tuple(picture(sample.image, sample.face) for sample in others),
        dark=brightness < DARK,
        bright=brightness > BRIGHT,
    )


def confidence(found: Sequence[Signal]) -> float:
    """0 to 100 from the signals' margins: above 50 only if all pass, 95 and more if none is close.

    It rises with every margin. It is this stand-in's own scale; Amazon's is not public.
    """
    margins = [signal.margin for signal in found]
    worst = min(margins)
    if worst < 0 or not all(signal.passed for signal in found):
        failed = sum(not signal.passed for signal in found)
        return round(48.0 * (1 + min(worst, 0.0)) / failed, 4)
    return round(50 + 45 * min(1.0, worst / 0.15) + 4.9 * float(np.mean(margins)), 4)


def _evidence(recording: Recording, clip: Clip, seen: Observation) -> list[Signal]:
    rows = seen.with_face
    faces = [face for face in seen.seen if face is not None]
    times = seen.times[rows]
    sizes = np.array([max(unit(face.landmarks), 1.0) for face in faces])
    centers = np.array([center(face.landmarks) for face in faces])
    last = seen.samples[-1]
    return [
        signals.one_face(seen.counts),
        signals.same_face([sample.embedding.vector for sample in seen.samples]),
        signals.growth(sizes),
        signals.fills_oval(client_box(last, clip), recording.challenge.oval.box),
        signals.steady_size(times, sizes),
        signals.steady_place(times, centers, sizes),
        signals.no_cut(seen.times, seen.changes),
        signals.video_clock(clip.duration, recording.claimed),
        signals.real_time(recording.taken, recording.claimed),
    ]


def _relief(aligned: Sequence[relief.Aligned]) -> Signal:
    head = rigid(aligned)
    return signals.relief(relief.explained(aligned), head.over_paper, head.over_cloth)


def client_box(sample: Sample, clip: Clip) -> tuple[float, float, float, float]:
    """The face's box in pixels by the rule of AWS's client, which the oval was matched with."""
    width = unit(sample.face.landmarks)
    x, y = center(sample.face.landmarks)
    tall = OVAL_RATIO * width
    top, bottom = max(y - tall / 2, 0.0), min(y + tall / 2, float(clip.height))
    return x - width / 2, top, width, bottom - top


def _spoilt(supply: Sequence[Signal], found: Sequence[Signal], *, stalled: bool) -> bool:
    """Whether all that speaks against a video can come of lost frames or a client's wrong clock."""
    sparse = stalled or any(signal.margin < _SPARSE for signal in supply)
    excused = {"lag"} | (_TIMED if sparse else set())
    return all(
        signal.passed
        or signal.name in excused
        or (signal.name == "reflection" and signal.value >= _FAINT_REFLECTION)
        for signal in found
    )


def _insufficient(supply: list[Signal]) -> Verdict:
    reason = "not enough video: " + "; ".join(signal.why for signal in supply if not signal.passed)
    return Verdict(enough=False, live=False, confidence=None, reason=reason, signals=tuple(supply))


def _worth(sample: Sample) -> float:
    """How good a frame is to recognise the person by: vector length, size, frontality, sharpness."""
    left, right, nose, *_ = sample.face.landmarks
    off = abs(float(nose[0] - (left[0] + right[0]) / 2)) / max(float(np.linalg.norm(right - left)), 1.0)
    sharp = float(cv2.Laplacian(sample.crop, cv2.CV_64F).var())
    sharp = sharp / (sharp + 100)
    size = min(unit(sample.face.landmarks) / 150, 1.0)  # more pixels add nothing to 112 px
    return sample.embedding.norm / 12 + 0.5 * size + 0.3 * sharp - off


def _others(samples: Sequence[Sample], best: Sample, count: int) -> list[Sample]:
    """Audit images: spread over the video, the reference left out."""
    rest = [sample for sample in samples if sample is not best]
    if count < 1 or not rest:
        return []
    picks = np.linspace(0, len(rest) - 1, min(count, len(rest)))
    return [rest[round(pick)] for pick in picks]


def picture(image: Image, face: Face) -> Picture:
    """Give an image as Rekognition does, with the place of its face."""
    height, width = image.shape[:2]
    x, y, wide, tall = face.box
    return Picture(_jpeg(image), (x / width, y / height, wide / width, tall / height))


def _jpeg(image: Image) -> bytes:
    """The best JPEG that fits; a picture too busy for that is made smaller."""
    while True:
        for quality in (95, 90, 80, 65):
            done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if done and data.nbytes <= MAX_JPEG:
                return data.tobytes()
        image = np.asarray(cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), np.uint8)
