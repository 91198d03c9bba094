"""Metrics of a run: those of subsets of the pool, of a diverged run, and of both orders of the best architectures."""

import numpy as np
import pandas as pd
import pytest
from metric_samples import by_two_sorts
from scipy import stats

from supernet import spaces
from supernet.config.pool_name import PoolName
from supernet.config.splits import Sizes
from supernet.config.study import Study
from supernet.errors import UserError
from supernet.metrics.study_metrics import FEWEST, PoolTruth
from supernet.pools.draw import draw_pool
from supernet.pools.truth import COSTS
from supernet.rng import stream
from supernet.spaces.nasbench201.functions import function_of


def plain_study() -> Study:
    """A study of NASBench-201 with default metrics."""
    content = {"study": "case", "title": "A case", "data": {"name": "digits", "scoring_portion": 0.25}}
    space = {
        "truth": {"channels": 8, "layers": 3, "epochs": 2, "train_portion": 0.75},
        "baseline": {"train_portion": 0.75},
    }
    return Study.model_validate({**content, "metrics": {"resamples": 200}, "spaces": {"nasbench201": space}})


def test_subsets_of_a_pool_have_their_own_correlations() -> None:
    space = spaces.load("nasbench201")
    pool = draw_pool(space, 60, stream(1, "pool"))
    pool = pool.assign(truth=np.random.default_rng(2).uniform(0.5, 0.9, 60), **dict.fromkeys(COSTS, range(60)))
    truth = PoolTruth(plain_study(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000))
    scores = pd.DataFrame({"arch_id": pool["arch_id"], "bn_mode": "batch", "split": "scoring"})
    scores = scores.assign(accuracy=np.random.default_rng(3).uniform(0, 1, 60), loss=np.arange(60.0))
    found = {(row["metric"], row["score"]): row for row in truth.run_rows(scores, "complete")}
    top = pool["truth"] >= pool["truth"].sort_values().iloc[30]
    regular = [not space.degenerate(space.parse(text)) for text in pool["encoding"]]
    unique = ~pool["encoding"].map(lambda text: function_of(space.parse(text))).duplicated()
    assert 0 < unique.sum() < 60
    for subset, members in (("top_half", top), ("regular", regular), ("unique", unique)):
        chosen, row = scores[np.array(members)], found[f"kdt_{subset}", "accuracy"]
        tau = stats.kendalltau(chosen["accuracy"], pool["truth"][np.array(members)]).statistic
        assert row["estimate"] == pytest.approx(tau) and row["n"] == sum(members)
        assert row["low"] < row["estimate"] < row["high"]
    assert truth.facts()["degenerate"] == 60 - sum(regular) > 0
    references = pd.DataFrame(truth.references()).set_index(["name", "metric"])
    for subset, members in (("top_half", top), ("unique", unique)):
        expected = stats.kendalltau(pool["macs"][members], pool["truth"][members]).statistic
        row = references.loc[("macs", f"kdt_{subset}")]
        assert row["estimate"] == pytest.approx(expected) and row["n"] == members.sum()
    # A diverged run has the same rows, without numbers.
    lost = list(truth.run_rows(scores.assign(accuracy=np.nan), "diverged"))
    assert {(row["metric"], row["score"]) for row in lost} == set(found)
    assert all(np.isnan(row["estimate"]) for row in lost)


@pytest.mark.parametrize("name", ["nasbench101", "darts"])
def test_spaces_without_equal_functions_lack_the_subset(name: str) -> None:
    pool = draw_pool(spaces.load(name), 5, stream(1, "pool"))
    pool = pool.assign(truth=np.linspace(0.5, 0.9, 5), **dict.fromkeys(COSTS, range(5)))
    truth = PoolTruth(plain_study(), PoolName(name), pool, Sizes(10_000, 5_000, 45_000))
    scores = pool[["arch_id"]].assign(bn_mode="batch", split="scoring", accuracy=np.linspace(0, 1, 5), loss=0.0)
    rows = [*truth.run_rows(scores, "complete"), *truth.run_rows(scores, "diverged"), *truth.references()]
    assert {"kdt", "kdt_top_half"} <= {row["metric"] for row in rows}
    assert not any("unique" in row["metric"] for row in rows)


def test_a_pool_that_is_the_whole_space_has_no_error_of_sampling() -> None:
    space = spaces.load("nasbench201")
    texts = sorted(space.format(space.architecture(number)) for number in range(space.size))
    rng = np.random.default_rng(4)
    truth = rng.uniform(0.5, 0.9, len(texts))
    pool = pd.DataFrame({"arch_id": texts, "encoding": texts, "truth": truth, "truth_seed0": truth})
    pool = pool.assign(**dict.fromkeys(COSTS, range(len(texts))))
    scores = pd.DataFrame({"arch_id": texts, "bn_mode": "batch", "split": "scoring", "loss": rng.random(len(texts))})
    scores = scores.assign(accuracy=(truth + rng.normal(0, 0.1, len(texts))).clip(0, 1))
    for count in (len(texts), len(texts) - 1):
        known = pool.head(count)
        measured = PoolTruth(plain_study(), PoolName("nasbench201"), known, Sizes(10_000, 5_000, 45_000))
        rows = {(row["metric"], row["score"]): row for row in measured.run_rows(scores, "complete")}
        rows |= {(row["metric"], row["name"]): row for row in measured.references() if row["name"] == "macs"}
        for name in (
            ("kdt", "accuracy"),
            ("s_kdt_regular", "loss"),
            ("s_kdt_unique", "loss"),
            ("final_best", "loss"),
            ("kdt", "macs"),
        ):
            row = rows[name]
            assert (row["low"] == row["high"] == row["estimate"]) == (count == len(texts)), name
        assert rows["s_kdt_unique", "loss"]["n"] == 5_044 - (len(texts) - count)
        tau = stats.kendalltau(scores["accuracy"].head(count), known["truth"]).statistic
        assert rows["kdt", "accuracy"]["estimate"] == tau
        # One architecture of 15 625 is missing: the interval is small, but not empty.
        assert rows["kdt", "accuracy"]["high"] - rows["kdt", "accuracy"]["low"] < 1e-3


