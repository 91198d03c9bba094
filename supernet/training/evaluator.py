"""Score architectures with shared weights: accuracy and loss in each batch-norm mode, on each split.

The batch-norm mode is chosen here: `Evaluator.evaluate_splits` runs the network within `supernet.nn.norm.statistics`.
`supernet.training.scoring` makes scores.parquet of its results.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.config.study import Evaluation
from supernet.data.images import Images, Splits
from supernet.nn.channels import Channels
from supernet.nn.drawing import Drawing, drawing_at_evaluation
from supernet.nn.dropout import Dropout
from supernet.nn.norm import statistics
from supernet.nn.reuse import Reuse
from supernet.rng import torch_seed
from supernet.runtime.kernels import reference_kernels


class Evaluator:
    """Evaluates a path network `net(images, arch)` on the same batches for every architecture.

    Batches are those of `Splits.batches`. With `dropout_at_evaluation` drop-path stays on, and with
    `shuffle_at_evaluation` shuffled channels are drawn again. The draws of a batch are then a function of `seed`, the
    text of the architecture (`name`), the BN mode and the split, so that a score does not depend on the scores before
    it.
    """

    def __init__(
        self,
        splits: Splits,
        evaluation: Evaluation,
        channels_last: bool,
        seed: int = 0,
        name: Callable[[Any], str] = repr,
    ) -> None:
        self.splits, self._evaluation, self._seed, self._name = splits, evaluation, seed, name
        self._generator = torch.Generator(splits.test.pixels.device)
        self._drawing = _drawing(evaluation)
        self.batches = {
            "scoring": splits.batches(splits.scoring, evaluation.batch_size, channels_last),
            "test": splits.batches(splits.test, evaluation.batch_size, channels_last),
        }
        """Batches of each split: images (B, C, H, W) and labels (B,)."""
        count = evaluation.recalibration_batches * evaluation.batch_size
        first = Images(splits.train.pixels[:count], splits.train.labels[:count])
        self._calibration = splits.batches(first, evaluation.batch_size, channels_last)

    @torch.inference_mode()
    def evaluate(self, network: nn.Module, arch: Any, bn_mode: str, split: str) -> tuple[float, float]:
        """Compute accuracy (fraction) and mean cross-entropy (nats) on a split (`scoring`, `test`), in one BN mode."""
        return self.evaluate_splits(network, arch, bn_mode, [split])[0]

    @torch.inference_mode()
    def evaluate_splits(
        self, network: nn.Module, arch: Any, bn_mode: str, splits: Sequence[str]
    ) -> list[tuple[float, float]]:
        """Compute the same for several splits, with one re-calibration."""
        with self._draws(network):
            if bn_mode == "recalibrated":
                with statistics(network, "recalibrating"):
                    for number, (images, _) in enumerate(self._calibration):
                        self._draw(arch, bn_mode, "calibration", number)
                        network(images, arch)
            with statistics(network, bn_mode):  # type: ignore[arg-type]
                return [self._measure(network, arch, bn_mode, split) for split in splits]

    @torch.inference_mode()
    def evaluate_many(
        self,
        network: nn.Module,
        archs: Sequence[Any],
        bn_mode: str,
        splits: Sequence[str],
        tell: Callable[[int], None] = lambda done: None,
    ) -> list[list[tuple[float, float]]]:
        """Compute `evaluate_splits` of many architectures; values that they share are computed once.

        Values are shared by networks that have a `reuse_order` and take a `Reuse`; other networks score the
        architectures one after the other. `tell` is called with the number of finished architectures, rounded down.
        """
        order = getattr(network, "reuse_order", None)
        # Re-calibrated statistics and draws differ between architectures, which then have no values in common.
        separate = bn_mode == "recalibrated" or bool(self._drawing)
        if order is None or separate or reference_kernels():
            results = []
            for done, arch in enumerate(archs, start=1):
                results.append(self.evaluate_splits(network, arch, bn_mode, splits))
                tell(done)
            return results
        places = sorted(range(len(archs)), key=lambda place: order(archs[place]))
        return self._together(network, archs, places, bn_mode, splits, tell)

    def _together(
        self,
        network: nn.Module,
        archs: Sequence[Any],
        places: Sequence[int],
        bn_mode: str,
        splits: Sequence[str],
        tell: Callable[[int], None],
    ) -> list[list[tuple[float, float]]]:
        """Score all architectures on one batch after the other, in the order of `places`."""
        passes = len(places) * sum(len(self.batches[split]) for split in splits)
        sums = {split: [self._sums() for _ in archs] for split in splits}
        done = 0
        with statistics(network, bn_mode):  # type: ignore[arg-type]
            for split in splits:
                for images, labels in self.batches[split]:
                    reuse = Reuse()
                    for place in places:
                        sums[split][place].add(network(images, archs[place], reuse), labels)
                        done += 1
                        tell(done * len(archs) // passes)
        return [[sums[split][place].means() for split in splits] for place in range(len(archs))]

    def _draws(self, network: nn.Module) -> AbstractContextManager[None]:
        return drawing_at_evaluation(network, self._generator, self._drawing) if self._drawing else nullcontext()

    def _draw(self, arch: Any, bn_mode: str, split: str, batch: int) -> None:
        if self._drawing:
            self._generator.manual_seed(torch_seed(self._seed, "evaluation", self._name(arch), bn_mode, split, batch))

    def _measure(self, network: nn.Module, arch: Any, bn_mode: str, split: str) -> tuple[float, float]:
        sums = self._sums()
        for number, (images, labels) in enumerate(self.batches[split]):
            self._draw(arch, bn_mode, split, number)
            sums.add(network(images, arch), labels)
        return sums.means()

    def _sums(self) -> "_Sums":
        return _Sums(self.splits.test.pixels.device)


def _drawing(evaluation: Evaluation) -> tuple[type[Drawing], ...]:
    """Return the classes of layers that draw when architectures are scored."""
    return (Dropout,) * evaluation.dropout_at_evaluation + (Channels,) * evaluation.shuffle_at_evaluation


class _Sums:
    """Correct answers and losses of an architecture so far.

    They stay on the device, because reading them would make every batch wait for the device.
    """

    def __init__(self, device: torch.device) -> None:
        self.correct = torch.zeros((), dtype=torch.int64, device=device)
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.count = 0

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Add logits (N, classes) and labels (N,) of a batch."""
        self.correct += (logits.argmax(1) == labels).sum()
        self.loss += F.cross_entropy(logits, labels, reduction="sum")
        self.count += len(labels)

    def means(self) -> tuple[float, float]:
        """Return accuracy and mean cross-entropy."""
        return int(self.correct) / self.count, float(self.loss) / self.count
