"""Drawing pools of architectures, and adding their ground truth."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny import SPACES

from supernet.errors import UserError
from supernet.pools.draw import draw_pool
from supernet.pools.trainings import Training, trainings
from supernet.pools.truth import with_truth
from supernet.rng import stream
from supernet.spaces.nasbench201 import NASBench201


def pool_stream(seed: int) -> np.random.Generator:
    """A generator of pools."""
    return stream(seed, "pool", "case")


@pytest.mark.parametrize("name", SPACES)
def test_pool_is_distinct_sorted_and_readable(name: str) -> None:
    space = SPACES[name]
    pool = draw_pool(space, 60, pool_stream(3))
    ids = pool["arch_id"].tolist()
    assert ids == sorted(set(ids))
    assert [space.arch_id(space.parse(text)) for text in pool["encoding"]] == ids
    pd.testing.assert_frame_equal(pool, draw_pool(space, 60, pool_stream(3)))
    assert set(ids) != set(draw_pool(space, 60, pool_stream(4))["arch_id"])
    larger = draw_pool(space, 90, pool_stream(3))
    assert set(pool.itertuples(index=False)) < set(larger.itertuples(index=False))


class Crowded(NASBench201):
    """Thirty architectures, drawn in batches of 100 whose unused part is discarded."""

    name = "crowded"
    size = 30

    def numbered(self, number: int) -> Any:
        numbers = [number // 5, number % 5, 0, 0, 0, 0] if number < 25 else [number % 5] * 6
        return self.decode(numbers, "nats")

    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Any]:
        def batches() -> Iterator[Any]:
            while True:
                numbers = rng.integers(self.size, size=100).tolist()
                yield from map(self.numbered, numbers)

        return [arch for _, arch in zip(range(count), batches(), strict=False)]


def test_a_larger_pool_contains_the_smaller_one_in_spite_of_repetitions() -> None:
    pools = [set(draw_pool(Crowded(), size, pool_stream(0))["arch_id"]) for size in range(1, 28)]
    assert [len(pool) for pool in pools] == list(range(1, 28))
    assert all(small < large for small, large in itertools.pairwise(pools))


def test_pool_is_a_uniform_sample() -> None:
    """Each of the 27 architectures is equally often in a pool of 9."""
    seeds = 300
    pools = (draw_pool(NineOfTwentySeven(), 9, pool_stream(seed)) for seed in range(seeds))
    counts = Counter(arch_id for pool in pools for arch_id in pool["arch_id"])
    assert len(counts) == 27
    spread = math.sqrt(seeds * (1 / 3) * (2 / 3))
    assert all(abs(count - seeds / 3) < 4.5 * spread for count in counts.values())


class NineOfTwentySeven(NASBench201):
    name = "27"
    size = 27

    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Any]:
        return [self.decode([*row, 0, 0, 0], "nats") for row in rng.integers(3, size=(count, 3)).tolist()]


def test_pool_larger_than_the_space() -> None:
    assert len(draw_pool(NineOfTwentySeven(), 27, pool_stream(0))) == 27
    with pytest.raises(UserError, match=r"pool\.size 28: 27 has only 27 architectures; use a smaller one"):
        draw_pool(NineOfTwentySeven(), 28, pool_stream(0))


def test_places_in_the_draw_are_those_of_a_smaller_pool() -> None:
    for space in (SPACES["darts"], Crowded()):
        small, large = (draw_pool(space, size, pool_stream(2)).set_index("drawn") for size in (9, 25))
        assert large.index.sort_values().tolist() == list(range(25))
        pd.testing.assert_frame_equal(small.sort_index(), large.sort_index().head(9))
        assert large.index.tolist() != list(range(25)), "the file is sorted by arch_id"


POOL = pd.DataFrame({"arch_id": list("abcdef"), "encoding": list("ABCDEF"), "drawn": [3, 5, 0, 2, 1, 4]})


def todo(folder: Path, pool: pd.DataFrame, seeds: int, repeated: int) -> list[Training]:
    pool.to_parquet(folder / "pool.parquet")
    return trainings(folder / "pool.parquet", seeds, repeated)


def test_trainings_repeat_the_first_architectures_of_the_draw(tmp_path: Path) -> None:
    found = todo(tmp_path, POOL, seeds=3, repeated=2)
    seeds = {"a": [0], "b": [0], "c": [0, 1, 2], "d": [0], "e": [0, 1, 2], "f": [0]}
    assert found == [Training(arch_id, arch_id.upper(), seed) for arch_id in seeds for seed in seeds[arch_id]]


@pytest.mark.parametrize(("seeds", "repeated", "rows"), [(1, 0, 6), (3, 6, 18), (1, 6, 6)])
def test_number_of_trainings(tmp_path: Path, seeds: int, repeated: int, rows: int) -> None:
    assert len(todo(tmp_path, POOL, seeds, repeated)) == rows


@pytest.mark.parametrize("name", SPACES)
def test_a_larger_pool_has_all_trainings_of_the_smaller_one(tmp_path: Path, name: str) -> None:
    small, large = (
        todo(tmp_path, draw_pool(SPACES[name], size, pool_stream(0)), seeds=2, repeated=32) for size in (64, 80)
    )
    assert set(small) < set(large) and len(large) == len(small) + 16 == 112


def test_a_pool_without_the_order_of_its_draw_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pool\.parquet: found no column drawn among arch_id, encoding; make"):
        todo(tmp_path, POOL.drop(columns="drawn"), 1, 0)


def results() -> pd.DataFrame:
    """Two seeds of a; one seed of b diverged; all of c diverged; d has one; x is not in the pool."""
    nan = float("nan")
    rows = [
        ("d", 0, 0.8), ("a", 1, 0.6), ("a", 0, 0.5), ("b", 0, nan), ("b", 1, 0.7), ("c", 0, nan),
        ("x", 0, 0.9),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["arch_id", "seed", "accuracy"])
    return table.assign(parameters=100 + table["arch_id"].map(ord), macs=7, live_macs=6)


def test_truth_is_the_mean_over_the_seeds_that_did_not_diverge() -> None:
    pool = POOL.iloc[[3, 1, 0, 2]]
    table = with_truth(pool, results())
    expected = pd.DataFrame(
        {
            "arch_id": list("abcd"),
            "encoding": list("ABCD"),
            "truth": [0.55, 0.7, float("nan"), 0.8],
            "truth_seed0": [0.5, float("nan"), float("nan"), 0.8],
            "truth_seed1": [0.6, 0.7, float("nan"), float("nan")],
            "parameters": [197, 198, 199, 200],
            "macs": [7] * 4,
            "live_macs": [6] * 4,
        }
    )
    pd.testing.assert_frame_equal(table, expected)


@pytest.mark.filterwarnings("error")
def test_truth_where_all_diverged() -> None:
    table = with_truth(POOL.iloc[[2]], results().query("arch_id == 'c'").assign(accuracy=None))
    assert table["truth"].isna().all() and table["truth"].dtype == float


def test_missing_truth_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 architectures have no stand-alone training, the first is e"):
        with_truth(POOL, results())


def test_training_twice_is_an_error() -> None:
    twice = pd.concat([results(), results().query("arch_id == 'a'")])
    with pytest.raises(ValueError, match="duplicate"):
        with_truth(POOL.iloc[:4], twice)
