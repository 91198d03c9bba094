"""How many steps a training takes, and its learning rate at each of them.

A new learning-rate schedule is a function beside `cosine`; `Recipe.rate` (`trainer.py`) and `SharedWeights`
(`supernet.search.weights`) call it. The module does not import torch, because the planner uses it too.
"""

import math
from dataclasses import dataclass
from typing import Any

from supernet.config.splits import Sizes
from supernet.config.study import Run, Truth
from supernet.errors import UserError
from supernet.spaces.base import Space
from supernet.training.path_sampling import FAIR, passes_per_step


@dataclass(frozen=True)
class Steps:
    """Optimiser steps of a training, and forward-backward passes of a step without landmarks.

    After `per_epoch` steps, the training images are shuffled again.
    """

    total: int
    per_epoch: int
    passes: int = 1


def cosine(first: float, last: float, done: float, total: float) -> float:
    """Compute the learning rate after `done` of `total`: half a cosine from `first` to `last`."""
    return last + (first - last) / 2 * (1 + math.cos(math.pi * done / total))


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Count the full batches of an epoch. Raises UserError if there is none."""
    if batch_size > images:
        raise UserError(f"batch_size {batch_size}: there are only {images} training images; use a smaller one")
    return images // batch_size


def supernet_steps(run: Run, space: Space[Any], sizes: Sizes) -> Steps:
    """Count the steps of a run. FairNAS at equal passes takes fewer steps, on fewer images, than the other laws.

    Raises UserError if the training images do not fill a batch.
    """
    setting, protocol = run.setting, run.protocol
    images = sizes.training_images(setting.train_portion)
    per_epoch = steps_per_epoch(images, setting.batch_size)
    counted = sizes.train if protocol.epoch_images == "all" else images
    total = setting.epochs * steps_per_epoch(counted, setting.batch_size)
    passes = passes_per_step(space, setting.path_sampling, protocol.random_paths)
    if setting.path_sampling in FAIR and protocol.fairnas_budget == "equal_passes":
        total = max(1, total * protocol.random_paths // passes)
    return Steps(total, per_epoch, passes)


def standalone_steps(truth: Truth, sizes: Sizes) -> Steps:
    """Count the steps of the stand-alone training of one architecture. Raises UserError like `supernet_steps`."""
    per_epoch = steps_per_epoch(sizes.training_images(truth.train_portion), truth.batch_size)
    return Steps(truth.epochs * per_epoch, per_epoch)


def step_after(share: float, steps: int) -> int:
    """Return the step, from 0, before which this share of all steps is done; at most the last step."""
    # A product of floats could round up to all steps.
    return min(int(share * steps), steps - 1)
