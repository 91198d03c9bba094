"""Further truths in tables: rows of the table `correlations`, and references in tables of factors."""

import json
from pathlib import Path

import fake_results
import pandas as pd
import pytest
from checkouts import ROOT

from supernet.config.study import load_study
from supernet.paper import catalogue
from supernet.paper.load import Results

STUDY = ROOT / "tests" / "studies" / "mini.yaml"
TABLE = "nasbench201-cifar100"


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Made-up results in which NASBench-201 has a further truth: tau is .31 with scores, .62 with its truth."""
    study = load_study(STUDY)
    folder = fake_results.write_results(study, tmp_path / "results")
    facts = json.loads((folder / "spaces.json").read_text())
    facts["nasbench201"]["further"] = {TABLE: "mean test accuracy after 200 epochs"}
    (folder / "spaces.json").write_text(json.dumps(facts))
    for name, rows in (("metrics", _of_scores), ("references", _of_table)):
        known = pd.read_parquet(folder / f"{name}.parquet")
        pd.concat([known, *rows(known[known["space"] == "nasbench201"])]).to_parquet(folder / f"{name}.parquet")
    return Results(study, folder)


def _of_scores(known: pd.DataFrame) -> list[pd.DataFrame]:
    kdt = known[known["metric"].isin(["kdt", "s_kdt"])]
    return [kdt.assign(metric=kdt["metric"] + f"_{TABLE}", estimate=0.31, low=0.21, high=0.41, n=9)]


def _of_table(known: pd.DataFrame) -> list[pd.DataFrame]:
    kdt = known[known["metric"].isin(["kdt", "s_kdt"]) & (known["name"] == "macs")]
    return [
        kdt.assign(name=TABLE, estimate=0.62, low=0.52, high=0.72, n=9),
        kdt.assign(metric=kdt["metric"] + f"_{TABLE}", estimate=0.11, low=0.01, high=0.21, n=9),
    ]


def test_the_table_of_correlations_has_a_row_for_each_further_truth(results: Results, tmp_path: Path) -> None:
    catalogue.make_table("correlations", results, tmp_path / "correlations")
    text = (tmp_path / "correlations.md").read_text()
    (row,) = (line for line in text.splitlines() if f"with {TABLE}" in line and line.startswith("|"))
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert "9" in cells and cells[-1].startswith("0.62")
    assert sum(cell.startswith("0.31") for cell in cells) == 2 and sum(cell.startswith("0.11") for cell in cells) == 1
    assert "KdT between truths is that of these accuracies with the ground truth" in text
    assert f"{TABLE}: mean test accuracy after 200 epochs" in text
    numbers = pd.read_csv(tmp_path / "correlations.csv")
    own = numbers[numbers["part"] == TABLE].set_index(["name", "metric"])["mean"]
    assert own["baseline", "kdt"] == pytest.approx(0.31) and own["ground_truth", "s_kdt"] == 0.62
    assert set(numbers.loc[numbers["name"] == "ground_truth", "part"]) == {TABLE}


def test_tables_of_factors_have_it_as_a_reference(results: Results, tmp_path: Path) -> None:
    factor = next(iter(results.study.spaces["nasbench201"].sweep))
    catalogue.make_table(factor, results, tmp_path / factor)
    lines = [line for line in (tmp_path / f"{factor}.md").read_text().splitlines() if f"accuracies of {TABLE}" in line]
    assert len(lines) == 1 and "0.62" in lines[0]


def test_without_one_the_table_has_no_such_column(tmp_path: Path) -> None:
    study = load_study(STUDY)
    catalogue.make_table("correlations", Results(study, fake_results.write_results(study, tmp_path)), tmp_path / "one")
    assert "truths" not in (tmp_path / "one.md").read_text()
