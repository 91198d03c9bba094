"""Our training step of NASBench-201 against a step written in the usual way.

The usual way: images in NCHW, the network of `benchmarks/references/usual.py`, SGD over all parameters, clipping of all
gradients, and the loss is read at every step.

Both step in turn in one process, with the same architectures and batches, so that threads, allocator and deterministic
algorithms are the same. Making the batch is not timed. The result is the sum of the medians of the usual step divided
by the sum of the medians of ours.
"""

import statistics
import sys
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.harness.bench import LARGE, QUICK, Bench, Size, drawn, random_splits, seconds
from benchmarks.harness.findings import Findings, parse
from benchmarks.references.usual import UsualNetwork, copy_weights
from supernet.data.images import Splits
from supernet.spaces.nasbench201.encoding import Cell
from supernet.training.device import configure
from supernet.training.trainer import Recipe


class Usual:
    """The usual network and its optimiser, stepped by hand."""

    def __init__(self, size: Size, recipe: Recipe) -> None:
        self.network, self.clip = UsualNetwork(size.channels, size.layers, 10), recipe.clip
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay
        )

    def step(self, images: Tensor, labels: Tensor, arch: Cell) -> float:
        """Run one step on contiguous images (N, 3, H, W); returns the loss."""
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.network(images, arch), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        self.optimizer.step()
        return loss.item()


def compare(size: Size, splits: Splits, architectures: int, rounds: int) -> tuple[float, float]:
    """Return the mean seconds of our step and of the usual step: medians over rounds, averaged over architectures."""
    bench = Bench("nasbench201", size, splits)
    usual = Usual(size, bench.trainer.recipe)
    copy_weights(bench.network, usual.network)
    archs = [group[0] for group in drawn(bench, architectures)]
    batches = [bench.epoch.batch(number) for number in range(bench.trainer.recipe.steps_per_epoch)]
    taken: list[tuple[list[float], list[float]]] = [([], []) for _ in archs]
    for turn in range(rounds + 1):
        for number, arch in enumerate(archs):
            images, labels = batches[(turn * len(archs) + number) % len(batches)]
            contiguous = images.contiguous()
            tasks = [
                lambda i=images, y=labels, a=arch: bench.trainer._step(0, (i, y), (a,)),
                lambda i=contiguous, y=labels, a=arch: usual.step(i, y, a),
            ]
            for which in (0, 1) if turn % 2 else (1, 0):
                measured = seconds(tasks[which])
                # The first round compiles the kernels.
                if turn:
                    taken[number][which].append(measured)
    mine, theirs = (statistics.fmean(statistics.median(pair[which]) for pair in taken) for which in (0, 1))
    return mine, theirs


def main(arguments: Sequence[str]) -> None:
    options = parse(__doc__, arguments)
    configure(1, "cpu")
    found = Findings()
    size, splits = (
        (QUICK, random_splits(300, 20)) if options.quick else (LARGE["nasbench201"], random_splits(5000, 250))
    )
    mine, theirs = compare(size, splits, *((2, 2) if options.quick else (12, 4)))
    found.add("usual", theirs / mine, f"{1000 * mine:.0f} ms, the usual way {1000 * theirs:.0f} ms")
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
