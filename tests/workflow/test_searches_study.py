"""Search systems in studies: the section, its jobs, the program, the table, the figure, the verdict."""

import importlib.util
import itertools
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from checkouts import ROOT
from fake_results import write_results

from supernet import spaces
from supernet.audit.expected import expected, requested
from supernet.config.jobs import systems_job
from supernet.config.searches import PATHWISE, RELAXED, Searches
from supernet.config.study import load_study
from supernet.data.images import Images, split
from supernet.errors import UserError
from supernet.paper import catalogue
from supernet.paper.costs import costs, table_sentence
from supernet.paper.load import Results
from supernet.paper.systems import at_random
from supernet.pipeline.plan import Plan
from supernet.pipeline.workload import workload
from supernet.provenance.recorder import Recorder, recording
from supernet.search.build import make_problem
from supernet.search.results import COLUMNS

TRUTH = {"channels": 4, "layers": 3, "epochs": 1, "batch_size": 128, "train_portion": 0.5}
STUDY: dict[str, Any] = {
    "study": "s",
    "title": "Search systems",
    "data": {"name": "digits", "test_portion": 0.5, "scoring_portion": 0.25, "crop_padding": 1, "flip": False},
    "protocol": {"bn_momentum": 0.1},
    "pool": {"size": 12},
    "metrics": {"top": 2, "resamples": 200},
    "search": {"architectures": 4, "retrain": 2},
    "searches": {
        **{"systems": {"nasbench201": ["random_search", "gdas", "spos"]}, "images": 600, "jobs": 2},
        **{"scored_images": 64, "finds": 2, "finalists": 2},
    },
    "spaces": {
        "nasbench201": {
            "truth": {**TRUTH, "layers": 1},
            "baseline": {"channels": 4, "layers": 1, "epochs": 1, "batch_size": 128, "train_portion": 0.5},
            "seeds": [0, 1, 2],
        }
    },
}


def written(tmp_path: Path, **changes: Any) -> Path:
    """Write a study file with some keys of `searches` changed."""
    study = {**STUDY, "searches": {**STUDY["searches"], **changes}}
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in study.items() if value is not None}))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"systems": {"nasbench202": "all"}}, "unknown space"),
        ({"systems": {"darts": "all"}}, "the study does not have this space"),
        ({"systems": {"nasbench101": ["darts_1st"]}}, "not defined in nasbench101, which has no relaxation"),
        ({"systems": {"nasbench201": ["spos", "spos"]}}, "one or more different systems"),
        ({"systems": {"nasbench201": []}}, "one or more different systems"),
        ({"systems": {"nasbench201": ["SPOS"]}}, "random_search"),
        ({"seconds": 3.0}, "one of `images`, `multiply_adds`, `trainings` and `seconds`"),
        ({"images": None}, "one of `images`, `multiply_adds`, `trainings` and `seconds`"),
        ({"multiply_adds": 10**9}, "one of `images`, `multiply_adds`, `trainings` and `seconds`"),
        ({"systems": {"nasbench201": "all"}, "pc_darts": {"partial_channels": 3}}, "does not divide the 4 channels"),
        ({"robust_darts": {"factor": 1.0}}, "greater than 1"),
    ],
)
def test_a_wrong_section_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_study(written(tmp_path, **changes))


def test_second_derivatives_need_float32(tmp_path: Path) -> None:
    path = written(tmp_path, systems={"nasbench201": "all"})
    study = yaml.safe_load(path.read_text())
    study["protocol"]["precision"] = "bfloat16"
    path.write_text(yaml.safe_dump(study))
    with pytest.raises(
        UserError, match=r"searches\.systems\.nasbench201.*darts_2nd and robust_darts need second deriv"
    ):
        load_study(path)
    study["searches"]["systems"] = {"nasbench201": ["darts_1st", "spos"]}
    path.write_text(yaml.safe_dump(study))
    assert load_study(path).protocol.precision == "bfloat16"


