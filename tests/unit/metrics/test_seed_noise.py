"""Noise of ground truth between seeds, and the threshold of S-KdT that follows from it."""

import math

import numpy as np
import pytest
from metric_samples import same

from supernet.metrics.seed_noise import seed_noise, threshold_for


def test_threshold_follows_images_and_noise():
    assert threshold_for(truth_se=0.02, images=10_000) == 0.001
    assert threshold_for(truth_se=0.02, images=1000) == 0.001
    assert threshold_for(truth_se=0.0, images=500) == 0.002
    assert threshold_for(truth_se=0.013, images=500) == 0.013
    assert threshold_for(truth_se=math.nan, images=500) == 0.002
    for truth_se, images in ((0.1, 0), (-0.1, 500), (math.inf, 500)):
        with pytest.raises(ValueError, match="expected"):
            threshold_for(truth_se, images)


def test_seed_noise_by_hand():
    nan = math.nan
    truth = [[0.5, 0.7, nan], [0.2, nan, nan], [0.1, 0.2, 0.3], [0.6, 0.9, 0.9]]
    noise = seed_noise(truth)
    variance = (0.02 + 0.02 + 0.06) / (1 + 2 + 2)  # sums of squares over degrees of freedom
    assert same(noise.std, math.sqrt(variance))
    assert same(noise.standard_error, math.sqrt(variance * (1 / 2 + 1 + 1 / 3 + 1 / 3) / 4))
    # Seeds 1 and 2 share three architectures, in one order: .5 .1 .6 and .7 .2 .9. Other seeds share only
    # two.
    assert same(noise.tau, 1.0)
    assert noise.pairs == 3


def test_seed_noise_recovers_a_simulated_noise():
    rng = np.random.default_rng(3)
    truth = 0.9 + 0.01 * rng.standard_normal((4000, 1)) + 0.002 * rng.standard_normal((4000, 3))
    noise = seed_noise(truth)
    assert noise.std == pytest.approx(0.002, rel=0.03)
    assert noise.standard_error == pytest.approx(0.002 / math.sqrt(3), rel=0.03)
    # Two seeds are bivariate normal with correlation 1 / (1 + .04), whose tau is 2/π asin.
    assert noise.tau == pytest.approx(2 / math.pi * math.asin(1 / 1.04), abs=0.01)


def test_seed_noise_without_enough_seeds():
    single = seed_noise([[0.1], [0.2], [0.3]])
    assert single.pairs == 0
    assert all(math.isnan(value) for value in (single.std, single.standard_error, single.tau))
    two = seed_noise([[0.1, 0.2], [0.2, 0.3]])
    assert same(two.std, math.sqrt(0.005))
    assert math.isnan(two.tau)
    with pytest.raises(ValueError, match="architecture 1 has no ground truth"):
        seed_noise([[0.1, 0.2], [math.nan, math.nan]])
    for unusable in ([0.1, 0.2], [[0.1, math.inf]], np.empty((0, 3))):
        with pytest.raises(ValueError, match="shape"):
            seed_noise(unusable)
