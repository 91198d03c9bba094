"""How many stand-alone trainings a study still needs."""

from collections.abc import Iterable

from supernet.pipeline.plan import Plan


def trainings_left(plan: Plan, jobs: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Return the number of stand-alone trainings that each of some jobs, given by pool and shard, would do."""
    return {(pool, shard): plan.trainings_in(pool, shard) for pool, shard in jobs}
