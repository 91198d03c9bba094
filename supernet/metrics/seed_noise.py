"""Noise of ground truth between training seeds, and the threshold of S-KdT that follows from it."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supernet.metrics.arrays import Floats
from supernet.metrics.definitions import SPARSE_THRESHOLD, kendall_tau


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """Noise of ground truth between training seeds: the result of `seed_noise`."""

    std: float
    standard_error: float
    tau: float
    pairs: int


def seed_noise(per_seed_truth: npt.ArrayLike) -> SeedNoise:
    """Estimate the noise between seeds from ground truth (architectures, seeds), nan where a seed is missing.

    - `std`: standard deviation of a single seed within an architecture, pooled over architectures (one degree of
      freedom less per architecture).
    - `standard_error`: standard error of an architecture's mean, std / sqrt(its seeds), as the root mean square over
      architectures.
    - `tau`: mean tau-b over pairs of seeds, each on the architectures that have both; nan with fewer than two seeds or
      three such architectures. This is the usual ceiling for a score. A score that predicts the *mean* over seeds can
      exceed it slightly, since a mean is less noisy than a single seed.
    - `pairs`: number of architectures with at least two seeds.

    Raises ValueError for another shape, for infinities, and for an architecture without any seed.
    """
    truth = np.asarray(per_seed_truth, dtype=np.float64)
    if truth.ndim != 2 or truth.size == 0 or np.isinf(truth).any():
        raise ValueError(
            f"seed_noise: expected finite values or nan of shape (architectures, seeds), got {truth.shape}"
        )
    counts = np.isfinite(truth).sum(axis=1)
    if (counts == 0).any():
        raise ValueError(f"seed_noise: architecture {int(np.argmin(counts))} has no ground truth at all; leave it out")
    deviations = truth - np.nanmean(truth, axis=1, keepdims=True)
    freedom = int((counts - 1).sum())
    std = math.sqrt(float(np.nansum(deviations**2)) / freedom) if freedom else math.nan
    error = std * math.sqrt(float(np.mean(1 / counts)))
    return SeedNoise(std=std, standard_error=error, tau=_seed_tau(truth), pairs=int((counts >= 2).sum()))


def _seed_tau(truth: Floats) -> float:
    taus = []
    for first in range(truth.shape[1]):
        for second in range(first + 1, truth.shape[1]):
            both = np.isfinite(truth[:, first]) & np.isfinite(truth[:, second])
            if both.sum() >= 3:
                taus.append(kendall_tau(truth[both, first], truth[both, second]))
    defined = [tau for tau in taus if not math.isnan(tau)]
    return float(np.mean(defined)) if defined else math.nan


def threshold_for(truth_se: float, images: int) -> float:
    """Return the threshold of S-KdT, as a fraction, for a study that sets it to `auto`.

    The threshold is the paper's 0.001 if ground truth was measured on 1000 images or more, where one image is at most
    0.1 %. On fewer images it is the larger of one image and `truth_se`, the standard error of the mean ground truth
    over seeds (`seed_noise`); if it is nan (a single seed), the threshold is one image. Raises ValueError for images <
    1 or a negative or infinite `truth_se`.
    """
    if images < 1:
        raise ValueError(f"threshold_for: images is {images}, expected the images behind ground truth, at least 1")
    if truth_se < 0 or math.isinf(truth_se):
        raise ValueError(
            f"threshold_for: truth_se is {truth_se}, expected a finite number >= 0, or nan for a single seed"
        )
    if images >= 1000:
        return SPARSE_THRESHOLD
    return 1 / images if math.isnan(truth_se) else max(1 / images, truth_se)
