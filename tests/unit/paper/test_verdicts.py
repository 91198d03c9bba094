"""Verdicts on the paper's claims: the rules, on studies with planted answers, and how often they are wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fake_results
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from supernet.config.study import Study
from supernet.metrics.halves import Halves, mean_tau
from supernet.paper import catalogue
from supernet.paper.claims import factors, measure, systems
from supernet.paper.claims.answer import Answer, SpaceAnswer, combined, verdict
from supernet.paper.load import Results

BASELINE = {"epochs": 100.0, "layers": 3.0, "train_portion": 0.75, "batch_size": 64.0, "channels": 8.0}


def effects(*rows: tuple[str, str, float, float], tested: bool = True) -> pd.DataFrame:
    """Return effects from (factor, value, effect, corrected p) of three seeds, each with an interval of ± .05."""
    return pd.DataFrame(
        [
            {
                "space": "darts", "factor": factor, "value": value, "effect": effect, "low": effect - 0.05,
                "high": effect + 0.05, "p_holm": p, "smallest": 0.08, "common": 3, "sd": 0.02, "pool_error": 0.0,
                "tested": tested, "left_out": "",
            }
            for factor, value, effect, p in rows
        ],
        columns=[
            "space", "factor", "value", "effect", "low", "high", "p_holm", "smallest", "common", "sd", "pool_error",
            "tested", "left_out",
        ],
    )  # fmt: skip


FEWER_HURT = ("epochs", "50", -0.4, 0.01)
SAME_SAMPLING = ("path_sampling", "fairnas", 0.01, 1.0)
FEWER_LAYERS_HURT = ("layers", "1", -0.2, 0.02)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([FEWER_HURT, SAME_SAMPLING, FEWER_LAYERS_HURT], "yes"),
        # The same contrasts, seen from the other side: more epochs, layers, images and channels are better.
        ([("epochs", "200", 0.4, 0.01), SAME_SAMPLING, ("layers", "6", 0.2, 0.02)], "yes"),
        ([FEWER_HURT, SAME_SAMPLING, ("train_portion", "0.9", 0.2, 0.01)], "yes"),
        # A larger network that does worse is not low fidelity that hurts: fidelity is contradicted.
        ([FEWER_HURT, SAME_SAMPLING, ("layers", "6", -0.3, 0.01)], "no"),
        ([FEWER_HURT, SAME_SAMPLING, ("channels", "4", 0.2, 0.02)], "no"),
        # Both directions are significant: no answer.
        ([FEWER_HURT, SAME_SAMPLING, ("channels", "4", 0.2, 0.02), FEWER_LAYERS_HURT], "unknown"),
        # A third of the epochs is better.
        ([("epochs", "33", 0.4, 0.01), SAME_SAMPLING, FEWER_LAYERS_HURT], "no"),
        # More is better, but barely.
        ([("epochs", "50", -0.08, 0.01), SAME_SAMPLING, FEWER_LAYERS_HURT], "unknown"),
        # Without a significant effect of epochs there is no verdict, regardless of its size.
        ([("epochs", "50", -0.4, 0.2), SAME_SAMPLING, FEWER_LAYERS_HURT], "unknown"),
        # Path sampling matters; it may matter; its effect is significant and within the margin.
        ([FEWER_HURT, ("path_sampling", "fairnas", -0.3, 0.01), FEWER_LAYERS_HURT], "no"),
        ([FEWER_HURT, ("path_sampling", "fairnas", 0.08, 1.0), FEWER_LAYERS_HURT], "unknown"),
        ([FEWER_HURT, ("path_sampling", "fairnas", 0.045, 0.01), FEWER_LAYERS_HURT], "yes"),
        # Factors that were not swept decide nothing.
        ([FEWER_HURT, FEWER_LAYERS_HURT], "unknown"),
        ([], "unknown"),
    ],
)
def test_claim_2(rows: list[tuple[str, str, float, float]], said: str) -> None:
    found = factors.answer(effects(*rows), "darts", BASELINE)
    assert found.answer == said and found.numbers["tested"] == len(rows)
    # Another space, effects that are left out and effects that were not tested do not count.
    assert factors.answer(effects(*rows), "nasbench201", BASELINE).answer == "unknown"
    assert factors.answer(effects(*rows).assign(left_out="pool"), "darts", BASELINE).answer == "unknown"
    assert factors.answer(effects(*rows, tested=False), "darts", BASELINE).answer == "unknown"


def laws(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    """Return rows of contrasts.parquet of path sampling: (value, other, difference, p), and each pair turned round."""
    both = [*rows, *((other, value, -difference, p) for value, other, difference, p in rows)]
    return pd.DataFrame(
        [
            {
                "factor": "path_sampling", "value": value, "other": other, "difference": difference,
                "low": difference - 0.05, "high": difference + 0.05, "p_holm": p, "smallest": 0.08, "common": 3,
                "sd": 0.01, "pool_error": 0.005, "tested": True,
            }
            for value, other, difference, p in both
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("difference", "p", "said"), [(0.02, 0.4, "yes"), (-0.04, 0.01, "yes"), (0.08, 0.01, "unknown"), (0.3, 0.01, "no")]
)
def test_claim_2_compares_the_papers_laws_if_the_baseline_has_another(difference: float, p: float, said: str) -> None:
    # Both of the paper's laws are far worse than the baseline's law, which says nothing about the claim.
    far = [("path_sampling", law, -0.4, 0.001) for law in ("random_a", "fairnas")]
    own = effects(FEWER_HURT, FEWER_LAYERS_HURT, *far)
    table = laws(
        ("fairnas", "random_a", difference, p),
        ("fairnas", "fairnas_by_weights", -0.4, 0.001),
        ("random_a", "fairnas_by_weights", -0.4, 0.001),
    )
    found = factors.answer(own, "darts", BASELINE, factors.paper_laws(table))
    assert found.answer == said and found.numbers["path sampling"] == pytest.approx(difference)
    assert factors.answer(own, "darts", BASELINE).answer == "no"


def test_claim_2_does_not_count_a_law_beyond_the_paper() -> None:
    later = ("path_sampling", "fairnas_by_weights", 0.4, 0.001)
    found = factors.answer(effects(FEWER_HURT, SAME_SAMPLING, FEWER_LAYERS_HURT, later), "darts", BASELINE)
    assert found.answer == "yes" and found.numbers["path sampling"] == pytest.approx(0.01)
    only = factors.answer(effects(FEWER_HURT, FEWER_LAYERS_HURT, later), "darts", BASELINE)
    assert only.answer == "unknown" and any("path sampling: not swept" in one for one in only.missing)


def test_contrasts_are_larger_minus_smaller() -> None:
    rows = factors.contrasts(effects(("layers", "1", -0.2, 0.1), ("layers", "6", -0.3, 0.1)), ("layers",), BASELINE)
    assert rows[["effect", "low", "high"]].to_numpy().round(3).tolist() == [[0.2, 0.15, 0.25], [-0.3, -0.35, -0.25]]


def test_one_no_refutes_and_every_space_must_say_yes() -> None:
    def say(*answers: Any) -> str:
        return verdict([SpaceAnswer("darts", answer) for answer in answers])

    assert say("yes", "yes", "yes") == "reproduced"
    assert say("yes", "no", "unknown") == "not reproduced"
    assert say("yes", "unknown") == say("unknown") == say() == "undecided"
    parts: Sequence[tuple[tuple[Answer, ...], str]] = [(("yes", "yes"), "yes"), (("yes", "no"), "no"), ((), "unknown")]
    assert all(combined(one) == said for one, said in parts)


def runs(rng: np.random.Generator, pool: int, count: int, skills: np.ndarray, means: np.ndarray) -> pd.DataFrame:
    """Return the halves of runs, one per setting, with these skills and mean accuracies."""
    truth = 0.9 + 0.02 * rng.normal(size=pool)
    z = (truth - truth.mean()) / truth.std()
    halves = Halves.draw(pool, rng, splits=10)
    found = []
    for number in range(count):
        scores = skills[number] * z + rng.normal(size=pool)
        accuracy = np.clip(means[number] + 0.01 * scores, 0, 1)
        measured = halves.measure(accuracy, -accuracy, np.clip(truth, 0, 1), 1e-3, 5)
        for half, (mean, tau, final) in enumerate(zip(*measured, strict=True)):
            values = {"half": half, "accuracy": mean, "s_kdt": tau, "final_mean": final}
            found.append({"space": "darts", "setting": f"s{number:02}", "seed": 0, **values})
    return pd.DataFrame(found)


def test_claim_3_yes_where_skill_varies_and_accuracy_says_nothing() -> None:
    rng = np.random.default_rng(1)
    table = runs(rng, 80, 24, rng.uniform(0, 3, size=24), rng.uniform(0.3, 0.7, size=24))
    found = measure.answer(table, "darts", rng)
    assert found.answer == "yes" and found.numbers["tau of S-KdT"] > 0.5 > abs(found.numbers["tau of accuracy"])


def test_claim_3_no_where_accuracy_is_the_better_measure() -> None:
    rng = np.random.default_rng(2)
    skills = np.sort(rng.uniform(0, 0.8, size=24))
    table = runs(rng, 12, 24, skills, 0.3 + 0.4 * np.linspace(0, 1, 24))
    # The final performance follows the accuracy; S-KdT on six architectures is noise.
    table["final_mean"] = table["accuracy"] + 0.001 * rng.normal(size=len(table))
    assert measure.answer(table, "darts", rng).answer == "no"


def test_claim_3_decides_rarely_where_all_settings_are_equal() -> None:
    """S-KdT and final performance of the same half would agree without any difference between settings."""
    rng = np.random.default_rng(3)
    decided, trials = 0, 60
    for _ in range(trials):
        table = runs(rng, 40, 12, np.full(12, 1.0), np.full(12, 0.5) + 0.02 * rng.normal(size=12))
        decided += measure.answer(table, "darts", rng).answer != "unknown"
    assert decided / trials <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / trials)


def test_halves_share_no_architecture_and_taus_are_those_of_scipy() -> None:
    rng = np.random.default_rng(4)
    halves = Halves.draw(11, rng, splits=7)
    assert len(halves.first) == 14
    for one, other in zip(halves.first, halves.second, strict=True):
        assert sorted([*one, *other]) == list(range(11)) and abs(len(one) - len(other)) == 1
    accuracy, truth = rng.uniform(size=11).round(1), rng.uniform(size=11)
    means, taus, final = halves.measure(accuracy, rng.uniform(size=11), truth, 0.1, 2)
    for place, (one, other) in enumerate(zip(halves.first, halves.second, strict=True)):
        expected = stats.kendalltau(accuracy[one], np.floor(truth[one] / 0.1 + 0.5)).statistic
        assert taus[place] == pytest.approx(expected, nan_ok=True) and means[place] == accuracy[one].mean()
        assert truth[other].min() <= final[place] <= truth[other].max()
    first, second = rng.integers(5, size=(9, 3)).astype(float), rng.normal(size=(9, 3))
    mean = np.mean([stats.kendalltau(first[:, column], second[:, column]).statistic for column in range(3)])
    assert mean_tau(first, second, np.ones((1, 9)))[0] == pytest.approx(mean)
    with pytest.raises(ValueError, match="three in each half"):
        Halves.draw(5, rng)


def test_the_difference_of_taus_is_resampled_by_setting() -> None:
    rng = np.random.default_rng(0)
    final = rng.uniform(size=(30, 1))
    settings = np.repeat([f"s{number}" for number in range(10)], 3)
    low, high = measure.difference_interval(settings, rng.uniform(size=(30, 1)), final, final, rng, 400)
    assert 0 < low < high
    # Three copies of a run are not three runs: the interval is as wide as with one of each.
    one = np.arange(0, 30, 3)
    apart, copies = [], []
    for _ in range(5):
        other = rng.uniform(size=(10, 1))
        apart.append(measure.difference_interval(settings[one], other, final[one], final[one], rng, 400))
        same = [np.repeat(values, 3, axis=0) for values in (other, final[one], final[one])]
        copies.append(measure.difference_interval(settings, *same, rng, 400))
    widths = [np.mean([high - low for low, high in intervals]) for intervals in (apart, copies)]
    assert widths[1] > 0.75 * widths[0]


def best(**quantiles: list[float | None]) -> pd.DataFrame:
    """Return what systems found, one per seed; None is a search without a ground truth."""
    rows = [(name, one, one) for name, values in quantiles.items() for one in values]
    return pd.DataFrame(rows, columns=["system", "truth", "truth_quantile"])


SEVEN = [0.02, 0.03, 0.01, 0.04, 0.02, 0.03, 0.05]


@pytest.mark.parametrize(
    ("quantiles", "said"),
    [
        # Better than one system, as good as the other.
        ({"random_search": [0.02, 0.03, 0.02], "spos": [0.02, 0.02, 0.03], "gdas": [0.5, 0.6, 0.7]}, "yes"),
        # A rival that collapsed on one seed, or was lost, does not hide that random search is not worse.
        ({"random_search": [0.05, 0.04, 0.04], "spos": [0.2, 0.3, 1.0]}, "yes"),
        ({"random_search": [0.05, 0.04, 0.04], "spos": [0.2, None, 0.3]}, "yes"),
        # A lost seed of random search is the worst result, not a missing one.
        ({"random_search": [0.02, None, 0.02], "spos": [0.02, 0.02, 0.03]}, "unknown"),
        # Worse, but within the margin.
        ({"random_search": [0.06, 0.05, 0.055], "spos": [0.02, 0.03, 0.025]}, "yes"),
        ({"random_search": [0.5 + one for one in SEVEN], "spos": SEVEN, "gdas": SEVEN}, "no"),
        # With three seeds, no correction leaves a level that a test can reach.
        ({"random_search": [0.5, 0.6, 0.7], "spos": [0.02, 0.03, 0.02], "gdas": [0.02, 0.03, 0.02]}, "unknown"),
        # No difference is detected, and none is excluded.
        ({"random_search": [0.1, 0.5, 0.3], "spos": [0.2, 0.25, 0.3]}, "unknown"),
        ({"random_search": [0.1, 0.2], "spos": [0.8, 0.9]}, "unknown"),
        ({"spos": [0.8, 0.8, 0.8]}, "unknown"),
    ],
)
def test_claim_4(quantiles: dict[str, list[float | None]], said: str) -> None:
    assert systems.compare("nasbench201", best(**quantiles)).answer == said


def test_rank_sums_are_exact() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=5), rng.normal(size=4)
    expected = stats.mannwhitneyu(first, second, alternative="greater", method="exact").pvalue
    assert systems.rank_sum_p(first, second) == pytest.approx(expected)
    assert systems.rank_sum_p(np.ones(3), np.ones(3)) == 1.0
    assert systems.rank_sum_p(np.array([2.0, 3, 4]), np.array([0.0, 1, 1])) == pytest.approx(1 / 20)
    large = rng.normal(size=30)
    assert systems.rank_sum_p(large, large - 5) < 1e-6


def test_claim_4_is_wrong_in_few_studies() -> None:
    """Random search is worse by just the margin than one of three systems: that it is not worse is false."""
    rng = np.random.default_rng(6)
    said = {"yes": 0, "no": 0, "unknown": 0}
    for _ in range(400):
        rivals = {name: list(rng.uniform(0, 0.3, size=5)) for name in ("spos", "gdas", "enas")}
        own = list(rng.uniform(0, 0.3, size=5) + systems.MARGIN)
        said[systems.compare("darts", best(random_search=own, **rivals)).answer] += 1
    assert said["yes"] / 400 <= 0.06 and said["no"] / 400 <= 0.06


@pytest.mark.parametrize(("swept", "enough"), [(2, False), (9, True)])
def test_claim_3_needs_settings(tmp_path: Path, swept: int, enough: bool) -> None:
    space = {"truth": {"channels": 8, "layers": 3, "epochs": 2, "train_portion": 0.75}, "seeds": [0]}
    sweep = {"learning_rate": [round(0.01 * (number + 1), 2) for number in range(swept)]}
    content = {"study": "case", "title": "A case", "data": {"name": "digits", "scoring_portion": 0.25}}
    baseline = {"train_portion": 0.75}
    spaces = {"darts": {**space, "baseline": baseline, "sweep": sweep}}
    study = Study.model_validate({**content, "pool": {"size": 20}, "spaces": spaces})
    results = Results(study, fake_results.write_results(study, tmp_path, frozenset()))
    said = measure.answer(results.halves, "darts", np.random.default_rng(0))
    assert (said.numbers["settings"] >= measure.FEWEST_SETTINGS) is enough
    assert ("tau of S-KdT" in said.numbers) is enough


def _study(**sections: Any) -> Study:
    space = {"truth": {"channels": 8, "layers": 3, "epochs": 2, "train_portion": 0.75}, "seeds": [0]}
    content = {"study": "case", "title": "A case", "data": {"name": "digits", "scoring_portion": 0.25}}
    spaces = {"darts": {**space, "baseline": {"train_portion": 0.75}, "sweep": {"epochs": [10, 20]}}}
    return Study.model_validate({**content, "pool": {"size": 20}, "spaces": spaces, **sections})


def test_effects_say_on_which_tau_they_are_where_the_study_prints_another(tmp_path: Path) -> None:
    for definition, said in (("rounded", False), ("positional_1", True)):
        study = _study(metrics={"s_kdt": definition})
        results = Results(study, fake_results.write_results(study, tmp_path / definition, frozenset()))
        for make, name in ((catalogue.make_table, "verdicts"), (catalogue.make_figure, "effects")):
            make(name, results, tmp_path / definition / name)
            text = (tmp_path / definition / f"{name}.md").read_text(encoding="utf-8")
            assert ("not the positional variant" in text) is said
