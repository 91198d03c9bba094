"""Speed of a training step and of scoring, as a share of what the machine can do.

A step is the trainer's: mini-batch, forward, backward, clip, update. Images are random bytes of CIFAR-10's shape; their
content has no influence. Each architecture is stepped once as a warm-up and then once per round, with the spaces in
turn. Its time is the median over rounds, and a result is the mean over architectures.

Shares are of the fastest float32 matrix product that this run measured, on the same number of threads. A step counts 3
times the multiply-adds of a forward pass of the executed path, scoring counts them once; each multiply-add is two
operations. Norms, poolings and activations are not counted. In DARTS these and depthwise convolutions take most of the
time, so a step is compared with the ceiling of its operations instead (`benchmarks/references/ceiling.py`).

Finally, torch's profiler shows how the time of a step divides, on the same architectures; `--profile` does only that.
"""

import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.harness.bench import LARGE, QUICK, Bench, Peak, Size, drawn, random_splits, seconds, warm
from benchmarks.harness.findings import Findings, parse
from benchmarks.references.ceiling import Ceiling, operations
from supernet.config.study import Evaluation
from supernet.data.images import Splits
from supernet.pipeline.estimate import FLOPS_PER_MAC, TRAINING_PASS
from supernet.training.device import configure
from supernet.training.evaluator import Evaluator

ARCHITECTURES = 8
ROUNDS, SCORING_ROUNDS = 5, 2
# Additional bytes that profiled steps need.
PROFILER_ROOM = 2**31
# Kinds of operations by the first key that is part of the profiler's name; the rest is Python and small operations.
PARTS = {
    "convolution": "convolution",
    "bmm": "convolution",
    "batch_norm": "batch norm",
    "BatchNorm": "batch norm",
    "addcmul": "batch norm",
    "avg_pool2d": "average pooling",
    "max_pool2d": "max pooling",
    "relu": "ReLU",
    "threshold_backward": "ReLU",
    "add": "sums",
    "cat": "concatenation",
    "copy_": "copies",
    "_foreach": "update and clipping",
    "index": "batch of images",
}


class Measurement:
    """Architectures of one space, with the seconds of their steps and scorings per round."""

    def __init__(self, space: str, size: Size, splits: Splits, architectures: int) -> None:
        self.space, self.size = space, size
        self.bench = Bench(space, size, splits)
        self.groups = drawn(self.bench, architectures)
        self.evaluator = Evaluator(splits, Evaluation(), True)
        self.shown = len(splits.scoring)
        self.steps: list[list[float]] = [[] for _ in self.groups]
        self.scores: list[list[float]] = [[] for _ in self.groups]
        warm(self.bench, self.groups)
        for group in self.groups:
            self._score(group)

    def step(self) -> None:
        """Step each architecture once."""
        for group, taken in zip(self.groups, self.steps, strict=True):
            taken.append(seconds(lambda g=group: self.bench.step(g)))  # type: ignore[misc]

    def score(self) -> None:
        """Score each architecture once."""
        for group, taken in zip(self.groups, self.scores, strict=True):
            taken.append(seconds(lambda g=group: self._score(g)))  # type: ignore[misc]

    def _score(self, group: tuple[Any, ...]) -> None:
        self.evaluator.evaluate(self.bench.network, group[0], "batch", "scoring")

    @property
    def flops(self) -> float:
        """Operations of a forward pass of one image, summed over the architectures."""
        return float(sum(FLOPS_PER_MAC * self.bench.macs(group[0]) for group in self.groups))

    def lines(self, peak: Peak) -> list[str]:
        """Return lines with rates and shares of the peak, of stepping and scoring."""
        step, score = _each(self.steps), _each(self.scores)
        size = self.size
        name = f"{self.space} C{size.channels} L{size.layers} batch {size.batch_size}"
        return [
            f"{name:34} {1000 * step:9.1f} ms per step {size.batch_size / step:9.0f} images/s "
            f"{self.share(peak):7.1%} of peak",
            f"{f'  scoring on {self.shown} images':34} {60 / score:9.1f} architectures/min "
            f"{self.flops / len(self.groups) * self.shown / score / peak.flops:17.1%} of peak",
        ]

    def share(self, peak: Peak) -> float:
        """Return the share of the peak that a step reaches."""
        operations = TRAINING_PASS * self.flops / len(self.groups) * self.size.batch_size
        return operations / _each(self.steps) / peak.flops


