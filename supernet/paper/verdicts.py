"""Verdicts of a study on the paper's four claims. Each follows from a fixed rule; missing data never decide one.

A claim is reproduced if its rule says yes in every space, not reproduced if it says no in any space, and undecided
otherwise. Effects are those of effects.parquet; they are significant at 5 % after Holm's correction. The rules:

1. *Super-net training differs from stand-alone training, which changes the best batch norm and learning rate.* A
   decision would require stand-alone networks trained with the swept settings. No study trains them: undecided. The
   table shows how far feature means move between paths of the super-net, and between batches of one path. 2. *Epochs
   matter strongly, path sampling barely; low-fidelity estimates hurt.* Yes in a space: an effect of `epochs` is
   significant, the intervals of all effects of `path_sampling` lie within its size, and an effect of layers, train
   portion, batch size or channels is significantly negative and none significantly positive. No: a significant effect
   of path sampling is larger than every effect of epochs, or an effect of low fidelity is significantly positive and
   none significantly negative. 3. *Super-net accuracy is an unreliable measure of a super-net; S-KdT is better.* Yes in
   a space: over its runs, Kendall's tau of S-KdT with final performance exceeds that of super-net accuracy, with the 95
   % interval of the difference above zero. No: the interval is below zero. Settings are resampled with all their seeds.
   S-KdT and final performance use the same scores, which causes part of their agreement. 4. *With a well-trained
   super-net, random search matches complex systems.* This requires search systems with two or more seeds each. Yes in a
   space: random search's mean ground truth is not worse than that of any other system by more than `MARGIN`, by
   one-sided tests of non-inferiority at 5 % (Welch's t over seeds). All tests must pass, so none is corrected. No: it
   is worse by more than `MARGIN` than at least one system, at 5 % after Bonferroni's correction. Two-sided tests of
   equivalence are counted in addition. The claim is undecided without search systems.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from supernet.metrics.definitions import kendall_tau
from supernet.metrics.effects import LEVEL
from supernet.paper.load import Results
from supernet.paper.summary import run_values
from supernet.rng import stream

Answer = Literal["yes", "no", "unknown"]
LOW_FIDELITY = ("layers", "train_portion", "batch_size", "channels")
FEWEST_SETTINGS = 8
RESAMPLES = 2_000
MARGIN = 0.005
"""Half a percentage point of accuracy: smaller differences are ignored in claim 4. This project's choice."""


@dataclass(frozen=True)
class SpaceAnswer:
    """The answer of a claim's rule in one space, and the numbers behind it by name."""

    space: str
    answer: Answer
    numbers: dict[str, float] = field(default_factory=dict)


def verdict(of_spaces: Sequence[SpaceAnswer]) -> str:
    """Combine the answers of all spaces: reproduced, not reproduced or undecided."""
    answers = {one.answer for one in of_spaces}
    if "no" in answers:
        return "not reproduced"
    return "reproduced" if answers == {"yes"} else "undecided"


def claim_1(results: Results, space: str) -> SpaceAnswer:
    """Return `unknown`, with the distances that feature means move, in standard deviations."""
    features = results.features(space) if results.study.features is not None else None
    if features is None:
        return SpaceAnswer(space, "unknown")
    groups = features.dropna(subset="mean_distance").groupby(["network", "kind"])["mean_distance"].median()
    kinds = {"between paths": ("supernet", "architectures"), "alone": ("standalone", "batches")}
    known = {words: float(groups[kind]) for words, kind in kinds.items() if kind in groups.index}
    return SpaceAnswer(space, "unknown", known)


def claim_2(effects: pd.DataFrame, space: str) -> SpaceAnswer:
    """Apply the rule to the effects of a space on S-KdT (the rows of one metric)."""
    own = effects[(effects["space"] == space) & (effects["left_out"] == "")]
    epochs, paths = own[own["factor"] == "epochs"], own[own["factor"] == "path_sampling"]
    low = own[own["factor"].isin(LOW_FIDELITY)]
    numbers = {
        words: float(max(rows["effect"], key=abs))
        for words, rows in (("epochs", epochs), ("path sampling", paths), ("low fidelity", low))
        if len(rows)
    }
    numbers["significant"] = float(sum((rows["p_holm"] < LEVEL).sum() for rows in (epochs, paths, low)))
    parts = [_epochs_and_paths(epochs, paths), _low_fidelity(low)]
    if "no" in parts:
        return SpaceAnswer(space, "no", numbers)
    return SpaceAnswer(space, "yes" if parts == ["yes", "yes"] else "unknown", numbers)


def claim_3(results: Results, space: str) -> SpaceAnswer:
    """Apply the rule to the runs of a space that score its main pool and have all three metrics."""
    own = results.study.main_pool(space).own_space
    values: dict[str, dict[tuple[str, int], float]] = {
        metric: {(run.setting, run.seed): run.value for run in run_values(results, space, metric)}
        for metric in ("accuracy", "s_kdt", "final_mean")
    }
    table = pd.DataFrame(values).dropna()
    same = [results.study.pool_of(space, str(name), int(seed)).own_space == own for name, seed in table.index]
    table = table[np.array(same, dtype=bool)]
    settings = np.array([str(name) for name, _ in table.index])
    if len(set(settings)) < FEWEST_SETTINGS:
        return SpaceAnswer(space, "unknown", {"settings": float(len(set(settings)))})
    accuracy, s_kdt, final = (table[name].to_numpy() for name in ("accuracy", "s_kdt", "final_mean"))
    rng = stream(results.study.seed, "verdicts", space)
    low, high = tau_difference_interval(settings, accuracy, s_kdt, final, rng)
    numbers = {
        "tau of accuracy": kendall_tau(accuracy, final),
        "tau of S-KdT": kendall_tau(s_kdt, final),
        "difference, low": low,
        "difference, high": high,
        "settings": float(len(set(settings))),
    }
    answer: Answer = "yes" if low > 0 else "no" if high < 0 else "unknown"
    return SpaceAnswer(space, answer, numbers)


