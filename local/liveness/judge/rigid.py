"""How much of a face's changes does one rigid head explain that no rigid sheet does?

`relief.align` tells for each crop what its error would be under any warp. Here the warps of all
crops are explained by one surface of height `h(x, y)` (face widths) that turns and comes nearer:

    h = n times the height of a nose and sockets - k1 x^2 - k2 x y - k3 y^2 (its bulge)

In each crop a plane that lies anywhere (8 maps: those of a homography) and the surface's parallax,
left and right, up and down, and by coming nearer (3) are free. Paper has no nose (n = 0), and is
bent one way only (k2^2 = 4 k1 k3); cloth or rubber may be bent any way. So only two numbers and which of two
noses tell a head from them, in all crops together, and noise can do little with that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from local.liveness.judge.relief import NOSE, NOSES, SHEET, Aligned

Floats = NDArray[np.float64]

_PLANE: Final = 8
_MAPS: Final = SHEET + NOSE
# How round heads are across and along, per face width: those that `local.camera` draws have 1.5 and 0.6.
_ACROSS, _ALONG = (0.4, 3.0), (0.15, 1.5)
_GRID, _ZOOMS, _ZOOM = 9, 4, 0.3  # of the search: each time in that share of the range before
_UNFIT, _LEAST_UNFIT = 4.0, 0.15  # times the median, and share of the error: crops that no surface explains
_PASSES: Final = 3
_DUST: Final = 1e-6  # of the diagonal, to have an inverse


@dataclass(frozen=True, slots=True)
class Rigid:
    """How much more of the changes a head explains than sheets do."""

    over_paper: float  # as a share of what the head leaves
    over_cloth: float  # as a share (at most 1) of what cloth leaves, and any warp would explain


@dataclass(frozen=True, slots=True)
class _Errors:
    """What each crop's error is beyond a plane's warp: `rest - 2 pull @ d + d @ normal @ d`."""

    normal: Floats  # crops x 10 x 10
    pull: Floats  # crops x 10
    rest: Floats  # crops
    free: Floats  # crops: the least that any warp leaves
    slack: Floats  # crops

    def under(self, shapes: Floats) -> Floats:
        """Each crop's error if the surface has that shape (k1, k2, k3, n): shapes x crops."""
        maps = _parallax(shapes)
        normal = np.einsum("sam,cab,sbn->scmn", maps, self.normal, maps, optimize=True)
        pull = np.einsum("ca,sam->scm", self.pull, maps, optimize=True)
        normal = normal + _dust(normal)
        best = np.linalg.solve(normal, pull[..., None])[..., 0]
        return np.asarray(self.rest - (best * pull).sum(axis=-1), np.float64)

    def of(self, crops: NDArray[np.bool_]) -> "_Errors":
        parts = (part[crops] for part in (self.normal, self.pull, self.rest, self.free, self.slack))
        return _Errors(*parts)


def rigid(aligned: Sequence[Aligned]) -> Rigid:
    """Compare one head with sheets as explanations of all crops (some at least).

    A head that explains less than a sheet gives a negative number. A face that talks and is otherwise
    still gives one as well, because its surface is not one shape.
    """
    noses = [_errors(aligned, nose) for nose in range(len(NOSES))]
    for _ in range(_PASSES):
        head = min((_best(errors, _heads, *np.log([_ACROSS, _ALONG]).T) for errors in noses), key=np.sum)
        cloth = _best(noses[0], _cloths, np.array([0, -np.pi / 2]), np.array([np.pi, np.pi / 2]))
        free = np.min([errors.free for errors in noses], axis=0)
        unfit = np.minimum(head, cloth) / np.maximum(free, 1e-9) - 1
        explained = unfit <= max(_UNFIT * float(np.median(unfit)), _LEAST_UNFIT)
        if explained.all():
            break
        noses = [errors.of(explained) for errors in noses]
        head, cloth, free = head[explained], cloth[explained], free[explained]
    flat = noses[0]  # a sheet has neither
    paper = flat.under(_PAPER).sum(axis=1).min()
    return Rigid(
        float((paper - head.sum()) / (head + flat.slack).sum()),
        float((cloth - head).sum() / max((cloth - free).sum(), 1e-9)),
    )


