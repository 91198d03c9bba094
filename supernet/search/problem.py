"""The problem that every search system gets: the same space, super-net, data, budget and seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from supernet.data.images import Augmenter, Epoch, Images
from supernet.errors import UserError
from supernet.search.budget import Budget
from supernet.search.random_search import Draw
from supernet.spaces.base import NetworkSize, Space
from supernet.training.descent import Hyperparameters
from supernet.training.schedule import steps_per_epoch


class Batches:
    """An endless sequence of mini-batches, numbered from 0; each is a function of the seed and its number.

    Images are shuffled again in each epoch.
    """

    def __init__(self, augmenter: Augmenter, images: Images, seed: int, size: int) -> None:
        """Raises UserError if there are fewer images than a batch has."""
        self.size = size
        self._augmenter, self._seed = augmenter, seed
        self._per_epoch = steps_per_epoch(len(images), size)
        self._epoch: tuple[int, Epoch] | None = None

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Return images (size, C, H, W) and labels (size,) of a batch."""
        epoch, position = divmod(number, self._per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = epoch, self._augmenter.epoch(self._seed, epoch, self.size)
        return self._epoch[1].batch(position)


@dataclass(frozen=True)
class Problem:
    """The argument of every system.

    `build()` makes a new super-net for paths and `build_relaxed(partial_channels)` one for mixtures, with the same
    initial weights each time. Weights are trained on
    batches of `training`. Architectures are chosen by batches of `held_out`, on whose images no weights are trained,
    and by `score`, which gives accuracy and loss on the same `scored_images` of these images for every architecture;
    the best `finalists` are scored again by `score_whole`, on all `whole_images` of them.
    `draw` gives architectures that have a ground truth, uniform over the space; `has_truth(arch_id)` says whether one
    has. `training_share` is the share of the budget that systems with a separate search spend on shared weights.
    """

    space: Space[Any]
    build: Callable[[], nn.Module]
    build_relaxed: Callable[[int], nn.Module]
    training: Batches
    held_out: Batches
    score: Callable[[nn.Module, Any], tuple[float, float]]
    scored_images: int
    score_whole: Callable[[nn.Module, Any], tuple[float, float]]
    whole_images: int
    finalists: int
    draw: Draw
    has_truth: Callable[[str], bool]
    hyperparameters: Hyperparameters
    budget: Budget
    training_share: float
    seed: int
    size: NetworkSize
    """The size of the super-net, and `side` that of its images in pixels: multiply-adds are counted for it."""
    side: int
    zero_in_zero_out: bool = False
    """Whether paths skip convolutions whose input is always zero (`Space.cost`)."""
    law: str = "random_a"
    """Path sampling of the study's baseline, which random search uses."""
    random_paths: int = 1
    """Paths of a training step, except of FairNAS' groups; their gradients are averaged."""
    fairnas_gradient: Literal["sum", "mean"] = "sum"
    """How the gradients of a FairNAS group are combined."""
    precision: str = "float32"
    """Precision of the forward passes of training, float32 or bfloat16, as in `supernet.training.trainer.Recipe`."""

    def kinds_and_positions(self) -> tuple[int, int]:
        """Return the relaxation of the space. Raises UserError if it has none."""
        if self.space.relaxation is None:
            raise UserError(f"{self.space.name}: has no relaxation: its channels depend on the wiring")
        return self.space.relaxation