def claim_4(results: Results, space: str) -> SpaceAnswer:
    """Apply the rule to the search systems of a space; without them, return the results of random search."""
    facts = results.facts[space]
    numbers = {"mean of the pool": facts.truth_mean, "best of the pool": facts.truth_max}
    searches = results.study.searches
    systems = results.systems(space) if searches is not None and searches.in_all else None
    if systems is None:
        means = [search.found["truth"].mean() for search in results.searches(space).values()]
        found = [mean for mean in means if math.isfinite(mean)]
        return SpaceAnswer(space, "unknown", {**({"found": float(np.mean(found))} if found else {}), **numbers})
    return compare_systems(space, systems[systems["rank"] == 1], numbers)


def compare_systems(space: str, best: pd.DataFrame, numbers: dict[str, float]) -> SpaceAnswer:
    """Compare random search with each other system; `best` has columns system and truth, one row per seed.

    A search without a ground truth is left out. The answer is `unknown` if fewer than two are left of any system.
    """
    truths = {str(name): rows["truth"].dropna().to_numpy() for name, rows in best.groupby("system", sort=False)}
    own = truths.pop("random_search", np.empty(0))
    others = {name: values for name, values in truths.items() if min(len(values), len(own)) > 1}
    if own.size:
        numbers = {"random search": float(own.mean()), **numbers}
    if not others or len(others) < len(truths):
        return SpaceAnswer(space, "unknown", numbers)
    bounds = {name: difference_bounds(own, values, LEVEL) for name, values in others.items()}
    corrected = {name: difference_bounds(own, values, LEVEL / len(others)) for name, values in others.items()}
    worst = min(bounds, key=lambda name: bounds[name][0])
    numbers = {
        **numbers,
        "best other system": max(float(values.mean()) for values in others.values()),
        "margin": MARGIN,
        "lowest bound of a difference": bounds[worst][0],
        "systems": float(len(others)),
        "not inferior to": float(sum(low > -MARGIN for low, _ in bounds.values())),
        "equivalent to": float(sum(low > -MARGIN and high < MARGIN for low, high in bounds.values())),
    }
    if all(low > -MARGIN for low, _ in bounds.values()):
        return SpaceAnswer(space, "yes", numbers)
    return SpaceAnswer(space, "no" if any(high < -MARGIN for _, high in corrected.values()) else "unknown", numbers)


def difference_bounds(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], level: float
) -> tuple[float, float]:
    """Return one-sided lower and upper bounds of mean(first) - mean(second), each at this level (Welch's t).

    Both samples need two or more values; without variance, both bounds are the difference.
    """
    difference = float(first.mean() - second.mean())
    parts = [values.var(ddof=1) / len(values) for values in (first, second)]
    if not sum(parts):
        return difference, difference
    freedom = sum(parts) ** 2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (first, second), strict=True))
    reach = float(stdtrit(freedom, 1 - level) * np.sqrt(sum(parts)))
    return difference - reach, difference + reach


def _epochs_and_paths(epochs: pd.DataFrame, paths: pd.DataFrame) -> Answer:
    significant = epochs[epochs["p_holm"] < LEVEL]
    largest = float(epochs["effect"].abs().max()) if len(epochs) else float("nan")
    larger = paths[(paths["p_holm"] < LEVEL) & (paths["effect"].abs() > largest)]
    if len(larger):
        return "no"
    if not len(significant) or not len(paths):
        return "unknown"
    size = float(significant["effect"].abs().max())
    within = bool((paths["low"] > -size).all() and (paths["high"] < size).all())
    return "yes" if within else "unknown"


def _low_fidelity(low: pd.DataFrame) -> Answer:
    significant = low[low["p_holm"] < LEVEL]
    hurts, helps = (significant["effect"] < 0).any(), (significant["effect"] > 0).any()
    if helps and not hurts:
        return "no"
    return "yes" if hurts and not helps else "unknown"


def tau_difference_interval(
    settings: npt.NDArray[np.str_],
    accuracy: npt.NDArray[np.float64],
    s_kdt: npt.NDArray[np.float64],
    final: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """95 % percentile interval of tau(S-KdT, final) - tau(accuracy, final) over resampled settings."""
    names = np.unique(settings)
    members = [np.flatnonzero(settings == name) for name in names]
    found = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[number] for number in rng.integers(len(names), size=len(names))])
        found.append(kendall_tau(s_kdt[rows], final[rows]) - kendall_tau(accuracy[rows], final[rows]))
    low, high = np.nanpercentile(found, (2.5, 97.5))
    return float(low), float(high)


def csv_rows(of_space: SpaceAnswer) -> list[dict[str, Any]]:
    """Return rows of a CSV file: space, answer, quantity, value."""
    rows = [{"quantity": name, "value": value} for name, value in of_space.numbers.items()] or [
        {"quantity": "", "value": float("nan")}
    ]
    return [{"space": of_space.space, "answer": of_space.answer, **row} for row in rows]
