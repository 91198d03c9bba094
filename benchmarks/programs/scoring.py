"""Time to score many architectures when common parts are computed once.

NASBench-201 with 8 channels and one cell per stage, 1 000 images of 16 x 16 in the batches of the protocol, batch
statistics. Two results:

- a pool of 200 random architectures: `Evaluator.evaluate_many`, which jobs use, against `Evaluator.evaluate` for each
  architecture, alternating in one process. Accuracies must be equal, and losses to 1e-6. For comparison, the same pool
  one by one with a network written in the usual way (`benchmarks/references/usual.py`).
- all 15 625 architectures on two cores: one single-threaded process per core scores half of them, in scoring order.
  The time is projected from blocks of neighbours spread over each half, which both processes score at the same time.
  Each block starts with nothing cached, so the projection is slightly high. `--all` scores all architectures. The
  start of the processes is not counted.
"""

import itertools
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.harness.bench import Bench, Size, drawn, random_splits, seconds
from benchmarks.harness.findings import Findings, parse
from benchmarks.references.usual import UsualNetwork, copy_weights
from supernet.config.study import Data, Evaluation
from supernet.data.images import Splits
from supernet.provenance.closure import ROOT
from supernet.spaces.nasbench201.encoding import EDGES, OPERATIONS, Cell
from supernet.spaces.nasbench201.network import Network
from supernet.training.device import configure
from supernet.training.evaluator import Evaluator

SIZE = Size(8, 1, 64, 3)
SPLIT: Literal["scoring"] = "scoring"
PROCESSES = 2
BLOCKS = 5


class Scorer:
    """A super-net and the images that it is scored on."""

    def __init__(self, quick: bool) -> None:
        images = 40 if quick else 1_000
        # A tenth of the images outside the test set is scored.
        self.splits: Splits = random_splits(10 * images, 250, Data(name="cifar10", resolution=16))
        self.bench = Bench("nasbench201", SIZE, self.splits)
        self.evaluator = Evaluator(self.splits, Evaluation(), True)

    def one_by_one(self, archs: Sequence[Cell]) -> list[tuple[float, float]]:
        """Score each architecture alone; returns accuracy and loss of each."""
        return [self.evaluator.evaluate(self.bench.network, arch, "batch", SPLIT) for arch in archs]

    def together(self, archs: Sequence[Cell]) -> list[tuple[float, float]]:
        """Score the same architectures with common parts computed once."""
        return [scores[0] for scores in self.evaluator.evaluate_many(self.bench.network, archs, "batch", [SPLIT])]

    @torch.inference_mode()
    def usual_way(self, archs: Sequence[Cell]) -> list[tuple[float, float]]:
        """Score with the usual network, with the same weights and batches, in NCHW."""
        usual = UsualNetwork(SIZE.channels, SIZE.layers, self.splits.classes)
        copy_weights(self.bench.network, usual)
        batches = [(images.contiguous(), labels) for images, labels in self.evaluator.batches[SPLIT]]
        found = []
        for arch in archs:
            correct, loss = 0, 0.0
            for images, labels in batches:
                logits = usual(images, arch)
                correct += int((logits.argmax(1) == labels).sum())
                loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            found.append((correct / len(self.splits.scoring), loss / len(self.splits.scoring)))
        return found

    def everything(self) -> list[Cell]:
        """Return all architectures in scoring order."""
        space = self.bench.space
        archs = [space.chosen(choices) for choices in itertools.product(range(len(OPERATIONS)), repeat=len(EDGES))]
        network = self.bench.network
        assert isinstance(network, Network)
        return sorted(archs, key=network.reuse_order)


def check(plain: Sequence[tuple[float, float]], shared: Sequence[tuple[float, float]]) -> None:
    """Raise RuntimeError unless both ways gave the same results."""
    one, other = np.array(plain), np.array(shared)
    if not (one[:, 0] == other[:, 0]).all() or not np.allclose(one[:, 1], other[:, 1], rtol=0, atol=1e-6):
        raise RuntimeError(f"scores differ by up to {np.abs(one - other).max(axis=0)}; expected the same")


def pool_seconds(scorer: Scorer, architectures: int, rounds: int) -> tuple[float, float, float]:
    """Return median seconds one by one and together, and seconds of the usual way."""
    archs = [group[0] for group in drawn(scorer.bench, architectures)]
    check(scorer.one_by_one(archs), scorer.together(archs))
    plain, shared = [], []
    for _ in range(rounds):
        plain.append(seconds(lambda: scorer.one_by_one(archs)))
        shared.append(seconds(lambda: scorer.together(archs)))
    return statistics.median(plain), statistics.median(shared), seconds(lambda: scorer.usual_way(archs))


def share(scorer: Scorer, number: int, everything: bool, quick: bool) -> tuple[int, float]:
    """Score the share of one process; returns the number of architectures and the seconds."""
    archs = scorer.everything()
    own = archs[number * len(archs) // PROCESSES : (number + 1) * len(archs) // PROCESSES]
    block = 2 if quick else 60
    starts = [place * (len(own) - block) // (BLOCKS - 1) for place in range(BLOCKS)]
    blocks = [own] if everything else [own[start : start + block] for start in starts]
    scorer.one_by_one(archs[:: len(archs) // 20])  # compiles the kernels
    return sum(map(len, blocks)), sum(seconds(lambda some=some: scorer.together(some)) for some in blocks)  # type: ignore[misc]


def minutes_for_all(everything: bool, quick: bool) -> tuple[float, int]:
    """Return the minutes for all architectures by the slower process, and how many were scored."""
    options = [*["--all"] * everything, *["--quick"] * quick]
    commands = [
        [sys.executable, "-m", "benchmarks.programs.scoring", "--share", str(number), *options]
        for number in range(PROCESSES)
    ]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for command in commands]
    printed = [process.communicate()[0] for process in processes]
    for process, command in zip(processes, commands, strict=True):
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
    taken = [json.loads(text) for text in printed]
    total = len(OPERATIONS) ** len(EDGES)
    slowest = max(seconds_taken / count for count, seconds_taken in taken)
    return slowest * total / PROCESSES / 60, sum(count for count, _ in taken)


def main(arguments: Sequence[str]) -> None:
    whole = {"action": "store_true", "help": "score all architectures instead of projecting"}
    one = {"type": int, "choices": range(PROCESSES), "help": "score the share of one process and print it as JSON"}
    options = parse(__doc__, arguments, [("--all", whole), ("--share", one)])
    configure(1, "cpu")
    if options.share is not None:
        print(json.dumps(share(Scorer(options.quick), options.share, options.all, options.quick)))
        return
    found = Findings()
    plain, shared, usual = pool_seconds(Scorer(options.quick), *((5, 1) if options.quick else (200, 3)))
    found.add("pool", plain / shared, f"{shared:.1f} s, one by one {plain:.1f} s")
    found.say(
        f"pool scored one by one with the usual network: {usual:.1f} s, {usual / shared:.2f} times as long as together"
    )
    minutes, scored = minutes_for_all(options.all, options.quick)
    found.add("all_scored", minutes, "measured" if options.all else f"projected from {scored}")
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
