"""One rigid head against rigid sheets, as explanations of how a face's pictures changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from local.liveness.judge import signals
from local.liveness.judge.relief import NOSE, NOSES, SHEET, Aligned
from local.liveness.judge.rigid import rigid

Floats = NDArray[np.float64]
Shape = tuple[float, float, float, float]

CROPS, MAPS = 30, SHEET + NOSE * len(NOSES)
HEAD: Shape = (1.2, 0.0, 0.5, 1.0)  # k1, k2, k3, nose
NOISE = 0.001  # of a map, where a head's turn is some 0.05 of them
PIXELS = 500  # that tell of a crop: its error is as many times a map's as there are of them


def surface(shape: Shape, dice: np.random.Generator, nose_at: int = SHEET) -> Floats:
    """The warps of a surface, turned and tilted at random: crops x maps. Its nose's begin `nose_at`."""
    k1, k2, k3, nose = shape
    warps = dice.normal(0, 0.1, (CROPS, MAPS))
    warps[:, 6:] = 0
    aside, up, nearer = (dice.normal(0, 0.05, (CROPS, 1)) for _ in range(3))
    warps[:, [6, 8, 10]] += aside * [-k1, -k2, -k3]
    warps[:, [7, 9, 11]] += up * [-k1, -k2, -k3]
    warps[:, 12:15] += nearer * [-k1, -k2, -k3]
    warps[:, nose_at : nose_at + NOSE] += np.hstack([aside, up, nearer]) * nose
    tilted = dice.normal(0, 0.1, (2, CROPS))
    warps[:, [6, 9]] += tilted[0][:, None]  # a plane's own perspective
    warps[:, [8, 11]] += tilted[1][:, None]
    return warps


def seen(warps: Floats, dice: np.random.Generator, noise: float = NOISE) -> list[Aligned]:
    """What an alignment finds: maps seen well and badly, each off by noise, and an error to match."""
    found = []
    for warp in warps:
        mix = dice.normal(0, 1, (MAPS, MAPS))
        normal = mix @ mix.T / MAPS + np.eye(MAPS)
        off = dice.normal(0, noise, MAPS)
        found.append(Aligned(warp + off, normal, dice.normal(0, 1e-6, MAPS), PIXELS * noise**2, 0.0, True))
    return found


def value(aligned: list[Aligned]) -> float:
    """The signal's, of this evidence alone."""
    found = rigid(aligned)
    return signals.relief(0.0, found.over_paper, found.over_cloth).value


seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(
    st.floats(0.6, 2.5),
    st.floats(0.2, 1.2),
    st.floats(0.7, 1.4),
    st.sampled_from(range(SHEET, MAPS, NOSE)),
    seeds,
)
def test_a_head_of_any_usual_shape_is_one(
    k1: float, k3: float, nose: float, nose_at: int, dice: np.random.Generator
) -> None:
    found = rigid(seen(surface((k1, 0.0, k3, nose), dice, nose_at), dice))
    assert found.over_paper > 1
    assert 0.8 < found.over_cloth <= 1


@given(st.floats(0, np.pi), st.floats(0, 2), seeds)
def test_paper_is_none_however_it_is_bent(angle: float, bend: float, dice: np.random.Generator) -> None:
    across, along = np.cos(angle), np.sin(angle)
    shape = (bend * across**2, 2 * bend * across * along, bend * along**2, 0.0)
    assert value(seen(surface(shape, dice), dice)) < 1


@given(st.floats(0.2, 2), st.floats(-0.5, 0.5), st.floats(0.2, 2), seeds)
def test_a_cushion_is_none(k1: float, k2: float, k3: float, dice: np.random.Generator) -> None:
    """It is round both ways, as a head is and paper is not, and has no nose."""
    found = rigid(seen(surface((k1, k2, k3, 0.0), dice), dice))
    assert found.over_cloth < signals.MIN_OVER_CLOTH


@given(seeds)
def test_noise_alone_is_none(dice: np.random.Generator) -> None:
    assert value(seen(np.zeros((CROPS, MAPS)), dice, noise=0.02)) < 1


def test_a_few_crops_that_lost_the_face_do_not_matter() -> None:
    dice = np.random.default_rng(7)
    aligned = seen(surface(HEAD, dice), dice)
    clean = rigid(aligned)
    anywhere = dice.normal(0, 0.3, (3, MAPS))
    anywhere[:, SHEET + NOSE :] = 0  # an alignment uses the first nose only
    lost = seen(anywhere, dice)
    assert rigid(aligned + lost).over_paper == pytest.approx(clean.over_paper, rel=0.3)


def test_what_the_alignment_did_not_reach_is_taken_into_account() -> None:
    """An alignment stops before the least error, where its prior holds it; the pull tells how far off."""
    dice = np.random.default_rng(7)
    aligned = seen(surface(HEAD, dice), dice)
    halfway = [
        Aligned(
            one.warp / 2,
            one.normal,
            one.pull - one.normal @ one.warp / 2,
            float(one.error - one.pull @ one.warp + one.warp @ one.normal @ one.warp / 4),
            one.slack,
            one.nearer,
        )
        for one in aligned
    ]
    assert rigid(halfway).over_paper == pytest.approx(rigid(aligned).over_paper, rel=1e-3)


@pytest.mark.parametrize(
    ("loose", "over_paper", "over_cloth", "passed"),
    [
        (0.06, -1.0, -1.0, True),  # a face that talks: no rigid surface, but a relief
        (0.01, 0.5, 0.5, True),  # a face at rest
        (0.01, 0.5, 0.0, False),  # round, but without a nose
        (0.01, 0.01, 0.9, False),  # hardly more than paper
        (0.04, 0.03, 0.1, False),
    ],
)
def test_either_kind_of_relief_is_enough(
    loose: float, over_paper: float, over_cloth: float, *, passed: bool
) -> None:
    assert signals.relief(loose, over_paper, over_cloth).passed is passed
