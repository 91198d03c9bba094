"""Super-nets that are stepped by hand, random images, timing, and the peak of the machine."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from benchmarks.references.plain import strip
from supernet import spaces
from supernet.config.baselines import BASELINES
from supernet.config.study import Data, Protocol, Run
from supernet.data.images import Images, Splits, split
from supernet.training.build import build_supernet, supernet_trainer
from supernet.training.path_sampling import epoch_paths
from supernet.training.trainer import Trainer


@dataclass(frozen=True)
class Size:
    """Channels of the first cell, cells as the factor `layers` counts them, images per mini-batch, and rounds."""

    channels: int
    layers: int
    batch_size: int
    rounds: int


# NASBench-201 has the network size of the published benchmark. The other spaces are smaller, because a step of the
# published size takes a second or more: NASBench-101 has an eighth of the width, DARTS less than half of the width
# and of the depth.
LARGE = {
    "nasbench101": Size(16, 9, 64, 9),
    "nasbench201": Size(16, 5, 64, 9),
    "darts": Size(16, 6, 64, 9),
}
# Sizes at which Python takes the largest share, so that the cost of a hook is visible.
SMALL = {
    "nasbench101": Size(8, 3, 32, 25),
    "nasbench201": Size(8, 1, 32, 25),
    "darts": Size(8, 3, 32, 25),
}
QUICK = Size(4, 3, 8, 2)

NOTHING: Mapping[str, str] = MappingProxyType({})
DATA = Data(name="cifar10")


class Bench:
    """A super-net and its trainer, stepped by hand."""

    def __init__(
        self, space: str, size: Size, splits: Splits, factors: Mapping[str, str] = NOTHING, plain: bool = False
    ) -> None:
        own = {"channels": size.channels, "layers": size.layers, "batch_size": size.batch_size}
        # Without `layers` in a space that lacks it.
        setting = {**BASELINES[space], **{name: value for name, value in own.items() if name in BASELINES[space]}}
        run = {"space": space, "setting": {**setting, **factors, "epochs": 1000}, "seed": 0, "study_seed": 0}
        self.run = Run.model_validate({**run, "data": DATA, "protocol": Protocol()})
        self.space = spaces.load(space)
        self.network = build_supernet(self.run, self.space, splits)
        if plain:
            strip(self.network)
        self.trainer: Trainer = supernet_trainer(self.run, self.space, self.network, splits)
        self.epoch = self.trainer.augmenter.epoch(0, 0, size.batch_size)
        self.network.train()
        self.steps = 0

    def step(self, group: tuple[Any, ...]) -> None:
        """Run one step of the trainer; the mini-batches of an epoch are used in turn."""
        batch = self.epoch.batch(self.steps % self.trainer.recipe.steps_per_epoch)
        self.trainer._step(self.steps, batch, group)  # the step without the checkpoints and curves of `run`
        self.steps += 1

    def macs(self, arch: Any) -> int:
        """Return the multiply-adds of a forward pass of one image on the path of an architecture."""
        setting = self.run.setting
        size = self.space.network_size(setting.channels, setting.layers)
        return self.space.cost(arch, size, 32, zero_in_zero_out=setting.batch_norm == "none").macs


def random_splits(train: int, test: int, config: Data = DATA) -> Splits:
    """Return random images of CIFAR-10's shape, split as `config` says."""
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(256, size=(train + test, 3, 32, 32), dtype=np.uint8))
    labels = torch.from_numpy(np.arange(train + test) % 10)
    return split(Images(pixels, labels, official_test=test), config, 0)


def seconds(task: Callable[[], object]) -> float:
    """Return the processor seconds of one call, summed over all threads of this process.

    All tasks compute on one thread and do not wait, so on an idle machine these are seconds of wall time; on a busy
    machine they are disturbed less than wall time.
    """
    started = time.process_time()
    task()
    return time.process_time() - started


class Peak:
    """The fastest float32 matrix product so far, in operations per second; measured repeatedly between other tasks."""

    def __init__(self, sides: Sequence[int]) -> None:
        self._matrices = [torch.rand(side, side) for side in sides]
        self.flops, self.side = 0.0, 0

    def measure(self) -> None:
        """Time one product of each size, after a warm-up."""
        for matrix in self._matrices:
            matrix @ matrix
            flops = 2 * len(matrix) ** 3 / seconds(lambda matrix=matrix: matrix @ matrix)  # type: ignore[misc]
            if flops > self.flops:
                self.flops, self.side = flops, len(matrix)


def paired_ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Return the median over rounds of the ratio of first to second."""
    return statistics.median(first / second for first, second in pairs)


def warm(bench: Bench, groups: Iterable[tuple[Any, ...]]) -> None:
    """Run one step of each group: oneDNN compiles a kernel for each new shape, which would count as a slow step."""
    for group in groups:
        bench.step(group)


def drawn(bench: Bench, count: int) -> list[tuple[Any, ...]]:
    """Draw groups of one architecture each, uniform over the space."""
    return epoch_paths(bench.space, "random_a", 0, 0, count)
