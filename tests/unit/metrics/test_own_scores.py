"""Scores of other code bases against a published table, or a table of others: values, forms, subsets, errors."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mirror import mirror
from scipy import stats
from table_metadata import about

import supernet
from supernet import spaces
from supernet.commands import evaluate as command
from supernet.errors import UserError
from supernet.metrics.definitions import positional_sparse_kendall_tau, probability_to_surpass, round_truth, truth_rank
from supernet.metrics.own_scores.evaluation import Evaluation, Options
from supernet.metrics.own_scores.ground_truth import TableFormat
from supernet.published.nasbench201 import mirror as nasbench201
from supernet.published.schema import tabulate, write
from supernet.spaces.nasbench201 import NASBench201
from supernet.spaces.nasbench201.functions import function_of

__all__ = ["mirror"]

SPACE = spaces.load("nasbench201")
POOL = 60
QUICK = Options(resamples=50)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Cells of NASBench-201 with ground truth of two trainings and a score; `attrs` has the file of the table."""
    rng = np.random.default_rng(3)
    cells = {SPACE.arch_id(cell): cell for cell in SPACE.sample(rng, count=POOL)}
    truth = rng.uniform(0.5, 0.9, (len(cells), 2)).round(4)
    path = tmp_path_factory.mktemp("tables") / "nasbench201.parquet"
    texts = list(cells)
    rows = tabulate(path, texts, texts, truth.mean(axis=1), runs=truth)
    write(
        path, rows, about(table="nasbench201", space="nasbench201", size=15_625, rows=len(rows), uniform_rows=len(rows))
    )
    found = pd.DataFrame({"arch": texts, "truth": truth.mean(axis=1), "one": truth[:, 0], "two": truth[:, 1]})
    found["score"] = (found["truth"] + rng.normal(0, 0.1, len(found))).round(2)
    found.attrs["table"] = str(path)
    return found


def rows_of(found: Evaluation, name: str = "score", subset: str = "all") -> dict[str, Any]:
    """Return the rows of a score or reference on a subset, by metric."""
    return {row.metric: row for row in found.rows if (row.name, row.subset) == (name, subset)}


def evaluated(pool: pd.DataFrame, scores: Any = None, **more: Any) -> Evaluation:
    """Evaluate the scores of the pool, or others, against its table."""
    scores = pool[["arch", "score"]] if scores is None else scores
    return supernet.evaluate(scores, "nasbench201", **({"table": pool.attrs["table"], "options": QUICK} | more))


def test_all_metrics_are_those_of_their_definitions(pool: pd.DataFrame) -> None:
    found = evaluated(pool)
    score, truth = pool["score"].to_numpy(), pool["truth"].to_numpy()
    best = truth[np.lexsort((pool["arch"], -score))[:5]]
    expected = {
        "kdt": stats.kendalltau(score, truth).statistic,
        "s_kdt": stats.kendalltau(score, round_truth(truth, 1e-3)).statistic,
        "spearman": stats.spearmanr(score, truth).statistic,
        "p_surpass": probability_to_surpass(truth_rank(best.max(), truth), len(truth), 5),
        "final_mean": best.mean(),
        "final_best": best.max(),
    }
    rows = rows_of(found)
    for metric, value in expected.items():
        assert rows[metric].estimate == pytest.approx(value), metric
        assert rows[metric].n == len(pool) and rows[metric].low <= value <= rows[metric].high + 1e-12, metric
    in_order = pool.sort_values("arch")
    positional = positional_sparse_kendall_tau(in_order["score"], in_order["truth"], 1e-2)
    assert rows["s_kdt_positional_1"].estimate == pytest.approx(positional)
    assert (found.scored, found.size, found.census) == (len(pool), 15_625, False)