def test_further_truths_are_measured_as_the_ground_truth_is() -> None:
    """Scores are compared with another table on the nine architectures that it has, and so are costs and the truth."""
    space, rng = spaces.load("nasbench201"), np.random.default_rng(3)
    texts = sorted({space.format(arch) for arch in space.sample(rng, count=14)})
    count, names = len(texts), ("kdt", "s_kdt", "spearman")
    pool = pd.DataFrame({"arch_id": texts, "encoding": texts, "truth": rng.random(count)})
    pool = pool.assign(**{name: rng.permutation(count) for name in COSTS})
    other = pd.Series(rng.random(count), index=texts).iloc[[8, 3, 0, 1, 2, 4, 6, 7, 10]]
    scores = pd.DataFrame({"arch_id": texts, "bn_mode": "batch", "split": "scoring", "accuracy": rng.random(count)})
    scores = scores.assign(loss=-scores["accuracy"])
    plain = PoolTruth(plain_study(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000))
    truth = PoolTruth(plain_study(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000))
    truth.compare_with("nasbench201-cifar100", other, "another data set")
    rows = {(row["metric"], row["score"]): row for row in truth.run_rows(scores, "complete")}
    known = {(row["metric"], row["score"]): row for row in plain.run_rows(scores, "complete")}
    assert {name: rows[name] for name in known} == known and len(rows) == len(known) + 10
    score = scores.set_index("arch_id")["accuracy"][other.index]
    expected = stats.kendalltau(score, other).statistic
    for metric in names:
        row = rows[f"{metric}_nasbench201-cifar100", "accuracy"]
        assert row["n"] == 9 and row["low"] <= row["estimate"] <= row["high"]
    assert rows["kdt_nasbench201-cifar100", "accuracy"]["estimate"] == pytest.approx(expected)
    found = {(row["name"], row["metric"]): row for row in truth.references()}
    own = pool.set_index("arch_id").loc[other.index]
    between = found["nasbench201-cifar100", "kdt"]
    assert between["estimate"] == pytest.approx(stats.kendalltau(own["truth"], other).statistic) and between["n"] == 9
    costs = found["macs", "kdt_nasbench201-cifar100"]["estimate"]
    assert costs == pytest.approx(stats.kendalltau(own["macs"], other).statistic)
    assert truth.facts()["further"] == {"nasbench201-cifar100": "another data set"}
    with pytest.raises(UserError, match=r"further_truths: nasbench201-old: has 2 of the \d+ architectures of the pool"):
        truth.compare_with("nasbench201-old", other.head(2), "")


def test_a_subset_that_is_too_small_has_no_correlation() -> None:
    space = spaces.load("nasbench201")
    texts = [space.format(space.decode([1, 1, 1, 1, 4, number], "nats")) for number in range(5)]
    pool = pd.DataFrame({"arch_id": texts, "encoding": texts, "truth": np.linspace(0.5, 0.9, 5)}).sort_values("arch_id")
    pool = pool.assign(**dict.fromkeys(COSTS, range(5)))
    truth = PoolTruth(plain_study(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000))
    assert int(truth.parts["regular"].members.sum()) == 2 < FEWEST
    scores = pd.DataFrame({"arch_id": texts, "bn_mode": "batch", "split": "scoring", "accuracy": 0.5, "loss": 1.0})
    scores = scores.assign(accuracy=np.linspace(0, 1, 5), loss=np.linspace(1, 0, 5))
    rows = {row["metric"]: row for row in truth.run_rows(scores, "complete")}
    assert np.isnan(rows["kdt_regular"]["estimate"]) and np.isfinite(rows["kdt_top_half"]["estimate"])
    assert not any(row["metric"].endswith("_regular") for row in truth.references())


def test_the_measured_search_performance_has_the_order_of_the_study() -> None:
    space, study = spaces.load("nasbench201"), plain_study()
    rng = np.random.default_rng(0)
    drawn = {space.arch_id(arch): space.format(arch) for arch in space.sample(rng, "random_a", count=12)}
    costs = {name: np.arange(len(drawn)) + 1 for name in ("parameters", "macs", "live_macs")}
    truth = rng.permutation(len(drawn)) / 20 + 0.3
    pool = pd.DataFrame({"arch_id": list(drawn), "encoding": list(drawn.values()), "truth": truth, **costs})
    accuracy = rng.normal(size=len(drawn)).clip(-2, 2) / 10 + 0.5
    scored = {"arch_id": list(drawn), "bn_mode": "batch", "split": "test", "accuracy": accuracy, "loss": -accuracy}
    found = {}
    for order in ("sorted", "permuted_twice"):
        chosen = study.model_copy(update={"metrics": study.metrics.model_copy(update={"top_order": order})})
        measured = PoolTruth(chosen, chosen.main_pool("nasbench201"), pool, Sizes(100, 100, 100))
        rows = pd.DataFrame(measured.run_rows(pd.DataFrame(scored), "complete"))
        rows = rows[(rows["metric"] == "final_mean") & (rows["score"] == "accuracy")]
        found[order] = rows["estimate"].item()
    assert found["sorted"] == pytest.approx(np.mean(truth[np.argsort(-accuracy)[:5]]))
    assert found["permuted_twice"] == pytest.approx(np.mean(by_two_sorts(accuracy, truth, 5)))
    assert found["sorted"] != found["permuted_twice"]
