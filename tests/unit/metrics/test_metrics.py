"""Metrics against scipy, against definitions written out as loops, and against values worked out by hand."""

import dataclasses
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from supernet.metrics import definitions

METRICS_OF_A_SCORE = ["kdt", "s_kdt", "spearman", "s_kdt_positional_0.1", "s_kdt_positional_1"]
METRICS_OF_A_SCORE += ["p_surpass", "p_surpass_complement", "final_mean", "final_std", "final_best"]

# No deadline: a shared machine stalls now and then, and that is no failure.
quick = settings(max_examples=60, deadline=None)


def tau_b_by_pairs(x, y):
    """The textbook definition, pair by pair."""
    concordant = discordant = untied_x = untied_y = 0
    for i, j in itertools.combinations(range(len(x)), 2):
        product = (int(x[i] > x[j]) - int(x[i] < x[j])) * (int(y[i] > y[j]) - int(y[i] < y[j]))
        concordant += product > 0
        discordant += product < 0
        untied_x += x[i] != x[j]
        untied_y += y[i] != y[j]
    return (concordant - discordant) / math.sqrt(untied_x * untied_y) if untied_x and untied_y else math.nan


def positional_by_loop(scores, truth, threshold):
    """The authors' procedure on exact decimals: dense ranks along sorted ground truth, then both orders."""
    bins = [math.floor(Fraction(str(value)) / Fraction(str(threshold))) for value in truth]
    ranks, rank, previous = {}, -1, -1
    by_truth = sorted(range(len(truth)), key=lambda i: truth[i])
    for i in by_truth:
        rank += bins[i] > previous
        ranks[i], previous = rank, bins[i]
    by_score = sorted(range(len(truth)), key=lambda i: scores[i])
    return tau_b_by_pairs([ranks[i] for i in by_truth], [ranks[i] for i in by_score])


def same(value, expected):
    return value == pytest.approx(expected, abs=1e-12, nan_ok=True)


four_decimals = st.integers(0, 10_000).map(lambda i: i / 10_000)
coarse = st.integers(0, 12).map(lambda i: round(0.9 + i / 2000, 4))
accuracies = st.one_of(four_decimals, coarse)


@st.composite
def pools(draw, elements=accuracies, smallest=3):
    """Scores and ground truth of one length, ties likely."""
    n = draw(st.integers(smallest, 30))
    columns = st.lists(elements, min_size=n, max_size=n)
    return np.array(draw(columns)), np.array(draw(columns))


def example(n=40, seed=0, decimals=3):
    """A pool with ties: accuracy, loss and ground truth."""
    rng = np.random.default_rng(seed)
    truth = np.round(0.9 + 0.01 * rng.standard_normal(n), decimals)
    accuracy = np.round(0.4 + 3 * (truth - 0.9) + 0.03 * rng.standard_normal(n), 2)
    return accuracy, np.round(2 - accuracy + 0.02 * rng.standard_normal(n), 3), truth


def evaluated(accuracy, loss, truth, seed=1, **changes):
    options = {
        "threshold": 1e-3,
        "k": 5,
        "draws": 5,
        "population": len(truth),
        "population_truth": truth,
        "resamples": 50,
    }
    rng = np.random.default_rng(seed)
    return definitions.evaluate([(accuracy, loss)], truth, rng=rng, **(options | changes))[0]


@quick
@given(pools())
def test_kendall_tau_is_the_textbook_tau_b(pool):
    assert same(definitions.kendall_tau(*pool), tau_b_by_pairs(*pool))


@quick
@given(pools())
def test_spearman_is_pearson_of_mid_ranks(pool):
    scores, truth = pool
    assume(np.ptp(scores) > 0 and np.ptp(truth) > 0)
    expected = np.corrcoef(stats.rankdata(scores), stats.rankdata(truth))[0, 1]
    assert same(definitions.spearman(scores, truth), expected)


