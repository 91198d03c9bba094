"""Tables and figures against numbers computed by hand from the artifacts that they read."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fake_results
import numpy as np
import pandas as pd
import pytest
from checkouts import ROOT
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from supernet.config.factors import FACTORS
from supernet.config.study import Features, Landscape, Study, load_study
from supernet.errors import UserError
from supernet.paper import captions, catalogue, render, style
from supernet.paper.figures._sweep import places_of
from supernet.paper.load import Results
from supernet.paper.names import ABSENT, number, percent
from supernet.paper.published_numbers import PublishedNumbers
from supernet.paper.summary import Point, RunValue, summarise, swept_spaces

STUDY_FILE = ROOT / "tests" / "studies" / "mini.yaml"
ONE_SPACE = """
study: one
title: "One space: 100 % of a_b & c"
data: {name: digits, scoring_portion: 0.25}
pool: {size: 12}
scoring: {bn_modes: [batch]}
search: {architectures: 10, retrain: 2}
spaces:
  nasbench201:
    truth: {channels: 8, layers: 1, epochs: 2, train_portion: 0.75}
    baseline: {channels: 8, layers: 1, epochs: 4, train_portion: 0.75}
    seeds: [7]
    sweep: {epochs: [2, 4], weight_decay: [0.0, 0.003]}
"""


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Results:
    study = load_study(STUDY_FILE)
    study = study.model_copy(update={"scoring": study.scoring.model_copy(update={"bn_modes": ("batch",)})})
    return Results(study, fake_results.write_results(study, tmp_path_factory.mktemp("mini")))


@pytest.fixture(scope="module")
def one_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path = tmp_path_factory.mktemp("study") / "one.yaml"
    path.write_text(ONE_SPACE, encoding="utf-8")
    return load_study(path)


@pytest.fixture(scope="module")
def one(one_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("one")
    return Results(one_study, fake_results.write_results(one_study, folder, diverged=frozenset()))


@pytest.fixture(scope="module")
def lost(one_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A study in which every run diverged."""
    runs = frozenset(one_study.runs())
    return Results(one_study, fake_results.write_results(one_study, tmp_path_factory.mktemp("lost"), runs))


@pytest.fixture(scope="module")
def unswept(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A study that changes no factor."""
    folder = tmp_path_factory.mktemp("unswept")
    path = folder / "one.yaml"
    path.write_text(ONE_SPACE.partition("    sweep:")[0], encoding="utf-8")
    study = load_study(path)
    return Results(study, fake_results.write_results(study, folder / "results", diverged=frozenset()))


@pytest.fixture(scope="module")
def figures(mini: Results, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The stem of a figure of the mini study, drawn when first asked for."""
    folder = tmp_path_factory.mktemp("figures")

    @cache
    def drawn(name: str) -> Path:
        catalogue.make_figure(name, mini, folder / name)
        return folder / name

    return drawn


def raw(results: Results, space: str, setting: str, metric: str) -> pd.DataFrame:
    """Rows of the main selection, from an independent query."""
    query = "space == @space and setting == @setting and metric == @metric"
    score = "score == 'accuracy' and bn_mode == 'batch' and split == 'scoring'"
    return pd.read_parquet(results.folder / "metrics.parquet").query(f"{query} and {score}")


# Summaries ----------------------------------------------------------------------------------------------


def test_one_run_keeps_its_own_interval() -> None:
    found = summarise((RunValue("baseline", 0, 0.4, 0.1, 0.6, 40, False),))
    assert (found.mean, found.seeds) == (0.4, 1)
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.6)
    assert np.isnan(found.sd)


def test_several_runs_average_the_distances_of_their_bounds() -> None:
    runs = (
        RunValue("baseline", 0, 0.4, 0.1, 0.6, 40, False),
        RunValue("baseline", 1, 0.6, 0.5, 0.9, 40, False),
        RunValue("baseline", 2, np.nan, np.nan, np.nan, 40, True),
        RunValue("baseline", 3, np.nan, np.nan, np.nan, 40, False),
    )
    found = summarise(runs)
    assert found.mean == pytest.approx(0.5)
    assert found.sd == pytest.approx(np.sqrt(0.02))
    assert found.low == pytest.approx(0.5 - (0.3 + 0.1) / 2)
    assert found.high == pytest.approx(0.5 + (0.2 + 0.3) / 2)
    assert (found.seeds, found.diverged, found.undefined, found.n) == (2, 1, 1, 40)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_intervals_are_the_means_of_the_bounds(runs: list[tuple[float, float, float]]) -> None:
    values = tuple(RunValue("baseline", seed, *run, 10, False) for seed, run in enumerate(runs))
    found = summarise(values)
    assert found.low == pytest.approx(np.mean([low for _, low, _ in runs]), abs=1e-12)
    assert found.high == pytest.approx(np.mean([high for *_, high in runs]), abs=1e-12)


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        ((), "absent"),
        ((RunValue("x", 0, np.nan, np.nan, np.nan, 9, True),), "diverged"),
        ((RunValue("x", 0, np.nan, np.nan, np.nan, 9, False),), "undefined"),
        ((RunValue("x", 0, 0.1, np.nan, np.nan, 9, False),), "measured"),
    ],
)
def test_a_summary_says_why_there_is_no_mean(runs: tuple[RunValue, ...], state: str) -> None:
    assert summarise(runs).state == state


