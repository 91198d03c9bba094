"""All metrics of a run at once: names, values, order of architectures, and errors."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_samples import evaluated, example, explicit_metrics, quick, same, tau_b_by_pairs
from scipy import stats

from supernet.metrics.definitions import positional_sparse_kendall_tau, round_truth, sparse_kendall_tau
from supernet.metrics.evaluate import correlations, evaluate, predictor_taus

METRICS_OF_A_SCORE = ["kdt", "s_kdt", "spearman", "s_kdt_positional_0.1", "s_kdt_positional_1"]
METRICS_OF_A_SCORE += ["p_surpass", "p_surpass_complement", "final_mean", "final_std", "final_best"]


def test_evaluate_reports_every_metric_once_per_score():
    measures = evaluated(*example())
    names = [(measure.metric, measure.score) for measure in measures]
    assert len(set(names)) == len(names)
    expected = {("accuracy", "accuracy"), ("accuracy_std", "accuracy"), ("loss", "loss")}
    assert set(names) == expected | set(itertools.product(METRICS_OF_A_SCORE, ("accuracy", "loss")))
    assert all(measure.n == 40 for measure in measures)


def test_evaluate_gives_the_metrics_and_ordered_intervals():
    pool = example()
    options = {"threshold": 2e-3, "k": 6, "draws": 4}
    expected = explicit_metrics(*pool, population_truth=pool[2], **options)
    for measure in evaluated(*pool, **options):
        assert same(measure.estimate.value, expected[measure.score, measure.metric]), measure
        assert measure.estimate.low <= measure.estimate.high


def test_evaluate_depends_on_the_generator_alone():
    pool = example()
    assert evaluated(*pool, seed=4) == evaluated(*pool, seed=4)
    assert evaluated(*pool, seed=4) != evaluated(*pool, seed=5)


def test_scores_that_are_measured_together_are_measured_as_alone():
    pools = [example(seed=seed) for seed in range(3)]
    truth = pools[0][2]
    scored = [(accuracy, loss) for accuracy, loss, _ in pools]
    options = {"threshold": 1e-3, "resamples": 50}
    search = {"k": 5, "draws": 5, "population": len(truth), "population_truth": truth}
    for measure, more in ((evaluate, search), (correlations, {})):
        together = measure(scored, truth, rng=np.random.default_rng(1), **options, **more)
        alone = [measure([one], truth, rng=np.random.default_rng(1), **options, **more)[0] for one in scored]
        assert together == alone
        assert together[0] != together[1]
        assert measure([], truth, rng=np.random.default_rng(1), **options, **more) == []


def test_evaluate_ranks_by_negative_loss():
    truth = np.array([0.90, 0.91, 0.92, 0.93])
    measures = evaluated(truth, truth, truth, k=1)
    kdt = {measure.score: measure.estimate.value for measure in measures if measure.metric == "kdt"}
    best = {measure.score: measure.estimate.value for measure in measures if measure.metric == "final_best"}
    assert kdt == {"accuracy": pytest.approx(1), "loss": pytest.approx(-1)}
    assert best == {"accuracy": 0.93, "loss": 0.90}


def test_equal_accuracies_are_ranked_by_loss():
    truth = np.array([0.90, 0.91, 0.92, 0.93])
    measures = evaluated(np.full(4, 0.1), np.array([2.3, 2.2, 2.0, 2.1]), truth, k=1)
    best = {measure.score: measure.estimate.value for measure in measures if measure.metric == "final_best"}
    assert best == {"accuracy": 0.92, "loss": 0.92}


@quick
@given(st.permutations(range(20)))
def test_evaluate_does_not_depend_on_the_order_of_architectures(order):
    rng = np.random.default_rng(2)
    accuracy, loss, truth = rng.random(20), rng.random(20), 0.9 + rng.random(20) / 20
    order = np.array(order)
    pairs = zip(evaluated(accuracy, loss, truth), evaluated(accuracy[order], loss[order], truth[order]), strict=True)
    for one, other in pairs:
        assert same(one.estimate.value, other.estimate.value)


def test_a_collapsed_super_net_has_no_correlation():
    """Chance accuracy for all: undefined correlations, while the rest is still reported."""
    _, _, truth = example()
    measures = evaluated(np.full(40, 0.1), np.full(40, 2.3), truth)
    by_name = {(measure.metric, measure.score): measure.estimate for measure in measures}
    for name in ("kdt", "s_kdt", "spearman"):
        assert all(math.isnan(value) for value in dataclasses.astuple(by_name[name, "accuracy"]))
    assert dataclasses.astuple(by_name["accuracy", "accuracy"]) == pytest.approx((0.1, 0.1, 0.1))
    assert same(by_name["final_mean", "accuracy"].value, truth[:5].mean())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accuracy": [0.1, math.nan, 0.3]}, "accuracy: nan at index 1.*diverged"),
        ({"loss": [math.inf, 2.0, 2.0]}, "loss: inf at index 0.*diverged"),
        ({"accuracy": [10.0, 20.0, 30.0]}, "accuracy: .*divide percent by 100"),
        ({"truth": [0.8, 0.9]}, "lengths accuracy 3, loss 3, truth 2"),
        (
            {"accuracy": [0.1, 0.2], "loss": [1, 2], "truth": [0.8, 0.9]},
            "2 architectures, expected at least 3",
        ),
        ({"k": 4}, "k is 4, expected 1 to 3"),
        ({"draws": 0}, "draws is 0"),
        ({"population": 423_624}, "population is 423624 but population_truth holds 3"),
        ({"threshold": 0.0}, "threshold is 0.0"),
        ({"resamples": 0}, "resamples is 0"),
    ],
)
def test_evaluate_says_what_is_wrong(changes, message):
    arguments = {
        "accuracy": [0.1, 0.2, 0.3],
        "loss": [2.2, 2.1, 2.0],
        "truth": [0.8, 0.9, 0.85],
        "k": 2,
    } | changes
    population = {"population_truth": [0.8, 0.9, 0.85], "population": 3}
    with pytest.raises(ValueError, match=message):
        evaluated(**(population | arguments))


def test_predictor_taus_are_taus_of_the_predictor():
    accuracy, _, truth = example()
    parameters = np.round(1e6 + 1e7 * accuracy).astype(int)
    found = predictor_taus(parameters, truth, 2e-3, np.random.default_rng(0), resamples=100)
    kdt, s_kdt = found["kdt"], found["s_kdt"]
    assert same(kdt.value, tau_b_by_pairs(parameters, truth))
    assert same(s_kdt.value, sparse_kendall_tau(parameters, truth, 2e-3))
    assert kdt.low < kdt.value < kdt.high
    with pytest.raises(ValueError, match="at least 3"):
        predictor_taus([1, 2], [0.1, 0.2], 1e-3, np.random.default_rng(0))


def test_predictors_have_every_s_kdt() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.85, 0.95, 30)
    predictor = truth + 0.02 * rng.normal(size=30)
    found = predictor_taus(predictor, truth, 2e-3, rng, resamples=100)
    assert found["s_kdt"].value == pytest.approx(stats.kendalltau(predictor, round_truth(truth, 2e-3)).statistic)
    assert found["s_kdt_positional_1"].value == pytest.approx(positional_sparse_kendall_tau(predictor, truth, 1e-2))
    assert found["s_kdt_positional_0.1"].value == pytest.approx(positional_sparse_kendall_tau(predictor, truth, 1e-3))