def _each(rounds: list[list[float]]) -> float:
    """Return the mean over architectures of their medians over rounds."""
    return statistics.fmean(map(statistics.median, rounds))


def against_ceiling(measurement: Measurement, splits: Splits, repeats: int, own: bool = True) -> float:
    """Return the time of a step's operations alone divided by the time of the step; `own` as in `Ceiling`."""
    size = measurement.size
    plain = Bench(measurement.space, size, splits, plain=True)
    ceiling = Ceiling(size.batch_size, repeats, own)
    ideal = statistics.fmean(ceiling.seconds(operations(plain, group[0])) for group in measurement.groups)
    return ideal / _each(measurement.steps)


def profiled(space: str, size: Size, splits: Splits, architectures: int) -> dict[str, float]:
    """Return the share of a step's processor time per kind of operation, forward and backward."""
    bench = Bench(space, size, splits)
    groups = drawn(bench, architectures)
    warm(bench, groups)
    # The profiler's notes lie between activations, which therefore need new memory. Clearing new pages would take up to
    # 40 % of the time of DARTS, so memory is allocated and freed before.
    torch.zeros(PROFILER_ROOM // 4)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        warm(bench, groups)
    taken: dict[str, float] = {}
    for event in found.key_averages():
        part = next((part for name, part in PARTS.items() if name in event.key), "everything else")
        taken[part] = taken.get(part, 0.0) + event.self_cpu_time_total
    total = sum(taken.values())
    return {part: time / total for part, time in taken.items()}


def profile_all(sizes: Mapping[str, Size], splits: Splits, quick: bool, found: Findings) -> None:
    """Profile a step of each space."""
    found.series["profile"] = {}
    for space, size in sizes.items():
        shares = profiled(space, size, splits, 2 if quick else ARCHITECTURES)
        found.series["profile"][space] = shares
        shown = ", ".join(f"{part} {share:.0%}" for part, share in sorted(shares.items(), key=lambda item: -item[1]))
        print(f"profile, {space}: {shown}", flush=True)


def measure(sizes: Mapping[str, Size], splits: Splits, quick: bool, found: Findings) -> None:
    """Measure steps and scoring of all spaces, with the spaces in turn."""
    peak = Peak((64,) if quick else (512, 1024, 2048))
    measurements = {
        space: Measurement(space, size, splits, 2 if quick else ARCHITECTURES) for space, size in sizes.items()
    }
    for number in range(SCORING_ROUNDS if quick else ROUNDS):
        for measurement in measurements.values():
            peak.measure()
            measurement.step()
            if number < SCORING_ROUNDS:
                measurement.score()
    found.say(f"fastest product: {peak.flops / 1e9:.1f} GFLOP/s at {peak.side} x {peak.side}, one thread")
    for space, measurement in measurements.items():
        for line in measurement.lines(peak):
            found.say(line)
        share, ours = (against_ceiling(measurement, splits, 2 if quick else 10, own) for own in (False, True))
        found.say(f"{'  its operations alone, by torch':34} {share:42.1%} of a step; with our layers {ours:.1%}")
        if space == "darts":
            note = f"{ours:.1%} with our layers in the ceiling; {measurement.share(peak):.1%} of the peak"
            found.add("step_darts", 100 * share, note)
        else:
            found.add(f"step_{space}", 100 * measurement.share(peak))


def main(arguments: Sequence[str]) -> None:
    shown = {"action": "store_true", "help": "only profile a step"}
    options = parse(__doc__, arguments, [("--profile", shown)])
    configure(1, "cpu")
    sizes = dict.fromkeys(LARGE, QUICK) if options.quick else LARGE
    splits = random_splits(300, 20) if options.quick else random_splits(2500, 250)
    found = Findings()
    if not options.profile:
        measure(sizes, splits, options.quick, found)
    profile_all(sizes, splits, options.quick, found)
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