def test_known_correlations():
    # One swap of neighbours among four: 5 pairs agree, 1 disagrees; Spearman 1 - 6·2 / (4·15).
    assert same(definitions.kendall_tau([1, 2, 3, 4], [1, 3, 2, 4]), 4 / 6)
    assert same(definitions.spearman([1, 2, 3, 4], [1, 3, 2, 4]), 0.8)
    # A tie on one side: 5 pairs agree of 5 untied and 6 untied.
    assert same(definitions.kendall_tau([1, 2, 2, 3], [1, 2, 3, 4]), 5 / math.sqrt(30))


@pytest.mark.parametrize("correlation", [definitions.kendall_tau, definitions.spearman])
def test_a_constant_side_is_undefined(correlation):
    assert math.isnan(correlation([1, 1, 1], [1, 2, 3]))
    assert math.isnan(correlation([1, 2, 3], [0.5, 0.5, 0.5]))
    assert math.isnan(correlation([1], [1]))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2], [1, 2, 3], "lengths x 2, y 3"),
        ([[1, 2]], [1, 2], "shape"),
        ([1, math.nan], [1, 2], "nan at index 1"),
    ],
)
def test_unusable_arrays_are_named(x, y, message):
    with pytest.raises(ValueError, match=message):
        definitions.kendall_tau(x, y)


@pytest.mark.parametrize(
    ("truth", "threshold", "rounded", "floor"),
    [
        (0.9435, 0.001, 944, 943),  # 943.4999999999999 in binary
        (0.29, 0.01, 29, 29),  # 28.999999999999996 in binary
        (0.57, 0.01, 57, 57),  # 56.99999999999999 in binary
        (0.9434, 0.001, 943, 943),
        (0.94349, 0.001, 943, 943),
        (float(np.float32(0.9435)), 0.001, 944, 943),
        (float(np.float32(0.934)), 0.001, 934, 934),
        (1.0, 0.001, 1000, 1000),
        (0.0, 0.001, 0, 0),
    ],
)
def test_bin_edges_are_those_of_decimals(truth, threshold, rounded, floor):
    assert definitions.round_truth([truth], threshold).tolist() == [rounded]
    # Ranks show the floor: the edge itself shares a bin with the middle of the bin above it.
    middle = (floor + 0.5) * threshold if floor < 1 / threshold else 1.0
    assert definitions.positional_ranks([truth, middle], threshold).tolist() == [0, 0]


@quick
@given(
    st.lists(four_decimals, min_size=1, max_size=20),
    st.sampled_from(["0.0001", "0.0002", "0.0005", "0.001", "0.01", "0.05"]),
)
def test_bins_equal_exact_decimal_arithmetic(truth, threshold):
    exact = [Fraction(str(value)) / Fraction(threshold) for value in truth]
    assert definitions.round_truth(truth, float(threshold)).tolist() == [math.floor(e + Fraction(1, 2)) for e in exact]
    floors = sorted({math.floor(e) for e in exact})
    expected = [floors.index(math.floor(e)) for e in exact]
    assert definitions.positional_ranks(truth, float(threshold)).tolist() == expected
    in_float32 = np.array(truth, dtype=np.float32)
    assert definitions.positional_ranks(in_float32, float(threshold)).tolist() == expected


@pytest.mark.parametrize(
    ("truth", "threshold"), [([94.35], 1e-3), ([-0.1], 1e-3), ([0.9], 0.0), ([0.9], 1e-9), ([0.9], 2.0)]
)
def test_rounding_refuses_percent_and_odd_thresholds(truth, threshold):
    with pytest.raises(ValueError, match="fraction"):
        definitions.round_truth(truth, threshold)


@quick
@given(pools())
def test_sparse_tau_is_tau_against_rounded_truth(pool):
    scores, truth = pool
    rounded = [math.floor(Fraction(str(value)) * 1000 + Fraction(1, 2)) for value in truth]
    assert same(definitions.sparse_kendall_tau(scores, truth), tau_b_by_pairs(scores, rounded))


