"""Stand-alone networks of the super-net's size: accuracies by value of a factor, and which value is the best.

The unit is the architecture: accuracies are means over its seeds first. A training that diverged counts as chance, one
over the number of classes, which is the worst that a value can do; it is not left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtr, stdtrit

from supernet.metrics.effects import LEVEL

BASELINE = "baseline"
"""The factor of trainings with the values of the super-net's baseline."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Alone:
    """Accuracy of stand-alone networks with one value of a factor: mean and 95 % interval over architectures.

    `difference` is that from the best value, at most 0, and `p` its two-sided p-value over architectures, corrected for
    all pairs of values (Bonferroni), because the best one was chosen by the same accuracies. `worse` is whether it is
    significant at 5 %. `diverged` counts trainings.
    """

    value: str
    mean: float
    low: float
    high: float
    architectures: int
    trainings: int
    diverged: int
    difference: float
    p: float
    is_best: bool

    @property
    def worse(self) -> bool:
        """Whether the value is significantly worse than the best one."""
        return self.difference < 0 and self.p < LEVEL


def accuracies(rows: pd.DataFrame, chance: float) -> "pd.Series[float]":
    """Return the mean accuracy over seeds of each architecture, by arch_id; a diverged training has that of chance."""
    return rows["accuracy"].astype(float).fillna(chance).groupby(rows["arch_id"]).mean()


def compare(rows: pd.DataFrame, factor: str, values: Sequence[str], baseline: str, chance: float) -> list[Alone]:
    """Compare values of a factor, in their order, on the architectures that are trained with all of them.

    `rows` are those of standalone/{space}.parquet, in which the value `baseline` has the factor `BASELINE`. Among equal
    means, the best value is the first one. Empty without an architecture that has all values.
    """
    parts = {value: _part(rows, factor, value, baseline) for value in values}
    wide = pd.DataFrame({value: accuracies(part, chance) for value, part in parts.items()}).dropna()
    if wide.empty or not len(values):
        return []
    means = wide.mean()
    best = str(means.idxmax())
    pairs = math.comb(len(values), 2)
    found = []
    for value, part in parts.items():
        own = part[part["arch_id"].isin(wide.index)]
        difference = wide[value].to_numpy() - wide[best].to_numpy()
        low, high = interval(wide[value].to_numpy())
        found.append(
            Alone(
                value=value,
                mean=float(means[value]),
                low=low,
                high=high,
                architectures=len(wide),
                trainings=len(own),
                diverged=int(own["diverged_at"].notna().sum()),
                difference=float(difference.mean()),
                p=math.nan if value == best else min(1.0, pairs * paired_p(difference)),
                is_best=value == best,
            )
        )
    return found


def paired_p(differences: Floats) -> float:
    """Return the two-sided p-value of Student's paired test for differences (n,); 1 for fewer than two."""
    count, mean = len(differences), float(differences.mean())
    if count < 2:
        return 1.0
    error = float(differences.std(ddof=1)) / math.sqrt(count)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(count - 1, -abs(mean) / error))


def interval(values: Floats) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values (n,) by Student's t; nan for fewer than two."""
    count = len(values)
    if count < 2:
        return math.nan, math.nan
    reach = float(stdtrit(count - 1, 1 - LEVEL / 2)) * float(values.std(ddof=1)) / math.sqrt(count)
    return float(values.mean()) - reach, float(values.mean()) + reach


def _part(rows: pd.DataFrame, factor: str, value: str, baseline: str) -> pd.DataFrame:
    if value == baseline:
        return rows[rows["factor"] == BASELINE]
    return rows[(rows["factor"] == factor) & (rows["value"] == value)]
