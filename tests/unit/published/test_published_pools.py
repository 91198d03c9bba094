"""Pools, searches and metrics with published ground truth."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from published_sample import SPACE, sixty_architectures

from supernet.config.pool_name import PoolName
from supernet.config.splits import Sizes
from supernet.config.study import Study
from supernet.errors import UserError
from supernet.metrics.population import population_of
from supernet.metrics.seed_noise import threshold_for
from supernet.metrics.study_metrics import PoolTruth
from supernet.pools.draw import draw_published, published_draw
from supernet.pools.truth import COSTS, with_published
from supernet.published.table import PublishedTable
from supernet.rng import stream
from supernet.search.random_search import random_search


@pytest.fixture
def table(tmp_path: Path) -> PublishedTable:
    return sixty_architectures(tmp_path)


def drawn(table: PublishedTable, size: int, seed: int) -> pd.DataFrame:
    """A pool from a table."""
    return draw_published(table, SPACE, size, stream(seed, "pool"))


def test_pool_is_drawn_among_architectures_that_have_ground_truth(table: PublishedTable) -> None:
    rows = table.data.to_pandas()
    uniform = set(rows.loc[rows["uniform"], "arch_id"])
    pool = drawn(table, 20, 0)
    ids = pool["arch_id"].tolist()
    assert ids == sorted(set(ids)) and set(ids) < uniform
    assert [SPACE.arch_id(SPACE.parse(text)) for text in pool["encoding"]] == ids
    assert set(ids) < set(drawn(table, 30, 0)["arch_id"])
    assert set(ids) != set(drawn(table, 20, 1)["arch_id"])
    assert set(drawn(table, 40, 0)["arch_id"]) == uniform
    with pytest.raises(UserError, match=r"pool\.size 41: .*nasbench201\.parquet has only 40 architectures that are"):
        drawn(table, 41, 0)


def test_ground_truth_and_costs_stand_beside_their_architecture(table: PublishedTable) -> None:
    pool = with_published(drawn(table, 20, 0), table, SPACE)
    published = table.data.to_pandas().set_index("arch_id")
    for row in pool.itertuples():
        assert row.truth == published.loc[row.arch_id, "test_acc"]
        assert row.truth_seed1 == published.loc[row.arch_id, "test_acc_run1"]
        cost = SPACE.cost(SPACE.parse(row.encoding))
        assert (row.parameters, row.macs) == (cost.parameters, cost.macs)
        assert row.live_macs <= row.macs
    # The third run is not known: no column that would look like one.
    assert list(pool.columns) == ["arch_id", "encoding", "truth", "truth_seed0", "truth_seed1", *COSTS]


def test_an_architecture_without_ground_truth_is_an_error(table: PublishedTable) -> None:
    known = set(table.data.to_pandas()["arch_id"])
    stranger = next(
        arch for arch in SPACE.sample(np.random.default_rng(9), count=99) if SPACE.arch_id(arch) not in known
    )
    pool = pd.DataFrame({"arch_id": [SPACE.arch_id(stranger)], "encoding": [SPACE.format(stranger)]})
    with pytest.raises(UserError, match="no ground truth for"):
        with_published(pool, table, SPACE)


def test_search_draws_what_the_table_has_a_uniform_sample_of(table: PublishedTable) -> None:
    rows = table.data.to_pandas()
    uniform = set(rows.loc[rows["uniform"], "arch_id"])

    def search(architectures: int) -> set[str]:
        rng, draw = np.random.default_rng(0), published_draw(table, SPACE)
        found = random_search(SPACE, lambda arch: (0.5, 1.0), architectures, rng, draw, len(uniform))
        return {one.arch_id for one in found}

    assert search(len(uniform)) == uniform
    with pytest.raises(UserError, match=f"search.architectures 41: only {len(uniform)} architectures of nasbench201"):
        search(41)


def test_rank_of_the_best_is_taken_in_the_uniform_sample(table: PublishedTable) -> None:
    pool = with_published(drawn(table, 20, 0), table, SPACE)
    truth = PoolTruth(study(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000), population_of(table, SPACE))
    facts = truth.facts()
    assert (facts["quantile"], facts["population"]) == ("sample", 40)
    assert facts["source"].startswith("published, ")
    assert facts["threshold"] == threshold_for(float("nan"), 10_000) == 0.001
    assert facts["repeated"] == 20
    # The super-net ranks as ground truth does: what it finds is the pool's best, whose rank is that in the sample.
    scores = pd.DataFrame({"arch_id": pool["arch_id"], "bn_mode": "batch", "split": "scoring"})
    scores = scores.assign(accuracy=pool["truth"], loss=1 - pool["truth"])
    measured: dict[tuple[str, str], Any] = {
        (row["metric"], row["score"]): row["estimate"] for row in truth.run_rows(scores, "complete")
    }
    sample = table.test_acc[table.uniform]
    rank = 1 + int((sample > pool["truth"].max()).sum())
    assert measured["p_surpass", "accuracy"] == pytest.approx((1 - rank / 40) ** 5)
    assert measured["kdt", "accuracy"] == pytest.approx(1)


def test_means_without_single_runs_have_no_ceiling(table: PublishedTable) -> None:
    pool = with_published(drawn(table, 20, 0), table, SPACE).drop(columns=["truth_seed0", "truth_seed1"])
    truth = PoolTruth(study(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000), population_of(table, SPACE))
    assert {row["name"] for row in truth.references()} == set(COSTS)
    assert truth.facts()["seed_std"] is None
    assert truth.facts()["repeated"] == 0


def study() -> Study:
    return Study.model_validate(
        {
            "study": "case",
            "title": "A case",
            "data": {"name": "cifar10"},
            "pool": {"size": 20},
            "metrics": {"top": 5, "resamples": 100},
            "spaces": {"nasbench201": {"published": "nasbench201", "baseline": {}}},
        }
    )