@quick
@given(pools(), st.sampled_from([0.001, 0.01]))
def test_positional_tau_is_the_authors_procedure(pool, threshold):
    assert same(definitions.positional_sparse_kendall_tau(*pool, threshold), positional_by_loop(*pool, threshold))


def test_positional_tau_by_hand():
    truth = [0.911, 0.9112, 0.925, 0.931]
    assert definitions.positional_ranks(truth, 1e-2).tolist() == [0, 0, 1, 2]
    assert definitions.positional_ranks(truth, 1e-3).tolist() == [0, 0, 1, 2]
    # In predicted order the ranks read 0 1 0 2, against 0 0 1 2. Pairs of positions (1,4), (2,4) and (3,4)
    # agree, (2,3) disagrees, (1,2) ties in the one and (1,3) in the other: (3 - 1) / sqrt(5 * 5).
    assert same(definitions.positional_sparse_kendall_tau([1, 3, 2, 4], truth), 2 / 5)
    assert same(definitions.positional_sparse_kendall_tau([1, 2, 3, 4], truth), 1.0)
    # Equal scores stay in the order of the input, so that this order is perfect and its reverse is not.
    assert same(definitions.positional_sparse_kendall_tau([7, 7, 7, 7], truth), 1.0)
    assert definitions.positional_sparse_kendall_tau([7, 7, 7, 7], truth[::-1]) < 0
    assert math.isnan(definitions.positional_sparse_kendall_tau([1, 2], [0.911, 0.912]))


@quick
@given(pools())
def test_a_monotone_change_of_scores_changes_no_correlation(pool):
    scores, truth = pool
    changed = np.exp(3 * scores) - 5
    for correlation in (
        definitions.kendall_tau,
        definitions.spearman,
        definitions.sparse_kendall_tau,
        definitions.positional_sparse_kendall_tau,
    ):
        assert same(correlation(changed, truth), correlation(scores, truth))


@quick
@given(st.data())
def test_the_order_of_architectures_changes_no_correlation(data):
    n = data.draw(st.integers(3, 20))
    truth = np.array(data.draw(st.lists(accuracies, min_size=n, max_size=n)))
    ties = np.array(data.draw(st.lists(accuracies, min_size=n, max_size=n)))
    distinct = np.array(data.draw(st.permutations(range(n))), dtype=float)
    order = np.array(data.draw(st.permutations(range(n))))
    for correlation in (definitions.kendall_tau, definitions.spearman, definitions.sparse_kendall_tau):
        assert same(correlation(ties[order], truth[order]), correlation(ties, truth))
    positional = definitions.positional_sparse_kendall_tau
    assert same(positional(distinct[order], truth[order]), positional(distinct, truth))


def test_top_k_breaks_ties_by_loss_then_by_index():
    scores = [0.5, 0.7, 0.7, 0.7, 0.1]
    assert definitions.top_k(scores, 4).tolist() == [1, 2, 3, 0]
    assert definitions.top_k(scores, 4, losses=[1, 3, 2, 2, 9]).tolist() == [2, 3, 1, 0]
    for k in (0, 6):
        with pytest.raises(ValueError, match=f"k is {k}, expected 1 to 5"):
            definitions.top_k(scores, k)


def test_truth_rank_counts_the_strictly_better():
    population = [0.1, 0.9, 0.5, 0.9, 0.7]
    assert [definitions.truth_rank(value, population) for value in (0.9, 0.7, 0.5, 0.1)] == [1, 3, 4, 5]
    assert definitions.truth_rank(0.6, population) == 4  # not in the sample: three are better
    assert definitions.truth_rank(0.0, population) == 5  # at most N
    assert definitions.truth_rank(1.0, population) == 1