@pytest.mark.parametrize("name", ["nasbench201"])
def test_a_budget_of_trainings_is_that_of_the_baseline(tmp_path: Path, name: str) -> None:
    study = load_study(written(tmp_path, images=None, trainings=2.5))
    job, space = systems_job(study, name, 0, 0, True), spaces.load(name)
    pixels = torch.zeros(1797, 1, 8, 8, dtype=torch.uint8)
    splits = split(Images(pixels, torch.arange(1797) % 10), job.run.data, 0)
    drawn: Any = SimpleNamespace(draw=None, has=None)
    problem = make_problem(job, space, splits, drawn)
    # One epoch of half of the 898 images outside the test set, three batches; a sample of cells estimates the mean.
    costs = [space.cost(space.architecture(index), problem.size, 8).macs for index in range(15_625)]
    expected = 2.5 * 3 * 3 * 128 * np.mean(costs)
    assert problem.budget.multiply_adds == pytest.approx(expected, rel=0.1)
    assert problem.budget.images is None and problem.budget.seconds is None
    plan = Plan.load({"study": str(tmp_path / "s.yaml")}, ROOT)
    # Only relaxed super-nets have the norms of the peers' codes.
    paths, mixtures = (dict(network.named_parameters()) for network in (problem.build(), problem.build_relaxed(1)))
    cells = {one for one in paths if one.startswith("stages.") and "norm" in one}
    assert cells and paths.keys() - mixtures.keys() == cells
    work = workload(plan, "systems", {"space": name, "seed": "0", "part": "0"})
    assert work is not None
    assert work.parts[0].macs == pytest.approx(2 * (problem.budget.multiply_adds or 0))


def test_all_means_what_a_space_admits(tmp_path: Path) -> None:
    study = load_study(written(tmp_path, systems={"nasbench201": "all"}))
    names = [name for part in study.systems("nasbench201") for name in part]
    assert sorted(names) == sorted([*PATHWISE, *RELAXED])
    assert Searches(systems={"nasbench101": "all"}, images=1).systems["nasbench101"] == PATHWISE


def test_a_job_depends_on_its_own_systems_alone(tmp_path: Path) -> None:
    def told(part: int, **changes: Any) -> str:
        return systems_job(load_study(written(tmp_path, **changes)), "nasbench201", 0, part, True).model_dump_json()

    first, second = told(0), told(1)
    other = {"gdas": {"learning_rate": 0.5}, "enas": {"hidden": 7}, "in_all": False}
    assert told(0, **other) == first
    assert told(1, **other) != second
    assert json.loads(second)["searches"]["systems"] == {"nasbench201": ["gdas"]}
    with pytest.raises(UserError, match="no part 2"):
        told(2)


def test_results_are_expected_where_all_makes_them(tmp_path: Path) -> None:
    def found(**changes: Any) -> set[str]:
        plan = Plan.load({"study": str(written(tmp_path, **changes))}, ROOT)
        listed, apart = (
            {one.path.removeprefix("results/s/") for one in of(plan) if "systems" in one.path}
            for of in (expected, requested)
        )
        assert listed.isdisjoint(apart) and len(listed | apart) == 3 * 2 * 2 + 4 + 4
        return listed

    assert len(found()) == 3 * 2 * 2 + 4 + 4
    assert "systems/nasbench201/seed2/part1.timing.json" in found()
    assert found(in_all=False) == set()


def fake(folder: Path, truths: dict[str, list[float | None]]) -> None:
    """Write files of the study's search systems with these ground truths, one per seed."""
    parts = (("random_search", "spos"), ("gdas",))
    for seed, (number, names) in itertools.product(range(3), enumerate(parts)):
        stem = folder / "systems" / "nasbench201" / f"seed{seed}" / f"part{number}"
        stem.parent.mkdir(parents=True, exist_ok=True)
        rows = []
        for name in names:
            truth = truths[name][seed]
            rows.append(
                {
                    **dict.fromkeys(COLUMNS, 0),
                    **{"system": name, "rank": 1, "arch_id": "a", "source": "trained here", "kind": "pool"},
                    "encoding": "|skip_connect~0|+|none~0|none~1|+|skip_connect~0|none~1|avg_pool_3x3~2|",
                    "status": "complete" if truth is not None else "unlisted",
                    "truth": truth,
                    "population": 12,
                    "trained": 384.0,
                    "baseline_trained": 384,
                    "passed_over": 2 if name == "spos" else 0,
                }
            )
        pd.DataFrame(rows).astype(COLUMNS).to_parquet(f"{stem}.parquet")
        seconds = dict.fromkeys(names, 60.0)
        timing = {"systems_seconds": seconds, "peak_bytes": seconds, "device": "cpu", "total_seconds": 60.0}
        Path(f"{stem}.timing.json").write_text(json.dumps(timing))


@pytest.mark.parametrize("in_all", [True, False])
def test_files_outside_the_rule_all_are_not_a_cost_of_the_study(tmp_path: Path, in_all: bool) -> None:
    fake(tmp_path, {"random_search": [0.9] * 3, "spos": [0.9] * 3, "gdas": [0.9] * 3})
    results = Results(load_study(written(tmp_path, in_all=in_all)), tmp_path)
    assert any(cost.stage == "search systems" for cost in costs(results)) == in_all
    assert "0.10 hours on cpu" in table_sentence(results, "search_systems")


