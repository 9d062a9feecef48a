"""The signals: each a pure function from what was measured to one value against one limit.

`margin` runs from 0 at the limit to 1 at `typical`, where honest sessions usually are.
Limits marked "measured" come from sessions of AWS's own browser component against a
local stream and from rendered heads and sheets; docs/liveness.md has the table. They
are this stand-in's own, not Amazon's.
"""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from local.liveness.challenge import COLOR_MS
from local.liveness.judge.verdict import Signal

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

# Is there enough to judge? A browser on a busy machine loses frames, above all the last ones.
MIN_FRAMES, TYPICAL_FRAMES = 20, 40
MIN_LENGTH_S, TYPICAL_LENGTH_S = 1.2, 2.0  # AWS's client took 1.9 s from far to near
MIN_FPS, TYPICAL_FPS = 6.0, 15.0  # the AWS client gave 15 to 20, and 5 to 7 on a starved machine
MAX_GAP_S, TYPICAL_GAP_S = 0.4, 0.2
MAX_TAIL_S, TYPICAL_TAIL_S = 1.0, 0.5  # measured within 0.5 s; up to 2.4 s when the tail was lost
MIN_SAMPLES, TYPICAL_SAMPLES = 5, 10
MIN_FLASH_FRAMES, TYPICAL_FLASH_FRAMES = 20, 40

# Is it one live person?
MIN_ONE_FACE, TYPICAL_ONE_FACE = 0.85, 0.98  # share of frames
MIN_SAME_FACE, TYPICAL_SAME_FACE = 0.45, 0.80  # cosine; two people reach 0.43 in 0.015 % of pairs
MIN_GROWTH, TYPICAL_GROWTH = 1.5, 1.9
MIN_FILL, TYPICAL_FILL = 0.5, 0.7  # IoU; the client stops at 0.7 by its own landmarks
SPAN_S = 0.25  # speeds are taken over this time at least: over less, jitter looks fast and a fast film slow
MAX_STEP, TYPICAL_STEP = 1.5, 0.9  # log units of size per second: doubling in a second peaks at 1.0
STEP_ALLOWANCE = 0.10  # jitter of the size between two frames
MAX_MOVE, TYPICAL_MOVE = 2.5, 0.8  # face widths per second
MOVE_ALLOWANCE = 0.15
MAX_CUT, TYPICAL_CUT = 4.0, 2.0  # a frame's change over that of its neighbours
CUT_FLOOR = 2.5  # grey levels that are no cut however still the rest is
STILL = 0.1  # grey levels that a repeated picture's change stays under,
STILL_SHARE = 0.3  # or this share of the usual change
MAX_REPEAT_S = 0.3  # a picture that was repeated for longer excuses no greater change
MAX_CLOCK_S, TYPICAL_CLOCK_S = 1.5, 0.6
MAX_HURRY_S, TYPICAL_HURRY_S = 0.5, 0.1  # a busy machine only ever takes longer
MIN_RELIEF, TYPICAL_RELIEF = 1.0, 1.5  # the larger of two, each over its own limit:
MIN_LOOSE = 0.05  # sheets at most 0.041
MIN_OVER_PAPER, MIN_OVER_CLOTH = 0.035, 0.15  # paper and screens at most 0.026; cloth at most 0.10
MIN_REFLECTION, TYPICAL_REFLECTION = 0.85, 0.95  # 0.94 and more; without at most 0.56
MIN_SWING, TYPICAL_SWING = 0.5, 1.2  # levels of 255
MAX_RANK, TYPICAL_RANK = 0.001, 0.0  # share of the 719 other orders that fit as well: none may
MAX_LAG_S, TYPICAL_LAG_S = 0.45, 0.2  # a screen and a camera need 0.1 to 0.2; what else is lost is lost video

LAG_S = np.arange(-0.1, 0.701, 0.02)  # video against claimed times; wider windows let wrong colours fit


