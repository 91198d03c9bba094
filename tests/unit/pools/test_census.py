"""A pool that is the whole space: `pool.size: all`."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from checkouts import ROOT
from published_sample import sixty_architectures

from scripts import pool as pool_program
from supernet import spaces
from supernet.errors import UserError
from supernet.pipeline.plan import Plan, PoolSize
from supernet.pools.draw import draw_published
from supernet.published.table import PublishedTable
from supernet.rng import stream

TRUTH = {"channels": 8, "layers": 3, "epochs": 2, "train_portion": 0.75}


@pytest.fixture
def table(tmp_path: Path) -> PublishedTable:
    return sixty_architectures(tmp_path)


def drawn(folder: Path, *arguments: str) -> set[str]:
    """Run scripts/pool.py and return the arch_ids that it writes."""
    pool_program.main(["--study-seed", "0", "--output", str(folder / "pool.parquet"), *arguments])
    return set(pd.read_parquet(folder / "pool.parquet")["arch_id"])


def test_a_census_has_all_rows_that_are_a_uniform_sample(table: PublishedTable) -> None:
    space, rows = spaces.load("nasbench201"), table.data.to_pandas()
    whole = draw_published(table, space, None, stream(0, "pool", "nasbench201"))
    assert whole["arch_id"].tolist() == sorted(rows.loc[rows["uniform"], "arch_id"])
    # The places in the draw are those of smaller pools of the same seed.
    small = draw_published(table, space, 9, stream(0, "pool", "nasbench201"))
    first = whole[whole["drawn"] < 9].reset_index(drop=True)
    pd.testing.assert_frame_equal(small, first)
    taken = frozenset(small["arch_id"])
    rest = draw_published(table, space, None, stream(1, "pool", "nasbench201"), taken)
    assert len(rest) == len(whole) - 9 and not taken & set(rest["arch_id"])
    with pytest.raises(UserError, match=r"pool\.size all: .* has only 0 architectures .* use fewer landmarks"):
        draw_published(table, space, None, stream(0, "pool", "nasbench201"), frozenset(whole["arch_id"]))


def test_a_census_of_the_program(table: PublishedTable, tmp_path: Path) -> None:
    space = ("--space", "nasbench201", "--size", "all")
    assert len(drawn(tmp_path, *space, "--table", str(table.path))) == int(table.uniform.sum()) == 40
    with pytest.raises(UserError, match="--size all: needs the accuracies of a published table: give --table"):
        drawn(tmp_path, *space)
    with pytest.raises(UserError, match="--size all: a stratified pool has a number of intervals"):
        drawn(tmp_path, *space, "--law", "stratified", "--table", str(table.path))


def census(**more: Any) -> dict[str, Any]:
    """Return a census of NASBench-201 with landmarks in one setting."""
    space = {"published": "nasbench201", "seeds": [0], "sweep": {"landmarks": ["ranking"]}}
    data = {"name": "cifar10", "scoring_portion": 0.1}
    content = {"study": "case", "title": "A case", "data": data, "pool": {"size": "all"}}
    return content | {"protocol": {"landmarks": 4}, "spaces": {"nasbench201": space | more}}


def planned(folder: Path, content: dict[str, Any]) -> Plan:
    (folder / "case.yaml").write_text(yaml.safe_dump(content))
    folders = {name: str(folder / name) for name in ("results", "resources", "state")}
    return Plan.load({"study": str(folder / "case.yaml"), **folders}, ROOT)


def test_a_census_leaves_out_its_landmarks(table: PublishedTable, tmp_path: Path) -> None:
    plan = planned(tmp_path, census())
    pool, landmarks = "nasbench201", "nasbench201-landmarks"
    assert plan.pool_arguments(pool).startswith("--space nasbench201 --size all --law uniform")
    assert (plan.others(pool), plan.others(landmarks)) == ([landmarks], [])
    for name in (landmarks, pool):
        exclude = [plan.artifacts.drawn_pool(other) for other in plan.others(name)]
        output = plan.artifacts.drawn_pool(name)
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        arguments = [*plan.pool_arguments(name).split(), "--table", str(table.path), "--exclude", *exclude]
        pool_program.main([*arguments, "--output", output])
    found = {name: set(pd.read_parquet(plan.artifacts.drawn_pool(name))["arch_id"]) for name in (pool, landmarks)}
    assert (len(found[pool]), len(found[landmarks])) == (36, 4) and not found[pool] & found[landmarks]
    assert plan.study.scorable(plan.pools[pool]) == 15_625 - 4


def test_the_number_of_a_census_is_known_when_its_table_is(table: PublishedTable, tmp_path: Path) -> None:
    plan = planned(tmp_path, census(sweep={}))
    assert plan.pool_size("nasbench201") == PoolSize(15_625, known=False)
    assert "nasbench201: scored images are those of 15625 architectures, the most that" in plan.estimate()
    path = Path(plan.artifacts.published("nasbench201"))
    path.parent.mkdir(parents=True)
    path.write_bytes(table.path.read_bytes())
    assert plan.pool_size("nasbench201") == PoolSize(40, known=True)
    assert "the most that" not in plan.estimate()
    few = planned(tmp_path, census(sweep={}) | {"pool": {"size": 10}})
    assert few.pool_size("nasbench201") == PoolSize(10, known=True)


def test_a_census_of_a_sub_space(table: PublishedTable, tmp_path: Path) -> None:
    content = census() | {"spaces": {"nasbench101": {"published": "nasbench101", "sweep": {
        "dynamic_channels": ["constant-4"]}, "seeds": [0]}}}  # fmt: skip
    plan, name = planned(tmp_path, content), "nasbench101-constant-4"
    most = spaces.load(name).size
    assert plan.pool_size("nasbench101") == PoolSize(423_624, known=False)
    assert plan.pool_size(name) == PoolSize(most, known=False) and most < 423_624
    drawn = Path(plan.artifacts.drawn_pool(name))
    drawn.parent.mkdir(parents=True)
    pd.DataFrame({"arch_id": ["a", "b", "c"]}).to_parquet(drawn)
    assert plan.pool_size(name) == PoolSize(3, known=True)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "law",
            "stratified",
            "has no effect while the size of a pool is all: nothing is chosen: leave it at `uniform`",
        ),
        ("per_seed", True, "has no effect while the size of a pool is all: all seeds would have the same pool"),
        (
            "seeds",
            2,
            "has no effect while the size of a pool is all: ground truth is published, not trained: leave it out",
        ),
        (
            "repeated",
            5,
            "has no effect while the size of a pool is all: ground truth is published, not trained: leave it out",
        ),
        (
            "shards",
            2,
            "has no effect while the size of a pool is all: ground truth is published, not trained: leave it out",
        ),
        ("size", "everything", "should be `all`, or an integer of at least 3"),
        ("size", 2, "should be `all`, or an integer of at least 3"),
    ],
)
def test_keys_that_a_census_cannot_have(key: str, value: Any, message: str, tmp_path: Path) -> None:
    content = census()
    content["pool"] |= {key: value}
    with pytest.raises(UserError) as refused:
        planned(tmp_path, content)
    lines = str(refused.value).splitlines()
    assert all(re.search(r"case\.yaml:\d+: ", line) for line in lines)
    assert any(f"pool.{key}: found {value!r}; {message}" in line for line in lines), lines


@pytest.mark.parametrize("truth", [{"published": None, "truth": TRUTH}, {"truth": TRUTH}])
def test_a_census_needs_published_ground_truth(truth: dict[str, Any], tmp_path: Path) -> None:
    message = (
        r"case\.yaml:\d+: spaces.nasbench201.published: found .*; the size of its pool is all, "
        "which needs published accuracies of the space: `published` without `truth`"
    )
    with pytest.raises(UserError, match=message):
        planned(tmp_path, census(**truth))


def test_a_census_keeps_as_many_architectures_as_its_parts_need(tmp_path: Path) -> None:
    many = {"epochs": 1, "architectures": 15_625}
    for key, value, refused in (
        ("protocol", {"landmarks": 15_620}, None),
        ("protocol", {"landmarks": 15_621}, "15625 architectures, and the pool needs 5"),
        ("metrics", {"top": 15_626}, r"metrics.top: .* nasbench201 has 15625 architectures; expected at most 15625"),
        ("standalone", many | {"architectures": 15_626}, "standalone.architectures: .* expected at most 15625"),
        ("standalone", many | {"ceiling": 15_626}, "standalone.ceiling: .* expected at most 15625: use fewer"),
        ("standalone", many, None),
    ):
        content = census() | {key: value}
        content["spaces"]["nasbench201"]["sweep"]["learning_rate"] = [0.1]
        if refused is None:
            planned(tmp_path, content)
        else:
            with pytest.raises(UserError, match=refused):
                planned(tmp_path, content)
