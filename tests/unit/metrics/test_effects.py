"""Effects of settings: against other programs, by hand, and by simulation with known effects."""

import numpy as np
import pytest
from scipy import stats

from supernet.metrics.effects import METRICS, Effect, effects, holm, pooled_variance

POOL = 40


def simulate(rng: np.random.Generator, skills: dict[str, float], seeds: int, spread: float) -> dict[str, np.ndarray]:
    """Draw scores (seeds, n) of settings with these skills; half of their error is shared."""
    shared = rng.normal(size=POOL)
    return {
        name: np.stack(
            [
                (skill + spread * rng.normal()) * TRUTH_Z + np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(size=POOL)
                for _ in range(seeds)
            ]
        )
        for name, skill in skills.items()
    }


TRUTH_Z = stats.norm.ppf((np.arange(POOL) + 0.5) / POOL)
TRUTH = 0.8 + 0.02 * TRUTH_Z


def of(
    scores: dict[str, np.ndarray], rng: np.random.Generator, resamples: int = 300, metric: str = "kdt"
) -> dict[str, Effect]:
    """Return the effects on one metric by setting."""
    others = {name: value for name, value in scores.items() if name != "baseline"}
    found = effects(scores["baseline"], others, TRUTH, 1e-4, rng, resamples)
    return {one.setting: one for one in found if one.metric == metric}


def test_the_effect_is_the_difference_of_mean_taus() -> None:
    rng = np.random.default_rng(0)
    scores = simulate(rng, {"baseline": 1.0, "worse": 0.2}, seeds=3, spread=0.1)
    taus = {name: [stats.kendalltau(one, TRUTH).statistic for one in value] for name, value in scores.items()}
    found = of(scores, rng)["worse"]
    assert found.effect == pytest.approx(np.mean(taus["worse"]) - np.mean(taus["baseline"]))
    assert found.low < found.effect < found.high and found.effect < 0
    assert (found.seeds, found.baseline_seeds, found.covers_seeds) == (3, 3, True)
    assert {one.metric for one in effects(scores["baseline"], {"worse": scores["worse"]}, TRUTH, 1e-4, rng, 50)} == set(
        METRICS
    )


def test_pooled_variance_is_that_of_an_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    groups = [rng.normal(size=size) for size in (3, 1, 2, 4)]
    variance, freedom = pooled_variance(groups)
    assert freedom == 6
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    assert variance == pytest.approx(within / 6)
    # Two groups of equal size: the standard error of Student's t test.
    first, second = rng.normal(size=5), rng.normal(size=5)
    variance, _ = pooled_variance([first, second])
    t = (first.mean() - second.mean()) / np.sqrt(variance * 2 / 5)
    assert t == pytest.approx(stats.ttest_ind(first, second).statistic)
    assert pooled_variance([np.array([0.3]), np.array([0.5])]) == (0.0, 0)


def test_holm_by_hand() -> None:
    # 4 x .01, 3 x .02 = .06, 2 x .03 = .06, 1 x .5; never below the one before.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_one_seed_covers_architectures_alone() -> None:
    rng = np.random.default_rng(2)
    found = of(simulate(rng, {"baseline": 1.0, "other": 1.0}, seeds=1, spread=0.0), rng)["other"]
    assert not found.covers_seeds and found.low < found.effect < found.high


def test_resampling_jointly_is_sharper_than_apart() -> None:
    """Half of the error of both is the same and cancels in their difference."""
    rng = np.random.default_rng(3)
    scores = simulate(rng, {"baseline": 1.0, "other": 1.0}, seeds=1, spread=0.0)
    scores["other"] = scores["baseline"] + 0.2 * rng.normal(size=(1, POOL))
    together = of(scores, rng)["other"]
    alone = []
    for value in scores.values():
        draws = rng.integers(POOL, size=(400, POOL))
        alone.append(np.var([stats.kendalltau(value[0][d], TRUTH[d]).statistic for d in draws], ddof=1))
    assert together.high - together.low < 0.7 * 2 * 1.96 * np.sqrt(sum(alone))


def test_a_run_without_a_correlation_is_taken_out() -> None:
    rng = np.random.default_rng(4)
    scores = simulate(rng, {"baseline": 1.0, "half": 1.0, "gone": 1.0}, seeds=2, spread=0.1)
    scores["half"][0] = 0.5
    scores["gone"][:] = 0.5
    found = of(scores, rng)
    assert set(found) == {"half"} and found["half"].seeds == 1
    scores["baseline"][:] = 0.5
    assert of(scores, rng) == {}


def test_coverage_and_false_positives_by_simulation() -> None:
    """About one in twenty studies without any effect finds one; intervals contain the true effect of zero."""
    rng = np.random.default_rng(5)
    names = ["baseline", "a", "b", "c"]
    covered, false_positives, trials = 0, 0, 120
    for _ in range(trials):
        # The contribution of an architecture is drawn again: the interval is for other pools of the space.
        found = of(simulate(rng, dict.fromkeys(names, 0.8), seeds=2, spread=0.15), rng, resamples=150)
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
            scores = simulate(rng, {"baseline": 1.2, "none": 1.2, "other": 1.2 - skill * 0.4}, seeds=2, spread=0.05)
            seen[skill] += of(scores, rng, resamples=150)["other"].p_holm < 0.05
    assert seen[3.0] > 0.8 * trials and seen[0.2] < 0.4 * trials


def test_the_smallest_effect_grows_with_the_number_of_settings() -> None:
    rng = np.random.default_rng(7)
    scores = simulate(rng, dict.fromkeys(["baseline", *"abcdefgh"], 1.0), seeds=2, spread=0.1)
    few = of({name: scores[name] for name in ("baseline", "a")}, np.random.default_rng(8))["a"]
    many = of(scores, np.random.default_rng(8))["a"]
    assert many.smallest > few.smallest > few.high - few.effect


def test_a_large_pool_has_the_errors_of_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same scores, measured in both ways."""
    rng = np.random.default_rng(9)
    scores = simulate(rng, {"baseline": 1.0, "worse": 0.3, "lost": 1.0}, seeds=2, spread=0.1)
    scores["lost"][:] = 0.5
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
    # Student's t test of two samples of equal variance.
    taus = {name: [stats.kendalltau(one, TRUTH).statistic for one in value] for name, value in scores.items()}
    expected = stats.ttest_ind(taus["worse"], taus["baseline"])
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    # With one seed of each setting there is nothing to estimate an error from.
    single = {name: value[:1] for name, value in scores.items()}
    assert effects(single["baseline"], {"worse": single["worse"]}, TRUTH, 1e-4, rng, share=1.0) == []
