"""The ceiling of a table of means: pairs of cells that compute the same function, and what tables say of it."""

import math
from collections import defaultdict
from pathlib import Path

import fake_results
import numpy as np
import pandas as pd
import pytest
from checkouts import ROOT
from mirror import mirror
from scipy import stats
from table_metadata import about

import supernet
from supernet import spaces
from supernet.config.pool_name import PoolName
from supernet.config.splits import Sizes
from supernet.config.study import Study, load_study
from supernet.metrics.own_scores.evaluation import Options
from supernet.metrics.own_scores.ground_truth import TableFormat
from supernet.metrics.population import population_of
from supernet.metrics.replicates import published_replicates, replicates
from supernet.metrics.study_metrics import PoolTruth
from supernet.paper import catalogue
from supernet.paper.load import CEILINGS, Results
from supernet.pools.truth import COSTS, with_published
from supernet.published.nasbench201 import mirror as nasbench201
from supernet.published.schema import RUNS, tabulate, write
from supernet.published.table import PublishedTable
from supernet.spaces.nasbench201.functions import function_of

__all__ = ["mirror"]

SPACE = spaces.load("nasbench201")
OPERATIONS = range(5)
STUDY = ROOT / "tests" / "studies" / "mini.yaml"


def text(first: int, second: int, third: int, node: int) -> str:
    """Return a cell whose node 1 (`node`: its operation) is not used: 0-2, 2-3 and 0-3 alone define the function.

    With convolutions on all three, the cells of one choice of them are equal, and no others.
    """
    return SPACE.format(SPACE.decode([node, first, 0, third, 0, second], "nats"))


@pytest.fixture
def table(tmp_path: Path) -> PublishedTable:
    """Means of eight functions with one to five cells each, 23 cells in total."""
    rng = np.random.default_rng(0)
    choices = [(one, two, three) for one in (2, 3) for two in (2, 3) for three in (2, 3)]
    texts = [text(*choice, node) for number, choice in enumerate(choices) for node in OPERATIONS[: 1 + number % 5]]
    accuracy = dict(zip(texts, rng.uniform(0.5, 0.9, len(texts)).round(4), strict=True))
    texts.sort()
    truth = np.array([accuracy[one] for one in texts])
    rows = tabulate(tmp_path, texts, texts, truth, uniform=np.ones(len(texts), dtype=bool))
    count = len(texts)
    found = about(table="nasbench201", space="nasbench201", size=15_625, rows=count, uniform_rows=count)
    write(tmp_path / "nasbench201.parquet", rows, found)
    return PublishedTable.load(tmp_path / "nasbench201.parquet", ["encoding", "test_acc", "uniform"])


def pairs_of(table: PublishedTable) -> list[tuple[float, float]]:
    """Pair the first two cells of each function, from the operations that `text` sets."""
    groups = defaultdict(list)
    rows = table.data.to_pandas()
    for encoding, accuracy in zip(rows["encoding"], rows["test_acc"], strict=True):
        _, second, third = encoding.split("+|")
        groups[second.split("|")[0], third.split("|")[0], third.split("|")[2]].append(accuracy)
    assert sorted(map(len, groups.values())) == [1, 1, 2, 2, 3, 3, 4, 5]
    return [(values[0], values[1]) for values in groups.values() if len(values) > 1]


def study() -> Study:
    content = {"study": "case", "title": "A case", "data": {"name": "cifar10"}, "pool": {"size": 5}}
    return Study.model_validate(
        {**content, "metrics": {"resamples": 100}, "spaces": {"nasbench201": {"published": "nasbench201"}}}
    )