def length(duration: float) -> Signal:
    """The video's length in seconds: nobody comes nearer in less."""
    return _at_least("length", duration, MIN_LENGTH_S, TYPICAL_LENGTH_S, "the video is too short")


def frames(count: int) -> Signal:
    """Frames in the video."""
    return _at_least("frames", count, MIN_FRAMES, TYPICAL_FRAMES, "too few frames arrived")


def rate(times: Floats) -> Signal:
    """Median frames per second."""
    steps = np.diff(times)
    value = 1 / float(np.median(steps)) if len(steps) else 0.0
    return _at_least("rate", value, MIN_FPS, TYPICAL_FPS, "the frame rate is too low")


def gap(times: Floats) -> Signal:
    """The longest time without a frame, in seconds."""
    value = float(np.diff(times).max()) if len(times) > 1 else np.inf
    return _at_most("gap", value, MAX_GAP_S, TYPICAL_GAP_S, "frames are missing in between")


def tail(duration: float, claimed: float) -> Signal:
    """Seconds that the client says it recorded and that did not arrive."""
    value = max(0.0, claimed - duration)
    return _at_most("tail", value, MAX_TAIL_S, TYPICAL_TAIL_S, "the end of the video is missing")


def samples(count: int) -> Signal:
    """Frames with a face that could be compared."""
    return _at_least("samples", count, MIN_SAMPLES, TYPICAL_SAMPLES, "hardly any frame shows a face")


def flash_frames(times: Floats, colors: Floats, shown: Sequence[tuple[float, Floats]]) -> Signal:
    """Frames with a face while the colours were shown."""
    count = len(_flash_rows(times, colors, shown))
    return _at_least(
        "flash_frames", count, MIN_FLASH_FRAMES, TYPICAL_FLASH_FRAMES, "too few frames of the flash"
    )


def one_face(counts: NDArray[np.int64]) -> Signal:
    """Share of frames that show exactly one face."""
    value = float((counts == 1).mean()) if len(counts) else 0.0
    why = "several faces are seen" if (counts > 1).mean() > 0.05 else "the face is not seen throughout"
    return _at_least("one_face", value, MIN_ONE_FACE, TYPICAL_ONE_FACE, why)


def same_face(vectors: Sequence[NDArray[np.float32]]) -> Signal:
    """The least cosine between any two sampled frames."""
    stacked = np.array(vectors)
    value = float((stacked @ stacked.T).min())
    return _at_least("same_face", value, MIN_SAME_FACE, TYPICAL_SAME_FACE, "the face changes into another")


