"""Speed of a training step and of scoring, and what each heuristic costs: `python -m benchmarks.step`.

A step is the trainer's own: a mini-batch, forward, backward, clip, update. Images are random bytes of CIFAR-10's shape;
nothing here depends on what they show. What is compared runs in turn, in the same rounds, with the same architectures,
so that drift of the machine cancels; the ratio is the median of the rounds'.

Shares are of the matrix product that this run found fastest, float32, on as many threads. A step counts 3 times the
multiply-adds of the executed path's forward pass, scoring once, each as two operations; norms, poolings and activations
count nothing.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from benchmarks.plain import strip
from supernet import spaces
from supernet.baselines import BASELINES
from supernet.build import build_supernet, supernet_trainer
from supernet.data import Images, Splits, split
from supernet.device import configure
from supernet.estimate import FLOPS_PER_MAC, TRAINING_PASS
from supernet.factors import PATH_LAWS
from supernet.paths import epoch_paths
from supernet.score import Evaluator
from supernet.spaces.base import NetworkSize
from supernet.study import Data, Protocol, Run, Scoring
from supernet.train import Trainer

OFF_TARGET = 1.03


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

# Heuristics that change what a step computes: names, their values, and those of what they are compared with, beside the
# baseline's: a heuristic that needs others is compared with the others alone.
VARIANTS: dict[str, dict[str, tuple[dict[str, str], dict[str, str]]]] = {
    "nasbench101": {
        "batch_norm=affine+tracking": ({"batch_norm": "affine+tracking"}, {}),
        "batch_norm=tracking": ({"batch_norm": "tracking"}, {}),
        "batch_norm=none": ({"batch_norm": "none"}, {}),
        **{
            f"dynamic_channels={value}": ({"dynamic_channels": value}, {})
            for value in ("fixed-v1", "shuffled-v2", "shuffled-v1", "interpolation-v2", "interpolation-v1")
        },
        "ofa_kernel=crop": ({"ofa_kernel": "crop"}, {}),
        "ofa_kernel=transform": ({"ofa_kernel": "transform"}, {}),
        "wsbn=per_input": ({"wsbn": "per_input"}, {}),
        "dropout=path-0.2": ({"dropout": "path-0.2"}, {}),
        "dropout=global-0.2": ({"dropout": "global-0.2"}, {}),
    },
    "nasbench201": {
        "batch_norm=affine+tracking": ({"batch_norm": "affine+tracking"}, {}),
        "batch_norm=tracking": ({"batch_norm": "tracking"}, {}),
        "batch_norm=none": ({"batch_norm": "none"}, {}),
        "ofa_kernel=crop": ({"ofa_kernel": "crop"}, {}),
        "ofa_kernel=transform": ({"ofa_kernel": "transform"}, {}),
        "dropout=path-0.2": ({"dropout": "path-0.2"}, {}),
        "dropout=global-0.2": ({"dropout": "global-0.2"}, {}),
        "op_placement=node": ({"op_placement": "node"}, {}),
    },
    "darts": {
        "batch_norm=affine+tracking": ({"batch_norm": "affine+tracking"}, {}),
        "batch_norm=affine": ({"batch_norm": "affine"}, {}),
        "batch_norm=tracking": ({"batch_norm": "tracking"}, {}),
        "ofa_kernel=crop": ({"ofa_kernel": "crop"}, {}),
        "ofa_kernel=transform": ({"ofa_kernel": "transform"}, {}),
        "wsbn=per_input (node, affine)": (
            {"wsbn": "per_input", "op_placement": "node", "batch_norm": "affine"},
            {"op_placement": "node", "batch_norm": "affine"},
        ),
        "dropout=path-0.2": ({"dropout": "path-0.2"}, {}),
        "dropout=global-0.2": ({"dropout": "global-0.2"}, {}),
        "op_placement=node": ({"op_placement": "node"}, {}),
    },
}


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


def random_splits(train: int, test: int) -> Splits:
    """Random images of CIFAR-10's shape."""
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(256, size=(train + test, 3, 32, 32), dtype=np.uint8))
    labels = torch.from_numpy(np.arange(train + test) % 10)
    return split(Images(pixels, labels, official_test=test), DATA, 0)


