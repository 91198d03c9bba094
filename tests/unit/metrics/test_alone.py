"""Stand-alone accuracies by value of a factor: the best one, its tests, and trainings that diverged."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from supernet.metrics.alone import Alone, accuracies, compare, interval, paired_p

ARCHITECTURES = [f"a{number:02}" for number in range(12)]
CHANCE = 0.1


def rows_of(accuracy: dict[tuple[str, str], np.ndarray], seeds: int = 1) -> pd.DataFrame:
    """Return trainings from (factor, value): accuracies (architectures,), with noise that cancels over seeds."""
    shifts = np.linspace(-0.01, 0.01, seeds) if seeds > 1 else [0.0]
    return pd.DataFrame(
        [
            {"arch_id": arch_id, "factor": factor, "value": value, "seed": seed, "accuracy": one + shifts[seed],
             "test_accuracy": one, "diverged_at": None}
            for (factor, value), known in accuracy.items()
            for arch_id, one in zip(ARCHITECTURES, known, strict=False)
            for seed in range(seeds)
        ]
    )  # fmt: skip


def planted(seed: int = 0, **steps: float) -> dict[tuple[str, str], np.ndarray]:
    """Return accuracies of a baseline, and of other learning rates that are better by a step."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.5, 0.8, len(ARCHITECTURES))
    found = {("baseline", ""): level + 0.01 * rng.normal(size=len(level))}
    for value, step in steps.items():
        found["learning_rate", value] = level + step + 0.01 * rng.normal(size=len(level))
    return found


def by_value(found: list[Alone]) -> dict[str, Alone]:
    return {one.value: one for one in found}


def test_values_are_compared_with_the_best_one_as_scipy_does() -> None:
    accuracy = planted(low=-0.05, high=0.02)
    found = by_value(compare(rows_of(accuracy, seeds=3), "learning_rate", ["low", "base", "high"], "base", CHANCE))
    own = {"base": accuracy["baseline", ""], **{value: accuracy["learning_rate", value] for value in ("low", "high")}}
    assert [value for value, one in found.items() if one.is_best] == ["high"]
    for value in ("low", "base"):
        expected = stats.ttest_rel(own[value], own["high"])
        # Three pairs of values, because the best was chosen.
        assert found[value].p == pytest.approx(min(1.0, 3 * expected.pvalue))
        assert found[value].difference == pytest.approx((own[value] - own["high"]).mean())
        assert found[value].worse == (found[value].p < 0.05)
    assert found["low"].worse and not found["high"].worse and np.isnan(found["high"].p)
    for value, one in found.items():
        mean, error = own[value].mean(), own[value].std(ddof=1) / np.sqrt(12)
        assert one.mean == pytest.approx(mean) and (one.architectures, one.trainings, one.diverged) == (12, 36, 0)
        assert (one.low, one.high) == pytest.approx(stats.t.interval(0.95, 11, mean, error))


def test_a_diverged_training_counts_as_a_guess() -> None:
    accuracy = planted(high=0.05)
    rows = rows_of(accuracy, seeds=2)
    lost = (rows["value"] == "high") & (rows["seed"] == 1)
    rows.loc[lost, "accuracy"] = np.nan
    rows["diverged_at"] = np.where(lost, 7, None)
    found = by_value(compare(rows, "learning_rate", ["base", "high"], "base", CHANCE))
    # Half of its trainings are guesses: the value is the worse one, though every other training is better.
    assert found["base"].is_best and found["high"].worse and found["high"].diverged == 12
    expected = (accuracy["learning_rate", "high"] - 0.01 + CHANCE) / 2
    assert found["high"].mean == pytest.approx(expected.mean())
    assert accuracies(rows[rows["value"] == "high"], CHANCE)["a03"] == pytest.approx(expected[3])


def test_only_architectures_with_all_values_are_compared() -> None:
    accuracy = planted(high=0.1)
    accuracy["learning_rate", "high"] = accuracy["learning_rate", "high"][:5]
    found = by_value(compare(rows_of(accuracy), "learning_rate", ["base", "high"], "base", CHANCE))
    assert found["base"].architectures == found["high"].architectures == 5
    assert found["base"].mean == pytest.approx(accuracy["baseline", ""][:5].mean())
    assert compare(rows_of(planted()), "learning_rate", ["base", "high"], "base", CHANCE) == []


def test_equal_values_have_the_first_one_as_the_best_and_no_difference() -> None:
    same: Any = np.full(4, 0.5)
    rows = rows_of({("baseline", ""): same, ("batch_norm", "none"): same})
    found = compare(rows, "batch_norm", ["affine", "none"], "affine", CHANCE)
    assert [one.is_best for one in found] == [True, False] and found[1].p == 1 and not found[1].worse


def test_the_paired_test_has_its_limits() -> None:
    assert paired_p(np.array([0.3])) == 1 and paired_p(np.zeros(4)) == 1 and paired_p(np.full(4, 0.1)) == 0
    assert np.isnan(interval(np.array([0.3]))).all()
