"""Put the ground truth of a pool together, from stand-alone trainings or from a published table."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from supernet.errors import UserError
from supernet.published.schema import NETWORK
from supernet.published.table import PublishedTable
from supernet.spaces.base import NetworkSize, Space

COSTS = ("parameters", "macs", "live_macs")
"""Costs of an architecture: trainable parameters, multiply-adds of one image, and live multiply-adds.

Live multiply-adds exclude convolutions whose input is zero. These are executed, because their batch norm may shift
zeros.
"""


def cost_columns(space: Space[Any], arch: Any, size: NetworkSize | None = None, image: int = 32) -> dict[str, int]:
    """Compute `COSTS` of a stand-alone network, by default in the benchmark's size."""
    cost, live = (space.cost(arch, size, image, zero_in_zero_out=live) for live in (False, True))
    return dict(zip(COSTS, (cost.parameters, cost.macs, live.macs), strict=True))


def published_costs(space: Space[Any], row: Mapping[Any, Any]) -> dict[str, int]:
    """Return `COSTS` of the network that gave a row of a published table.

    A table whose networks do not have the benchmark's size has their parameters, multiply-adds and size (`NETWORK`);
    the convolutions of zeros, which live multiply-adds exclude, are then counted at that size. Other tables have
    networks of the benchmark's size, which are counted. Raises UserError if the table has a size for other rows only.
    """
    arch = space.parse(row["encoding"])
    if not all(name in row for name in NETWORK):
        return cost_columns(space, arch)
    if any(pd.isna(row[name]) for name in ("parameters", *NETWORK)):
        raise UserError(f"{row['encoding']}: was trained in several sizes: its costs are not known; leave it out")
    counted = cost_columns(space, arch, space.network_size(int(row["channels"]), int(row["layers"])))
    macs = int(row["macs"])
    live = macs - (counted["macs"] - counted["live_macs"])
    return {"parameters": int(row["parameters"]), "macs": macs, "live_macs": live}


def with_truth(pool: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Add the ground truth to a pool: the mean test accuracy over the seeds that did not diverge.

    `results` has arch_id, seed, accuracy (null if diverged) and `COSTS`. Raises ValueError if an architecture was not
    trained: a missing ground truth is never replaced by another value.
    """
    missing = sorted(set(pool["arch_id"]) - set(results["arch_id"]))
    if missing:
        raise ValueError(f"{len(missing)} architectures have no stand-alone training, the first is {missing[0]}")
    seeds = results.pivot(index="arch_id", columns="seed", values="accuracy").astype(float)
    seeds.columns = [f"truth_seed{seed}" for seed in seeds.columns]
    cost = results.groupby("arch_id")[list(COSTS)].first()
    truth = seeds.mean(axis=1).rename("truth")
    table = pool[["arch_id", "encoding"]].set_index("arch_id").join([truth, seeds, cost], validate="one_to_one")
    return table.sort_index().reset_index()


def with_published(pool: pd.DataFrame, table: PublishedTable, space: Space[Any]) -> pd.DataFrame:
    """Add published ground truth to a pool, with the costs of the networks that were trained (`published_costs`).

    Single runs are in `truth_seed…` if the table has them (`PublishedTable.runs`). Raises UserError if the table lacks
    an architecture.
    """
    published = table.take(table.rows(pool["arch_id"]))
    known = [name for name in table.runs if published[name].notna().any()]
    costs = pd.DataFrame([published_costs(space, row) for row in published.to_dict("records")])
    truths = {"truth": published["test_acc"], **{f"truth_seed{n}": published[name] for n, name in enumerate(known)}}
    return (
        pool[["arch_id", "encoding"]]
        .assign(
            **{name: values.to_numpy() for name, values in truths.items()},
            **{name: costs[name].to_numpy() for name in COSTS},
        )
        .sort_values("arch_id", ignore_index=True)
    )
