"""Pairs of architectures that compute the same function: independent trainings of one network in a table of means.

Such a table has no single trainings, so that the tau between two trainings of an architecture is not known. The cells
of one function are the same network under different names, trained apart from each other. The tau between the first
and the second cell of each function is that of a published accuracy with another published accuracy of the same
network. Each is a mean over as many trainings as the table averages. Functions with one cell have no pair; those with
several vary more in accuracy, so that they are easier to rank.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from supernet.metrics.arrays import Floats
from supernet.metrics.subsets import functions
from supernet.published.table import PublishedTable
from supernet.spaces.base import Space


def replicates(space: Space[Any], encodings: Sequence[str], accuracy: Floats) -> Floats:
    """Return the accuracies (groups, 2) of the first two architectures of each function that has two or more.

    `encodings` and `accuracy` (n,) are in the order of `arch_id`, as are the groups by their first architecture.
    Spaces without `functions` have no groups, nor have those whose benchmark lists one training for all architectures
    of a function.
    """
    names = functions(space, encodings) if space.trained_apart else None
    if names is None:
        return np.empty((0, 2))
    groups: dict[str, list[float]] = {}
    for name, value in zip(names, accuracy.tolist(), strict=True):
        groups.setdefault(name, []).append(value)
    return np.array([values[:2] for values in groups.values() if len(values) > 1]).reshape(-1, 2)


def published_replicates(space: Space[Any], table: PublishedTable) -> Floats:
    """Return the `replicates` (groups, 2) of all rows of a published table, loaded with `encoding` and `test_acc`."""
    return replicates(space, table.data.column("encoding").to_pylist(), table.test_acc)