def test_the_ceiling_of_means_is_the_tau_between_equal_functions(table: PublishedTable) -> None:
    pairs = published_replicates(SPACE, table)
    expected = pairs_of(table)
    assert sorted(map(tuple, pairs.tolist())) == sorted(expected) and len(pairs) == 6
    drawn = table.data.to_pandas().head(5)[["arch_id", "encoding"]].assign(drawn=range(5))
    pool = drawn.assign(truth=table.test_acc[:5], parameters=range(5), macs=range(5), live_macs=range(5))
    population = population_of(table, SPACE)
    sizes = Sizes(10_000, 5_000, 45_000)
    truth = PoolTruth(study(), PoolName("nasbench201"), pool, sizes, population, replicates=pairs)
    rows = {row["metric"]: row for row in truth.references() if row["name"] == "replicates"}
    tau = stats.kendalltau(*np.transpose(expected)).statistic
    assert rows["kdt"]["estimate"] == pytest.approx(tau) and rows["kdt"]["n"] == 6
    assert rows["kdt"]["low"] < tau < rows["kdt"]["high"]
    assert set(rows) == {"kdt", "s_kdt", "s_kdt_positional_0.1", "s_kdt_positional_1"}
    # Two pairs are too few.
    few = PoolTruth(study(), PoolName("nasbench201"), pool, sizes, population, replicates=pairs[:2])
    assert not [row for row in few.references() if row["name"] in CEILINGS]


def test_scores_of_others_have_the_same_ceiling(table: PublishedTable) -> None:
    scores = table.data.to_pandas()[["encoding"]].assign(score=np.arange(len(table)))
    tau = stats.kendalltau(*np.transpose(pairs_of(table))).statistic
    plain = table.data.to_pandas()[["encoding", "test_acc"]].sample(frac=1, random_state=0)
    plain = plain.rename(columns={"encoding": "arch", "test_acc": "accuracy"})
    form = TableFormat(unit="fraction")
    for source in (table.path, plain):
        found = supernet.evaluate(
            scores,
            "nasbench201",
            arch_column="encoding",
            table=source,
            table_format=form,
            options=Options(resamples=50),
        )
        (row,) = (row for row in found.rows if (row.name, row.metric) == ("replicates", "kdt"))
        assert row.estimate == pytest.approx(tau) and (row.kind, row.n) == ("ceiling", 6)


def test_two_trainings_of_some_architectures_are_preferred(table: PublishedTable) -> None:
    """Nine of the 23 cells have two runs: the seed-to-seed ceiling is known, and it is the one that is shown."""
    rng = np.random.default_rng(1)
    count = 9
    runs = np.full((len(table), 3), np.nan)
    runs[:count, :2] = (table.test_acc[:count, None] + rng.normal(0, 0.02, (count, 2))).round(4)
    known = PublishedTable.load(table.path)
    rows = known.take(range(len(table))).assign(**dict(zip(RUNS, runs.T, strict=True)))
    write(table.path, rows, table.about)
    whole = PublishedTable.load(table.path)
    pool = with_published(rows[["arch_id", "encoding"]].assign(drawn=range(len(rows))), whole, SPACE)
    sizes, population = Sizes(10_000, 5_000, 45_000), population_of(whole, SPACE)
    truth = PoolTruth(
        study(), PoolName("nasbench201"), pool, sizes, population, None, published_replicates(SPACE, whole)
    )
    tau = stats.kendalltau(runs[:count, 0], runs[:count, 1]).statistic
    found = {row["name"]: row for row in truth.references() if row["metric"] == "kdt"}
    assert found["seed"]["estimate"] == pytest.approx(tau) and found["seed"]["n"] == count
    assert found["replicates"]["n"] == 6
    assert truth.noise.std == pytest.approx(np.sqrt(runs[:count, :2].var(axis=1, ddof=1).mean()))
    scores = rows[["encoding"]].assign(score=np.arange(len(rows)))
    for scored, name in ((scores, "seed"), (scores.iloc[7:], "replicates")):
        evaluated = supernet.evaluate(
            scored, "nasbench201", arch_column="encoding", table=table.path, options=Options(resamples=50)
        )
        assert {row.name for row in evaluated.rows if row.kind == "ceiling"} == {name}


