"""Which pools a study has, how they are chosen, and what is measured on subsets of them."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from checkouts import ROOT
from published_sample import sixty_architectures
from pydantic import ValidationError
from scipy import stats

from supernet import spaces
from supernet.config.pool_name import PoolName
from supernet.config.study import Study
from supernet.data.sizes import Sizes
from supernet.io.atomic import write_table
from supernet.metrics.study_metrics import FEWEST, SUBSETS, PoolTruth, population_of
from supernet.pipeline.plan import Plan
from supernet.pools.draw import draw_pool, stratified
from supernet.pools.truth import COSTS
from supernet.published.schema import tabulate, write
from supernet.published.table import PublishedTable
from supernet.rng import stream
from supernet.spaces.base import Space
from supernet.spaces.nasbench201.encoding import EDGES

SMOKE = ROOT / "tests" / "studies" / "smoke.yaml"
TRUTH = {"channels": 8, "layers": 3, "epochs": 2, "train_portion": 0.75}


@pytest.fixture
def table(tmp_path: Path) -> PublishedTable:
    return sixty_architectures(tmp_path)


def study(pool: dict[str, Any], **more: Any) -> Study:
    baseline = {"train_portion": 0.75, "channels": 8, "layers": 3}
    space = {"truth": TRUTH, "baseline": baseline, "seeds": [0, 3], "sweep": {"dynamic_channels": ["constant-2"]}}
    content = {"study": "case", "title": "A case", "data": {"name": "digits", "scoring_portion": 0.25}, "pool": pool}
    return Study.model_validate({**content, "spaces": {"nasbench101": space | more}})


@pytest.fixture(scope="module")
def program() -> Callable[[list[str]], None]:
    """`main` of scripts/pool.py."""
    spec = importlib.util.spec_from_file_location("pool_program", ROOT / "scripts" / "pool.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main  # type: ignore[no-any-return]


def drawn(program: Callable[[list[str]], None], folder: Path, *arguments: str) -> set[str]:
    program(["--size", "30", "--study-seed", "0", "--output", str(folder / "pool.parquet"), *arguments])
    return set(pd.read_parquet(folder / "pool.parquet")["arch_id"])


def test_runs_share_one_pool_unless_they_have_a_sub_space() -> None:
    case = study({"size": 20})
    assert list(map(str, case.pools())) == ["nasbench101", "nasbench101-constant-2"]
    assert str(case.pool_of("nasbench101", "baseline", 3)) == "nasbench101"
    assert str(case.pool_of("nasbench101", "dynamic_channels=constant-2", 3)) == "nasbench101-constant-2"
    assert case.run("nasbench101", "dynamic_channels=constant-2", 0).own_space == "nasbench101-constant-2"
    assert case.run("nasbench101", "baseline", 0).own_space == "nasbench101"


def test_pools_of_run_seeds() -> None:
    case = study({"size": 20, "per_seed": True})
    assert list(map(str, case.pools())) == [
        "nasbench101-seed0",
        "nasbench101-seed3",
        "nasbench101-constant-2-seed0",
        "nasbench101-constant-2-seed3",
    ]
    assert str(case.main_pool("nasbench101")) == "nasbench101-seed0"


def test_each_pool_is_drawn_from_a_stream_of_its_own(program: Callable[[list[str]], None], tmp_path: Path) -> None:
    main = drawn(program, tmp_path, "--space", "nasbench101")
    usual = draw_pool(spaces.load("nasbench101"), 30, stream(0, "pool", "nasbench101"))
    assert main == set(usual["arch_id"])
    seeds = [drawn(program, tmp_path, "--space", "nasbench101", "--run-seed", seed) for seed in ("0", "1")]
    assert len(main | seeds[0] | seeds[1]) == 90


def test_landmarks_are_in_no_pool(program: Callable[[list[str]], None], tmp_path: Path) -> None:
    """Three of four architectures of the sub-space are in a pool, so that by chance most landmarks would be."""
    everything = spaces.load("nasbench101-constant-4")
    pool = draw_pool(everything, 8_000, stream(0, "pool", everything.name))
    write_table(tmp_path / "taken.parquet", pool)
    landmarks = ("--space", everything.name, "--landmarks")
    free = drawn(program, tmp_path, *landmarks)
    assert free & set(pool["arch_id"])
    assert not drawn(program, tmp_path, *landmarks, "--exclude", str(tmp_path / "taken.parquet")) & set(pool["arch_id"])


def test_the_plan_tells_the_program_which_pool_it_is() -> None:
    plan = Plan.load({"study": str(SMOKE)}, ROOT)
    assert plan.pool_arguments("nasbench101-constant-2").startswith("--space nasbench101-constant-2 --size 6")
    assert plan.pool("nasbench101", "dynamic_channels=constant-2", "0") == "nasbench101-constant-2"
    assert plan.others("nasbench101") == []


def test_stratified_takes_the_best_of_each_interval(table: PublishedTable) -> None:
    space = spaces.load("nasbench201")
    rows = table.frame()
    rows = rows[rows["uniform"]]
    pool = stratified(table, space, 7)
    low, high = rows["test_acc"].min(), rows["test_acc"].max()
    numbers = np.minimum(((rows["test_acc"] - low) / (high - low) * 7).astype(int), 6)
    best = rows.groupby(numbers)["test_acc"].idxmax()
    assert pool["arch_id"].tolist() == sorted(rows.loc[best, "arch_id"])
    assert rows.loc[rows["test_acc"].idxmax(), "arch_id"] in set(pool["arch_id"])
    # So many intervals that each architecture has one of its own, but for equal accuracies.
    assert len(stratified(table, space, 1_000_000)) == rows["test_acc"].nunique()


def test_stratified_pool_of_the_program(
    program: Callable[[list[str]], None],
    table: PublishedTable,
    tmp_path: Path,
) -> None:
    arguments = ["--space", "nasbench201", "--law", "stratified", "--table", str(table.path)]
    assert drawn(program, tmp_path, *arguments) == set(stratified(table, spaces.load("nasbench201"), 30)["arch_id"])


@pytest.mark.parametrize(
    ("pool", "space", "message"),
    [
        ({"law": "stratified"}, {}, "needs accuracies before the pool"),
        ({"law": "stratified", "per_seed": True}, {}, "has no effect while pool.law is stratified"),
        ({}, {"baseline": {"train_portion": 0.75, "channels": 6, "layers": 3}, "sweep": {
            "dynamic_channels": ["constant-4"]}}, "6 channels cannot be shared equally"),
    ],
)  # fmt: skip
def test_what_has_no_pool_is_an_error(pool: dict[str, Any], space: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        study(pool, **space)


def test_a_sub_space_takes_its_rank_among_its_own(tmp_path: Path) -> None:
    space = spaces.load("nasbench101")
    archs = {space.arch_id(arch): arch for arch in space.sample(np.random.default_rng(0), count=300)}
    accuracy = np.random.default_rng(1).uniform(0.8, 0.9, len(archs))
    texts = [space.format(arch) for arch in archs.values()]
    rows = tabulate(tmp_path, list(archs), texts, accuracy, uniform=np.ones(len(archs), dtype=bool))
    write(tmp_path / "table.parquet", rows, _about(space, len(archs)))
    found = PublishedTable.load(tmp_path / "table.parquet")
    own = spaces.load("nasbench101-constant-2")
    expected = sorted(one for one, text in zip(accuracy, texts, strict=True) if own.holds(text))
    assert sorted(population_of(found, own).truth) == expected and 0 < len(expected) < len(archs)
    assert len(population_of(found, space).truth) == len(archs)


def test_parts_of_a_pool_have_their_own_correlations() -> None:
    space = spaces.load("nasbench201")
    pool = draw_pool(space, 60, stream(1, "pool"))
    pool = pool.assign(truth=np.random.default_rng(2).uniform(0.5, 0.9, 60), **dict.fromkeys(COSTS, range(60)))
    truth = PoolTruth(_plain(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000))
    scores = pd.DataFrame({"arch_id": pool["arch_id"], "bn_mode": "batch", "split": "scoring"})
    scores = scores.assign(accuracy=np.random.default_rng(3).uniform(0, 1, 60), loss=np.arange(60.0))
    found = {(row["metric"], row["score"]): row for row in truth.run_rows(scores, "complete")}
    top = pool["truth"] >= pool["truth"].sort_values().iloc[30]
    regular = [not space.degenerate(space.parse(text)) for text in pool["encoding"]]
    for subset, members in (("top_half", top), ("regular", regular)):
        chosen, row = scores[np.array(members)], found[f"kdt_{subset}", "accuracy"]
        tau = stats.kendalltau(chosen["accuracy"], pool["truth"][np.array(members)]).statistic
        assert row["estimate"] == pytest.approx(tau) and row["n"] == sum(members)
        assert row["low"] < row["estimate"] < row["high"]
    assert truth.facts()["degenerate"] == 60 - sum(regular) > 0
    references = pd.DataFrame(truth.references()).set_index(["name", "metric"])
    expected = stats.kendalltau(pool["macs"][top], pool["truth"][top]).statistic
    assert references.loc[("macs", "kdt_top_half"), "estimate"] == pytest.approx(expected)
    # A diverged run has the same rows, without numbers.
    lost = list(truth.run_rows(scores.assign(accuracy=np.nan), "diverged"))
    assert {(row["metric"], row["score"]) for row in lost} == set(found)
    assert all(np.isnan(row["estimate"]) for row in lost)


def test_a_part_that_is_too_small_has_no_correlation() -> None:
    space = spaces.load("nasbench201")
    texts = [space.format(space.parse([1, 1, 1, 1, 4, number])) for number in range(5)]
    pool = pd.DataFrame({"arch_id": texts, "encoding": texts, "truth": np.linspace(0.5, 0.9, 5)}).sort_values("arch_id")
    pool = pool.assign(**dict.fromkeys(COSTS, range(5)))
    truth = PoolTruth(_plain(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000))
    assert int(truth.subsets["regular"].sum()) == 2 < FEWEST
    scores = pd.DataFrame({"arch_id": texts, "bn_mode": "batch", "split": "scoring", "accuracy": 0.5, "loss": 1.0})
    scores = scores.assign(accuracy=np.linspace(0, 1, 5), loss=np.linspace(1, 0, 5))
    rows = {row["metric"]: row for row in truth.run_rows(scores, "complete")}
    assert np.isnan(rows["kdt_regular"]["estimate"]) and np.isfinite(rows["kdt_top_half"]["estimate"])
    assert set(SUBSETS) == {"top_half", "regular"}
    assert not any(row["metric"].endswith("_regular") for row in truth.references())


@pytest.mark.parametrize(
    ("name", "encoding", "degenerate"),
    [
        ("nasbench201", [0] * len(EDGES), True),
        ("nasbench201", [1, 1, 1, 1, 1, 1], True),
        ("nasbench201", [1, 1, 1, 3, 1, 1], False),
        # The only convolution leads to a node from which no way goes on.
        ("nasbench201", [3, 0, 0, 1, 0, 0], True),
        # The only convolution is fed by zeros.
        ("nasbench201", [0, 0, 0, 1, 3, 0], True),
        ("nasbench101", "IO:1", True),
        ("nasbench101", "IMO:11/1", True),
        ("nasbench101", "IM1O:110/01/1", False),
    ],
)
def test_degenerate_architectures(name: str, encoding: Any, degenerate: bool) -> None:
    space = spaces.load(name)
    assert space.degenerate(space.parse(encoding)) is degenerate


def test_degenerate_genotypes() -> None:
    space = spaces.load("darts")
    skips = [("skip_connect", 0), ("skip_connect", 1)] * 4
    mixed = [("sep_conv_3x3", 0), *skips[1:]]
    unheard = [("sep_conv_3x3", 0), ("skip_connect", 1), ("none", 2), ("skip_connect", 0), *skips[4:]]
    for cell, expected in ((skips, True), (mixed, False), (unheard, True)):
        assert space.degenerate(space.parse({"normal": cell, "reduce": skips})) is expected
        assert space.degenerate(space.parse({"normal": skips, "reduce": cell})) is expected


def _about(space: Space[Any], rows: int) -> Any:
    from table_metadata import about

    return about(table="nasbench101", space=space.name, size=space.size, rows=rows, uniform_rows=rows)


def _plain() -> Study:
    content = {"study": "case", "title": "A case", "data": {"name": "digits", "scoring_portion": 0.25}}
    space = {"truth": TRUTH, "baseline": {"train_portion": 0.75}}
    return Study.model_validate({**content, "metrics": {"resamples": 200}, "spaces": {"nasbench201": space}})
