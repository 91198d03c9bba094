"""The fixed pool of a space, and its ground truth put together from stand-alone trainings."""

from pathlib import Path
from typing import Any

import pandas as pd

from supernet.errors import UserError
from supernet.rng import stream
from supernet.spaces.base import Arch, Space

# Architectures of one draw. A fixed number, because a space may draw in batches of its own: what a later draw
# gives must not depend on the size of the pool.
_DRAW = 256


def draw_pool(space: Space[Any], size: int, study_seed: int) -> pd.DataFrame:
    """`size` different architectures, uniform over the space: arch_id and encoding, sorted by arch_id.

    An architecture that is drawn again is passed over, so the pool is a simple random sample without
    replacement; a larger pool of the same seed contains the smaller one. UserError if the space is too small.
    """
    if size > space.size:
        raise UserError(f"pool.size {size}: {space.name} has only {space.size} architectures; use a smaller one")
    rng = stream(study_seed, "pool", space.name)
    found: dict[str, str] = {}
    while len(found) < size:
        for arch in space.sample(rng, "random_a", count=_DRAW):
            if len(found) < size:
                found.setdefault(space.arch_id(arch), space.format(arch))
    return pd.DataFrame(sorted(found.items()), columns=["arch_id", "encoding"])


def read_pool(path: Path, space: Space[Arch]) -> list[tuple[str, Arch]]:
    """(arch_id, architecture) of each row of a pool file, in its order."""
    pool = pd.read_parquet(path)
    return [(str(row.arch_id), space.parse(row.encoding)) for row in pool.itertuples()]


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

    `results` has arch_id, seed, accuracy (null if diverged), parameters, macs. Raises ValueError if an
    architecture was not trained: a missing ground truth is never filled in.
    """
    missing = sorted(set(pool["arch_id"]) - set(results["arch_id"]))
    if missing:
        raise ValueError(f"{len(missing)} architectures have no stand-alone training, the first is {missing[0]}")
    seeds = results.pivot(index="arch_id", columns="seed", values="accuracy").astype(float)
    seeds.columns = [f"truth_seed{seed}" for seed in seeds.columns]
    cost = results.groupby("arch_id")[["parameters", "macs"]].first()
    truth = seeds.mean(axis=1).rename("truth")
    table = pool.set_index("arch_id").join([truth, seeds, cost], validate="one_to_one")
    return table.sort_index().reset_index()