def test_every_correlation_is_given_for_subsets(pool: pd.DataFrame) -> None:
    found = evaluated(pool)
    members = {
        "top_half": pool["truth"] >= pool["truth"].sort_values(ascending=False).iloc[len(pool) // 2 - 1],
        "regular": [not SPACE.degenerate(SPACE.parse(text)) for text in pool["arch"]],
        "unique": ~pool.sort_values("arch")["arch"].map(lambda text: function_of(SPACE.parse(text))).duplicated(),
    }
    for subset, chosen in members.items():
        own = pool[pd.Series(chosen).reindex(pool.index)]
        rows = rows_of(found, subset=subset)
        assert len(own) < len(pool) and rows["kdt"].n == len(own), subset
        assert rows["kdt"].estimate == pytest.approx(stats.kendalltau(own["score"], own["truth"]).statistic), subset
        assert set(rows) == {"kdt", "s_kdt", "s_kdt_positional_0.1", "s_kdt_positional_1", "spearman"}
        assert rows_of(found, "macs", subset)["kdt"].n == len(own)


def test_references_are_costs_and_the_ceiling_of_two_trainings(pool: pd.DataFrame) -> None:
    found = evaluated(pool)
    macs = [SPACE.cost(SPACE.parse(text)).macs for text in pool["arch"]]
    assert rows_of(found, "macs")["kdt"].estimate == pytest.approx(stats.kendalltau(macs, pool["truth"]).statistic)
    ceiling = rows_of(found, "seed")["kdt"]
    assert ceiling.kind == "ceiling"
    assert ceiling.estimate == pytest.approx(stats.kendalltau(pool["one"], pool["two"]).statistic)
    assert set(found.frame()["name"]) == {"score", "parameters", "macs", "live_macs", "seed"}


def test_the_order_of_rows_and_the_form_of_architectures_do_not_matter(pool: pd.DataFrame, tmp_path: Path) -> None:
    expected = evaluated(pool).rows
    shuffled = pool[["arch", "score"]].sample(frac=1, random_state=0)
    assert evaluated(pool, shuffled).rows == expected
    written = {"index": SPACE.index, "nats-bench": SPACE.index}
    written |= {name: lambda cell, name=name: SPACE.encode(cell, name) for name in SPACE.conventions}
    for form, write_as in written.items():
        others = shuffled.assign(arch=[write_as(SPACE.parse(text)) for text in shuffled["arch"]])
        assert evaluated(pool, others, form=form).rows == expected, form
        # The same as text of a CSV file.
        others.to_csv(tmp_path / "scores.csv", index=False)
        assert evaluated(pool, tmp_path / "scores.csv", form=form).rows == expected, form
    shuffled.to_parquet(tmp_path / "scores.parquet")
    assert evaluated(pool, tmp_path / "scores.parquet").rows == expected


def test_cells_of_nasbench101_are_found_by_hash_and_by_any_text(tmp_path: Path) -> None:
    space = spaces.load("nasbench101")
    # Vertices 1 and 2 are exchanged: two texts of one cell.
    one, other = "I13O:110/01/1", "I31O:110/01/1"
    drawn = [*space.sample(np.random.default_rng(0), count=40), space.parse(one)]
    cells = {space.arch_id(cell): cell for cell in drawn}
    accuracy = np.random.default_rng(1).uniform(0.8, 0.95, len(cells))
    texts = [space.format(cell) for cell in cells.values()]
    path = tmp_path / "nasbench101.parquet"
    write(path, tabulate(path, list(cells), texts, accuracy), about(rows=len(cells), uniform_rows=len(cells)))
    by_text = pd.DataFrame({"arch": texts, "score": accuracy})
    found = supernet.evaluate(by_text, "nasbench101", table=path, options=QUICK)
    assert rows_of(found)["kdt"].estimate == pytest.approx(1) and not rows_of(found, subset="unique")
    regular = sum(not space.degenerate(cell) for cell in cells.values())
    assert rows_of(found, subset="regular")["kdt"].n == regular
    relabelled = by_text.assign(arch=[other if text == one else text for text in texts])
    assert (relabelled["arch"] != by_text["arch"]).sum() == 1
    for same in (by_text.assign(arch=list(cells)), relabelled):
        assert supernet.evaluate(same, "nasbench101", table=path, options=QUICK).rows == found.rows
    twice = pd.concat([by_text, relabelled[relabelled["arch"] == other]])
    with pytest.raises(UserError, match=f"found '{other}', the architecture of row"):
        supernet.evaluate(twice, "nasbench101", table=path, options=QUICK)


def test_a_sub_space_has_its_own_architectures_and_population(tmp_path: Path) -> None:
    space, part = spaces.load("nasbench101"), spaces.load("nasbench101-constant-2")
    cells = {space.arch_id(cell): space.format(cell) for cell in space.sample(np.random.default_rng(0), count=60)}
    accuracy = np.random.default_rng(1).uniform(0.8, 0.95, len(cells))
    path = tmp_path / "nasbench101.parquet"
    write(path, tabulate(path, list(cells), list(cells.values()), accuracy), about(rows=60, uniform_rows=60))
    scores = pd.DataFrame({"arch": cells.values(), "score": accuracy})
    own = scores[[part.holds(text) for text in scores["arch"]]]
    found = supernet.evaluate(own, part.name, table=path, options=QUICK)
    assert found.scored == found.population == len(own) < len(scores) and found.size == part.size
    for written in (scores, scores.assign(arch=list(cells))):
        with pytest.raises(UserError, match="not in the sub-space nasbench101-constant-2"):
            supernet.evaluate(written, part.name, table=path, options=QUICK)


def test_genotypes_of_darts_and_a_table_of_others(tmp_path: Path) -> None:
    space = spaces.load("darts")
    archs = space.sample(np.random.default_rng(0), count=30)
    percent = np.random.default_rng(1).uniform(85, 95, 30).round(2)
    table = tmp_path / "table.csv"
    pd.DataFrame({"genotype": map(space.format, archs), "accuracy": percent}).to_csv(table, index=False)
    format = TableFormat(arch_column="genotype", unit="percent")
    texts = pd.DataFrame({"arch": map(space.format, archs), "score": percent})
    found = supernet.evaluate(texts, "darts", table=table, table_format=format, options=QUICK)
    assert rows_of(found)["kdt"].estimate == 1 and not found.census and found.population == 30
    assert rows_of(found)["final_best"].estimate == pytest.approx(percent.max() / 100)


@pytest.mark.parametrize("unit", ["fraction", "percent"])
def test_the_unit_of_accuracies_is_stated(pool: pd.DataFrame, tmp_path: Path, unit: str) -> None:
    table, wrong = tmp_path / "table.csv", {"fraction": "percent", "percent": "fraction"}[unit]
    scale = 100 if unit == "percent" else 1
    pool.assign(accuracy=pool["truth"] * scale)[["arch", "accuracy"]].to_csv(table, index=False)
    found = evaluated(pool, table=table, table_format=TableFormat(unit=unit))
    expected, rows = rows_of(evaluated(pool)), rows_of(found)
    assert {name: row.estimate for name, row in rows.items()} == pytest.approx(
        {name: row.estimate for name, row in expected.items()}
    )
    with pytest.raises(UserError, match=r"column accuracy: found values from .* state their unit"):
        evaluated(pool, table=table)
    with pytest.raises(UserError, match=f"are not accuracies in the unit {wrong}"):
        evaluated(pool, table=table, table_format=TableFormat(unit=wrong))


def test_a_loss_is_turned_around_and_several_scores_are_evaluated_apart(pool: pd.DataFrame) -> None:
    scores = pool[["arch", "score"]].assign(loss=-pool["score"], other=pool["two"])
    found = evaluated(pool, scores, score_columns=["score", "loss", "other"], lower_is_better=["loss"])
    values = {
        name: {metric: row.estimate for metric, row in rows_of(found, name).items()} for name in ("score", "loss")
    }
    assert values["score"] == values["loss"]
    assert rows_of(found, "other")["kdt"].estimate != values["score"]["kdt"]
    upside_down = evaluated(pool, scores, score_columns=["loss"])
    assert rows_of(upside_down, "loss")["kdt"].estimate == pytest.approx(-values["loss"]["kdt"])


def test_a_whole_space_has_no_intervals(pool: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NASBench201, "distinct", len(pool))
    found = evaluated(pool)
    assert found.census
    for row in found.rows:
        assert row.low == row.estimate == row.high or math.isnan(row.estimate), row


def test_a_large_sample_is_measured_by_the_jackknife(pool: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    resampled = rows_of(evaluated(pool, options=Options(resamples=2_000)))["kdt"]
    monkeypatch.setattr("supernet.metrics.own_scores.evaluation.LARGEST_BOOTSTRAP", 10)
    monkeypatch.setattr("supernet.metrics.own_scores.evaluation.MOST_COSTED", 40)
    found = evaluated(pool)
    kdt = rows_of(found)["kdt"]
    assert kdt.estimate == pytest.approx(resampled.estimate)
    assert kdt.high - kdt.low == pytest.approx(resampled.high - resampled.low, rel=0.15)
    assert rows_of(found, "macs")["kdt"].n == 40


LINE = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda rows: rows[:2], {}, "found 2 rows; expected at least 3"),
        (lambda rows: [], {}, "found no rows"),
        (lambda rows: [*rows, rows[4]], {}, rf"row {POOL + 1}: column arch: found '.*', the architecture of row 5 "),
        (lambda rows: [*rows, (LINE, 0.1)], {}, rf"row {POOL + 1}: .* is not in .*1 of {POOL + 1} rows"),
        (lambda rows: [(rows[0][0], "nan"), *rows[1:]], {}, r"row 1: column score: found 'nan'; .*1 of \d+ rows"),
        (lambda rows: [(rows[0][0], "inf"), *rows[1:]], {}, "row 1: column score: found 'inf'; expected a finite"),
        (lambda rows: [*rows[:2], (rows[2][0], ""), *rows[3:]], {}, "row 3: column score: found ''"),
        (lambda rows: [*rows[:2], (rows[2][0], "0,5"), *rows[3:]], {}, "row 3: column score: found '0,5'"),
        (lambda rows: [*rows[:2], ("", 0.5), *rows[3:]], {}, "row 3: column arch: found nothing"),
        (lambda rows: [(arch, 0.25) for arch, _ in rows], {}, "column score: found 0.25 in each of 60 rows"),
        (lambda rows: [(6111, 0.5), *rows[1:]], {}, "row 1: column arch: found '6111'.*as index of nasbench201"),
        (lambda rows: [("I3O:10/1", 0.5), *rows[1:]], {}, "row 1: .*can be read as text of nasbench101"),
        (lambda rows: [("(4, 0, 3, 1, 4, 3)", 1), *rows], {}, "row 1: .*as nats of nasbench201 or as naslib of nasb"),
        (lambda rows: rows, {"form": "index"}, r"row 1: .*is not a number.*can be read as text of nasbench201"),
        (lambda rows: rows, {"form": "bananas"}, "found the form 'bananas'; expected one of text, index, nats-bench,"),
        (lambda rows: rows, {"space": "darts"}, "is a table of nasbench201; expected one of darts"),
        (lambda rows: rows, {"space": "darst"}, "found space 'darst'; expected one of"),
        (lambda rows: rows, {"arch_column": "archs"}, "no column 'archs' among arch, score; did you mean 'arch'"),
        (lambda rows: rows, {"score_columns": ["acc"]}, "no column 'acc' among arch, score; name it with"),
        (lambda rows: rows, {"score_columns": ["arch"]}, "found it as architectures and as numbers"),
        (lambda rows: rows, {"lower_is_better": ["loss"]}, "found 'loss', which is not a score"),
        (lambda rows: rows, {"options": Options(top=61)}, "top: found 61; expected 1 to 60"),
        (lambda rows: rows, {"options": Options(threshold=0.0)}, "threshold: found 0.0"),
        (lambda rows: rows, {"table": "nasbench202"}, r"nasbench202\.parquet: no such file; make it with"),
        (lambda rows: rows, {"table": "nothing.csv"}, r"nothing\.csv: cannot be read as CSV"),
        (lambda rows: rows, {"table": "nothing.parquet"}, r"nothing\.parquet: no such file"),
    ],
)  # fmt: skip
def test_errors_name_file_row_column_and_remedy(
    change: Any, options: dict[str, Any], message: str, pool: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "scores.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["arch", "score"])
        writer.writerows(change(pool[["arch", "score"]].to_numpy().tolist()))
    arguments = {"space": "nasbench201", "table": pool.attrs["table"], "resources": str(tmp_path), **options}
    with pytest.raises(UserError, match=message):
        supernet.evaluate(path, **arguments)


def test_files_that_are_no_tables(pool: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    contents = (
        b"",
        b"arch,score\na,1,2\n",
        b"arch,score\n\xff,1\n",
        b"arch,score,score\na,1,2\n",
        b"arch,a,b\nx,1,2\n",
    )
    messages = (
        "cannot be read as CSV",
        "cannot be read as CSV",
        "cannot be read as CSV",
        "score more than once",
        "found 2 columns besides arch",
    )
    for content, message in zip(contents, messages, strict=True):
        path.write_bytes(content)
        with pytest.raises(UserError, match=message):
            evaluated(pool, path, **({"score_columns": ["score"]} if b"score,score" in content else {}))
    with pytest.raises(UserError, match="column score: found True; expected a finite number"):
        evaluated(pool, pool[["arch"]].assign(score=True))


def test_the_command_prints_a_table_json_and_a_file(
    pool: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, table = tmp_path / "scores.csv", pool.attrs["table"]
    pool[["arch", "score"]].to_csv(scores, index=False)
    shared = [str(scores), "--space", "nasbench201", "--table", table, "--resamples", "50"]
    command.main(shared)
    shown = capsys.readouterr().out
    kdt = rows_of(evaluated(pool))["kdt"]
    assert f"{len(pool)} of 15 625 architectures are scored" in shown
    assert f"kdt                  {kdt.estimate:.4f} [{kdt.low:.4f}, {kdt.high:.4f}]   Kendall's tau-b" in shown
    assert "ceiling: one training against another" in shown and "are a uniform random sample of the space" in shown
    command.main([*shared, "--json", "--csv", str(tmp_path / "rows.csv")])
    found = json.loads(capsys.readouterr().out)
    assert found["scored"] == len(pool) and found["census"] is False and found["top"] == 5
    assert found["rows"][0]["estimate"] == kdt.estimate
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert len(rows) == len(found["rows"]) and rows["estimate"][0] == pytest.approx(kdt.estimate)


@pytest.mark.benchmarks
def test_multiply_adds_of_all_cells_against_the_published_table(mirror: Path, tmp_path: Path) -> None:
    """A census by number: 15 625 rows, and the tau of a reference that is also given as a score."""
    path = tmp_path / "nasbench201.parquet"
    rows = nasbench201.read(mirror / "benchmarks" / "nasbench201.parquet", "cifar10").rows
    write(path, rows, about(table="nasbench201", space="nasbench201", size=15_625, rows=15_625, complete=True))
    cells = [SPACE.architecture(number) for number in range(15_625)]
    scores = pd.DataFrame({"arch": range(15_625), "macs": [SPACE.cost(cell).macs for cell in cells]})
    found = supernet.evaluate(scores, "nasbench201", table=path, form="index", score_columns=["macs"])
    taus = [row.estimate for row in found.rows if row.name == "macs" and (row.subset, row.metric) == ("all", "kdt")]
    truth = rows.set_index("arch_id")["test_acc"].loc[[SPACE.arch_id(cell) for cell in cells]]
    assert found.census and taus == [stats.kendalltau(scores["macs"], truth).statistic] * 2
    assert next(row.n for row in found.rows if row.subset == "unique") == 5_044
