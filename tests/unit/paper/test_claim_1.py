"""Claim 1: its rule on planted values, how often it is wrong, and the table and the figure beside it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fake_results
import numpy as np
import pandas as pd
import pytest
import yaml
from checkouts import ROOT

from supernet.config.artifacts import Artifacts
from supernet.config.study import Standalone, Study, load_study
from supernet.errors import UserError
from supernet.metrics.alone import Alone, compare
from supernet.metrics.effects import contrasts
from supernet.metrics.study_effects import CONTRAST_COLUMNS, contrast_rows
from supernet.paper import catalogue
from supernet.paper.alone import both, compared, contrasts_with
from supernet.paper.claims import factors, standalone
from supernet.paper.claims.answer import Answer
from supernet.paper.load import Results

FACTOR = "learning_rate"


def alone(**values: tuple[float, float]) -> list[Alone]:
    """Return values of a factor from (difference from the best one, p); the best one has the difference 0."""
    return [
        Alone(name, 0.8 + gap, 0.7, 0.9, 16, 16, 0, gap, math.nan if gap == 0 else p, gap == 0)
        for name, (gap, p) in values.items()
    ]


def against(other: str, tested: bool = True, **values: tuple[float, float, float]) -> pd.DataFrame:
    """Return contrasts with one value from (difference, half of the interval, p)."""
    rows = [
        {"value": name, "other": other, "difference": gap, "low": gap - reach, "high": gap + reach, "p_holm": p,
         "smallest": 0.2, "tested": tested}
        for name, (gap, reach, p) in values.items()
    ]  # fmt: skip
    columns = ["value", "other", "difference", "low", "high", "p_holm", "smallest", "tested"]
    return pd.DataFrame(rows, columns=columns)


BEST = (0.0, 1.0)
WORSE, EQUAL = (-0.1, 0.001), (-0.01, 0.8)


@pytest.mark.parametrize(
    ("values", "other", "said"),
    [
        # Better for the super-net and worse alone.
        ({"a": BEST, "v": WORSE}, {"v": (0.3, 0.1, 0.001)}, "yes"),
        # One value is enough.
        ({"a": BEST, "v": WORSE, "w": WORSE}, {"v": (-0.4, 0.1, 0.001), "w": (0.3, 0.1, 0.01)}, "yes"),
        # A significant difference decides, also within the margin of no.
        ({"a": BEST, "v": WORSE}, {"v": (0.05, 0.04, 0.01)}, "yes"),
        # Better for the super-net, but not worse alone: the best value alone is not known.
        ({"a": BEST, "v": EQUAL}, {"v": (0.3, 0.1, 0.001)}, "unknown"),
        # Worse alone, but the difference of the super-net is not significant.
        ({"a": BEST, "v": WORSE}, {"v": (0.3, 0.4, 0.2)}, "unknown"),
        # The two conditions are met by two different values.
        ({"a": BEST, "v": WORSE, "w": EQUAL}, {"v": (0.3, 0.4, 0.2), "w": (0.3, 0.1, 0.001)}, "unknown"),
        # The best value alone is nearly the best one for the super-net.
        ({"a": BEST, "v": WORSE, "w": EQUAL}, {"v": (-0.3, 0.1, 0.001), "w": (0.02, 0.07, 0.9)}, "no"),
        # One value may be better by more than the margin.
        ({"a": BEST, "v": WORSE, "w": EQUAL}, {"v": (-0.3, 0.1, 0.001), "w": (0.02, 0.09, 0.9)}, "unknown"),
        # A value whose super-nets cannot be compared leaves it open.
        ({"a": BEST, "v": WORSE, "w": WORSE}, {"v": (-0.3, 0.1, 0.001)}, "unknown"),
        ({"a": BEST, "v": WORSE, "w": WORSE}, {"v": (0.3, 0.1, 0.001)}, "yes"),
    ],
)
def test_the_rule_of_a_factor(values: dict[str, Any], other: dict[str, Any], said: str) -> None:
    found = standalone.of_factor(FACTOR, alone(**values), against("a", **other))
    assert found.answer == said
    assert bool(found.missing) == (said == "unknown")
    # Without three seeds nothing is tested, and nothing is decided.
    assert standalone.of_factor(FACTOR, alone(**values), against("a", tested=False, **other)).answer == "unknown"
    # Contrasts with another value than the best one alone do not count.
    assert standalone.of_factor(FACTOR, alone(**values), against("v", **other)).answer == "unknown"


def test_the_numbers_are_those_of_the_value_that_decides() -> None:
    values = alone(a=BEST, v=WORSE, w=EQUAL)
    found = standalone.of_factor(FACTOR, values, against("a", v=(0.2, 0.1, 0.01), w=(0.4, 0.1, 0.001)))
    assert found.answer == "yes" and found.numbers["v minus a, S-KdT"] == 0.2
    assert found.numbers["v minus a, alone (%)"] == pytest.approx(-10) and found.numbers["v minus a, S-KdT, p"] == 0.01
    assert standalone.of_factor(FACTOR, [], against("a")).answer == "unknown"


def test_factors_combine_to_a_space() -> None:
    cases: Sequence[tuple[list[Answer], Answer]] = [
        (["yes", "no"], "yes"), (["unknown", "yes"], "yes"), (["no", "no"], "no"), (["no"], "no"),
        (["no", "unknown"], "unknown"), (["unknown"], "unknown"), ([], "unknown"),
    ]  # fmt: skip
    assert all(standalone.of_factors(answers) == said for answers, said in cases)


def planted(
    rng: np.random.Generator, alone_steps: Sequence[float], skills: Sequence[float], seeds: int = 3, pool: int = 60
) -> Answer:
    """Return the answer of a factor: values with these accuracies alone and these skills of their super-nets."""
    names = [f"v{number}" for number in range(len(skills))]
    truth = np.sort(rng.uniform(0.4, 0.9, pool))
    order = (truth - truth.mean()) / truth.std()
    scores = {
        name: {seed: skill * order + rng.normal(size=pool) for seed in range(seeds)}
        for name, skill in zip(names, skills, strict=True)
    }
    found = contrasts(scores, truth, 1e-3, rng, resamples=200)
    rows = [
        {"value": one.setting, "other": other, "difference": one.effect, "low": one.low, "high": one.high,
         "p_holm": one.p_holm, "smallest": one.smallest, "tested": one.tested}
        for other, one in found
        if one.metric == "s_kdt"
    ]  # fmt: skip
    level = rng.uniform(0.4, 0.7, 16)
    trained = [
        {"arch_id": f"a{number:02}", "factor": FACTOR if place else "baseline", "value": name if place else "",
         "seed": 0, "accuracy": one + step + 0.02 * rng.normal(), "diverged_at": None}
        for place, (name, step) in enumerate(zip(names, alone_steps, strict=True))
        for number, one in enumerate(level)
    ]  # fmt: skip
    values = compare(pd.DataFrame(trained), FACTOR, names, names[0], 0.1)
    return standalone.of_factor(FACTOR, values, pd.DataFrame(rows)).answer


def test_planted_values_are_found() -> None:
    rng = np.random.default_rng(1)
    # The best value alone has the weakest super-net; the best one alone also has the strongest super-net.
    opposite = [planted(rng, [0.1, 0.0, -0.1], [0.2, 0.6, 2.0]) for _ in range(10)]
    agreeing = [planted(rng, [0.1, 0.0, -0.1], [3.0, 0.6, 0.2]) for _ in range(10)]
    assert opposite.count("yes") >= 9 and "no" not in opposite
    assert agreeing.count("no") >= 9 and "yes" not in agreeing
    # With two seeds nothing is tested.
    assert planted(rng, [0.1, 0.0, -0.1], [0.2, 0.6, 2.0], seeds=2) == "unknown"


@pytest.mark.parametrize("steps", [(0.0, 0.0, 0.0), (0.1, 0.0, -0.1)])
def test_equal_super_nets_are_rarely_called_different(steps: tuple[float, ...]) -> None:
    """All super-nets are equal; alone, all values are equal, or the best one is clear."""
    rng = np.random.default_rng(2)
    trials = 60
    said = [planted(rng, steps, [0.7, 0.7, 0.7], pool=40) for _ in range(trials)]
    assert said.count("yes") / trials <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / trials)


def test_equal_values_alone_are_rarely_called_different() -> None:
    """Super-nets differ, but alone no value is better than another."""
    rng = np.random.default_rng(3)
    trials = 60
    said = [planted(rng, [0.0, 0.0, 0.0], [0.3, 0.9, 1.5], pool=40) for _ in range(trials)]
    assert said.count("yes") / trials <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / trials)


# A study with the section -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study() -> Study:
    found = load_study(ROOT / "tests" / "studies" / "mini.yaml")
    seeds = {"seeds": (0, 1, 2), "sweep_seeds": None}
    spaces = {name: one.model_copy(update=seeds) for name, one in found.spaces.items()}
    # Two seeds of one factor: nothing is tested.
    spaces["darts"] = found.spaces["darts"].model_copy(update={"sweep": {"learning_rate": (0.005, 0.025)}})
    section = Standalone(architectures=8, ceiling=16, epochs=5, seeds=2)
    return found.model_copy(update={"standalone": section, "spaces": spaces})


@pytest.fixture(scope="module")
def results(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results(study, fake_results.write_results(study, tmp_path_factory.mktemp("results"), frozenset()))


def test_contrasts_are_effects_between_any_two_values(results: Results) -> None:
    table = pd.DataFrame(contrast_rows(results.study, Artifacts(str(results.folder))))
    assert set(table.columns) == set(CONTRAST_COLUMNS)
    own = table[(table["space"] == "nasbench101") & (table["factor"] == FACTOR) & (table["metric"] == "s_kdt")]
    pairs = own.set_index(["value", "other"])
    assert len(pairs) == 6
    for value, other in (("0.005", "0.1"), ("0.025", "0.1"), ("0.1", "0.025")):
        one, turned = pairs.loc[(value, other)], pairs.loc[(other, value)]
        assert one["difference"] == pytest.approx(-turned["difference"])
        assert one["p"] == pytest.approx(turned["p"]) and one["low"] == pytest.approx(-turned["high"])
    # Those with the baseline have the estimates of effects.parquet.
    effects = results.effects
    known = effects[(effects["space"] == "nasbench101") & (effects["metric"] == "s_kdt")].set_index("setting")
    for value in ("0.005", "0.1"):
        assert pairs.loc[(value, "0.025"), "difference"] == pytest.approx(known.loc[f"learning_rate={value}", "effect"])
    assert own["tested"].all() and (own["seeds"] == 3).all()


def test_the_papers_laws_have_contrasts_if_the_baseline_has_another(tmp_path: Path) -> None:
    content = yaml.safe_load((ROOT / "tests" / "studies" / "mini.yaml").read_text(encoding="utf-8"))
    space = content["spaces"]["nasbench201"]
    space["baseline"]["path_sampling"] = "fairnas_by_weights"
    space.update(sweep={"path_sampling": ["random_a", "fairnas"]}, seeds=[0, 1, 2], sweep_seeds=None)
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({**content, "study": "own", "spaces": {"nasbench201": space}}))
    own = load_study(file)
    assert own.contrasted_values("nasbench201") == {"path_sampling": ("random_a", "fairnas")}
    results = Results(own, fake_results.write_results(own, tmp_path, frozenset()))
    table = pd.DataFrame(contrast_rows(own, Artifacts(str(results.folder))))
    table = table[table["metric"] == "s_kdt"].set_index(["value", "other"])
    assert len(table) == 6
    effects = results.effects.query("metric == 's_kdt'").set_index("setting")["effect"]
    difference = table.loc[("fairnas", "random_a"), "difference"]
    assert difference == pytest.approx(effects["path_sampling=fairnas"] - effects["path_sampling=random_a"])
    (only,) = factors.paper_laws(contrasts_with(results, "nasbench201", "path_sampling")).itertuples()
    assert (only.value, only.other) == ("fairnas", "random_a") and only.effect == pytest.approx(difference)
    catalogue.make_table("verdicts", results, tmp_path / "verdicts")
    said = pd.read_csv(tmp_path / "verdicts.csv").query("claim == 2").set_index("quantity")["value"]
    assert said["path sampling"] == pytest.approx(difference)


def test_table_and_figure_have_the_numbers_of_the_artifacts(results: Results, tmp_path: Path) -> None:
    catalogue.make_table("standalone", results, tmp_path / "table")
    catalogue.make_figure("standalone", results, tmp_path / "figure")
    rows = pd.read_csv(tmp_path / "table.csv", dtype={"value": str}).set_index(["space", "factor", "value"])
    drawn = pd.read_csv(tmp_path / "figure.csv", dtype={"value": str}).set_index(["space", "factor", "value", "kind"])
    assert len(rows) == 2 * 6 + 2 and len(drawn) == 2 * len(rows)
    for space in results.spaces:
        trained = pd.read_parquet(results.folder / "standalone" / f"{space}.parquet")
        first = set(trained.loc[trained["factor"] == FACTOR, "arch_id"])
        for factor, values in (("learning_rate", {"0.005": "", "0.025": "baseline"}), ("batch_norm", {})):
            for value, kind in values.items():
                chosen = (trained["factor"] == "baseline") if kind else (trained["value"] == value)
                own = trained[chosen & trained["arch_id"].isin(first)]
                assert rows.loc[(space, factor, value), "alone"] == pytest.approx(own["accuracy"].mean())
                assert drawn.loc[(space, factor, value, "alone"), "mean"] == pytest.approx(own["accuracy"].mean())
        found = both(results, space, FACTOR)
        best = [one.point.setting for one in found if one.alone is not None and one.alone.is_best]
        assert best == ["baseline"]
        for one in found:
            cell = rows.loc[(space, FACTOR, str(one.point.value))]
            assert cell["s_kdt_mean"] == pytest.approx(one.s_kdt.mean)
            assert (one.contrast is None) == (one.point.setting == "baseline")
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "8 architectures of the pool" in text and "for 5 epochs" in text and "2 trainings of each" in text


def test_the_verdict_follows_from_the_rule(results: Results, tmp_path: Path) -> None:
    catalogue.make_table("verdicts", results, tmp_path / "verdicts")
    table = pd.read_csv(tmp_path / "verdicts.csv")
    own = table[table["claim"] == 1]
    for space in results.spaces:
        swept = results.study.standalone_values(space)
        said = [
            standalone.of_factor(one, compared(results, space, one), contrasts_with(results, space, one)).answer
            for one in swept
        ]
        assert set(own.loc[own["space"] == space, "answer"]) == {standalone.of_factors(said)}
        assert (own.loc[own["space"] == space, "quantity"].str.contains("best alone")).sum() == len(swept)


def test_ceilings_have_bands_in_the_figures_of_factors(results: Results, tmp_path: Path) -> None:
    for name in ("learning_rate", "batch_norm"):
        catalogue.make_figure(name, results, tmp_path / name)
        drawn = pd.read_csv(tmp_path / f"{name}.csv", dtype={"value": str})
        lines = drawn[(drawn["kind"] == "reference") & (drawn["metric"] == "s_kdt")]
        for reference in ("seed", "fidelity"):
            for _, line in lines[lines["value"] == reference].iterrows():
                found = results.reference(line["space"], reference, "s_kdt")
                assert (line["mean"], line["low"], line["high"]) == pytest.approx((found.value, found.low, found.high))
        assert {"seed", "fidelity"} <= set(lines["value"])
        assert "Unshared networks: " in (tmp_path / f"{name}.md").read_text(encoding="utf-8")
    for name in ("spaces", "learning_rate"):
        catalogue.make_table(name, results, tmp_path / f"table_{name}")
        assert "nshared networks, 5 epochs" in (tmp_path / f"table_{name}.md").read_text(encoding="utf-8")


def test_a_study_without_the_section_lacks_table_figure_and_line(tmp_path: Path) -> None:
    study = load_study(ROOT / "tests" / "studies" / "mini.yaml")
    assert "standalone" not in (*catalogue.table_names(study), *catalogue.figure_names(study))
    results = Results(study, fake_results.write_results(study, tmp_path / "results", frozenset()))
    for make in (catalogue.make_table, catalogue.make_figure):
        with pytest.raises(UserError, match="standalone: no such"):
            make("standalone", results, tmp_path / "out")
    found = standalone.answer(results, "darts")
    assert found.answer == "unknown" and "section `standalone`" in found.missing[0]
    catalogue.make_figure("learning_rate", results, tmp_path / "figure")
    assert "fidelity" not in set(pd.read_csv(tmp_path / "figure.csv")["value"].astype(str))
