"""Accuracy of architectures with shared weights."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.data import Images, Splits
from supernet.nn.dropout import dropping_paths
from supernet.nn.norm import statistics, tracks
from supernet.progress import Progress
from supernet.rng import torch_seed
from supernet.study import Scoring


class Evaluator:
    """Evaluates a path network `net(images, arch)` on the same batches for every architecture.

    A part is cut into batches of equal size (to one image) of at most `batch_size`, because with `batch`
    statistics a small last batch would be normalised by a worse estimate.

    With `scoring.dropout_at_evaluation` drop-path stays on. Each batch then has draws of its own, a function of `seed`,
    the text of the architecture that `name` gives, the statistics and the part, so that a score does not depend on
    what was scored before it.
    """

    def __init__(
        self,
        splits: Splits,
        scoring: Scoring,
        channels_last: bool,
        seed: int = 0,
        name: Callable[[Any], str] = repr,
    ) -> None:
        self.splits, self.scoring, self._seed, self._name = splits, scoring, seed, name
        self._generator = torch.Generator(splits.test.pixels.device)
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._batches = {
            "scoring": self._cut(splits.scoring),
            "test": self._cut(splits.test),
        }
        calibration = scoring.recalibration_batches * scoring.batch_size
        self._calibration = self._cut(Images(splits.train.pixels[:calibration], splits.train.labels[:calibration]))

    def modes(self, network: nn.Module) -> list[str]:
        """The BN modes of the study that are defined for a network: `tracked` needs tracking."""
        return [mode for mode in self.scoring.bn_modes if mode != "tracked" or tracks(network)]

    @torch.inference_mode()
    def evaluate(self, network: nn.Module, arch: Any, mode: str, part: str) -> tuple[float, float]:
        """Accuracy (fraction) and mean cross-entropy on the `scoring` or `test` part, in one BN mode."""
        return self.evaluate_parts(network, arch, mode, [part])[0]

    @torch.inference_mode()
    def evaluate_parts(
        self, network: nn.Module, arch: Any, mode: str, parts: Sequence[str]
    ) -> list[tuple[float, float]]:
        """The same for several parts, with one re-calibration."""
        with self._dropout(network):
            if mode == "recalibrated":
                with statistics(network, "recalibrating"):
                    for number, (images, _) in enumerate(self._calibration):
                        self._draw(arch, mode, "calibration", number)
                        network(images, arch)
            with statistics(network, mode):  # type: ignore[arg-type]
                return [self._measure(network, arch, mode, part) for part in parts]

    def rows(
        self,
        network: nn.Module,
        archs: Sequence[tuple[str, Any]],
        progress: Progress | None = None,
    ) -> list[dict[str, Any]]:
        """One row for each (arch_id, architecture), BN mode and part."""
        rows, parts, modes = [], self.scoring.splits, self.modes(network)
        for done, (arch_id, arch) in enumerate(archs, start=1):
            for mode in modes:
                results = self.evaluate_parts(network, arch, mode, parts)
                for part, (accuracy, loss) in zip(parts, results, strict=True):
                    rows.append(row(arch_id, mode, part, accuracy, loss))
            if progress is not None:
                progress.update(done)
        return rows

    def empty_rows(self, network: nn.Module, arch_ids: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of a diverged run: it has no scores."""
        return [
            row(arch_id, mode, part, float("nan"), float("nan"))
            for arch_id in arch_ids
            for mode in self.modes(network)
            for part in self.scoring.splits
        ]

    def _dropout(self, network: nn.Module) -> AbstractContextManager[None]:
        kept = self.scoring.dropout_at_evaluation
        return dropping_paths(network, self._generator) if kept else nullcontext()

    def _draw(self, arch: Any, mode: str, part: str, batch: int) -> None:
        if self.scoring.dropout_at_evaluation:
            self._generator.manual_seed(torch_seed(self._seed, "evaluation", self._name(arch), mode, part, batch))

    def _measure(self, network: nn.Module, arch: Any, mode: str, part: str) -> tuple[float, float]:
        # Sums stay on the device: reading them would make every batch wait for it.
        batches = self._batches[part]
        correct = torch.zeros((), dtype=torch.int64, device=batches[0][1].device)
        loss = torch.zeros((), dtype=torch.float64, device=correct.device)
        for number, (images, labels) in enumerate(batches):
            self._draw(arch, mode, part, number)
            logits = network(images, arch)
            correct += (logits.argmax(1) == labels).sum()
            loss += F.cross_entropy(logits, labels, reduction="sum")
        count = sum(len(labels) for _, labels in batches)
        return int(correct) / count, float(loss) / count

    def _cut(self, images: Images) -> list[tuple[Tensor, Tensor]]:
        pieces = max(1, -(-len(images) // self.scoring.batch_size))
        return [
            (self.splits.normalise(pixels).contiguous(memory_format=self._format), labels)
            for pixels, labels in zip(
                images.pixels.tensor_split(pieces), images.labels.tensor_split(pieces), strict=True
            )
        ]


def row(arch_id: str, mode: str, part: str, accuracy: float, loss: float) -> dict[str, Any]:
    """One row of scores.parquet."""
    return {"arch_id": arch_id, "bn_mode": mode, "split": part, "accuracy": accuracy, "loss": loss}
