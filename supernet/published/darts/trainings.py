"""The trainings in a file of DARTS genotypes, put together by architecture.

Genotypes that differ only in the order of the two edges of a node are one architecture: its accuracies are means over
its trainings, its runs are the first three, and costs and size of its network are unknown if the trainings differ in
them. An architecture that was trained in several sizes is not part of the uniform sample.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from supernet import spaces
from supernet.errors import UserError
from supernet.published.counts import exact
from supernet.published.darts.facts import Facts
from supernet.published.parsed import ParsedTable
from supernet.published.schema import NETWORK, RUNS, tabulate

IMAGES = 10_000
"""Images on which all of these accuracies were measured: the files have them as percent with two decimals."""

# Millions have six digits after the point, and double precision.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Network:
    """The trained network of a genotype, as far as it is known: parameters, multiply-adds, and size.

    The size is that of our networks: channels of the first cell, and number of cells.
    """

    parameters: int | None = None
    macs: int | None = None
    channels: int | None = None
    layers: int | None = None


UNKNOWN = Network()


@dataclass
class _Trained:
    """The trainings of one architecture."""

    encoding: str
    test: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    networks: set[Network] = field(default_factory=set)

    @property
    def network(self) -> Network:
        """The network of all trainings; unknown values if they differ."""
        return next(iter(self.networks)) if len(self.networks) == 1 else UNKNOWN

    @property
    def sizes(self) -> int:
        """The number of sizes of its networks."""
        return len({(one.channels, one.layers) for one in self.networks})


class Trainings:
    """Trainings by architecture, in the order of the file `path`."""

    def __init__(self, path: Path) -> None:
        self._path, self._space = path, spaces.load("darts")
        self._found: dict[str, _Trained] = {}
        self.entries = 0
        """Number of trainings that were added."""

    def add(
        self,
        genotype: str | Mapping[str, Any],
        test: float,
        *,
        valid: float | None = None,
        network: Network = UNKNOWN,
    ) -> None:
        """Add one training of a genotype, with accuracies in percent; UserError if the genotype is invalid."""
        arch = self._space.parse(genotype)
        trained = self._found.setdefault(self._space.arch_id(arch), _Trained(self._space.format(arch)))
        trained.test.append(float(exact(test / 100, IMAGES)))
        if valid is not None:
            trained.valid.append(float(exact(valid / 100, IMAGES)))
        trained.networks.add(network)
        self.entries += 1

    def rows(self) -> pd.DataFrame:
        """Return rows in the schema, one per architecture; UserError if there is no training."""
        if not self._found:
            raise UserError(f"{self._path}: found no training; delete the file and fetch it again")
        found = self._found.values()
        networks = [trained.network for trained in found]
        known = {name: [getattr(one, name) for one in networks] for name in NETWORK}
        own_sizes = any(network.channels is not None for trained in found for network in trained.networks)
        runs = np.full((len(found), len(RUNS)), np.nan)
        for row, trained in enumerate(found):
            first = trained.test[: len(RUNS)]
            runs[row, : len(first)] = first
        return tabulate(
            self._path,
            list(self._found),
            [trained.encoding for trained in found],
            [_mean(trained.test) for trained in found],
            valid_acc=[_mean(trained.valid) for trained in found],
            runs=runs,
            parameters=[one.parameters for one in networks],
            uniform=np.array([trained.sizes == 1 for trained in found]),
            network=known if own_sizes else None,
        )


def parsed(path: Path, table: pd.DataFrame, facts: Facts, first: int) -> ParsedTable:
    """Return the rows of a file with one training per row: columns `genotype` and those that `facts` names.

    `first` is the number of the first row in the file, for messages. Raises UserError if a genotype is invalid.
    """
    trainings = Trainings(path)
    for number, row in enumerate(table.to_dict("records"), start=first):
        try:
            trainings.add(
                row["genotype"],
                row[facts.test],
                valid=None if facts.valid is None else row[facts.valid],
                network=UNKNOWN if facts.parameters is None else Network(_whole(1e6 * row[facts.parameters])),
            )
        except UserError as error:
            raise UserError(f"{path}: row {number}: {error}") from error
    return ParsedTable(trainings.rows(), facts.truth, facts.epochs, trainings.entries)


def _whole(number: float) -> int | None:
    """Return an integer, or None if the number is not one up to rounding, as when millions have too few digits."""
    return round(number) if np.isfinite(number) and abs(number - round(number)) < _ROUNDING else None


def _mean(accuracies: list[float]) -> float:
    """Return the mean as an exact fraction of the images of all trainings; nan if there is none."""
    return float(exact(np.mean(accuracies), IMAGES * len(accuracies))) if accuracies else np.nan