def test_probability_to_surpass_by_hand():
    assert same(definitions.probability_to_surpass(rank=1, population=2, draws=3), 1 / 8)
    assert same(definitions.probability_to_surpass(rank=3, population=4, draws=2), 1 / 16)
    assert definitions.probability_to_surpass(rank=15_625, population=15_625, draws=10) == 0
    assert same(definitions.probability_to_surpass(rank=1, population=15_625, draws=10), (15_624 / 15_625) ** 10)


def test_probability_to_surpass_counts_random_searches():
    """All 5² random searches of two draws over five architectures: how many stay strictly below rank r."""
    for rank in range(1, 6):
        below = sum(best > rank for best in map(min, itertools.product(range(1, 6), repeat=2)))
        assert same(definitions.probability_to_surpass(rank, 5, 2), below / 25)


@pytest.mark.parametrize(("rank", "population", "draws"), [(0, 5, 1), (6, 5, 1), (1, 0, 1), (1, 5, 0)])
def test_probability_to_surpass_refuses_impossible_arguments(rank, population, draws):
    with pytest.raises(ValueError, match="expected"):
        definitions.probability_to_surpass(rank, population, draws)


def test_threshold_follows_images_and_noise():
    assert definitions.threshold_for(truth_se=0.02, images=10_000) == 0.001
    assert definitions.threshold_for(truth_se=0.02, images=1000) == 0.001
    assert definitions.threshold_for(truth_se=0.0, images=500) == 0.002
    assert definitions.threshold_for(truth_se=0.013, images=500) == 0.013
    assert definitions.threshold_for(truth_se=math.nan, images=500) == 0.002
    for truth_se, images in ((0.1, 0), (-0.1, 500), (math.inf, 500)):
        with pytest.raises(ValueError, match="expected"):
            definitions.threshold_for(truth_se, images)


def test_seed_noise_by_hand():
    nan = math.nan
    truth = [[0.5, 0.7, nan], [0.2, nan, nan], [0.1, 0.2, 0.3], [0.6, 0.9, 0.9]]
    noise = definitions.seed_noise(truth)
    variance = (0.02 + 0.02 + 0.06) / (1 + 2 + 2)  # sums of squares over degrees of freedom
    assert same(noise.std, math.sqrt(variance))
    assert same(noise.standard_error, math.sqrt(variance * (1 / 2 + 1 + 1 / 3 + 1 / 3) / 4))
    # Seeds 1 and 2 share three architectures, in one order: .5 .1 .6 and .7 .2 .9. Other seeds share only
    # two.
    assert same(noise.tau, 1.0)
    assert noise.pairs == 3


def test_seed_noise_recovers_a_simulated_noise():
    rng = np.random.default_rng(3)
    truth = 0.9 + 0.01 * rng.standard_normal((4000, 1)) + 0.002 * rng.standard_normal((4000, 3))
    noise = definitions.seed_noise(truth)
    assert noise.std == pytest.approx(0.002, rel=0.03)
    assert noise.standard_error == pytest.approx(0.002 / math.sqrt(3), rel=0.03)
    # Two seeds are bivariate normal with correlation 1 / (1 + .04), whose tau is 2/π asin.
    assert noise.tau == pytest.approx(2 / math.pi * math.asin(1 / 1.04), abs=0.01)


def test_seed_noise_without_enough_seeds():
    single = definitions.seed_noise([[0.1], [0.2], [0.3]])
    assert single.pairs == 0
    assert all(math.isnan(value) for value in (single.std, single.standard_error, single.tau))
    two = definitions.seed_noise([[0.1, 0.2], [0.2, 0.3]])
    assert same(two.std, math.sqrt(0.005))
    assert math.isnan(two.tau)
    with pytest.raises(ValueError, match="architecture 1 has no ground truth"):
        definitions.seed_noise([[0.1, 0.2], [math.nan, math.nan]])
    for unusable in ([0.1, 0.2], [[0.1, math.inf]], np.empty((0, 3))):
        with pytest.raises(ValueError, match="shape"):
            definitions.seed_noise(unusable)


