"""The fixed pool of a space, and its ground truth put together from stand-alone trainings."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet.errors import UserError
from supernet.published.schema import RUNS
from supernet.published.table import PublishedTable
from supernet.rng import stream
from supernet.spaces.base import Arch, NetworkSize, Space

# Architectures of one draw. A fixed number, because a space may draw in batches of its own: what a later draw
# gives must not depend on the size of the pool.
_DRAW = 256
COSTS = ("parameters", "macs", "live_macs")
"""What an architecture costs: trainable parameters, multiply-adds of one image, and the live ones among them.

Multiply-adds are dead where a convolution is fed by zeros alone: it is executed, for its batch norm may shift them.
"""


def draw_pool(
    space: Space[Any], size: int, rng: np.random.Generator, exclude: frozenset[str] = frozenset()
) -> pd.DataFrame:
    """`size` different architectures, uniform over the space: arch_id and encoding, sorted by arch_id.

    An architecture that is drawn again, or one of `exclude` (arch_ids), is passed over, so the pool is a simple random
    sample without replacement; a larger pool of the same generator contains the smaller one. UserError if the space is
    too small.
    """
    if size > space.size - len(exclude):
        raise UserError(
            f"pool.size {size}: {space.name} has only {space.size - len(exclude)} architectures"
            f"{' that no other pool has' if exclude else ''}; use a smaller one"
        )
    found: dict[str, str] = {}
    while len(found) < size:
        for arch in space.sample(rng, "random_a", count=_DRAW):
            if len(found) < size and space.arch_id(arch) not in exclude:
                found.setdefault(space.arch_id(arch), space.format(arch))
    return pd.DataFrame(sorted(found.items()), columns=["arch_id", "encoding"])


def draw_published(
    table: PublishedTable,
    space: Space[Any],
    size: int,
    rng: np.random.Generator,
    exclude: frozenset[str] = frozenset(),
) -> pd.DataFrame:
    """The same from a published table: `size` of the rows that are a uniform sample of the space.

    A larger pool of the same generator contains the smaller one. UserError if the table has not so many.
    """
    rows = uniform_rows(table, space)
    candidates = table.take(rng.permutation(rows))[["arch_id", "encoding"]]
    chosen = candidates[~candidates["arch_id"].isin(exclude)].head(size)
    if size > len(chosen):
        raise UserError(
            f"pool.size {size}: {table.path} has only {len(chosen)} architectures that are a uniform sample of "
            f"{space.name}{' and in no other pool' if exclude else ''}; use a smaller one"
        )
    return chosen.sort_values("arch_id", ignore_index=True)


def stratified(table: PublishedTable, space: Space[Any], intervals: int) -> pd.DataFrame:
    """The best architecture of each of so many equal intervals of published test accuracy; empty ones have none.

    So the pool is spread over the accuracies instead of the space, as in the evaluations of SUMNAS (Ha et al., ICLR
    2022) and DYNAS (Jeon et al., CVPR 2025), with 400 intervals. They reach from the lowest to the highest accuracy
    among the rows that are a uniform sample of the space; of equals the first arch_id is taken. Nothing is random.
    """
    rows = uniform_rows(table, space)
    accuracy = table.test_acc[rows]
    edges = np.linspace(accuracy.min(), accuracy.max(), intervals + 1)
    interval = np.clip(np.searchsorted(edges, accuracy, side="right") - 1, 0, intervals - 1)
    # The last of each interval in this order is its best; among equals the one that stands first in the table.
    order = np.lexsort((-rows, accuracy, interval))
    best = np.append(np.diff(interval[order]) > 0, True)
    return table.take(np.sort(rows[order[best]]))[["arch_id", "encoding"]]


def uniform_rows(table: PublishedTable, space: Space[Any]) -> npt.NDArray[np.int64]:
    """Positions of the rows that are a uniform sample of a space, or of a sub-space of the table's."""
    rows = np.flatnonzero(table.uniform)
    if space.name == table.about.space:
        return rows
    return rows[[space.holds(encoding) for encoding in table.take(rows)["encoding"]]]


def published_draw(table: PublishedTable, space: Space[Arch]) -> Callable[..., list[Arch]]:
    """A function that draws `count` independent architectures, uniform over the same rows of a table."""
    rows = uniform_rows(table, space)

    def draw(rng: np.random.Generator, *, count: int) -> list[Arch]:
        encodings = table.take(rows[rng.integers(len(rows), size=count)])["encoding"]
        return [space.parse(encoding) for encoding in encodings]

    return draw


def cost_columns(space: Space[Any], arch: Any, size: NetworkSize | None = None, image: int = 32) -> dict[str, int]:
    """`COSTS` of a stand-alone network, by default of the benchmark's."""
    cost, live = (space.cost(arch, size, image, zero_in_zero_out=live) for live in (False, True))
    return dict(zip(COSTS, (cost.parameters, cost.macs, live.macs), strict=True))


def trainings(pool: pd.DataFrame, seeds: int, repeated: int, study_seed: int, space: str) -> pd.DataFrame:
    """The stand-alone trainings of a pool: columns arch_id, encoding, seed.

    `repeated` architectures, drawn by the study seed, have all `seeds`; the others seed 0 alone.
    """
    chosen = set(stream(study_seed, "repeated", space).permutation(len(pool))[:repeated].tolist())
    rows = [
        (arch.arch_id, arch.encoding, seed)
        for number, arch in enumerate(pool.itertuples())
        for seed in range(seeds if number in chosen else 1)
    ]
    return pd.DataFrame(rows, columns=["arch_id", "encoding", "seed"])


def with_truth(pool: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """The pool with its ground truth: the mean test accuracy over the seeds that did not diverge.

    `results` has arch_id, seed, accuracy (null if diverged) and `COSTS`. Raises ValueError if an
    architecture was not trained: a missing ground truth is never filled in.
    """
    missing = sorted(set(pool["arch_id"]) - set(results["arch_id"]))
    if missing:
        raise ValueError(f"{len(missing)} architectures have no stand-alone training, the first is {missing[0]}")
    seeds = results.pivot(index="arch_id", columns="seed", values="accuracy").astype(float)
    seeds.columns = [f"truth_seed{seed}" for seed in seeds.columns]
    cost = results.groupby("arch_id")[list(COSTS)].first()
    truth = seeds.mean(axis=1).rename("truth")
    table = pool.set_index("arch_id").join([truth, seeds, cost], validate="one_to_one")
    return table.sort_index().reset_index()


def with_published(pool: pd.DataFrame, table: PublishedTable, space: Space[Any]) -> pd.DataFrame:
    """The pool with published ground truth; parameters and multiply-adds are those of the benchmark's networks.

    Single runs stand in `truth_seed…` where the table knows them. UserError if an architecture is not in it.
    """
    published = table.take(table.rows(pool["arch_id"]))
    known = [name for name in RUNS if published[name].notna().any()]
    costs = pd.DataFrame([cost_columns(space, space.parse(encoding)) for encoding in pool["encoding"]])
    truths = {"truth": published["test_acc"], **{f"truth_seed{n}": published[name] for n, name in enumerate(known)}}
    return pool.assign(
        **{name: values.to_numpy() for name, values in truths.items()},
        **{name: costs[name].to_numpy() for name in COSTS},
    ).sort_values("arch_id", ignore_index=True)