def growth(sizes: Floats) -> Signal:
    """Face size at the end over that at the start, each over a tenth of the frames."""
    part = max(2, len(sizes) // 10)
    value = float(np.median(sizes[-part:]) / np.median(sizes[:part])) if len(sizes) else 0.0
    return _at_least("growth", value, MIN_GROWTH, TYPICAL_GROWTH, "the face does not come nearer")


def fills_oval(face: Box, oval: Box) -> Signal:
    """Overlap (IoU) of the last face's box, by the client's rule, with the oval's box."""
    left, top = max(face[0], oval[0]), max(face[1], oval[1])
    right = min(face[0] + face[2], oval[0] + oval[2])
    bottom = min(face[1] + face[3], oval[1] + oval[3])
    both = max(0.0, right - left) * max(0.0, bottom - top)
    union = face[2] * face[3] + oval[2] * oval[3] - both
    value = both / union if union > 0 else 0.0
    return _at_least("fills_oval", value, MIN_FILL, TYPICAL_FILL, "the face does not fill the oval")


def steady_size(times: Floats, sizes: Floats) -> Signal:
    """The fastest change of size, in log units per second."""
    value = _fastest(times, np.log(sizes)[:, None], STEP_ALLOWANCE)
    return _at_most("steady_size", value, MAX_STEP, TYPICAL_STEP, "the face jumps in size")


def steady_place(times: Floats, centers: Floats, sizes: Floats) -> Signal:
    """The fastest move, in (median) face widths per second."""
    value = _fastest(times, centers / np.median(sizes), MOVE_ALLOWANCE)
    return _at_most("steady_place", value, MAX_MOVE, TYPICAL_MOVE, "the face jumps to another place")


def no_cut(times: Floats, changes: Floats) -> Signal:
    """The largest change of the whole picture over that of its neighbours in time."""
    value = 0.0
    rows = _fresh(changes)
    steps = np.minimum(np.diff(times[rows]), MAX_REPEAT_S)
    changes = changes[rows[1:]]
    speeds = changes / np.maximum(steps, 1e-3) * float(np.median(np.diff(times)))
    for row in range(len(speeds)):
        around = np.concatenate([speeds[max(0, row - 4) : row], speeds[row + 1 : row + 5]])
        usual = max(CUT_FLOOR, float(np.median(around)) if len(around) else 0.0)
        value = max(value, float(min(changes[row], speeds[row])) / usual)
    return _at_most("no_cut", value, MAX_CUT, TYPICAL_CUT, "the video is cut")


def standstill(times: Floats, changes: Floats) -> float:
    """The longest time (s) in which the picture did not change: a starved camera repeats its last one."""
    return float(np.diff(np.append(times[_fresh(changes)], times[-1])).max())


def _fresh(changes: Floats) -> NDArray[np.int64]:
    """The rows of pictures that do not just repeat the one before."""
    new = changes > max(STILL, STILL_SHARE * float(np.median(changes)))
    new[0] = True
    return np.flatnonzero(new)


def video_clock(duration: float, claimed: float) -> Signal:
    """The video's length against the claimed one, in seconds."""
    why = "the claimed times are not the video's"
    return _at_most("video_clock", abs(duration - claimed), MAX_CLOCK_S, TYPICAL_CLOCK_S, why)


def real_time(taken: float, claimed: float) -> Signal:
    """How much faster than it was recorded the video came in, in seconds; slow networks are no fault."""
    hurry = max(0.0, claimed - taken)
    return _at_most(
        "real_time", hurry, MAX_HURRY_S, TYPICAL_HURRY_S, "the video was not sent as it was recorded"
    )


def relief(loose: float, over_paper: float, over_cloth: float) -> Signal:
    """How much of the face's changes a head explains and a sheet does not, over the limit for that.

    A relief of each picture's own may explain it (`loose`: of a face that talks, too), or one head all
    of them, better than paper can and than any curved sheet.
    """
    value = max(loose / MIN_LOOSE, min(over_paper / MIN_OVER_PAPER, over_cloth / MIN_OVER_CLOTH))
    return _at_least("relief", value, MIN_RELIEF, TYPICAL_RELIEF, "the face moves like a flat picture")


def reflection(
    times: Floats, colors: Floats, shown: Sequence[tuple[float, Floats]], early: float
) -> list[Signal]:
    """Does the face's colour follow the colours shown? Fit, swing, rank among all orders, and lag.

    `times` (s) and `colors` (n x 3: R, G, B) are the face's; `shown` holds when each
    colour began to move over the one before, with the first and last held. `early` is by how
    much (s) the video began before the client's claimed start, as far as its length tells.
    """
    rows = _flash_rows(times, colors, shown)
    if len(rows) < MIN_FLASH_FRAMES:
        return [_at_least("reflection", 0.0, MIN_REFLECTION, TYPICAL_REFLECTION, "no flash is seen")]
    seen = _chroma(_detrended(colors[rows]))
    starts = np.array([start for start, _ in shown])
    sequence = np.array([color for _, color in shown])
    shares = _shares(times[rows], starts)
    value, lag = _fit(seen, shares, sequence)
    first, *inner, last = range(len(sequence))
    orders = [(first, *order, last) for order in permutations(inner) if list(order) != inner]
    better = sum(_fit(seen, shares, sequence[list(order)])[0] >= value for order in orders)
    swing = float(np.percentile(seen, 97) - np.percentile(seen, 3))
    return [
        _at_least("reflection", value, MIN_REFLECTION, TYPICAL_REFLECTION, "the colours are not reflected"),
        _at_least("swing", swing, MIN_SWING, TYPICAL_SWING, "the face hardly changes colour"),
        _at_most("rank", better / max(len(orders), 1), MAX_RANK, TYPICAL_RANK, "other colours fit as well"),
        _at_most("lag", lag - early, MAX_LAG_S, TYPICAL_LAG_S, "the colours come too late"),
    ]


def on_screen(at: Floats, starts: Floats, step_s: float = COLOR_MS / 1000) -> Floats:
    """The share (0 to 1) of the screen that each colour has: times x colours, each row sums to 1.

    Every colour scrolls over the one before within `step_s`; the first is there from the beginning.
    """
    done = np.clip((at[:, None] - starts[None, :]) / step_s, 0, 1)
    done[:, 0] = 1
    shares = done.copy()
    shares[:, :-1] -= done[:, 1:]
    return shares


def _shares(at: Floats, starts: Floats) -> Floats:
    """For each allowed lag, `on_screen` with its straight line taken out: lags x times x colours."""
    return np.stack([_detrended(on_screen(at, starts + lag)) for lag in LAG_S])


def _fit(seen: Floats, shares: Floats, sequence: Floats) -> tuple[float, float]:
    """The best correlation of the face's chroma with that of the colours, and the lag (s) that gives it."""
    expected = shares @ _chroma(sequence)
    norms = np.linalg.norm(expected, axis=(1, 2)) * np.linalg.norm(seen)
    products = (expected * seen).sum(axis=(1, 2))
    fits = np.where(norms > 1e-9, products / np.maximum(norms, 1e-9), -1.0)
    best = int(fits.argmax())
    return float(fits[best]), float(LAG_S[best])


def _flash_rows(times: Floats, colors: Floats, shown: Sequence[tuple[float, Floats]]) -> NDArray[np.int64]:
    if not shown:
        return np.empty(0, np.int64)
    inside = (times >= shown[0][0] - 0.3) & (times <= shown[-1][0] + 1.2)
    return np.flatnonzero(inside & np.isfinite(colors).all(axis=1))


def _detrended(colors: Floats) -> Floats:
    """Take a straight line out of each channel: slow drift of light or exposure."""
    steps = np.linspace(-1, 1, len(colors))
    base = np.stack([np.ones_like(steps), steps], axis=1)
    weights, *_ = np.linalg.lstsq(base, colors, rcond=None)
    return np.asarray(colors - base @ weights, np.float64)


def _chroma(colors: Floats) -> Floats:
    """Differences of channels: brightness alone says nothing about the colour shown."""
    return np.stack([colors[:, 0] - colors[:, 1], colors[:, 2] - colors[:, 1]], axis=1)


def _fastest(times: Floats, places: Floats, allowance: float) -> float:
    """The fastest way from one row of `places` to the first one that is SPAN_S or more later."""
    later = np.searchsorted(times, times + SPAN_S)
    from_ = np.flatnonzero(later < len(times))
    if not len(from_):
        return 0.0
    to = later[from_]
    ways = np.linalg.norm(places[to] - places[from_], axis=1)
    return float((np.maximum(ways - allowance, 0) / (times[to] - times[from_])).max())


def _at_least(name: str, value: float, limit: float, typical: float, why: str) -> Signal:
    margin = (value - limit) / (typical - limit)
    return _signal(name, value, limit, margin, why, passed=value >= limit)


def _at_most(name: str, value: float, limit: float, typical: float, why: str) -> Signal:
    margin = (limit - value) / (limit - typical)
    return _signal(name, value, limit, margin, why, passed=value <= limit)


def _signal(name: str, value: float, limit: float, margin: float, why: str, *, passed: bool) -> Signal:
    margin = float(np.clip(np.nan_to_num(margin, nan=-1.0), -1, 1))
    return Signal(name, round(float(value), 4), limit, bool(passed), margin, "" if passed else why)
