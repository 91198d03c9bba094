"""Landmarks: architectures of known accuracy whose order the super-net is trained to keep."""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supernet.errors import UserError
from supernet.rng import stream
from supernet.spaces.base import Space

Landmark = tuple[Any, float]
"""An architecture and its stand-alone accuracy; nan where it has none."""
Pair = tuple[Any, Any]
"""Two architectures, the better one first."""


class Ranking:
    """Which pairs of landmarks each step ranks, and how much their loss weighs.

    Source: Yu, Ranftl, Salzmann, "Landmark Regularization: Ranking Guided Super-Net Training in Neural Architecture
    Search", CVPR 2021, and the authors' code kcyu2014/nas-landmarkreg: random pairs, in which i is better than j, add
    max(0, L(i) - L(j)) of the super-net's losses L, after a share of the training without and with a coefficient that
    then rises by half a cosine. Here i and j are drawn uniformly over all pairs of different accuracy, where the code
    draws i first; the losses are those of the training batch, where the code can take validation images; the
    coefficient reaches `weight` at the last step, where the code ends the half cosine later than the training; and the
    landmarks are drawn once, where the paper adds the best architectures that it finds in further rounds.
    """

    def __init__(self, landmarks: Sequence[Landmark], per_step: int, weight: float, start: int, steps: int) -> None:
        """Of `steps` steps those from `start` on rank `per_step` pairs each.

        UserError if no two landmarks have accuracies that are known and differ.
        """
        self.archs = [arch for arch, _ in landmarks]
        self.pairs = _ordered([truth for _, truth in landmarks])
        self.per_step, self.weight, self.start, self.steps = per_step, weight, start, steps

    def epoch(self, seed: int, epoch: int, steps: int) -> list[tuple[Pair, ...]]:
        """The pairs of each step of an epoch: independent, uniform over all, from the stream `landmarks`."""
        drawn = stream(seed, "landmarks", epoch).integers(len(self.pairs), size=(steps, self.per_step))
        return [tuple((self.archs[i], self.archs[j]) for i, j in self.pairs[row].tolist()) for row in drawn]

    def weight_at(self, step: int) -> float:
        """Coefficient of a step, from 0: 0 before `start`, then up to `weight` at the last step."""
        if step < self.start:
            return 0.0
        return self.weight * (1 - math.cos(math.pi * (step + 1 - self.start) / (self.steps - self.start))) / 2


def digest(landmarks: Sequence[Landmark] | None, space: Space[Any]) -> list[str]:
    """What tells these landmarks, in this order and with these accuracies, from others; empty without landmarks."""
    if landmarks is None:
        return []
    text = "\n".join(f"{space.format(arch)} {truth!r}" for arch, truth in landmarks)
    return [f"landmarks {hashlib.sha256(text.encode()).hexdigest()}"]


def _ordered(truths: Sequence[float]) -> NDArray[np.int64]:
    """(P, 2) numbers of all pairs whose first has the greater accuracy; comparisons with nan are false."""
    values = np.asarray(truths, dtype=float)
    pairs = np.argwhere(values[:, None] > values[None, :])
    if not len(pairs):
        raise UserError(
            f"landmarks: none of {len(values)} is known to be better than another; expected at least two accuracies "
            "that differ: take more landmarks, or check their ground truth"
        )
    return pairs
