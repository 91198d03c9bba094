"""Costs of results: hours by space, stage and device, from the timing files of jobs."""

import re
from pathlib import Path

import fake_results
import pandas as pd
import pytest
from checkouts import ROOT
from fake_results import write_timing

from supernet.config.artifacts import Artifacts
from supernet.config.study import Study, load_study
from supernet.errors import UserError
from supernet.io.atomic import write_json
from supernet.paper import catalogue
from supernet.paper.costs import Cost, costs, table_runs, table_sentence, total_sentence
from supernet.paper.load import Results

STUDY_FILE = ROOT / "tests" / "studies" / "mini.yaml"


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(STUDY_FILE)


@pytest.fixture(scope="module")
def results(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results(study, fake_results.write_results(study, tmp_path_factory.mktemp("results")))


def test_costs_are_summed_by_space_stage_and_device(study: Study, tmp_path: Path) -> None:
    first, second = study.seeds("darts", "baseline")
    write_timing(tmp_path / f"runs/darts/baseline/seed{first}/timing.json", 1800.0)
    write_timing(tmp_path / f"runs/darts/baseline/seed{second}/timing.json", 3600.0, device="cuda")
    write_timing(tmp_path / f"runs/darts/learning_rate=0.1/seed{first}/timing.json", 1000.0, earlier=800.0)
    write_timing(tmp_path / "truth/darts/shard0.timing.json", 7200.0, trainings=1, taken_over=63)
    write_timing(tmp_path / f"search/nasbench201/seed{first}.timing.json", 360.0)
    assert costs(Results(study, tmp_path)) == (
        Cost("darts", "ground truth", "cpu", 1, 2.0, taken_over=63),
        Cost("darts", "super-nets", "cpu", 2, 1.0),
        Cost("darts", "super-nets", "cuda", 1, 1.0),
        Cost("nasbench201", "search", "cpu", 1, 0.1),
    )


def test_the_total_stands_beside_the_papers() -> None:
    found = (Cost("darts", "super-nets", "cpu", 2, 4.0), Cost("darts", "super-nets", "cuda", 1, 0.5))
    assert "4.00 hours (0.167 days) on cpu and 0.50 hours on cuda" in total_sentence(found)
    assert "700 GPU days" in total_sentence(found) and "700 GPU days" in total_sentence(())
    assert "taken over" not in total_sentence(found)
    shared = (*found, Cost("darts", "ground truth", "cpu", 1, 0.0, 63), Cost("nasbench101", "search", "cpu", 1, 0.0, 1))
    assert "jobs. 64 stand-alone trainings were taken over from the store and are not inc" in total_sentence(shared)


def test_the_table_has_all_of_it(results: Results, tmp_path: Path) -> None:
    catalogue.make_table("costs", results, tmp_path / "costs")
    table = pd.read_csv(tmp_path / "costs.csv")
    runs = sum(1 for _ in results.study.runs())
    trained = table[table["stage"] == "super-nets"]
    assert trained["jobs"].sum() == runs and trained["hours"].sum() == pytest.approx(runs * 90 / 3600)
    whole, parts = table[table["space"] == "all"], table[table["space"] != "all"]
    assert whole["hours"].item() == pytest.approx(parts["hours"].sum())
    assert "16 800 hours" in (tmp_path / "costs.md").read_text().replace("\u00a0", " ")


def test_a_table_says_what_its_own_runs_cost(results: Results, tmp_path: Path) -> None:
    own = table_runs(results.study, "learning_rate")
    swept = [
        (space, setting, seed)
        for space, setting, seed in results.study.runs()
        if "learning_rate" in results.study.spaces[space].sweep
        and (setting == "baseline" or setting.startswith("learning_rate="))
    ]
    assert list(own) == swept and len(own) < sum(1 for _ in results.study.runs())
    catalogue.make_table("learning_rate", results, tmp_path / "learning_rate")
    cost = f"{len(own)} super-nets, trained and scored: {len(own) * 90 / 3600:.2f} hours on cpu"
    for suffix in (".md", ".tex", ".html"):
        assert cost in (tmp_path / f"learning_rate{suffix}").read_text()


def test_every_table_of_results_says_what_it_cost(results: Results, tmp_path: Path) -> None:
    for name in catalogue.table_names(results.study):
        catalogue.make_table(name, results, tmp_path / name)
        said = re.search(r"hours (\([\d.]+ days\) )?on cpu", (tmp_path / f"{name}.md").read_text())
        assert (said is None) == (name == "factors"), name


def test_an_unknown_time_is_said_to_be_unknown(study: Study, tmp_path: Path) -> None:
    runs = table_runs(study, "learning_rate")
    assert "not recorded" in table_sentence(Results(study, tmp_path), "learning_rate")
    write_timing(Path(Artifacts(str(tmp_path)).run(*runs[0]).timing), 3600.0)
    sentence = table_sentence(Results(study, tmp_path), "learning_rate")
    assert "1.00 hours" in sentence and f"The time of {len(runs) - 1} super-nets is unknown." in sentence


def test_scores_that_were_taken_over_are_not_trainings(study: Study, tmp_path: Path) -> None:
    space, setting, seed = next(study.runs())
    timing = Path(Artifacts(str(tmp_path)).run(space, setting, seed).scores_timing)
    write_timing(timing, 1.0, computed=0, taken_over=256)
    (found,) = costs(Results(study, tmp_path))
    assert (found.stage, found.jobs) == ("scoring", 1)
    assert "taken over" not in total_sentence((found,))


def test_a_damaged_timing_is_named(study: Study, tmp_path: Path) -> None:
    write_json(tmp_path / "truth/darts/shard0.timing.json", {"device": "cpu"})
    with pytest.raises(UserError, match=r"shard0\.timing\.json: lacks the key 'total_seconds'"):
        costs(Results(study, tmp_path))
