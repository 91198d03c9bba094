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
from supernet.config.study import Data, Protocol, Run, Scoring
from supernet.data.images import Images, Splits, split
from supernet.spaces.base import NetworkSize
from supernet.training.build import build_supernet, supernet_trainer
from supernet.training.path_sampling import epoch_paths
from supernet.training.trainer import Trainer


@dataclass(frozen=True)
class Size:
    """Channels of the first cell, cells as the factor `layers` counts them, images of a mini-batch, rounds."""

    channels: int
    layers: int
    batch_size: int
    rounds: int


# The benchmark's own network in NASBench-201. The others' would take a second or more a step: an eighth of the width of
# NASBench-101, and less than half the width and half the depth of DARTS.
LARGE = {
    "nasbench101": Size(16, 9, 64, 9),
    "nasbench201": Size(16, 5, 64, 9),
    "darts": Size(16, 6, 64, 9),
}
# Where Python weighs most, so that a hook would show.
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
        setting = {**BASELINES[space], "channels": size.channels, "layers": size.layers, "batch_size": size.batch_size}
        run = {"space": space, "setting": {**setting, **factors, "epochs": 1000}, "seed": 0, "study_seed": 0}
        self.run = Run.model_validate({**run, "data": DATA, "protocol": Protocol(), "scoring": Scoring()})
        self.space = spaces.load(space)
        self.network = build_supernet(self.run, self.space, splits)
        if plain:
            strip(self.network)
        self.trainer: Trainer = supernet_trainer(self.run, self.space, self.network, splits)
        self.epoch = self.trainer.augmenter.epoch(0, 0, size.batch_size)
        self.network.train()
        self.steps = 0

    def step(self, group: tuple[Any, ...]) -> None:
        """One step of the trainer, on the mini-batches of an epoch in turn."""
        batch = self.epoch.batch(self.steps % self.trainer.recipe.steps_per_epoch)
        self.trainer._step(self.steps, batch, group)  # the step itself, which `run` wraps in checkpoints and curves
        self.steps += 1

    def macs(self, arch: Any) -> int:
        """Multiply-adds of a forward pass of one image on the path of an architecture."""
        setting = self.run.setting
        size = NetworkSize(setting.channels, setting.layers, 10, 3)
        return self.space.cost(arch, size, 32, zero_in_zero_out=setting.batch_norm == "none").macs


def random_splits(train: int, test: int, config: Data = DATA) -> Splits:
    """Random images of CIFAR-10's shape, split as the config says."""
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(256, size=(train + test, 3, 32, 32), dtype=np.uint8))
    labels = torch.from_numpy(np.arange(train + test) % 10)
    return split(Images(pixels, labels, official_test=test), config, 0)


def seconds(task: Callable[[], object]) -> float:
    """Processor seconds of one call, of all threads of this process.

    Everything here computes on one thread and waits for nothing, so that on an idle machine these are seconds of the
    clock; on a busy one they are disturbed less.
    """
    started = time.process_time()
    task()
    return time.process_time() - started


class Peak:
    """The fastest float32 matrix product so far, in operations a second; measured again between other measurements."""

    def __init__(self, sides: Sequence[int]) -> None:
        self._matrices = [torch.rand(side, side) for side in sides]
        self.flops, self.side = 0.0, 0

    def measure(self) -> None:
        """One product of each size, after one that warms up."""
        for matrix in self._matrices:
            matrix @ matrix
            flops = 2 * len(matrix) ** 3 / seconds(lambda matrix=matrix: matrix @ matrix)  # type: ignore[misc]
            if flops > self.flops:
                self.flops, self.side = flops, len(matrix)


def paired_ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Median ratio of first to second over rounds."""
    return statistics.median(first / second for first, second in pairs)


def warm(bench: Bench, groups: Iterable[tuple[Any, ...]]) -> None:
    """One step of each: oneDNN makes a kernel when it first meets a shape, which would count as a slow step."""
    for group in groups:
        bench.step(group)


def drawn(bench: Bench, count: int) -> list[tuple[Any, ...]]:
    """Groups of one architecture, uniform over the space."""
    return epoch_paths(bench.space, "random_a", 0, 0, count)