# Tables -------------------------------------------------------------------------------------------------


def test_factor_table_equals_aggregates_by_hand(mini: Results, tmp_path: Path) -> None:
    catalogue.make_table("learning_rate", mini, tmp_path / "learning_rate")
    table = pd.read_csv(tmp_path / "learning_rate.csv").set_index(["space", "name", "metric"])
    for metric in ("accuracy", "kdt", "s_kdt", "p_surpass", "final_mean"):
        rows = raw(mini, "nasbench101", "baseline", metric)
        found = table.loc["nasbench101", "baseline", metric]
        assert len(rows) == found["seeds"] == 2
        assert found["mean"] == pytest.approx(rows["estimate"].mean(), abs=1e-15)
        assert found["sd"] == pytest.approx(np.std(rows["estimate"], ddof=1), abs=1e-15)
        assert found["low"] == pytest.approx(rows["low"].mean(), abs=1e-12)
        assert found["high"] == pytest.approx(rows["high"].mean(), abs=1e-12)
    references = pd.read_parquet(mini.folder / "references.parquet")
    for name in ("seed", "parameters", "macs", "live_macs", "synflow", "jacov", "naswot"):
        row = references.query("space == 'darts' and name == @name and metric == 's_kdt'").iloc[0]
        found = table.loc["darts", name, "s_kdt"]
        assert found[["mean", "low", "high"]].tolist() == row[["estimate", "low", "high"]].tolist()


def test_factor_table_prints_what_the_csv_holds(mini: Results, tmp_path: Path) -> None:
    catalogue.make_table("epochs", mini, tmp_path / "epochs")
    rows = raw(mini, "darts", "epochs=50", "accuracy")
    text = (tmp_path / "epochs.md").read_text(encoding="utf-8")
    line = next(x for x in text.split("**DARTS**")[1].splitlines() if x.startswith(" | 50 |"))
    assert f"| {percent(rows['estimate'].iloc[0])}<br>" in line
    assert "150 \\* |" in text  # the baseline, marked


def test_diverged_runs_are_left_out_and_shown(mini: Results, tmp_path: Path) -> None:
    catalogue.make_table("learning_rate", mini, tmp_path / "learning_rate")
    table = pd.read_csv(tmp_path / "learning_rate.csv").set_index(["space", "name", "metric"])
    partly = table.loc["darts", "baseline", "accuracy"]
    survivor = raw(mini, "darts", "baseline", "accuracy").query("seed == 0")["estimate"].iloc[0]
    assert partly["mean"] == survivor
    assert (partly["seeds"], partly["diverged"]) == (1, 1)
    wholly = table.loc["nasbench201", "learning_rate=0.1", "accuracy"]
    assert np.isnan(wholly["mean"])
    assert (wholly["seeds"], wholly["diverged"]) == (0, 1)
    text = (tmp_path / "learning_rate.md").read_text(encoding="utf-8")
    assert "| 0.1 | diverged | diverged | diverged | diverged | diverged | 0 (+1 diverged) |" in text
    assert "2 runs diverged" in text


def test_spaces_table_holds_the_facts_and_the_search(mini: Results, tmp_path: Path) -> None:
    catalogue.make_table("spaces", mini, tmp_path / "spaces")
    table = pd.read_csv(tmp_path / "spaces.csv").set_index(["space", "quantity"])
    pool = pd.read_parquet(mini.folder / "pools" / "darts.parquet")
    assert table.loc[("darts", "truth_mean"), "value"] == pytest.approx(pool["truth"].mean(), abs=1e-15)
    found = [pd.read_parquet(mini.folder / "search" / "nasbench101" / f"seed{s}.parquet") for s in (0, 1)]
    means = [one["truth"].mean() for one in found]
    row = table.loc[("nasbench101", "random search: mean truth of found")]
    assert row["value"] == pytest.approx(np.mean(means), abs=1e-15)
    assert row["sd"] == pytest.approx(abs(means[0] - means[1]) / np.sqrt(2), abs=1e-15)


def test_search_table_names_quantile_cost_and_what_is_missing(mini: Results, tmp_path: Path) -> None:
    catalogue.make_table("search", mini, tmp_path / "search")
    table = pd.read_csv(tmp_path / "search.csv")
    assert len(table) == 5 * 3  # five searches (one baseline diverged), three architectures each
    text = (tmp_path / "search.md").read_text(encoding="utf-8")
    assert "DARTS seed 1" in text
    assert "200 forward passes" in text
    assert "rank from the top by ground truth in the pool" in text


