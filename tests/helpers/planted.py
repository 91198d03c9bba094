"""A search problem with a known answer: a super-net in which one operation of each position is right."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tiny import SPACES
from torch import Tensor, nn

from supernet.config.study import Data, Scoring
from supernet.data.images import Augmenter, Images, Splits, split
from supernet.nn.mixture import Mixture
from supernet.search.budget import Budget
from supernet.search.problem import Batches, Problem
from supernet.spaces.base import Space
from supernet.training.descent import Hyperparameters
from supernet.training.evaluator import Evaluator

CLASSES = 4
NOISE = 1.3
"""The strongest noise; that of an image is uniform below it, so that accuracy grows in a line with the signal."""


class Planted(nn.Module):
    """Classifies images by their mean colour; each wrong operation of a path weakens the signal.

    The features of a path are those of the image times the mean over positions of `value`: 1 for the right operation,
    less for others. A mixture has the weighted mean. With no signal left, logits are noise that depends only on the
    image.
    """

    def __init__(self, space: Space[Any], values: npt.NDArray[np.float64], places: Callable[[Any], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.values, self.places = torch.from_numpy(values).float(), places
        self.scale = nn.Parameter(torch.ones(CLASSES))

    def forward(self, images: Tensor, arch: Any) -> Tensor:
        """Map (N, C, H, W) to (N, classes)."""
        return self.mix(images, Mixture(self.places(arch)))

    def mix(self, images: Tensor, mixture: Mixture) -> Tensor:
        """As `forward`, with weights (kinds, positions, |O|)."""
        weights = mixture.operations
        if mixture.computed is not None:
            weights = weights * torch.from_numpy(mixture.computed)
        if mixture.positions is not None:
            weights = weights * mixture.positions[..., None]
        signal = (weights * self.values).sum() / weights.shape[:2].numel()
        features = images.mean((2, 3))
        return 6 * self.scale * (signal * features[:, :CLASSES] + NOISE * features[:, CLASSES:])


def planted_arch(space: Space[Any], seed: int) -> tuple[Any, npt.NDArray[np.float64]]:
    """Draw an architecture of NASBench-201; also returns operation values (1, 6, 5) that make it the best."""
    rng = np.random.default_rng(seed)
    arch = space.sample(rng)
    values = rng.uniform(0.0, 0.4, size=(1, 6, 5))
    values[0, np.arange(6), space.choices_of(arch)] = 1.0
    return arch, values


def one_hot(space: Space[Any], arch: Any) -> Tensor:
    """Return the weights of a path."""
    weights = torch.zeros(1, 6, 5)
    weights[0, torch.arange(6), list(space.choices_of(arch))] = 1.0
    return weights


def images(count: int = 480, seed: int = 0) -> Images:
    """Draw images (count, 2·CLASSES, 4, 4): the first channels show the class, the others are noise."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(count) % CLASSES
    signal = 64 * np.eye(CLASSES)[labels]
    noise = 64 * np.eye(CLASSES)[rng.integers(CLASSES, size=count)] * rng.random((count, 1))
    pixels = np.concatenate([signal, noise], axis=1)[:, :, None, None] + rng.integers(0, 60, (count, 2 * CLASSES, 4, 4))
    return Images(torch.from_numpy(pixels.astype(np.uint8)), torch.from_numpy(labels))


def planted_problem(seed: int = 0, budget: int = 30_000, **more: Any) -> tuple[Problem, Any]:
    """Return a problem in NASBench-201 and its best architecture."""
    space = SPACES["nasbench201"]
    arch, values = planted_arch(space, seed)
    build = lambda partial_channels: Planted(space, values, partial(one_hot, space))  # noqa: E731
    return problem_of(space, build, images(), seed, budget, **more), arch


def problem_of(
    space: Space[Any], build: Callable[[int], nn.Module], data: Images, seed: int, budget: int, **more: Any
) -> Problem:
    """Return a problem on these images, in batches of 16."""
    config = Data(name="digits", crop_padding=0, flip=False, scoring_portion=0.5)
    splits: Splits = split(data, config, 0)
    scoring = Scoring(bn_modes=("batch",), batch_size=250)
    evaluator = Evaluator(splits, scoring, channels_last=False)
    score = lambda network, arch: evaluator.evaluate(network, arch, "batch", "scoring")  # noqa: E731

    def batches(part: Images) -> Batches:
        return Batches(Augmenter(part, splits, config, False), part, seed, 16)

    return Problem(
        space=space,
        build=lambda: build(1),
        build_relaxed=build,
        training=batches(splits.train),
        held_out=batches(splits.scoring),
        score=score,
        scored_images=len(splits.scoring),
        score_whole=score,
        whole_images=len(splits.scoring),
        finalists=10,
        draw=partial(space.sample, law="random_a"),
        has_truth=lambda arch_id: True,
        hyperparameters=Hyperparameters(0.025, 0.001, 3e-4, 0.9, 5.0),
        budget=Budget(budget),
        seed=seed,
        # The size of `real_problem`; planted networks have no convolutions.
        size=space.network_size(4, {"nasbench201": 1, "macro": 8}.get(space.name, 3), 5, 2),
        side=data.pixels.shape[-1],
        **{"training_share": 0.3, **more},
    )
