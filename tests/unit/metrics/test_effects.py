"""Effects of settings: against other programs, by hand, and by simulation with known effects."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from supernet.metrics.effects import METRICS, Effect, Scores, effects, holm, standard_error
from supernet.metrics.power import LEVEL

POOL = 40


def simulate(rng: np.random.Generator, skills: dict[str, float], seeds: int, spread: float) -> dict[str, Scores]:
    """Draw scores (n,) by seed of settings with these skills; half of their error is shared."""
    shared = rng.normal(size=POOL)
    return {
        name: {
            seed: (skill + spread * rng.normal()) * TRUTH_Z + np.sqrt(0.5) * (shared + rng.normal(size=POOL))
            for seed in range(seeds)
        }
        for name, skill in skills.items()
    }


TRUTH_Z = stats.norm.ppf((np.arange(POOL) + 0.5) / POOL)
TRUTH = 0.8 + 0.02 * TRUTH_Z


def of(
    scores: dict[str, Scores], rng: np.random.Generator, resamples: int = 300, metric: str = "kdt"
) -> dict[str, Effect]:
    """Return the effects on one metric by setting."""
    others = {name: value for name, value in scores.items() if name != "baseline"}
    found = effects(scores["baseline"], others, TRUTH, 1e-4, rng, resamples)
    return {one.setting: one for one in found if one.metric == metric}


def test_the_effect_is_the_difference_of_mean_taus() -> None:
    rng = np.random.default_rng(0)
    scores = simulate(rng, {"baseline": 1.0, "worse": 0.2}, seeds=3, spread=0.1)
    taus = {name: [stats.kendalltau(one, TRUTH).statistic for one in value.values()] for name, value in scores.items()}
    found = of(scores, rng)["worse"]
    assert found.effect == pytest.approx(np.mean(taus["worse"]) - np.mean(taus["baseline"]))
    assert found.low < found.effect < found.high and found.effect < 0
    assert (found.seeds, found.baseline_seeds, found.tested) == (3, 3, True)
    assert {one.metric for one in effects(scores["baseline"], {"worse": scores["worse"]}, TRUTH, 1e-4, rng, 50)} == set(
        METRICS
    )


def test_the_error_is_that_of_the_paired_t_test_and_without_three_seeds_that_of_the_pool() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=4), 3 * rng.normal(size=4)
    error = standard_error(first - second, 0.0)
    expected = stats.ttest_rel(first, second)
    assert error.p_value(first.mean() - second.mean()) == pytest.approx(expected.pvalue)
    assert error.freedom == pytest.approx(3) and error.tested
    interval = expected.confidence_interval(0.95)
    assert error.reach(0.05) == pytest.approx((interval.high - interval.low) / 2)
    # The variance from the choice of architectures is added, and has no degrees of freedom of its own.
    both = standard_error(first - second, 2.0)
    assert both.size**2 == pytest.approx(error.size**2 + 2) and both.freedom > error.freedom
    alone = standard_error(first[:2] - second[:2], 0.25)
    assert (alone.size, alone.freedom, alone.tested) == (0.5, np.inf, False) and np.isnan(alone.p_value(1.0))
    assert alone.reach(0.05) == pytest.approx(0.5 * stats.norm.ppf(0.975))
    assert standard_error(np.zeros(3), 0.0).p_value(0.1) == 0.0
    assert standard_error(np.zeros(3), 0.0).p_value(0.0) == 1.0


def false_positives(ratio: float, p_value: Callable[[np.ndarray, np.ndarray], float]) -> float:
    """Return the share of families of six settings without an effect, three seeds each, with a significant one.

    The values of settings vary `ratio` times as much as those of the baseline.
    """
    rng = np.random.default_rng(int(ratio))
    studies = 3_000
    base, others = rng.normal(size=(studies, 3)), ratio * rng.normal(size=(studies, 6, 3))
    found = [min(holm([p_value(one, own) for one in family])) < LEVEL for own, family in zip(base, others, strict=True)]
    return float(np.mean(found))


@pytest.mark.parametrize("ratio", [1, 4, 8])
def test_a_family_of_null_effects_has_few_false_positives_whatever_the_variances(ratio: int) -> None:
    rate = false_positives(ratio, lambda one, own: standard_error(one - own, 0.0).p_value((one - own).mean()))
    assert rate <= 0.06


def test_welchs_test_has_too_many() -> None:
    def welch(one: np.ndarray, own: np.ndarray) -> float:
        parts = one.var(ddof=1) / 3, own.var(ddof=1) / 3
        freedom = sum(parts) ** 2 / (sum(part**2 for part in parts) / 2)
        return float(2 * stats.t.sf(abs(one.mean() - own.mean()) / np.sqrt(sum(parts)), freedom))

    assert false_positives(8, welch) > 0.07


def test_planted_effects_are_found_at_three_seeds() -> None:
    rng = np.random.default_rng(11)
    trials, found = 40, 0
    for _ in range(trials):
        scores = simulate(rng, {"baseline": 1.5, "same": 1.5, "worse": 0.2}, seeds=3, spread=0.03)
        one = of(scores, rng, resamples=100)["worse"]
        found += one.p_holm < LEVEL and one.effect < 0
    assert found >= 0.9 * trials


def test_runs_of_one_seed_are_paired() -> None:
    rng = np.random.default_rng(9)
    scores = simulate(rng, {"baseline": 1.0, "other": 1.0}, seeds=4, spread=0.3)
    taus = {name: [stats.kendalltau(one, TRUTH).statistic for one in value.values()] for name, value in scores.items()}
    scores["other"] = {seed: scores["other"][seed] for seed in (1, 3)}
    found = of(scores, rng)["other"]
    assert found.effect == pytest.approx(np.mean([taus["other"][seed] - taus["baseline"][seed] for seed in (1, 3)]))
    assert (found.seeds, found.baseline_seeds, found.tested) == (2, 4, False)
    # The same scores as the baseline of its seed: no effect, whatever the other seeds are.
    scores["other"] = {2: scores["baseline"][2]}
    same = of(scores, rng)["other"]
    assert same.effect == same.low == same.high == 0.0
    scores["other"] = {7: scores["baseline"][2]}
    assert of(scores, rng) == {}


def test_intervals_stay_within_what_is_possible() -> None:
    rng = np.random.default_rng(10)
    scores = simulate(rng, {"baseline": 0.0, "other": 0.0}, seeds=3, spread=5.0)
    found = of(scores, rng)["other"]
    assert -2 <= found.low < found.high <= 2


def test_holm_by_hand() -> None:
    # 4 x .01, 3 x .02 = .06, 2 x .03 = .06, 1 x .5; never below the one before.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_are_not_tested(seeds: int) -> None:
    rng = np.random.default_rng(2)
    found = of(simulate(rng, {"baseline": 1.0, "other": 1.0}, seeds=seeds, spread=0.0), rng)["other"]
    assert not found.tested and found.low < found.effect < found.high
    assert np.isnan([found.p, found.p_holm, found.smallest]).all()


def test_resampling_jointly_is_sharper_than_apart() -> None:
    """Half of the error of both is the same and cancels in their difference."""
    rng = np.random.default_rng(3)
    scores = simulate(rng, {"baseline": 1.0, "other": 1.0}, seeds=1, spread=0.0)
    scores["other"] = {0: scores["baseline"][0] + 0.2 * rng.normal(size=POOL)}
    together = of(scores, rng)["other"]
    alone = []
    for value in scores.values():
        draws = rng.integers(POOL, size=(400, POOL))
        alone.append(np.var([stats.kendalltau(value[0][d], TRUTH[d]).statistic for d in draws], ddof=1))
    assert together.high - together.low < 0.7 * 2 * 1.96 * np.sqrt(sum(alone))


def test_a_run_without_a_correlation_is_taken_out() -> None:
    rng = np.random.default_rng(4)
    scores = simulate(rng, {"baseline": 1.0, "half": 1.0, "gone": 1.0}, seeds=2, spread=0.1)
    constant = np.full(POOL, 0.5)
    scores["half"] = {**scores["half"], 0: constant}
    scores["gone"] = dict.fromkeys(scores["gone"], constant)
    found = of(scores, rng)
    assert set(found) == {"half"} and found["half"].seeds == 1
    scores["baseline"] = dict.fromkeys(scores["baseline"], constant)
    assert of(scores, rng) == {}


def test_coverage_and_false_positives_by_simulation() -> None:
    """About one in twenty studies without any effect finds one; intervals contain the true effect of zero."""
    rng = np.random.default_rng(5)
    names = ["baseline", "a", "b", "c"]
    covered, false_positives, trials = 0, 0, 120
    for _ in range(trials):
        # The contribution of an architecture is drawn again: the interval is for other pools of the space.
        found = of(simulate(rng, dict.fromkeys(names, 0.8), seeds=3, spread=0.15), rng, resamples=150)
        covered += sum(one.low <= 0 <= one.high for one in found.values())
        false_positives += any(one.p_holm < 0.05 for one in found.values())
    # Three standard errors below 95 %: the interval may be too wide (the two errors overlap), never too narrow.
    assert covered / (3 * trials) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / (3 * trials))
    assert false_positives / trials < 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)


def test_an_effect_of_the_smallest_size_is_seen_and_a_third_of_it_is_not() -> None:
    rng = np.random.default_rng(6)
    seen = {0.2: 0, 3.0: 0}
    trials = 25
    for _ in range(trials):
        for skill in seen:
            scores = simulate(rng, {"baseline": 1.2, "none": 1.2, "other": 1.2 - skill * 0.4}, seeds=3, spread=0.05)
            seen[skill] += of(scores, rng, resamples=150)["other"].p_holm < 0.05
    assert seen[3.0] > 0.8 * trials and seen[0.2] < 0.4 * trials


def test_the_smallest_effect_grows_with_the_number_of_settings() -> None:
    rng = np.random.default_rng(7)
    scores = simulate(rng, dict.fromkeys(["baseline", *"abcdefgh"], 1.0), seeds=3, spread=0.1)
    few = of({name: scores[name] for name in ("baseline", "a")}, np.random.default_rng(8))["a"]
    many = of(scores, np.random.default_rng(8))["a"]
    assert many.smallest > few.smallest > few.high - few.effect


def test_a_large_pool_has_the_errors_of_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same scores, measured in both ways."""
    rng = np.random.default_rng(9)
    scores = simulate(rng, {"baseline": 1.0, "worse": 0.3, "lost": 1.0}, seeds=2, spread=0.1)
    scores["lost"] = dict.fromkeys(scores["lost"], np.full(POOL, 0.5))
    resampled = of(scores, rng, resamples=4_000)
    monkeypatch.setattr("supernet.metrics.effects.is_resampled", lambda n, share: False)
    for metric in METRICS:
        found = of(scores, rng, metric=metric)
        assert set(found) == {"worse"} and found["worse"].effect == pytest.approx(resampled["worse"].effect)
        # At 40 architectures; the difference gets smaller as pools grow.
        expected = resampled["worse"].high - resampled["worse"].low
        assert found["worse"].high - found["worse"].low == pytest.approx(expected, rel=0.15)


def test_scores_of_the_whole_space_leave_the_error_of_seeds_alone() -> None:
    rng = np.random.default_rng(10)
    scores = simulate(rng, {"baseline": 1.0, "worse": 0.3}, seeds=3, spread=0.1)
    (found,) = (
        one
        for one in effects(scores["baseline"], {"worse": scores["worse"]}, TRUTH, 1e-4, rng, share=1.0)
        if one.metric == "kdt"
    )
    taus = {name: [stats.kendalltau(one, TRUTH).statistic for one in value.values()] for name, value in scores.items()}
    expected = stats.ttest_rel(taus["worse"], taus["baseline"])
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    # With two seeds of each setting there is nothing to estimate an error from.
    few = {name: {seed: value[seed] for seed in (0, 1)} for name, value in scores.items()}
    assert effects(few["baseline"], {"worse": few["worse"]}, TRUTH, 1e-4, rng, share=1.0) == []
