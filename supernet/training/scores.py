"""The scores of a run: those that it should have, those that an earlier job has computed, and the rows of its table.

Scores are kept as parts (`supernet.training.store.parts`), in one folder per super-net and way to evaluate it, so that
a larger pool or another batch-norm mode computes only what is new. The training of a run adds the first part, because
it has the network in memory. This module does not import torch: a program that finds all scores does without it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernet.config.artifacts import PartsFolder
from supernet.config.identity import Identity
from supernet.config.jobs import ScoringJob
from supernet.provenance.recorder import input_sha256
from supernet.training.store.parts import Columns, Key, Parts, Record, Values
from supernet.training.store.recipe import describe
from supernet.training.store.sameness import made_otherwise

COLUMNS = Columns({"arch_id": "text", "bn_mode": "text", "split": "text"}, {"accuracy": "numbers", "loss": "numbers"})
"""Columns of scores.parquet: accuracy (fraction) and mean cross-entropy (nats)."""
MOST = 1000
"""Largest number of architectures in a batch; the store has the scores of a batch before the next one starts."""
_NAMES = (*COLUMNS.keys, *COLUMNS.values)


@dataclass(frozen=True)
class Batch:
    """Scores that are computed together: of some architectures, in one BN mode, on some splits."""

    bn_mode: str
    splits: tuple[str, ...]
    arch_ids: tuple[str, ...]


class Scores:
    """The finished scores of one super-net."""

    def __init__(self, job: ScoringJob, store: Path, images: Path, weights: Path) -> None:
        """Read the scores below the folder `store`; images and weights are inputs of the program."""
        self._inputs = (images, weights)
        hashes = {"images": input_sha256(images), "weights": input_sha256(weights)}
        self._hashes = set(hashes.values())
        # BN mode and split are columns.
        self._identity = Identity.of({"run": job.run, "evaluation": job.scoring.evaluation, **hashes})
        self._paths = PartsFolder.scores(str(store), job.run.space, self._identity.digest)
        self._parts = Parts(Path(self._paths.path), COLUMNS, self._unfit)
        self._parts.refresh()

    @property
    def name(self) -> str:
        """The end of the path of the folder with these scores."""
        return "/".join(self._parts.folder.parts[-3:])

    def missing(self, wanted: Iterable[Key]) -> list[Key]:
        """Return the scores, by arch_id, BN mode and split, that have not been computed."""
        return self._parts.missing(wanted)

    def add(self, scores: Mapping[Key, Values]) -> None:
        """Add accuracy and loss of new scores."""
        run = self._identity.values["run"]
        content = f"Scores of a super-net of {run['space']}, seed {run['seed']}."
        describe(self._paths, self._identity, content)
        self._parts.add(scores, self._identity.values, self._inputs)

    def get(self, key: Key) -> Values | None:
        """Return accuracy and loss; None if they have not been computed."""
        return self._parts.get(*key)

    def _unfit(self, record: Record) -> str:
        """Return why a part is not used: scores are computed again rather than taken over from other code."""
        found = {one["sha256"] for one in record["made"]["inputs"]}
        return made_otherwise(record) if self._hashes == found else "its record names other images or weights"


def wanted(job: ScoringJob, arch_ids: Sequence[str]) -> list[Key]:
    """Return the scores of a pool, by arch_id, BN mode and split, in the order of the rows of scores.parquet."""
    return [
        (arch_id, bn_mode, split) for arch_id in arch_ids for bn_mode in job.bn_modes for split in job.scoring.splits
    ]


def batches(missing: Iterable[Key]) -> Iterator[Batch]:
    """Yield batches that compute these scores and no others, each of at most `MOST` architectures."""
    splits: dict[tuple[str, str], list[str]] = {}
    for arch_id, bn_mode, split in missing:
        splits.setdefault((bn_mode, arch_id), []).append(split)
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (bn_mode, arch_id), found in splits.items():
        groups.setdefault((bn_mode, tuple(found)), []).append(arch_id)
    for (bn_mode, together), arch_ids in groups.items():
        for start in range(0, len(arch_ids), MOST):
            yield Batch(bn_mode, together, tuple(arch_ids[start : start + MOST]))


def rows(wanted: Iterable[Key], known: Callable[[Key], Values | None]) -> list[dict[str, Any]]:
    """Return the rows of scores.parquet. Raises KeyError if a score is not known."""
    found = []
    for key in wanted:
        if (values := known(key)) is None:
            raise KeyError(key)
        found.append(dict(zip(_NAMES, (*key, *values), strict=True)))
    return found


def diverged(key: Key) -> Values:
    """Return the score of every architecture in a diverged run, which has none: accuracy and loss are nan."""
    return (math.nan, math.nan)
