"""Landmark regularisation: architectures of known accuracy whose ranking the super-net is trained to keep."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supernet.errors import UserError
from supernet.rng import stream

Landmark = tuple[Any, float]
"""An architecture and its stand-alone accuracy; nan if it has none."""
Pair = tuple[Any, Any]
"""Two architectures, the better one first."""


class Ranking:
    """The pairs of landmarks that each step ranks, and the weight of their loss.

    Source: Yu, Ranftl, Salzmann, "Landmark Regularization: Ranking Guided Super-Net Training in Neural Architecture
    Search", CVPR 2021, and the authors' code kcyu2014/nas-landmarkreg: random pairs, in which i is better than j, add
    max(0, L(i) - L(j)) of the super-net's losses L. The term starts after a share of the training; its coefficient
    then rises by half a cosine. Four things differ from the authors: i and j are drawn uniformly over all pairs of
    different accuracy (their code draws i first); the losses are those of the training batch (their code can take
    validation images); the coefficient reaches `weight` at the last step (their half cosine ends after the training);
    the landmarks are drawn once (the paper adds the best architectures that it finds in further rounds).
    """

    def __init__(self, landmarks: Sequence[Landmark], per_step: int, weight: float, start: int, steps: int) -> None:
        """Rank `per_step` pairs in each step from `start` on, out of `steps`.

        Raises UserError if no two landmarks have known accuracies that differ.
        """
        self.archs = [arch for arch, _ in landmarks]
        self.pairs = _ordered([truth for _, truth in landmarks])
        self.per_step, self.weight, self.start, self.steps = per_step, weight, start, steps

    def epoch(self, seed: int, epoch: int, steps: int) -> list[tuple[Pair, ...]]:
        """Draw the pairs of each step of an epoch: independent, uniform over all pairs, from the stream `landmarks`."""
        drawn = stream(seed, "landmarks", epoch).integers(len(self.pairs), size=(steps, self.per_step))
        return [tuple((self.archs[i], self.archs[j]) for i, j in self.pairs[row].tolist()) for row in drawn]

    def weight_at(self, step: int) -> float:
        """Return the coefficient of a step, from 0: it is 0 before `start` and rises to `weight` at the last step."""
        if step < self.start:
            return 0.0
        return self.weight * (1 - math.cos(math.pi * (step + 1 - self.start) / (self.steps - self.start))) / 2


def can_rank(landmarks: Sequence[Landmark] | None) -> bool:
    """Return whether a run can be trained: without landmarks, or if two of them have known accuracies that differ.

    They have none if all their stand-alone trainings diverged.
    """
    return landmarks is None or len({truth for _, truth in landmarks if not math.isnan(truth)}) > 1


def _ordered(truths: Sequence[float]) -> NDArray[np.int64]:
    """Return (P, 2) indices of all pairs whose first has the greater accuracy; comparisons with nan are false."""
    values = np.asarray(truths, dtype=float)
    pairs = np.argwhere(values[:, None] > values[None, :])
    if not len(pairs):
        raise UserError(
            f"landmarks: none of {len(values)} is known to be better than another; expected at least two accuracies "
            "that differ: take more landmarks, or check their ground truth"
        )
    return pairs