def _errors(aligned: Sequence[Aligned], nose: int) -> _Errors:
    """Take out of each crop's error what a plane can do; keep what a bulge and that nose can."""
    maps = [*range(SHEET), *range(SHEET + NOSE * nose, SHEET + NOSE * (nose + 1))]
    normal = np.array([one.normal for one in aligned])
    warp = np.array([one.warp for one in aligned])
    pull = np.einsum("cab,cb->ca", normal, warp) - np.array([one.pull for one in aligned])
    rest = np.array([one.error + one.warp @ (one.normal @ one.warp - 2 * one.pull) for one in aligned])
    normal, pull = normal[:, maps][:, :, maps], pull[:, maps]
    normal, pull = _TURNED.T @ normal @ _TURNED, pull @ _TURNED
    plane = normal[:, :_PLANE, :_PLANE] + _dust(normal[:, :_PLANE, :_PLANE])
    both, own = normal[:, :_PLANE, _PLANE:], normal[:, _PLANE:, _PLANE:]
    solved = np.linalg.solve(plane, np.concatenate([both, pull[:, :_PLANE, None]], axis=2))
    own = own - both.transpose(0, 2, 1) @ solved[..., :-1]
    rest = rest - (pull[:, :_PLANE] * solved[..., -1]).sum(axis=1)
    pull = pull[:, _PLANE:] - (both * solved[..., -1:]).sum(axis=1)
    best = np.linalg.solve(own + _dust(own), pull[..., None])[..., 0]
    free = rest - (best * pull).sum(axis=1)
    return _Errors(own, pull, rest, free, np.array([one.slack for one in aligned]))


def _best(errors: _Errors, shaped: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Each crop's error under the shape that explains all of them best; `shaped` makes shapes of places."""
    middle, reach = (low + high) / 2, (high - low) / 2
    for _ in range(_ZOOMS):
        lines = [
            np.linspace(max(a - r, lo), min(a + r, hi), _GRID)
            for a, r, lo, hi in zip(middle, reach, low, high, strict=True)
        ]
        places = np.stack(np.meshgrid(*lines), axis=-1).reshape(-1, len(lines))
        found = errors.under(shaped(places))
        best = int(found.sum(axis=1).argmin())
        middle, reach = places[best], reach * _ZOOM
    return np.asarray(found[best], np.float64)


def _heads(places: Floats) -> Floats:
    """Shapes of heads, by the logarithms of k1 and k3."""
    across, along = np.exp(places).T
    return np.stack([across, np.zeros_like(across), along, np.ones_like(across)], axis=1)


def _cloths(places: Floats) -> Floats:
    """Shapes of sheets bent any way, by two angles: how much they are bent is in the turn's scale."""
    turn, twist = places.T
    return np.stack(
        [np.cos(turn) * np.cos(twist), np.sin(twist), np.sin(turn) * np.cos(twist), np.zeros_like(turn)],
        axis=1,
    )


def _papers() -> Floats:
    """Shapes of sheets that are bent about an axis; a flat one is one that never turns."""
    angle = np.linspace(0, np.pi, 36, endpoint=False)
    across, along = np.cos(angle), np.sin(angle)
    return np.stack([across**2, 2 * across * along, along**2, np.zeros_like(angle)], axis=1)


def _parallax(shapes: Floats) -> Floats:
    """What surfaces do, turned aside, turned up and coming nearer, in `_TURNED`'s maps: shapes x 10 x 3."""
    k1, k2, k3, nose = shapes.T
    maps = np.zeros((len(shapes), _MAPS - _PLANE, 3))
    maps[:, [0, 2, 3, 7], 0] = np.stack([-k1, -k2, -k3, nose], axis=1)
    maps[:, [0, 1, 2, 8], 1] = np.stack([k2, -k1, k3, nose], axis=1)
    maps[:, [4, 5, 6, 9], 2] = np.stack([-k1, -k2, -k3, nose], axis=1)
    return maps


def _turned() -> Floats:
    """A basis of `relief`'s maps: a plane's 8, then (x^2, 0) (0, x^2) (xy, 0) (y^2, 0), then the rest."""
    basis = np.eye(_MAPS)[:, [*range(6), 6, 8, 6, 7, 8, 10, *range(12, _MAPS)]]
    basis[9, 6] = basis[11, 7] = 1  # tilted, a plane moves by (x^2, xy) or (xy, y^2)
    return basis


def _dust(normal: Floats) -> Floats:
    size = normal.shape[-1]
    return np.asarray(
        _DUST * np.trace(normal, axis1=-2, axis2=-1)[..., None, None] / size * np.eye(size), np.float64
    )


_TURNED: Final = _turned()
_PAPER: Final = _papers()
