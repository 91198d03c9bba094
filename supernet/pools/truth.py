"""Put the ground truth of a pool together, from stand-alone trainings or from a published table."""

from typing import Any

import pandas as pd

from supernet.published.schema import RUNS
from supernet.published.table import PublishedTable
from supernet.rng import stream
from supernet.spaces.base import NetworkSize, Space

COSTS = ("parameters", "macs", "live_macs")
"""What an architecture costs: trainable parameters, multiply-adds of one image, and the live ones among them.

Multiply-adds are dead where a convolution is fed by zeros alone: it is executed, for its batch norm may shift them.
"""


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