def explicit_metrics(accuracy, loss, truth, *, threshold, k, draws, population_truth):
    """Every metric of one explicit pool through the public functions."""
    values = {
        ("accuracy", "accuracy"): np.mean(accuracy),
        ("accuracy", "accuracy_std"): np.std(accuracy),
        ("loss", "loss"): np.mean(loss),
    }
    for name, scores in (("accuracy", accuracy), ("loss", -loss)):
        best = truth[definitions.top_k(scores, k, loss)]
        rank = definitions.truth_rank(best.max(), population_truth)
        surpass = definitions.probability_to_surpass(rank, len(population_truth), draws)
        values |= {
            (name, "kdt"): stats.kendalltau(scores, truth).statistic,
            (name, "s_kdt"): stats.kendalltau(scores, definitions.round_truth(truth, threshold)).statistic,
            (name, "spearman"): stats.spearmanr(scores, truth).statistic,
            (name, "s_kdt_positional_0.1"): definitions.positional_sparse_kendall_tau(scores, truth, 1e-3),
            (name, "s_kdt_positional_1"): definitions.positional_sparse_kendall_tau(scores, truth, 1e-2),
            (name, "p_surpass"): surpass,
            (name, "p_surpass_complement"): 1 - surpass,
            (name, "final_mean"): np.mean(best),
            (name, "final_std"): np.std(best),
            (name, "final_best"): np.max(best),
        }
    return values


def families_of(accuracy, loss, truth, *, threshold, **search):
    known = definitions.GroundTruth(truth, threshold)
    families = [
        ("accuracy", definitions.moments(accuracy, "accuracy", "accuracy_std")),
        ("loss", definitions.moments(loss, "loss")),
    ]
    for name, scores in (("accuracy", accuracy), ("loss", -loss)):
        families += [
            (name, definitions.rank_correlations(definitions.Ordering(scores), known)),
            (name, definitions.positional_correlation(definitions.Ordering(scores), known, "0.1")),
            (name, definitions.positional_correlation(definitions.Ordering(scores), known, "1")),
            (name, definitions.search_performance(scores, loss, truth, **search)),
        ]
    return families


@pytest.mark.parametrize(("n", "decimals"), [(12, 2), (40, 3), (61, 6), (128, 3), (129, 2), (200, 4)])
def test_every_resample_equals_an_explicit_pool(n, decimals):
    accuracy, loss, truth = example(n, seed=n, decimals=decimals)
    options = {
        "threshold": 2e-3,
        "k": 4,
        "draws": 3,
        "population_truth": np.append(truth, [0.95, 0.91, 0.88]),
    }
    counts = definitions.resample_counts(n, 40, np.random.default_rng(n))
    resamples = definitions.Resamples(counts)
    computed = {
        (score, name): values
        for score, family in families_of(accuracy, loss, truth, **options)
        for name, values in family(resamples).items()
    }
    for row, weights in enumerate(counts.astype(int)):
        chosen = np.repeat(np.arange(n), weights)
        expected = explicit_metrics(accuracy[chosen], loss[chosen], truth[chosen], **options)
        assert computed.keys() == expected.keys()
        for key, value in expected.items():
            assert same(computed[key][row], value), (key, row)


@quick
@given(pools(), st.integers(0, 2**32 - 1))
def test_resampled_correlations_with_any_ties(pool, seed):
    scores, truth = pool
    counts = definitions.resample_counts(len(scores), 5, np.random.default_rng(seed))
    family = definitions.rank_correlations(definitions.Ordering(scores), definitions.GroundTruth(truth, 1e-3))
    computed = family(definitions.Resamples(counts))
    for row, weights in enumerate(counts.astype(int)):
        chosen = np.repeat(np.arange(len(scores)), weights)
        assert same(computed["kdt"][row], tau_b_by_pairs(scores[chosen], truth[chosen]))
        assert same(computed["s_kdt"][row], definitions.sparse_kendall_tau(scores[chosen], truth[chosen]))
        assert same(computed["spearman"][row], definitions.spearman(scores[chosen], truth[chosen]))