def test_search_table_has_the_mean_over_all_draws_from_the_pool(mini: Results, tmp_path: Path) -> None:
    search = mini.study.search.model_copy(update={"architectures": 4, "retrain": 2})
    short = Results(mini.study.model_copy(update={"search": search}), mini.folder)
    catalogue.make_table("search", short, tmp_path / "search")
    table = pd.read_csv(tmp_path / "search.csv").groupby(["space", "seed"]).first()
    scores = mini.scores("nasbench101", "baseline", 0).query("bn_mode == 'batch' and split == 'scoring'")
    scores = scores.merge(mini.pool("nasbench101"), on="arch_id")
    generator = np.random.default_rng(0)
    draws = [scores.sample(search.architectures, random_state=generator) for _ in range(500)]
    means = [one.sort_values("accuracy").tail(search.retrain)["truth"].mean() for one in draws]
    found = table.loc[("nasbench101", 0), "expected_mean"]
    assert abs(np.mean(means) - found) < 4 * np.std(means) / 500**0.5
    text = (tmp_path / "search.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if "| mean over all draws |" in line]
    assert rows[0][-5].strip() == percent(found)


def test_factors_table_keeps_the_fourteen_apart_and_calls_the_grid_recalled(mini: Results, tmp_path: Path) -> None:
    catalogue.make_table("factors", mini, tmp_path / "factors")
    table = pd.read_csv(tmp_path / "factors.csv", keep_default_na=False)
    beyond = table["group"] == "beyond the paper"
    assert table.loc[~beyond, "factor"].nunique() == 14
    assert set(table.loc[beyond, "factor"]) == {"few_shot", "landmarks"}
    states = table.set_index(["factor", "space"])["status"]
    assert states["wsbn", "nasbench201"] == "not in this space"
    assert states["dynamic_channels", "nasbench101"] == "not swept"
    assert states["epochs", "darts"] == "in study"
    assert states["layers", "darts"] == "not swept"
    assert "recalled, not published" in (tmp_path / "factors.tex").read_text(encoding="utf-8")


def test_factors_table_needs_no_results(mini: Results, tmp_path: Path) -> None:
    catalogue.make_table("factors", Results(mini.study, tmp_path / "nothing here"), tmp_path / "factors")
    assert (tmp_path / "factors.csv").exists()


# Rendering ----------------------------------------------------------------------------------------------


def test_special_characters_are_escaped(one: Results, tmp_path: Path) -> None:
    catalogue.make_table("epochs", one, tmp_path / "epochs")
    text = (tmp_path / "epochs.tex").read_text(encoding="utf-8")
    assert r"One space: 100 \% of a\_b \& c" in text
    assert r"P\textgreater{}R = (1 - r/N)\textasciicircum{}n" in text
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert "\\\\\n[" not in body  # LaTeX would take it for the extra space of a row


def test_latex_escapes_each_special_character() -> None:
    special = "\\&%$#_{}~^<>|[]*"
    expected = (
        r"\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}"
        r"\textless{}\textgreater{}\textbar{}{[}{]}{*}"
    )
    assert render.escape_latex(special) == expected


@given(st.text(alphabet="ab\\`*_|<>[]"))
def test_markdown_escapes_can_be_undone(text: str) -> None:
    escaped = render.escape_markdown(text)
    plain, position = "", 0
    while position < len(escaped):
        position += escaped[position] == "\\"
        plain += escaped[position]
        position += 1
    assert plain == text


def test_a_cell_of_two_lines_becomes_two_latex_rows() -> None:
    text = pd.DataFrame({"Space": ["A", "A", "B"], "x": ["1\n[2]", "3", "4"], "y": ["p", "q", "r\ns"]})
    table = render.Table(
        text, pd.DataFrame(), render.Caption.of("Caption.", ["Note."]), group="Space", left=frozenset({"y"})
    )
    latex = render.latex(table, label="a_b")
    assert r"\begin{tabular}{@{}rl@{}}" in latex
    assert "1 & p \\\\\n{[}2{]} &  \\\\\n3 & q \\\\\n\\midrule" in latex
    assert r"\label{tab:a-b}" in latex
    assert render.markdown(table).splitlines()[4:7] == [
        r"| **A** | 1<br>\[2\] | p |",
        "|  | 3 | q |",
        "| **B** | 4 | r<br>s |",
    ]


def test_numbers_have_a_minus_sign_and_nan_a_dash() -> None:
    assert number(-0.126, 2) == "\u22120.13"
    assert number(float("nan"), 2) == "\u2013"
    assert percent(0.9435) == "94.3"


# Figures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", catalogue.figure_names(load_study(STUDY_FILE)))
def test_figures_have_the_same_bytes_twice(
    name: str, mini: Results, figures: Callable[[str], Path], tmp_path: Path
) -> None:
    catalogue.make_figure(name, mini, tmp_path / name)
    for suffix in (".pdf", ".png", ".csv", ".md"):
        first, second = (folder / f"{name}{suffix}" for folder in (figures(name).parent, tmp_path))
        assert first.read_bytes() == second.read_bytes(), suffix
        assert first.stat().st_size > 0
    pdf = (tmp_path / f"{name}.pdf").read_bytes()
    assert b"/Type3" not in pdf
    assert b"FontFile2" in pdf  # embedded TrueType
    assert b"CreationDate" not in pdf


def test_sweep_figure_draws_the_aggregates(mini: Results, figures: Callable[[str], Path]) -> None:
    stem = figures("learning_rate")
    drawn = pd.read_csv(f"{stem}.csv")
    means = drawn.query("kind == 'mean'").set_index(["space", "metric", "setting"])
    rows = raw(mini, "nasbench201", "baseline", "s_kdt")
    assert means.loc[("nasbench201", "s_kdt", "baseline"), "mean"] == pytest.approx(rows["estimate"].mean())
    runs = drawn.query("kind == 'run' and space == 'nasbench201' and metric == 's_kdt' and setting == 'baseline'")
    assert sorted(runs["mean"]) == sorted(rows["estimate"])
    lost = drawn.query("kind == 'run' and diverged == 1 and metric == 's_kdt'")
    assert set(lost["space"]) == {"nasbench201", "darts"}
    assert "2 runs diverged" in Path(f"{stem}.md").read_text(encoding="utf-8")


def test_scatter_of_runs_leaves_diverged_ones_out(mini: Results, figures: Callable[[str], Path]) -> None:
    stem = figures("accuracy_vs_final")
    drawn = pd.read_csv(f"{stem}.csv").query("metric == 'accuracy'")
    runs = len(list(mini.study.runs()))
    assert len(drawn) == runs - len(fake_results.DIVERGED)
    row = drawn.query("space == 'darts' and setting == 'epochs=50'").iloc[0]
    assert row["final_mean"] == raw(mini, "darts", "epochs=50", "final_mean")["estimate"].iloc[0]


def test_rounding_figure_ties_what_rounds_to_one_value(figures: Callable[[str], Path]) -> None:
    stem = figures("kdt_vs_skdt")
    drawn = pd.read_csv(f"{stem}.csv").query("kind == 'architecture'")
    assert set(drawn["space"]) == set(load_study(STUDY_FILE).spaces)
    for _, panel in drawn.groupby("space"):
        assert sorted(panel["truth"]) == panel.sort_values("truth_rank")["truth"].tolist()
        for _, tied in panel.groupby("rounded_truth"):
            assert tied["rounded_rank"].nunique() == 1
            assert tied["truth_rank"].mean() == pytest.approx(tied["rounded_rank"].iloc[0])


# What a study lacks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["epochs", "accuracy_vs_final", "kdt_vs_skdt", "search"])
def test_a_study_of_one_space_and_one_seed_draws_and_says_what_is_missing(
    name: str, one: Results, tmp_path: Path
) -> None:
    catalogue.make_figure(name, one, tmp_path / name)
    caption = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert "NASBench-101, DARTS" in caption.split("Not shown")[1]
    assert (tmp_path / f"{name}.png").exists()


@pytest.mark.parametrize("name", ["epochs", "accuracy_vs_final", "kdt_vs_skdt"])
def test_a_study_whose_runs_all_diverged_still_draws(name: str, lost: Results, tmp_path: Path) -> None:
    catalogue.make_figure(name, lost, tmp_path / name)
    assert "diverged" in (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    assert (tmp_path / f"{name}.png").exists()


def test_a_table_of_diverged_runs_has_words_for_numbers(lost: Results, tmp_path: Path) -> None:
    catalogue.make_table("weight_decay", lost, tmp_path / "t")
    assert (tmp_path / "t.md").read_text(encoding="utf-8").count("| diverged ") == 2 * 5
    catalogue.make_table("spaces", lost, tmp_path / "s")
    with pytest.raises(UserError, match="no random search"):
        catalogue.make_table("search", lost, tmp_path / "u")


def test_factors_that_cannot_be_drawn_are_user_errors(one: Results, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such figure in this study; expected one of .*epochs.*weight_decay"):
        catalogue.make_figure("learning_rate", one, tmp_path / "f")
    with pytest.raises(UserError, match="has no results that sweep it"):
        catalogue.make_table("dynamic_channels", one, tmp_path / "t")
    with pytest.raises(UserError, match="no such table"):
        catalogue.make_table("factor", one, tmp_path / "t")
    with pytest.raises(UserError, match="no such figure"):
        catalogue.make_figure("_sweep", one, tmp_path / "f")
    with pytest.raises(UserError, match="no such factor"):
        swept_spaces(one, "colour")


def test_a_missing_artifact_is_named(mini: Results, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"metrics\.parquet: no such file"):
        catalogue.make_table("epochs", Results(mini.study, tmp_path), tmp_path / "t")


def test_a_study_without_the_main_selection_is_a_user_error(mini: Results, tmp_path: Path) -> None:
    scoring = mini.study.scoring.model_copy(update={"bn_modes": ("recalibrated",)})
    results = Results(mini.study.model_copy(update={"scoring": scoring}), mini.folder)
    with pytest.raises(UserError, match=r"bn_modes is recalibrated; .* read batch"):
        catalogue.make_table("epochs", results, tmp_path / "t")


@pytest.mark.parametrize("name", ["spaces", "epochs"])
def test_proxies_stand_in_tables_of_studies_that_have_them(one: Results, tmp_path: Path, name: str) -> None:
    words = {
        "spaces": {"synflow": "synflow as the score", "jacov": "jacov as the score", "naswot": "NASWOT as the score"},
        "epochs": {"synflow": "synflow, untrained", "jacov": "jacov, untrained", "naswot": "NASWOT, untrained"},
    }[name]
    for names in (("naswot", "synflow"), ()):
        study = one.study.model_copy(update={"proxies": one.study.proxies.model_copy(update={"names": names})})
        catalogue.make_table(name, Results(study, one.folder), tmp_path / name)
        text, rows = ((tmp_path / name).with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".md", ".csv"))
        for proxy, label in words.items():
            lines = [line for line in text.splitlines() if label in line]
            assert len(lines) == (names.count(proxy) * (2 if name == "spaces" else 1))
            assert (proxy in rows) == (proxy in names)
            assert all(number(one.reference("nasbench201", proxy, "s_kdt").value, 2) in line for line in lines[-1:])
        assert ("Zero-cost proxies" in text) == bool(names)


def test_captions_say_what_the_proxies_are(one: Results) -> None:
    def sentence(**values: object) -> str:
        proxies = one.study.proxies.model_copy(update=values)
        return captions.proxies_sentence(Results(one.study.model_copy(update={"proxies": proxies}), one.folder))

    assert sentence(names=()) == ""
    assert sentence(names=("synflow",), seeds=2).startswith(
        "Zero-cost proxies of the untrained stand-alone networks, mean over 2 initialisations. synflow: the signal "
    )
    assert "networks on 64 training images. jacov: low correlation" in sentence(names=("jacov",))


def test_captions_merge_what_spaces_share(mini: Results, one: Results) -> None:
    assert captions.pool_sentence(mini, mini.spaces) == "Architectures in the pool: 40."
    assert "(NASBench-101), " in captions.threshold_sentence(mini, mini.spaces)
    assert captions.diverged_sentence(1).startswith("1 run diverged and is excluded")
    assert captions.missing_sentence(mini, mini.spaces) == ""
    assert "of the K = 5 predicted best architectures" in captions.surpass_sentence(one, one.spaces)


# Programs -----------------------------------------------------------------------------------------------


def program(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_programs_write_log_and_explain_mistakes(mini: Results, tmp_path: Path) -> None:
    where = [
        "--study-file",
        STUDY_FILE,
        "--results",
        mini.folder,
        "--output-stem",
        tmp_path / "out" / "spaces",
    ]
    done = program("table", "spaces", *where, "--log", tmp_path / "logs" / "spaces.log")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "table spaces of study mini" in (tmp_path / "logs" / "spaces.log").read_text(encoding="utf-8")
    written = {"".join(path.suffixes) for path in (tmp_path / "out").iterdir()}
    kinds = {".csv", ".md", ".tex", ".html"}
    assert written == kinds | {f"{kind}.prov.json" for kind in kinds}
    failed = program("figure", "nothing", *where, "--log", tmp_path / "figure.log")
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: nothing: no such figure in this study; expected one of accuracy_vs_final, ")
    assert "Traceback" not in failed.stderr
    assert failed.stderr in (tmp_path / "figure.log").read_text(encoding="utf-8")


def test_nothing_imports_torch() -> None:
    code = (
        "import sys, importlib, pkgutil, supernet.paper as p\n"
        "for m in pkgutil.walk_packages(p.__path__, 'supernet.paper.'):\n"
        "    importlib.import_module(m.name)\n"
        "assert 'supernet.paper.figures.search' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_published_numbers_stand_beside_ours_with_their_source(mini: Results, tmp_path: Path) -> None:
    published = tmp_path / "published.csv"
    published.write_text(
        "table,row,value,source\n"
        'epochs,darts baseline s_kdt,0.41,"A. Author, Journal 2020, Table 3"\n'
        "epochs,darts baseline accuracy,70.2,B\n"
        "epochs,darts epochs=999 s_kdt,0.5,B\n"
        "learning_rate,darts baseline s_kdt,0.9,C\n"
    )
    quoting = Results(mini.study, mini.folder, published)
    catalogue.make_table("epochs", quoting, tmp_path / "epochs")
    text = (tmp_path / "epochs.md").read_text(encoding="utf-8")
    assert "Super-net accuracy 70.2 [2], S-KdT 0.41 [1]" in text.replace("\\", "")
    assert "[1] A. Author, Journal 2020, Table 3" in text.replace("\\", "")
    assert "Published, but not in this study: darts epochs=999 s_kdt." in text.replace("\\", "")
    assert "0.9 [" not in text.replace("\\", "")
    # Ours are as they were, in every file.
    catalogue.make_table("epochs", mini, tmp_path / "without")
    assert (tmp_path / "epochs.csv").read_bytes() == (tmp_path / "without.csv").read_bytes()
    assert "Published" not in (tmp_path / "without.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table,row,value\n", r"published\.csv:1: found the header .*; expected table,row,value,source"),
        ("table,row,value,source\nepochs,a,0.5,\n", r"published\.csv:2: source: found ''; every line needs table"),
        ("table,row,value,source\nepochs,a,0.5,B,C\n", r"published\.csv:2: .*values with commas need quotes"),
        ("table,row,value,source\nepoch,a,0.5,B\n", r"published\.csv:2: table: found 'epoch'; .*mean 'epochs'"),
        (
            "table,row,value,source\nepochs,a,0.5,B\nepochs,a,0.6,B\n",
            r"published\.csv:3: row: found 'a'; this row of table epochs is a duplicate",
        ),
    ],
)
def test_published_numbers_without_a_place_or_a_source_are_errors(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "published.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        PublishedNumbers.load(path, "epochs")


def test_the_file_of_published_numbers_is_valid(root: Path) -> None:
    assert PublishedNumbers.load(root / "docs" / "published.csv", "epochs") == PublishedNumbers({}, {})


# Analyses -----------------------------------------------------------------------------------------------


def test_effects_are_drawn_as_they_are_computed(mini: Results, figures: Callable[[str], Path]) -> None:
    stem = figures("effects")
    drawn = pd.read_csv(stem.with_suffix(".csv"), keep_default_na=False, na_values=[""])
    expected = mini.effects[mini.effects["metric"] == "s_kdt"]
    assert drawn["setting"].tolist() == expected["setting"].tolist()
    np.testing.assert_allclose(drawn["effect"], expected["effect"])
    caption = stem.with_suffix(".md").read_text(encoding="utf-8")
    assert "learning\\_rate=0.1 (no run has a correlation)" in caption
    tested = int(expected["tested"].sum())
    said = f"{int((expected['p_holm'] < 0.05).sum())} of {tested} tested." if tested else "No effect is tested, because"
    assert said in caption


def test_the_caption_counts_tested_effects(one: Results, tmp_path: Path) -> None:
    for tested, said in ((True, "2 of 2 tested."), (False, "No effect is tested, because none has 3 seeds")):
        changed = Results(one.study, one.folder)
        known = one.effects[one.effects["metric"] == "s_kdt"]
        values = {"p_holm": 0.01, "smallest": 0.1} if tested else {"p_holm": np.nan, "smallest": np.nan}
        changed.__dict__["effects"] = known.assign(tested=tested, left_out="", effect=0.2, low=0.1, high=0.3, **values)
        catalogue.make_figure("effects", changed, tmp_path / "effects")
        caption = (tmp_path / "effects.md").read_text(encoding="utf-8")
        assert said.replace("2 of 2", f"{len(known)} of {len(known)}") in caption
        assert ("Grey ticks" in caption) == ("another seed may change them by more" not in caption) == tested


def test_ticks_beyond_all_intervals_do_not_widen_the_axis(one: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[tuple[Any, Any]] = []
    monkeypatch.setattr(style, "save", lambda figure, stem, drawn, caption: saved.append((figure, caption)))
    known = one.effects[one.effects["metric"] == "s_kdt"].assign(tested=True, left_out="", effect=0.2, p_holm=0.5)
    for smallest in (0.25, 1.9):
        changed = Results(one.study, one.folder)
        changed.__dict__["effects"] = known.assign(low=0.1, high=0.3, smallest=smallest)
        catalogue.make_figure("effects", changed, Path("effects"))
    for figure, _ in saved:
        assert all(-0.4 < low < high < 0.4 for low, high in (axes.get_xlim() for axes in figure.axes))
    said = f"{len(known)} of {len(known)} are larger than the ends of all intervals"
    assert [any(said in one for one in caption.notes) for _, caption in saved] == [False, True]


def test_effects_of_one_seed_say_what_they_do_not_cover(one: Results, lost: Results, tmp_path: Path) -> None:
    catalogue.make_figure("effects", one, tmp_path / "effects")
    caption = (tmp_path / "effects.md").read_text(encoding="utf-8")
    assert "cover only the choice of architectures" in caption
    # Nothing to show, but a figure that says so.
    catalogue.make_figure("effects", lost, tmp_path / "lost")
    assert "Left out: " in (tmp_path / "lost.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The mini study with loss landscapes and feature statistics."""
    study = load_study(STUDY_FILE).model_copy(
        update={"landscape": Landscape(grid=5, images=32, paths=2), "features": Features(steps=40, batches=6)}
    )
    return Results(study, fake_results.write_results(study, tmp_path_factory.mktemp("analysed"), frozenset()))


def test_landscape_figure_holds_every_point(analysed: Results, tmp_path: Path) -> None:
    catalogue.make_figure("landscape", analysed, tmp_path / "landscape")
    drawn = pd.read_csv(tmp_path / "landscape.csv")
    assert len(drawn) == 3 * 3 * 25
    for space in ("nasbench101", "nasbench201", "darts"):
        points = pd.read_parquet(analysed.folder / "analysis" / "landscape" / f"{space}.parquet")
        found = drawn.loc[drawn["space"] == space, ["kind", "x", "y", "loss", "accuracy"]]
        np.testing.assert_array_equal(found[["x", "y", "loss"]].to_numpy(), points[["x", "y", "loss"]].to_numpy())
    text = (tmp_path / "landscape.md").read_text(encoding="utf-8")
    assert "5 x 5 points" in text and "32 training images" in text and "2 uniform architectures" in text
    assert "Not measured" not in text and "infinite" not in text


def test_landscape_figure_says_what_is_missing(analysed: Results, tmp_path: Path) -> None:
    path = analysed.folder / "analysis" / "landscape" / "darts.parquet"
    whole = pd.read_parquet(path)
    cut = whole[whole["kind"] != "supernet_random"].reset_index(drop=True)
    cut.loc[0, "loss"] = np.inf
    cut.to_parquet(path)
    try:
        catalogue.make_figure("landscape", analysed, tmp_path / "landscape")
    finally:
        whole.to_parquet(path)
    text = (tmp_path / "landscape.md").read_text(encoding="utf-8")
    assert "Not measured because the training diverged: DARTS, super-net, random paths." in text
    assert "Left blank: 1 of the points, whose loss is infinite." in text


def test_landscape_figure_only_where_the_study_asks_for_it(mini: Results, analysed: Results, tmp_path: Path) -> None:
    assert "landscape" in catalogue.figure_names(analysed.study)
    assert "landscape" not in catalogue.figure_names(mini.study)
    with pytest.raises(UserError, match="no such figure in this study"):
        catalogue.make_figure("landscape", mini, tmp_path / "landscape")


def test_batch_norm_figure_has_each_setting_in_each_mode(analysed: Results, tmp_path: Path) -> None:
    catalogue.make_figure("batch_norm", analysed, tmp_path / "batch_norm")
    drawn = pd.read_csv(tmp_path / "batch_norm.csv")
    table = pd.read_parquet(analysed.folder / "metrics.parquet").query("score == 'accuracy' and split == 'scoring'")
    for metric in ("s_kdt", "accuracy"):
        for bn_mode in ("batch", "tracked", "recalibrated"):
            query = f"space == 'darts' and setting == 'baseline' and metric == '{metric}' and bn_mode == '{bn_mode}'"
            runs, found = table.query(query), drawn.query(query)
            assert len(runs) == 2 and len(found) == 1
            assert found["mean"].item() == pytest.approx(runs["estimate"].mean(), abs=1e-15)
            assert found["low"].item() == pytest.approx(runs["low"].mean(), abs=1e-12)


def test_batch_norm_figure_summarises_features(analysed: Results, tmp_path: Path) -> None:
    catalogue.make_figure("batch_norm", analysed, tmp_path / "batch_norm")
    drawn = pd.read_csv(tmp_path / "batch_norm.csv").query("space == 'nasbench201'")
    found = pd.read_parquet(analysed.folder / "analysis" / "features" / "nasbench201.parquet")
    step = found.query("network == 'supernet' and kind == 'step' and step == 17")["mean_distance"]
    row = drawn.query("network == 'supernet' and kind == 'step' and step == 18")
    assert row["mean"].item() == pytest.approx(np.median(step))
    values = found.query("network == 'supernet' and kind == 'architectures'")["scale_distance"]
    row = drawn.query("network == 'supernet' and kind == 'end' and metric == 'scale_distance'")
    row = row[row["value"] == "architectures"]
    assert row["n"].item() == len(values) == 30
    for name, quantile in (("low", 25), ("mean", 50), ("high", 75)):
        assert row[name].item() == pytest.approx(np.percentile(values, quantile))


def test_batch_norm_figure_without_features_says_so(mini: Results, figures: Callable[[str], Path]) -> None:
    stem = figures("batch_norm")
    assert "does not record feature statistics" in stem.with_suffix(".md").read_text(encoding="utf-8")
    assert set(pd.read_csv(stem.with_suffix(".csv"))["kind"]) == {"mean", "reference"}


def test_paradigms_need_no_results(one_study: Study, tmp_path: Path) -> None:
    catalogue.make_figure("paradigms", Results(one_study, tmp_path / "nothing"), tmp_path / "paradigms")
    drawn = pd.read_csv(tmp_path / "paradigms.csv").groupby("panel")["fixed"].sum()
    # Each way holds more fixed than the one before, and none the search itself.
    assert drawn.tolist() == sorted(set(drawn)) and drawn.max() == 5


def test_best_settings_are_the_highest_means_and_their_effects(mini: Results, tmp_path: Path) -> None:
    catalogue.make_table("best_settings", mini, tmp_path / "best")
    table = pd.read_csv(tmp_path / "best.csv")
    rows = mini.metrics.query("metric == 's_kdt' and bn_mode == 'batch' and split == 'scoring' and score == 'accuracy'")
    means = rows[rows["status"] == "complete"].groupby(["space", "setting"])["estimate"].mean()
    for row in table.itertuples():
        values = {name: mean for (space, name), mean in means.items() if space == row.space}
        swept = {name: mean for name, mean in values.items() if name == "baseline" or name.startswith(f"{row.factor}=")}
        assert row.mean == pytest.approx(max(swept.values())) and swept[row.setting] == pytest.approx(row.mean)
        if row.setting != "baseline":
            known = mini.effects.query("space == @row.space and setting == @row.setting and metric == 's_kdt'").iloc[0]
            assert row.effect_effect == pytest.approx(known["effect"])
            assert row.effect_p_holm == pytest.approx(known["p_holm"], nan_ok=True)
    text = (tmp_path / "best.md").read_text(encoding="utf-8")
    assert len(table) == sum(len(space.sweep) for space in mini.study.spaces.values())
    assert "| baseline |" in text and "Holm's correction" in text


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [("significant and within", "significant and within ±0.1"), ("neither", "neither"), ("", "not tested")],
)
def test_an_effect_of_one_seed_is_not_tested(mini: Results, tmp_path: Path, outcome: str, answer: str) -> None:
    changed = Results(mini.study, mini.folder)
    changed.__dict__["effects"] = mini.effects.assign(outcome=outcome, tested=bool(outcome))
    catalogue.make_table("best_settings", changed, tmp_path / "best")
    lines = (tmp_path / "best.md").read_text(encoding="utf-8").splitlines()
    cells = [line.split("|")[-3].strip() for line in lines if line.startswith("|")]
    assert cells[0] == "Outcome" and {*cells[2:]} - {ABSENT} == {answer}


def test_best_settings_of_a_study_that_diverged(lost: Results, tmp_path: Path) -> None:
    catalogue.make_table("best_settings", lost, tmp_path / "best")
    assert pd.read_csv(tmp_path / "best.csv")["setting"].isna().all()


# Tables of several factors ------------------------------------------------------------------------------


def test_group_table_holds_the_baseline_once_and_each_other_value(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    sweep = "sweep: {batch_size: [32, 64], channels: [4, 8]}"
    path.write_text(ONE_SPACE.replace("sweep: {epochs: [2, 4], weight_decay: [0.0, 0.003]}", sweep), encoding="utf-8")
    study = load_study(path)
    results = Results(study, fake_results.write_results(study, tmp_path / "results", diverged=frozenset()))
    catalogue.make_table("low_fidelity", results, tmp_path / "t")
    drawn = pd.read_csv(tmp_path / "t.csv").query("metric == 's_kdt'").set_index("setting")
    settings = {setting for _, setting, _ in study.runs()}
    assert set(drawn.index) == settings
    assert len(drawn) == len(settings)
    for setting, row in drawn.iterrows():
        assert row["mean"] == pytest.approx(raw(results, "nasbench201", str(setting), "s_kdt")["estimate"].mean())
    text = (tmp_path / "t.md").read_text(encoding="utf-8")
    assert "Not swept in study one" in text
    assert text.count("| Baseline |") == 1


@pytest.mark.parametrize("name", ["low_fidelity", "implementation"])
def test_group_table_of_a_study_without_its_factors_has_baselines_and_says_so(
    name: str, mini: Results, tmp_path: Path
) -> None:
    catalogue.make_table(name, mini, tmp_path / name)
    drawn = pd.read_csv(tmp_path / f"{name}.csv")
    assert set(drawn["setting"]) == {"baseline"}
    assert set(drawn["space"]) == set(load_study(STUDY_FILE).spaces)
    assert "Not swept in study mini" in (tmp_path / f"{name}.md").read_text(encoding="utf-8")


# Studies that change no factor --------------------------------------------------------------------------


def test_numbers_of_every_table_and_figure_are_readable_without_a_sweep(unswept: Results, tmp_path: Path) -> None:
    names = catalogue.table_names(unswept.study), catalogue.figure_names(unswept.study)
    for make, kinds in zip((catalogue.make_table, catalogue.make_figure), names, strict=True):
        for name in kinds:
            make(name, unswept, tmp_path / name)
            assert len(pd.read_csv(tmp_path / f"{name}.csv").columns), name


def test_numbers_without_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no columns"):
        render.write_csv(tmp_path / "empty.csv", pd.DataFrame())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "scale"), [((2, 10, 120), "log"), ((60, 180), "linear"), ((0, 10, 400), "linear"), ((10, 200), "log")]
)
def test_numbers_that_differ_much_have_a_log_scale(values: tuple[int, ...], scale: str) -> None:
    axes = Figure().subplots()
    points = [Point(value, f"epochs={value}") for value in values]
    assert places_of(axes, FACTORS["epochs"], points, list(map(str, values))) == list(values)
    assert axes.get_xscale() == scale