def seconds(task: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


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


def drawn(bench: Bench, count: int) -> list[tuple[Any, ...]]:
    """Groups of one architecture, uniform over the space."""
    return epoch_paths(bench.space, "random_a", 0, 0, count)


def throughput(size: dict[str, Size], splits: Splits, peak: Peak) -> list[str]:
    """Steps and scoring of each space, the spaces in turn."""
    benches = {space: Bench(space, one, splits) for space, one in size.items()}
    evaluators = {
        space: Evaluator(splits, Scoring(bn_modes=("batch",), splits=("scoring",)), True) for space in benches
    }
    rounds = max(one.rounds for one in size.values())
    groups = {space: drawn(bench, rounds + 1) for space, bench in benches.items()}
    for space, bench in benches.items():
        bench.step(groups[space][-1])
    flops: dict[str, list[tuple[float, float]]] = {space: [] for space in benches}
    scored: dict[str, list[tuple[float, float]]] = {space: [] for space in benches}
    for number in range(rounds):
        peak.measure()
        for space, bench in benches.items():
            group = groups[space][number]
            macs = FLOPS_PER_MAC * bench.macs(group[0])
            images = size[space].batch_size
            flops[space].append((seconds(lambda b=bench, g=group: b.step(g)), TRAINING_PASS * macs * images))  # type: ignore[misc]
            evaluate = evaluators[space].evaluate
            taken = seconds(lambda b=bench, g=group, e=evaluate: e(b.network, g[0], "batch", "scoring"))  # type: ignore[misc]
            scored[space].append((taken, macs * len(splits.scoring)))
    lines = []
    for space, one in size.items():
        taken, share = _rate(flops[space], peak)
        name = f"{space} C{one.channels} L{one.layers} batch {one.batch_size}"
        lines.append(f"{name:34} {1 / taken:9.2f} steps/s {one.batch_size / taken:9.0f} images/s {share:7.1%} of peak")
        taken, share = _rate(scored[space], peak)
        shown = len(splits.scoring)
        lines.append(f"{f'  scoring on {shown} images':34} {60 / taken:9.1f} architectures/min {share:17.1%} of peak")
    return lines


def _rate(measured: list[tuple[float, float]], peak: Peak) -> tuple[float, float]:
    """Mean seconds, because architectures differ, and the share of the peak over all of them."""
    taken, operations = (sum(values) for values in zip(*measured, strict=True))
    return taken / len(measured), operations / taken / peak.flops


def heuristics(space: str, size: Size, splits: Splits) -> list[str]:
    """Step time of each value that changes a step, relative to the baseline; and of the baseline to a plain network."""
    baseline, plain = Bench(space, size, splits), Bench(space, size, splits, plain=True)
    names = VARIANTS[space]
    variants = {name: Bench(space, size, splits, factors) for name, (factors, _) in names.items()}
    bases = {name: Bench(space, size, splits, base) if base else baseline for name, (_, base) in names.items()}
    groups = drawn(baseline, size.rounds)
    everything = [baseline, plain, *variants.values(), *(base for base in bases.values() if base is not baseline)]
    for bench in everything:
        bench.step(groups[0])
        bench.step(groups[-1])
    times: dict[int, list[float]] = {id(bench): [] for bench in everything}
    for number, group in enumerate(groups):
        # There and back, so that no place in the round is better.
        for bench in everything if number % 2 else reversed(everything):
            times[id(bench)].append(seconds(lambda b=bench, g=group: b.step(g)))  # type: ignore[misc]
    lines = [f"{space}: {1000 * statistics.median(times[id(baseline)]):.1f} ms a step, baseline"]
    for name, bench in variants.items():
        ratio = paired_ratio(zip(times[id(bench)], times[id(bases[name])], strict=True))
        lines.append(f"  {name:34} {ratio:6.2f}")
    return lines + _laws(baseline, size)


def _laws(bench: Bench, size: Size) -> list[str]:
    """A pass of each law relative to one of random_a, as many passes to a step, and what drawing takes of it."""
    space, setting = bench.space, bench.run.setting
    models = len(space.operations)
    groups = {law: epoch_paths(space, law, 0, 0, size.rounds, models) for law in PATH_LAWS[space.name]}
    times: dict[str, list[float]] = {law: [] for law in groups}
    for number in range(size.rounds):
        for law, drawn_groups in groups.items():
            times[law].append(seconds(lambda g=drawn_groups[number]: bench.step(g)))  # type: ignore[misc]
    mean = {law: statistics.fmean(taken) for law, taken in times.items()}
    lines = []
    for law in groups:
        drawing = seconds(lambda law=law: epoch_paths(space, law, 1, 0, 200, models)) / 200  # type: ignore[misc]
        lines.append(
            f"  {f'path_sampling={law}, {models} passes':34} {mean[law] / mean['random_a']:6.2f}   "
            f"drawing {drawing / mean[law]:6.2%} of a step of batch {setting.batch_size}"
        )
    return lines


def off(space: str, size: Size, splits: Splits) -> str:
    """The baseline, all heuristics off, against the network without hooks, in turn."""
    hooked, plain = Bench(space, size, splits), Bench(space, size, splits, plain=True)
    groups = drawn(hooked, 4 * size.rounds)
    for bench in (hooked, plain):
        bench.step(groups[0])
    pairs = []
    for number, group in enumerate(groups):
        order = (hooked, plain) if number % 2 else (plain, hooked)
        taken = {id(bench): seconds(lambda b=bench, g=group: b.step(g)) for bench in order}  # type: ignore[misc]
        pairs.append((taken[id(hooked)], taken[id(plain)]))
    ratio = paired_ratio(pairs)
    verdict = "met" if ratio <= OFF_TARGET else "short"
    return f"{f'heuristics off, {space}':34} {ratio:6.3f} of a plain network, target {OFF_TARGET}: {verdict}"


def bookkeeping(space: str, size: Size, splits: Splits) -> str:
    """What a step does over all parameters, also those that its path leaves alone."""
    bench = Bench(space, size, splits)
    groups = drawn(bench, size.rounds)
    bench.step(groups[0])
    taken = statistics.median(seconds(lambda g=group: bench.step(g)) for group in groups)  # type: ignore[misc]
    parameters = bench.trainer.parameters
    touched = statistics.median(
        seconds(lambda: [p for p in parameters.values() if p.grad is not None]) for _ in range(size.rounds)
    )
    update = statistics.median(seconds(bench.trainer.optimizer.step) for _ in range(size.rounds))
    cleared = seconds(lambda: bench.trainer.optimizer.zero_grad(set_to_none=True))
    return (
        f"{f'over all parameters, {space}':34} {len(parameters)} tensors: finding gradients {touched / taken:.2%}, "
        f"clearing {cleared / taken:.2%}, update {update / taken:.2%} of a step"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="tiny networks and two rounds: that it runs, not how fast")
    arguments = parser.parse_args()
    configure(arguments.threads, "cpu")
    large, small = (dict.fromkeys(LARGE, QUICK), dict.fromkeys(LARGE, QUICK)) if arguments.quick else (LARGE, SMALL)
    splits = random_splits(300, 20) if arguments.quick else random_splits(5000, 250)
    peak = Peak((64,) if arguments.quick else (512, 1024, 2048))
    lines = throughput(large, splits, peak)
    print(
        f"{arguments.threads} thread(s); fastest product: {peak.flops / 1e9:.1f} GFLOP/s at {peak.side} x {peak.side}"
    )
    print("\n".join(lines))
    for space, size in small.items():
        print(off(space, size, splits), flush=True)
    for space, size in small.items():
        print(bookkeeping(space, size, splits), flush=True)
    print("Step time relative to the baseline")
    for space, size in small.items():
        print("\n".join(heuristics(space, size, splits)), flush=True)


if __name__ == "__main__":
    main()
