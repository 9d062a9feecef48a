"""Cosine of two embeddings <-> Similarity in percent, as Rekognition speaks of it.

One monotone, invertible curve. It puts SFace's published 1:1 threshold (cosine .363) at 80,
and reaches 95 at .479, above which none of 78,000 pairs of different people lay on a labelled
set of 40 people. It is our own scale: Amazon's real curve is not public.
"""

import math
from typing import Final

_STEEPNESS: Final = 13.4
_MIDDLE: Final = 0.2596
_ANY: Final = -2.0  # every cosine is above it
_SAME: Final = 1 - 1e-5  # a vector with itself, after the rounding of float32


def similarity(cosine: float) -> float:
    """Turn a cosine (-1..1) into a Similarity (0..100); a vector with itself is 100."""
    return 100.0 if cosine >= _SAME else _curve(cosine)


def _curve(cosine: float) -> float:
    return 100 / (1 + math.exp(-_STEEPNESS * (cosine - _MIDDLE)))


def cosine(percent: float) -> float:
    """Turn a Similarity (0..100) into the cosine that a pair must reach; 0 lets every pair through."""
    if percent <= 0:
        return _ANY
    if percent >= _curve(_SAME):
        return _SAME
    return max(_ANY, _MIDDLE + (math.log(percent) - math.log(100 - percent)) / _STEEPNESS)
