"""Claim 3: super-net accuracy is an unreliable measure of a super-net; S-KdT is better.

Each run's pool is split at random into halves, 50 times and both ways. Super-net accuracy and S-KdT are measured on one
half, final search performance on the other (`supernet.metrics.halves`), so that no architecture is in both. The answer
is yes if, over the runs of a space, the mean Kendall's tau of S-KdT with final performance exceeds that of super-net
accuracy, with the 95 % interval of the difference above zero; no if the interval is below zero. Settings are resampled
with all their seeds. A run without a correlation in a half has no value there, and is left out; fewer than
`FEWEST_SETTINGS` settings decide nothing. The power is that of a normal difference with the standard error that the
interval implies, which shrinks with the square root of the number of settings.
"""

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from supernet.metrics.halves import mean_tau
from supernet.metrics.power import LEVEL, NORMAL_DETECTABLE
from supernet.paper.claims.answer import Answer, SpaceAnswer

FEWEST_SETTINGS = 8
DIFFERENCE = 0.1
"""Difference of taus for which the number of settings is given that would find it."""
RESAMPLES = 2_000
_TAILS = (2.5, 97.5)

Floats = npt.NDArray[np.float64]


def answer(halves: pd.DataFrame, space: str, rng: np.random.Generator) -> SpaceAnswer:
    """Apply the rule to the rows of halves.parquet."""
    own = halves[halves["space"] == space]
    tables = {name: _wide(own, name) for name in ("accuracy", "s_kdt", "final_mean")}
    kept = np.isfinite(np.stack([table.to_numpy() for table in tables.values()])).all(axis=(0, 2))
    settings = tables["accuracy"].index.get_level_values("setting").to_numpy(dtype=str)[kept]
    count = len(set(settings))
    if count < FEWEST_SETTINGS:
        lacking = f"{FEWEST_SETTINGS} settings with a correlation in every half (has {count})"
        return SpaceAnswer(space, "unknown", {"settings": float(count)}, missing=(lacking,))
    accuracy, s_kdt, final = (table.to_numpy()[kept] for table in tables.values())
    whole = np.ones((1, len(settings)))
    low, high = difference_interval(settings, accuracy, s_kdt, final, rng)
    numbers = {
        "tau of accuracy": float(mean_tau(accuracy, final, whole)[0]),
        "tau of S-KdT": float(mean_tau(s_kdt, final, whole)[0]),
        "difference, low": low,
        "difference, high": high,
        "settings": float(count),
    }
    said: Answer = "yes" if low > 0 else "no" if high < 0 else "unknown"
    smallest = smallest_difference(low, high)
    power = (f"finds a difference of {smallest:.2f} of tau",)
    if said != "unknown":
        return SpaceAnswer(space, said, numbers, power, power_numbers={"power": smallest})
    if smallest <= DIFFERENCE:
        found = f"nothing, a difference of {DIFFERENCE} would have been found"
        return SpaceAnswer(space, said, numbers, power, (found,), {"power": smallest})
    needed = math.ceil(count * (smallest / DIFFERENCE) ** 2)
    lacking = f"about {needed} settings for a difference of {DIFFERENCE}"
    return SpaceAnswer(space, said, numbers, power, (lacking,), {"power": smallest, "settings needed": float(needed)})


def smallest_difference(low: float, high: float) -> float:
    """Return the difference whose 95 % interval, as wide as [low, high], is above zero in 80 of 100 studies."""
    error = (high - low) / 2 / float(ndtri(1 - LEVEL / 2))
    return error * NORMAL_DETECTABLE


def difference_interval(
    settings: npt.NDArray[np.str_],
    accuracy: Floats,
    s_kdt: Floats,
    final: Floats,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Compute the 95 % percentile interval of mean tau(S-KdT, final) - mean tau(accuracy, final).

    All tables have shape (runs, halves); `settings` (runs,) is resampled.
    """
    names, members = np.unique(settings, return_inverse=True)
    drawn = rng.integers(len(names), size=(resamples, len(names))) + len(names) * np.arange(resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=resamples * len(names)).reshape(resamples, len(names))
    counts = times[:, members].astype(np.float64)
    found = mean_tau(s_kdt, final, counts) - mean_tau(accuracy, final, counts)
    low, high = np.nanpercentile(found, _TAILS)
    return float(low), float(high)


def _wide(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a table with one row per run and one column per half."""
    return rows.pivot_table(index=["setting", "seed"], columns="half", values=name, dropna=False, sort=True)