def test_resample_counts_are_multinomial():
    counts = definitions.resample_counts(10, 20_000, np.random.default_rng(0))
    assert counts.shape == (20_000, 10)
    assert (counts.sum(axis=1) == 10).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.03)
    covariance = np.cov(counts.T)
    np.testing.assert_allclose(covariance, np.eye(10) - 0.1, atol=0.04)  # n (diag(p) - pp')


def test_blocks_do_not_change_the_intervals(monkeypatch):
    pool = example()
    whole = evaluated(*pool)
    monkeypatch.setattr(definitions, "_BLOCK_ELEMENTS", 3 * len(pool[0]) + 1)
    for one, other in zip(whole, evaluated(*pool), strict=True):
        assert dataclasses.astuple(one.estimate) == pytest.approx(dataclasses.astuple(other.estimate), abs=1e-12)


def test_interval_is_the_percentile_of_the_resamples():
    accuracy, _, truth = example()
    estimate = definitions.predictor_taus(accuracy, truth, 1e-3, np.random.default_rng(5), resamples=200)["kdt"]
    counts = definitions.resample_counts(len(truth), 200, np.random.default_rng(5)).astype(int)
    chosen = [np.repeat(np.arange(len(truth)), weights) for weights in counts]
    taus = [stats.kendalltau(accuracy[i], truth[i]).statistic for i in chosen]
    assert same(estimate.value, stats.kendalltau(accuracy, truth).statistic)
    assert same([estimate.low, estimate.high], np.percentile(taus, [2.5, 97.5]).tolist())


def test_intervals_cover_the_tau_of_a_bivariate_normal():
    rng = np.random.default_rng(11)
    correlation = 0.6
    expected = 2 / math.pi * math.asin(correlation)
    covered = 0
    for _ in range(300):
        x, y = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=60).T
        estimate = definitions.predictor_taus(x, stats.norm.cdf(y), 1e-3, rng, resamples=300)["kdt"]
        covered += estimate.low <= expected <= estimate.high
    # 95 % nominal; the standard error of 300 trials is 1.3 %, and the percentile bootstrap falls a little
    # short at n = 60.
    assert 0.90 <= covered / 300 <= 0.985


def test_undefined_resamples_are_dropped_until_they_are_many():
    def family_with(undefined):
        def family(resamples):
            values = np.arange(resamples.counts.shape[1], dtype=float)
            return {"metric": np.where(values < undefined, np.nan, values)}

        return family

    rng = np.random.default_rng(0)
    few = definitions.bootstrap([("score", family_with(5))], 3, rng, resamples=100)[0].estimate
    assert (few.low, few.high) == tuple(np.percentile(np.arange(5, 100), [2.5, 97.5]))
    many = definitions.bootstrap([("score", family_with(6))], 3, rng, resamples=100)[0].estimate
    assert math.isnan(many.low) and math.isnan(many.high)


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
    for measure, more in ((definitions.evaluate, search), (definitions.correlations, {})):
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
    found = definitions.predictor_taus(parameters, truth, 2e-3, np.random.default_rng(0), resamples=100)
    kdt, s_kdt = found["kdt"], found["s_kdt"]
    assert same(kdt.value, tau_b_by_pairs(parameters, truth))
    assert same(s_kdt.value, definitions.sparse_kendall_tau(parameters, truth, 2e-3))
    assert kdt.low < kdt.value < kdt.high
    with pytest.raises(ValueError, match="at least 3"):
        definitions.predictor_taus([1, 2], [0.1, 0.2], 1e-3, np.random.default_rng(0))