@pytest.fixture
def results(tmp_path: Path) -> Results:
    study = load_study(written(tmp_path))
    folder = write_results(study, tmp_path / "results", frozenset())
    fake(folder, {"random_search": [0.8, 0.81, 0.82], "spos": [0.79, 0.8, 0.81], "gdas": [0.5, None, 0.52]})
    return Results(study, folder)


def test_table_and_figure(results: Results, tmp_path: Path) -> None:
    catalogue.make_table("search_systems", results, tmp_path / "t")
    numbers = pd.read_csv(tmp_path / "t.csv")
    assert list(numbers["system"]) == ["random_search"] * 3 + ["gdas"] * 3 + ["spos"] * 3
    assert list(numbers["skips"]) == [2] * 9
    text = (tmp_path / "t.md").read_text()
    assert "81.0 ± 1.0" in text
    assert "51.0 ± 1.4" in text
    assert "not in the table" in text
    assert "| 100104 |" in text
    assert "best of 2 at random, no super-net" in text
    assert "SPOS 6" in text
    catalogue.make_figure("search_systems", results, tmp_path / "f")
    drawn = pd.read_csv(tmp_path / "f.csv")
    assert len(drawn) == 9
    assert "1 without a ground truth are not drawn" in (tmp_path / "f.md").read_text()
    assert (tmp_path / "f.png").stat().st_size > 10_000


def test_a_study_without_the_section_has_neither(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in STUDY.items() if key != "searches"}))
    study = load_study(path)
    assert "search_systems" not in catalogue.table_names(study)
    assert "search_systems" not in catalogue.figure_names(study)


def test_the_verdict_reads_them(results: Results, tmp_path: Path) -> None:
    catalogue.make_table("verdicts", results, tmp_path / "v")
    rows = pd.read_csv(tmp_path / "v.csv")
    claim = rows[rows["claim"] == 4].set_index("quantity")["value"]
    assert 0 <= claim["random search"] <= 1 and claim["smallest p"] == pytest.approx(1 / 20)
    assert claim["systems"] == 2


@pytest.mark.parametrize("draws", [1, 2, 5, 7])
def test_the_expected_best_at_random(draws: int) -> None:
    truths = np.random.default_rng(0).random(7)
    expected_best = np.mean([max(some) for some in itertools.combinations(truths, draws)])
    assert at_random(truths, draws) == pytest.approx(expected_best)


def load_program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_program_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    load_program("data").main(["--name", "digits", "--output", str(tmp_path / "images.safetensors")])
    pd.DataFrame({"truth": [0.1, 0.2, None]}).to_parquet(tmp_path / "pool.parquet")
    job = systems_job(load_study(written(tmp_path, jobs=1)), "nasbench201", 0, 0, True).model_dump_json()

    def run(name: str, *more: str) -> None:
        files = {"data": "images.safetensors", "pool": "pool.parquet", "output": f"{name}.parquet"}
        files |= {"state": f"state-{name}", "timing": f"{name}.timing.json", "store": f"results/{name}/store"}
        arguments = [text for key, file in files.items() for text in (f"--{key}", str(tmp_path / file))]
        # Trainings in the store need records.
        with recording(Recorder(ROOT / "scripts" / "systems.py")):
            load_program("systems").main([*arguments, "--config", job, "--task", "test", "--device", "cpu", *more])

    run("whole")
    stops = 0
    while not (tmp_path / "cut.parquet").exists():
        try:
            # The limit is reached at once: one step, one checkpoint, exit. Four times, then without a limit.
            run("cut", *(("--limit-minutes", "0.0001") if stops < 4 else ()))
        except UserError as error:
            assert "start again to resume" in str(error)
            stops += 1
    assert stops == 4
    whole, cut = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("whole", "cut"))
    pd.testing.assert_frame_equal(whole, cut)
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "cut.parquet").read_bytes()
    assert list(whole["system"]) == ["random_search", "gdas", "spos"]
    assert (whole["truth"] > 0).all()
    assert (whole["images"] >= 600).all()
    # One epoch: three batches of 128.
    assert (whole["baseline_trained"] == 384).all()
    assert not list((tmp_path / "state-cut").glob("*"))
    timing, undisturbed = (json.loads((tmp_path / f"{name}.timing.json").read_text()) for name in ("cut", "whole"))
    assert set(timing["systems_seconds"]) == set(whole["system"])
    assert undisturbed["earlier_seconds"] == 0 < timing["earlier_seconds"]