@pytest.mark.parametrize("name", ["nasbench101", "darts"])
def test_other_spaces_have_no_equal_functions(name: str) -> None:
    space = spaces.load(name)
    texts = [space.format(arch) for arch in space.sample(np.random.default_rng(0), count=4)]
    assert replicates(space, [*texts, *texts], np.ones(8)).shape == (0, 2)


def test_tables_show_the_ceiling_that_a_space_has(tmp_path: Path) -> None:
    chosen = load_study(STUDY)
    folder = fake_results.write_results(chosen, tmp_path / "results")
    references = pd.read_parquet(folder / "references.parquet")
    own = (references["space"] == "nasbench201") & (references["name"] == "seed")
    known = references[own & ~references["metric"].str.contains("top_half|regular|unique")]
    changed = known.assign(name="replicates", estimate=0.9175, low=0.9071, high=0.9279, n=1_201)
    factor = next(iter(chosen.spaces["nasbench201"].sweep))
    for present, shown in ((references[~own], "0.92"), (references, ""), (None, "")):
        rows = references[~own] if present is None else pd.concat([present, changed])
        rows.to_parquet(folder / "references.parquet")
        results = Results(chosen, folder)
        assert results.ceiling("nasbench201", "kdt")[0] == ("" if present is None else CEILINGS[bool(shown)])
        assert results.ceiling("nasbench101", "kdt")[0] == "seed"
        for name in ("spaces", factor):
            catalogue.make_table(name, results, tmp_path / name)
            written = (tmp_path / f"{name}.md").read_text()
            assert ("0.92<br>\\[0.91, 0.93\\]" in written or "0.92 \\[0.91, 0.93\\]" in written) is bool(shown)
            assert ("two cells that compute the same function" in written) is bool(shown)
            numbers = pd.read_csv(tmp_path / f"{name}.csv")
            assert (numbers.select_dtypes("number") == 0.9175).any(axis=None) == bool(shown)
            ceilings = numbers[numbers["space"] == "nasbench201"].astype(str)
            assert ceilings.apply(lambda row: row.str.contains("replicates")).any(axis=None) == bool(shown)


@pytest.mark.benchmarks
def test_the_published_table_of_means(mirror: Path) -> None:
    rows = nasbench201.read(mirror / "benchmarks" / "nasbench201.parquet", "cifar10").rows
    pairs = replicates(SPACE, rows["encoding"].tolist(), rows["test_acc"].to_numpy())
    names = rows["encoding"].map(lambda one: function_of(SPACE.parse(one)))
    groups = rows.groupby(names)["test_acc"]
    first, second = groups.nth(0).groupby(names).first(), groups.nth(1).groupby(names).first()
    both = pd.concat([first, second], axis=1, join="inner").to_numpy()
    assert len(pairs) == len(both) == 1_201
    tau = stats.kendalltau(*both.T).statistic
    assert stats.kendalltau(*pairs.T).statistic == pytest.approx(tau) and tau == pytest.approx(0.940, abs=5e-4)
    # The pair does not matter: any two cells of a function agree as well as the first two.
    rng = np.random.default_rng(0)
    several = [values.to_numpy() for _, values in groups if len(values) > 1]
    others = [rng.permutation(values)[:2] for values in several]
    assert stats.kendalltau(*np.transpose(others)).statistic == pytest.approx(tau, abs=4e-3)
    # The interval is that of a bootstrap over functions, although more than a thousand of them have the jackknife.
    pool = rows.head(20).assign(drawn=range(20), truth=rows["test_acc"].head(20), **dict.fromkeys(COSTS, 1))
    truth = PoolTruth(study(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000), replicates=pairs)
    (row,) = (row for row in truth.references() if (row["name"], row["metric"]) == ("replicates", "kdt"))
    drawn = [stats.kendalltau(*both[rng.integers(len(both), size=len(both))].T).statistic for _ in range(400)]
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * np.std(drawn), rel=0.15)
    assert math.isclose(row["estimate"], tau) and row["n"] == 1_201
