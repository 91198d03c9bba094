"""The pools of a study and how they are chosen."""

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
from table_metadata import about

from supernet import spaces
from supernet.config.study import Study, load_study
from supernet.errors import UserError
from supernet.io.atomic import write_table
from supernet.pipeline.plan import Plan
from supernet.pools.draw import draw_pool, stratified
from supernet.published.schema import tabulate, write
from supernet.published.table import PublishedTable
from supernet.rng import stream
from supernet.training.path_sampling import epoch_paths

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
    """Return `main` of scripts/pool.py."""
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


def test_each_pool_is_drawn_from_a_separate_stream(program: Callable[[list[str]], None], tmp_path: Path) -> None:
    main = drawn(program, tmp_path, "--space", "nasbench101")
    usual = draw_pool(spaces.load("nasbench101"), 30, stream(0, "pool", "nasbench101"))
    assert main == set(usual["arch_id"])
    seeds = [drawn(program, tmp_path, "--space", "nasbench101", "--run-seed", seed) for seed in ("0", "1")]
    assert len(main | seeds[0] | seeds[1]) == 90


def test_landmarks_are_in_no_pool(program: Callable[[list[str]], None], tmp_path: Path) -> None:
    """Three of four architectures of the sub-space are in a pool, so by chance most landmarks would be."""
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


GENOTYPES = spaces.load("darts", "all").sample(np.random.default_rng(0), count=30)
ENDS = spaces.load("darts").sample(np.random.default_rng(1), count=30)


def darts_table(folder: Path, archs: list[Any]) -> Path:
    """Write a published table of DARTS with these genotypes."""
    space, count = spaces.load("darts"), len(archs)
    accuracies = np.linspace(0.9, 0.95, count)
    ids = [space.arch_id(arch) for arch in archs]
    rows = tabulate(folder, ids, [space.format(arch) for arch in archs], accuracies)
    known = about(table="darts-swap1000", space="darts", size=1_000, rows=count, uniform_rows=count)
    write(folder / "darts.parquet", rows, known)
    return folder / "darts.parquet"


@pytest.mark.parametrize("law", ["uniform", "stratified"])
def test_a_pool_of_genotypes_of_another_kind_than_the_trained_ones_is_refused(
    law: str, program: Callable[[list[str]], None], tmp_path: Path
) -> None:
    arguments = ["--space", "darts", "--size", "10", "--law", law, "--study-seed", "0"]
    arguments += ["--table", str(darts_table(tmp_path, GENOTYPES)), "--output", str(tmp_path / "pool.parquet")]
    message = r"10 of the 10 architectures of the pool are of a kind .* set protocol.darts_concat to .* `all` or"
    with pytest.raises(UserError, match=message):
        program(arguments)
    assert not (tmp_path / "pool.parquet").exists()
    program([*arguments, "--darts-concat", "all"])
    pool = pd.read_parquet(tmp_path / "pool.parquet")
    assert set(pool["arch_id"]) <= {spaces.load("darts").arch_id(arch) for arch in GENOTYPES} and len(pool) == 10


def test_a_pool_of_both_kinds_is_a_warning(
    program: Callable[[list[str]], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = darts_table(tmp_path, GENOTYPES[:12] + ENDS[:18])
    for concat, others in (("all", 18), ("loose_ends", 12)):
        drawn(program, tmp_path, "--space", "darts", "--table", str(path), "--darts-concat", concat)
        assert f"{others} of the 30 architectures of the pool are of a kind" in capsys.readouterr().out


def test_pools_without_a_table_have_what_is_trained(program: Callable[[list[str]], None], tmp_path: Path) -> None:
    whole, ends = spaces.load("darts", "all"), spaces.load("darts")
    for arguments, space, other in ((("--darts-concat", "all"), whole, ends), ((), ends, whole)):
        drawn(program, tmp_path, "--space", "darts", *arguments)
        texts = pd.read_parquet(tmp_path / "pool.parquet")["encoding"].tolist()
        assert space.undrawn(texts) == [] and len(other.undrawn(texts)) > 20


def test_a_study_trains_and_draws_the_same_kind(tmp_path: Path) -> None:
    text = """\
study: case
title: A case
data: {name: digits, scoring_portion: 0.25}
pool: {size: 10}
protocol: {darts_concat: KIND}
spaces:
  darts:
    truth: {channels: 8, layers: 3, epochs: 2, train_portion: 0.75}
    baseline: {channels: 8, layers: 3, train_portion: 0.75}
"""
    for kind, arguments in (("all", ["--darts-concat", "all"]), ("loose_ends", [])):
        (tmp_path / "case.yaml").write_text(text.replace("KIND", kind), encoding="utf-8")
        plan = Plan.load({"study": str(tmp_path / "case.yaml")}, ROOT)
        assert plan.pool_arguments("darts").split()[8:] == arguments
        space = plan.study.run("darts", "baseline", 0).load_space()
        groups = epoch_paths(space, "random_a", 0, 0, 20) + epoch_paths(space, "fairnas", 0, 0, 5)
        texts = [space.format(arch) for group in groups for arch in group]
        assert spaces.load("darts", kind).undrawn(texts) == []


@pytest.mark.parametrize("name", ["cifar10", "cifar10-jpeg", "real-smoke", "paper"])
def test_studies_with_published_genotypes_train_all_nodes(name: str) -> None:
    study = load_study(ROOT / "workflow" / "studies" / f"{name}.yaml")
    assert study.spaces["darts"].published is not None
    assert study.protocol.darts_concat == "all"


def test_stratified_takes_the_best_of_each_interval(table: PublishedTable) -> None:
    space = spaces.load("nasbench201")
    rows = table.data.to_pandas()
    rows = rows[rows["uniform"]]
    pool = stratified(table, space, 7)
    low, high = rows["test_acc"].min(), rows["test_acc"].max()
    numbers = np.minimum(((rows["test_acc"] - low) / (high - low) * 7).astype(int), 6)
    best = rows.groupby(numbers)["test_acc"].idxmax()
    assert pool["arch_id"].tolist() == sorted(rows.loc[best, "arch_id"])
    assert rows.loc[rows["test_acc"].idxmax(), "arch_id"] in set(pool["arch_id"])
    # So many intervals that architectures with different accuracies never share one.
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
