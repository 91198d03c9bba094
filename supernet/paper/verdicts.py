"""What a study says of the paper's four claims. A verdict follows from a rule; missing data never decide one.

A claim is reproduced if its rule says yes in every space, not reproduced if it says no in one, undecided otherwise. The
rules, with effects those of effects.parquet, significant at 5 % after Holm's correction:

1. *Training a super-net is another matter than training alone, which changes the best batch norm and learning rate.* To
   decide it, stand-alone networks would be trained with the swept settings, too. No study does: undecided. What can be
   said stands beside it: how far feature means move between paths of the super-net and between batches alone.
2. *Epochs matter strongly, path sampling barely, low-fidelity estimates hurt.* Yes in a space: an effect of `epochs` is
   significant, the intervals of all effects of `path_sampling` lie within its size, and an effect of layers, train
   portion, batch size or channels is significantly negative, none significantly positive. No: a significant effect of
   path sampling is larger than every effect of epochs, or one of low fidelity is significantly positive and none
   negative.
3. *Super-net accuracy is an unreliable measure of a super-net, S-KdT a better one.* Yes in a space: over its runs,
   Kendall's tau of S-KdT with final performance exceeds that of super-net accuracy, the 95 % interval of the difference
   above zero; no: below. Settings are resampled, with all their seeds. S-KdT and final performance are made from the
   same scores, so that some of their agreement is built in.
4. *Random search on a well-trained super-net matches complex systems.* With the search systems of a study, each of two
   seeds or more: yes in a space if random search's mean ground truth is not worse than any other system's by more than
   `MARGIN`, each by a one-sided test of non-inferiority at 5 % (Welch's t on seeds; all must pass, so that none is
   corrected). No: it is worse by more than that than one of them, at 5 % after Bonferroni's correction. Tests of
   equivalence (both sides) are counted beside it. Undecided without those systems.
"""

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
"""Half a percentage point of accuracy: what is closer counts as the same in claim 4. This project's choice."""


@dataclass(frozen=True)
class Said:
    """What a space says of a claim: the answer of its rule, and the numbers behind it by name."""

    space: str
    answer: Answer
    numbers: dict[str, float] = field(default_factory=dict)


def verdict(said: Sequence[Said]) -> str:
    """Reproduced, not reproduced or undecided, from the spaces."""
    answers = {one.answer for one in said}
    if "no" in answers:
        return "not reproduced"
    return "reproduced" if answers == {"yes"} else "undecided"


def claim_1(results: Results, space: str) -> Said:
    """Undecided; how far the means of features move, in standard deviations."""
    features = results.features(space) if results.study.features is not None else None
    if features is None:
        return Said(space, "unknown")
    groups = features.dropna(subset="mean_distance").groupby(["network", "kind"])["mean_distance"].median()
    kinds = {"between paths": ("supernet", "architectures"), "alone": ("standalone", "batches")}
    known = {words: float(groups[kind]) for words, kind in kinds.items() if kind in groups.index}
    return Said(space, "unknown", known)


def claim_2(effects: pd.DataFrame, space: str) -> Said:
    """From the effects of a space on S-KdT (the rows of one metric)."""
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
        return Said(space, "no", numbers)
    return Said(space, "yes" if parts == ["yes", "yes"] else "unknown", numbers)


def claim_3(results: Results, space: str) -> Said:
    """From the runs of a space that score its main pool and have all three values."""
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
        return Said(space, "unknown", {"settings": float(len(set(settings)))})
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
    return Said(space, answer, numbers)


def claim_4(results: Results, space: str) -> Said:
    """From the search systems of a space; without them what random search found beside the pool."""
    facts = results.facts[space]
    numbers = {"mean of the pool": facts.truth_mean, "best of the pool": facts.truth_max}
    searches = results.study.searches
    systems = results.systems(space) if searches is not None and searches.in_all else None
    if systems is None:
        found = [search.found["truth"].mean() for search in results.searches(space).values()]
        return Said(space, "unknown", {**({"found": float(np.mean(found))} if found else {}), **numbers})
    return matched(space, systems[systems["rank"] == 1].dropna(subset="truth"), numbers)


def matched(space: str, best: pd.DataFrame, numbers: dict[str, float]) -> Said:
    """Random search against each other system: rows with system and truth, one a seed."""
    truths = {str(name): rows["truth"].to_numpy() for name, rows in best.groupby("system", sort=False)}
    own = truths.pop("random_search", np.empty(0))
    others = {name: values for name, values in truths.items() if min(len(values), len(own)) > 1}
    if own.size:
        numbers = {"random search": float(own.mean()), **numbers}
    if not others or len(others) < len(truths):
        return Said(space, "unknown", numbers)
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
        return Said(space, "yes", numbers)
    return Said(space, "no" if any(high < -MARGIN for _, high in corrected.values()) else "unknown", numbers)


def difference_bounds(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64], level: float
) -> tuple[float, float]:
    """One-sided lower and upper bounds of mean(first) - mean(second), each at this level (Welch's t).

    Two or more values each; the difference itself where neither varies.
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
    loud = paths[(paths["p_holm"] < LEVEL) & (paths["effect"].abs() > largest)]
    if len(loud):
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


def numbers_of(said: Said) -> list[dict[str, Any]]:
    """Rows of a CSV: space, answer, quantity, value."""
    rows = [{"quantity": name, "value": value} for name, value in said.numbers.items()] or [
        {"quantity": "", "value": float("nan")}
    ]
    return [{"space": said.space, "answer": said.answer, **row} for row in rows]
