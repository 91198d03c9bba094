"""Paths of results: patterns fit their files, names come back from paths, and no two kinds share a path."""

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernet.config.artifacts import (
    Artifacts,
    EntryName,
    PartsFolder,
    RunFolder,
    RunName,
    checkpoint,
    entry_name,
    is_part,
    run_name,
    run_path,
    search_path,
    shared_folder,
    system_path,
    timings_of,
    truth_path,
    wildcards,
)

PATHS = Artifacts("results/mini", "resources")
VALUES: dict[str, Any] = {
    "pool": "darts-seed0",
    "table": "nasbench201",
    "space": "darts",
    "setting": "learning_rate=0.1",
    "seed": 3,
    "shard": 1,
    "part": 2,
}
WITH_WILDCARDS = ("published", "drawn_pool", "pool", "truth", "proxies", "run", "search", "systems",
                  "landscape", "features", "standalone")  # fmt: skip
WORDS = st.text("abzAZ019=_+-.", min_size=1)


def files(found: Any) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else found.files


@pytest.mark.parametrize("name", WITH_WILDCARDS)
def test_a_pattern_with_its_values_is_the_path_of_the_file(name: str) -> None:
    method = getattr(PATHS, name)
    own = {parameter: VALUES[parameter] for parameter in inspect.signature(method).parameters}
    patterns, paths = files(method()), files(method(**own))
    assert patterns != paths and tuple(pattern.format(**own) for pattern in patterns) == paths


@pytest.mark.parametrize("path", [run_path, search_path, system_path, truth_path])
def test_the_ends_of_paths_are_patterns_as_well(path: Any) -> None:
    own = {name: VALUES[name] for name in inspect.signature(path).parameters}
    assert path().format(**own) == path(**own)


def test_paths_are_those_of_finished_studies() -> None:
    assert PATHS.run("darts", "baseline", 0).files == tuple(
        f"results/mini/runs/darts/baseline/seed0/{name}"
        for name in (
            "curve.parquet",
            "weights.safetensors",
            "run.json",
            "timing.json",
            "scores.parquet",
            "scores.timing.json",
        )
    )
    assert PATHS.search("darts", 0).files == tuple(
        f"results/mini/search/darts/seed0{suffix}" for suffix in (".parquet", ".json", ".timing.json")
    )
    assert PATHS.truth("darts", 1).files == (
        "results/mini/truth/darts/shard1.parquet",
        "results/mini/truth/darts/shard1.timing.json",
    )
    assert PATHS.systems("darts", 0, 2).table == "results/mini/systems/darts/seed0/part2.parquet"
    assert PATHS.landscape("darts").table == "results/mini/analysis/landscape/darts.parquet"
    assert PATHS.features("darts").timing == "results/mini/analysis/features/darts.timing.json"
    assert PATHS.standalone("darts").table == "results/mini/standalone/darts.parquet"
    assert (PATHS.drawn_pool("darts"), PATHS.pool("darts")) == (
        "results/mini/drawn/darts.parquet",
        "results/mini/pools/darts.parquet",
    )
    assert PATHS.measured == tuple(
        f"results/mini/{name}"
        for name in ("metrics.parquet", "references.parquet", "spaces.json", "effects.parquet", "halves.parquet")
    )
    assert PATHS.table("costs").files == tuple(
        f"results/mini/tables/costs{x}" for x in (".csv", ".md", ".tex", ".html")
    )
    assert PATHS.figure("search").files[1] == "results/mini/figures/search.png"
    assert (PATHS.images("digits"), PATHS.published("macro")) == (
        "resources/data/digits.safetensors",
        "resources/tables/macro.parquet",
    )
    assert (
        checkpoint("state/mini", "darts", "baseline", 0) == "state/mini/runs/darts/baseline/seed0/training.safetensors"
    )


def test_no_two_kinds_share_a_file() -> None:
    kinds = [getattr(PATHS, name)() for name in WITH_WILDCARDS]
    all_files = [path for found in kinds for path in files(found)]
    all_files += [*PATHS.measured, *PATHS.table("x").files, *PATHS.figure("x").files, PATHS.site, PATHS.images("x")]
    assert len(set(all_files)) == len(all_files)


