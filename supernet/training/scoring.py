"""Compute scores of a pool with a trained super-net: the batches of `supernet.training.scores`, with torch."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import nn

from supernet.config.study import Evaluation, Run
from supernet.data.images import Splits
from supernet.runtime.progress import Progress
from supernet.spaces.base import Space
from supernet.training.evaluator import Evaluator
from supernet.training.scores import batches
from supernet.training.store.parts import Key, Values


def evaluator_of(run: Run, evaluation: Evaluation, space: Space[Any], splits: Splits) -> Evaluator:
    """Return what scores architectures with the super-net of a run."""
    return Evaluator(splits, evaluation, run.protocol.channels_last, run.seed, space.format)


def compute(
    evaluator: Evaluator, network: nn.Module, pool: Mapping[str, Any], missing: Iterable[Key], progress: Progress
) -> Iterator[dict[Key, Values]]:
    """Yield accuracy and loss of the missing scores, batch by batch; `pool` has the architecture of each arch_id.

    `progress` counts scores.
    """
    count = 0
    for batch in batches(missing):
        archs = [pool[arch_id] for arch_id in batch.arch_ids]

        def tell(done: int, before: int = count, splits: int = len(batch.splits)) -> None:
            progress.update(before + done * splits)

        results = evaluator.evaluate_many(network, archs, batch.bn_mode, batch.splits, tell)
        found = {
            (arch_id, batch.bn_mode, split): one
            for arch_id, result in zip(batch.arch_ids, results, strict=True)
            for split, one in zip(batch.splits, result, strict=True)
        }
        count += len(found)
        yield found
