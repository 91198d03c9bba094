"""How many stand-alone trainings a study still needs: those that are not in the store. Does not import torch."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from supernet import spaces
from supernet.config.jobs import truth_job
from supernet.pipeline.plan import Plan
from supernet.pools.draw import draw_pool, pool_stream
from supernet.pools.trainings import Training, listed
from supernet.training.store.truth import TruthStore


def trainings_left(plan: Plan, jobs: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Return the number of stand-alone trainings that each of some jobs, given by pool and shard, would do.

    A training that several jobs need is counted for the first one. Pools are drawn, whether or not they have files.
    """
    seen: set[tuple[str, Training]] = set()
    found = {}

    @cache
    def store_of(space: str) -> TruthStore | None:
        return _store(plan, space)

    @cache
    def drawn(pool: str) -> dict[str, tuple[str, int]]:
        choice = plan.pool_choice(pool)
        space = spaces.load(choice["space"])
        rng = pool_stream(space, choice["study_seed"], choice["landmarks"], choice["run_seed"])
        exclude = frozenset(arch_id for other in plan.others(pool) for arch_id in drawn(other))
        rows = draw_pool(space, choice["size"], rng, exclude).itertuples(index=False)
        return {arch_id: (encoding, place) for arch_id, encoding, place in rows}

    for pool, shard in jobs:
        space = plan.pools[pool].space
        rows = ((arch_id, *values) for arch_id, values in drawn(pool).items())
        every = listed(rows, *plan.training_counts(pool))
        store = store_of(space)
        new = {
            (space, one) for one in every[shard :: plan.study.pool.shards] if store is None or store.get(one) is None
        }
        found[pool, shard] = len(new - seen)
        seen |= new
    return found


def _store(plan: Plan, space: str) -> TruthStore | None:
    """Return the store of a space; None before the images exist, without which it is not known what fits them."""
    images = Path(plan.artifacts.images(plan.study.data.name))
    return TruthStore(Path(plan.artifacts.store), truth_job(plan.study, space), images) if images.exists() else None