def test_the_store_is_beside_the_studies() -> None:
    assert [Artifacts(folder).store for folder in ("results/mini", "/x/y/mini", "results//mini", "./mini")] == [
        "results/store",
        "/x/y/store",
        "results/store",
        "./store",
    ]
    folder = PartsFolder.truth(PATHS.store, "darts", "0123456789abcdef")
    assert folder.part("f" * 64) == f"results/store/truth/darts/0123456789abcdef/{'f' * 16}.parquet"
    assert folder.recipe == "results/store/truth/darts/0123456789abcdef/recipe.json"
    assert (
        PartsFolder.truth(PATHS.store).part().format(space="a", digest="b", sha256="c")
        == "results/store/truth/a/b/c.parquet"
    )
    assert folder.claim("a 0") != folder.claim("a 1") and folder.claim("a 0").startswith(f"{folder.path}/.locks/")


def test_parts_are_known_by_their_paths() -> None:
    path = PartsFolder.truth("/x/results/store", "darts", "0123456789abcdef").part("f" * 64)
    assert is_part(path) and is_part(path.lstrip("/")) and shared_folder(path) == "/x/results/store/truth/darts"
    assert wildcards(path) == {"space": "darts", "digest": "0123456789abcdef", "sha256": "f" * 16}
    others = ("results/mini/truth/darts/shard0.parquet", path.replace("store", "shop"), f"{path}.prov.json", path[:-9])
    assert not any(map(is_part, others)) and wildcards(f"{path}.prov.json") is None


def test_an_entry_of_the_store_is_known_by_its_folder_and_by_each_file_in_it() -> None:
    for kind, folder in (("truth", PartsFolder.truth), ("scores", PartsFolder.scores)):
        entry = folder("results/store", "darts", "0123456789abcdef")
        name = EntryName(kind, "darts", "0123456789abcdef")
        for path in (entry.path, entry.recipe, entry.part("f" * 64), entry.claim("a")):
            assert entry_name(path.removeprefix("results/store/")) == name
        assert f"results/store/{name}" == entry.path
    others = (
        "",
        "truth",
        "truth/darts",
        "truth//0123456789abcdef",
        "truth/darts/0123456789abcde",
        "x/darts/" + "0" * 16,
    )
    assert [entry_name(path) for path in others] == [None] * len(others)


@given(space=WORDS, setting=WORDS, seed=st.integers(0, 10**6), folder=st.sampled_from(["results/a", "/x y/b", ".", ""]))
def test_the_name_of_a_run_comes_back_from_each_of_its_files(space: str, setting: str, seed: int, folder: str) -> None:
    name = RunName(space, setting, seed)
    paths = Artifacts(folder)
    for path in (*paths.run(*name).files, paths.run(*name).summary.lstrip("/")):
        assert run_name(path) == name
    assert str(name) == run_path(*name)


@pytest.mark.parametrize(
    "path",
    [
        PATHS.search("darts", 0).table,
        PATHS.systems("darts", 0, 1).table,
        PATHS.truth("darts", 0).table,
        PATHS.run("darts", "baseline", 0).path,
        "darts/baseline/seed0/run.json",
        "results/mini/runs/darts/baseline/seedless/run.json",
        "",
    ],
)
def test_other_paths_are_of_no_run(path: str) -> None:
    assert run_name(path) is None


def test_the_wildcards_of_other_jobs_come_back_too() -> None:
    assert wildcards(PATHS.truth("darts-seed0", 1).timing) == {"pool": "darts-seed0", "shard": "1"}
    assert wildcards(PATHS.search("darts", 4).cost) == {"space": "darts", "seed": "4"}
    assert wildcards(PATHS.systems("darts", 4, 2).table) == {"space": "darts", "seed": "4", "part": "2"}
    assert wildcards(PATHS.metrics) is None and wildcards(PATHS.landscape("darts").table) is None


def test_a_timing_is_in_the_folder_of_a_result_or_beside_it() -> None:
    run = PATHS.run("darts", "baseline", 0)
    search = PATHS.search("darts", 0)
    assert all(run.timing in timings_of(path) for path in run.training)
    assert all(timings_of(path)[0] == run.scores_timing for path in run.scoring)
    assert all(search.timing in timings_of(path) for path in search.files)


def test_a_copy_of_a_run_has_the_same_files(tmp_path: Any) -> None:
    names = [path.rpartition("/")[2] for path in PATHS.run("darts", "baseline", 0).files]
    assert [path.rpartition("/")[2] for path in RunFolder(str(tmp_path)).files] == names
