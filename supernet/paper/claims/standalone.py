"""Claim 1: super-net training differs from stand-alone training, which changes the best batch norm and learning rate.

For each of the two factors that a space sweeps, let *a* be the value with the highest mean accuracy of stand-alone
networks of the super-net's size. A factor says yes if another value *v* is better for the super-net and worse alone:

- S-KdT of the super-net is significantly higher at v than at a: paired differences between runs of the same seed, with
  the error of the pool, at least three seeds, at 5 % after Holm's correction for the other values of the factor;
- alone, v is significantly worse than a: paired t-test over architectures, at 5 % after Bonferroni's correction for all
  pairs of values, because a was chosen by the same accuracies.

A factor says no if the 95 % interval of the S-KdT at v minus that at a lies below `MARGIN` for every other value v, all
of which must be tested: then a is nearly the best value for the super-net as well. All must pass, so none is corrected.
Otherwise it is unknown. A space says yes if one factor does, no if all swept factors do, and is unknown otherwise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from supernet.config.factors import FACTORS
from supernet.metrics.alone import Alone
from supernet.metrics.effects import FEWEST_SEEDS, LEVEL
from supernet.paper.alone import compared, contrasts_with, rows_by_value
from supernet.paper.claims.answer import Answer, SpaceAnswer
from supernet.paper.claims.factors import MARGIN
from supernet.paper.load import Results


@dataclass(frozen=True)
class FactorAnswer:
    """The answer of one factor, with the numbers behind it, the power of its tests, and what it lacks to decide."""

    answer: Answer
    numbers: dict[str, float]
    power: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def answer(results: Results, space: str) -> SpaceAnswer:
    """Apply the rule to the stand-alone networks of a space.

    The numbers also show how far feature means move between paths of the super-net and between batches of one path, in
    standard deviations, if the study records them.
    """
    swept = results.study.standalone_values(space) if results.study.standalone is not None else {}
    found = [
        of_factor(factor, compared(results, space, factor), contrasts_with(results, space, factor)) for factor in swept
    ]
    numbers = {name: value for one in found for name, value in one.numbers.items()} | _distances(results, space)
    said = of_factors([one.answer for one in found])
    missing = tuple(line for one in found for line in one.missing)
    if not swept:
        missing = ("stand-alone networks with swept values of learning rate or batch norm (section `standalone`)",)
    power = tuple(line for one in found for line in one.power)
    return SpaceAnswer(space, said, numbers, power=power, missing=missing if said == "unknown" else ())


def of_factors(answers: Sequence[Answer]) -> Answer:
    """Combine the factors of a space: yes if one says yes, no if all say no and there is one, else unknown."""
    if "yes" in answers:
        return "yes"
    return "no" if answers and set(answers) == {"no"} else "unknown"


def of_factor(factor: str, alone: Sequence[Alone], contrasts: pd.DataFrame) -> FactorAnswer:
    """Apply the rule to the values of a factor.

    `contrasts` are the rows of contrasts.parquet of the factor on S-KdT.
    """
    label = FACTORS[factor].label
    best = next((one for one in alone if one.is_best), None)
    if best is None:
        return FactorAnswer("unknown", {}, missing=(f"{label}: stand-alone networks with all values",))
    against = rows_by_value(contrasts, best.value)
    tested = {one.value: row for one in alone if (row := against.get(one.value)) is not None and bool(row["tested"])}
    others = [one for one in alone if not one.is_best]
    better = [one for one in others if one.value in tested and _is_better(tested[one.value]) and one.worse]
    below = [one.value for one in others if one.value in tested and tested[one.value]["high"] < MARGIN]
    said: Answer = "yes" if better else "no" if len(below) == len(others) else "unknown"
    numbers = {f"{label} {best.value}, best alone (%)": 100 * best.mean}
    shown = _shown(better or [one for one in others if one.value in tested], tested)
    if shown is not None:
        pair = f"{shown.value} minus {best.value}"
        numbers |= {
            f"{pair}, alone (%)": 100 * shown.difference,
            f"{pair}, alone, p": shown.p,
            f"{pair}, S-KdT": float(tested[shown.value]["difference"]),
            f"{pair}, S-KdT, p": float(tested[shown.value]["p_holm"]),
        }
    smallest = [float(row["smallest"]) for row in tested.values()]
    power = (f"{label}: S-KdT {pd.Series(smallest).median():.2f} (median)",) if smallest else ()
    missing = tuple(_missing(label, best, others, tested))
    return FactorAnswer(said, numbers, power, missing if said == "unknown" else ())


def _is_better(row: "pd.Series[float]") -> bool:
    return bool(row["difference"] > 0 and row["p_holm"] < LEVEL)


def _shown(candidates: Sequence[Alone], tested: dict[str, "pd.Series[float]"]) -> Alone | None:
    """Return the value with the largest S-KdT; None without a tested one."""
    return max(candidates, key=lambda one: float(tested[one.value]["difference"]), default=None)


def _missing(label: str, best: Alone, others: Sequence[Alone], tested: dict[str, "pd.Series[float]"]) -> Iterator[str]:
    """Yield what an undecided factor needs."""
    untested = [one.value for one in others if one.value not in tested]
    if untested:
        yield f"{label}: {FEWEST_SEEDS} seeds that {best.value} has in common with {', '.join(untested)}"
    wide = [one.value for one in others if one.value in tested and tested[one.value]["high"] >= MARGIN]
    if wide:
        yield f"{label}: S-KdT of {', '.join(wide)} minus that of {best.value} may exceed {MARGIN}: more seeds"


def _distances(results: Results, space: str) -> dict[str, float]:
    features = results.features(space) if results.study.features is not None else None
    if features is None:
        return {}
    groups = features.dropna(subset="mean_distance").groupby(["network", "kind"])["mean_distance"].median()
    kinds = {
        "feature means, between paths": ("supernet", "architectures"),
        "feature means, alone": ("standalone", "batches"),
    }
    return {words: float(groups[kind]) for words, kind in kinds.items() if kind in groups.index}
