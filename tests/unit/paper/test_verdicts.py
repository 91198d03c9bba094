"""Verdicts on the paper's claims: the rules, on made-up effects and runs."""

from pathlib import Path
from typing import Any

import fake_results
import numpy as np
import pandas as pd
import pytest

from supernet.config.study import Study
from supernet.paper import catalogue
from supernet.paper.load import Results
from supernet.paper.verdicts import FEWEST_SETTINGS, SpaceAnswer, claim_2, claim_3, tau_difference_interval, verdict


def effects(**rows: list[tuple[float, float]]) -> pd.DataFrame:
    """Return effects of factors from (effect, corrected p), each with an interval of ± .05."""
    return pd.DataFrame(
        [
            {
                "space": "darts", "factor": factor, "effect": effect, "low": effect - 0.05, "high": effect + 0.05,
                "p_holm": p, "left_out": "",
            }
            for factor, pairs in rows.items()
            for effect, p in pairs
        ],
        columns=["space", "factor", "effect", "low", "high", "p_holm", "left_out"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ({"epochs": [(-0.4, 0.01)], "path_sampling": [(0.1, 1.0)], "layers": [(-0.2, 0.02)]}, "yes"),
        # Without a significant effect of epochs there is no verdict, regardless of its size.
        ({"epochs": [(-0.4, 0.2)], "path_sampling": [(0.1, 1.0)], "layers": [(-0.2, 0.02)]}, "unknown"),
        # Path sampling matters more.
        ({"epochs": [(-0.1, 0.01)], "path_sampling": [(0.3, 0.01)], "layers": [(-0.2, 0.02)]}, "no"),
        # It may matter as much: its interval is not within the effect of epochs.
        ({"epochs": [(-0.12, 0.01)], "path_sampling": [(0.1, 1.0)], "layers": [(-0.2, 0.02)]}, "unknown"),
        # Low fidelity helps.
        ({"epochs": [(-0.4, 0.01)], "path_sampling": [(0.1, 1.0)], "channels": [(0.2, 0.02)]}, "no"),
        ({"epochs": [(-0.4, 0.01)], "path_sampling": [(0.1, 1.0)], "channels": [(0.2, 0.02), (-0.2, 0.02)]}, "unknown"),
        # Factors that were not swept decide nothing.
        ({"epochs": [(-0.4, 0.01)], "layers": [(-0.2, 0.02)]}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_claim_2(rows: dict[str, list[tuple[float, float]]], answer: str) -> None:
    assert claim_2(effects(**rows), "darts").answer == answer
    # Another space and effects that are left out do not count.
    assert claim_2(effects(**rows), "nasbench201").answer == "unknown"
    assert claim_2(effects(**rows).assign(left_out="pool"), "darts").answer == "unknown"


def test_one_no_refutes_and_every_space_must_say_yes() -> None:
    def say(*answers: Any) -> str:
        return verdict([SpaceAnswer("darts", answer) for answer in answers])

    assert say("yes", "yes", "yes") == "reproduced"
    assert say("yes", "no", "unknown") == "not reproduced"
    assert say("yes", "unknown") == say("unknown") == say() == "undecided"


def test_the_difference_of_taus_is_resampled_by_setting() -> None:
    rng = np.random.default_rng(0)
    final = rng.uniform(size=30)
    settings = np.repeat([f"s{number}" for number in range(10)], 3)
    low, high = tau_difference_interval(settings, rng.uniform(size=30), final, final, rng)
    assert 0 < low < high
    low, high = tau_difference_interval(settings, final, rng.uniform(size=30), final, rng)
    assert low < high < 0
    # Three copies of a run are not three runs: the interval is as wide as with one of each.
    one = np.arange(0, 30, 3)
    apart = [
        tau_difference_interval(settings[one], rng.uniform(size=10), final[one], final[one], rng) for _ in range(5)
    ]
    copies = [
        tau_difference_interval(
            settings, np.repeat(rng.uniform(size=10), 3), np.repeat(final[one], 3), np.repeat(final[one], 3), rng
        )
        for _ in range(5)
    ]
    widths = [np.mean([high - low for low, high in intervals]) for intervals in (apart, copies)]
    assert widths[1] > 0.75 * widths[0]


def test_claim_3_needs_settings(tmp_path: Path) -> None:
    space = {"truth": {"channels": 8, "layers": 3, "epochs": 2, "train_portion": 0.75}, "seeds": [0]}
    sweep = {"learning_rate": [0.01, 0.05, 0.1], "epochs": [10, 20, 30], "weight_decay": [0.1, 0.2, 0.3]}
    content = {"study": "case", "title": "A case", "data": {"name": "digits", "scoring_portion": 0.25}}
    baseline = {"train_portion": 0.75}
    for swept, enough in (({"learning_rate": [0.01, 0.05]}, False), (sweep, True)):
        spaces = {"darts": {**space, "baseline": baseline, "sweep": swept}}
        study = Study.model_validate({**content, "pool": {"size": 20}, "spaces": spaces})
        folder = fake_results.write_results(study, tmp_path / str(enough), frozenset())
        said = claim_3(Results(study, folder), "darts")
        assert (said.numbers["settings"] >= FEWEST_SETTINGS) is enough
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
