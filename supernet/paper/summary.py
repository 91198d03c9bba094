"""Aggregates metrics for tables and figures: values of runs, summaries of settings, points of a sweep."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from supernet.config.baselines import SWEEPS
from supernet.config.factors import FACTORS, SPACES
from supernet.config.pool_name import PoolName
from supernet.config.study import Study
from supernet.errors import UserError
from supernet.metrics.measures import FEWEST
from supernet.paper.load import Results, printed_metric

_COUNTS = ("seed", "rank", "seeds", "diverged", "undefined", "n")


@dataclass(frozen=True, slots=True)
class ScoreSelection:
    """The scores that metrics are based on: batch-norm mode, split, and the score that ranks architectures."""

    bn_mode: str = "batch"
    split: str = "scoring"
    score: str = "accuracy"


def main_selection(study: Study) -> ScoreSelection:
    """Return the selection that the tables and figures of a study use unless they say otherwise."""
    return ScoreSelection(split=study.scoring.ranked_on)


@dataclass(frozen=True, slots=True)
class RunValue:
    """One metric of one run with its 95 % bootstrap interval over architectures; nan where undefined."""

    setting: str
    seed: int
    value: float
    low: float
    high: float
    n: int
    diverged: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric over the runs (seeds) of a setting.

    `mean` and `sd` (n - 1 in the denominator, nan for one seed) are over the `seeds` runs that have a value. `low` and
    `high` bound a pooled 95 % interval: the mean minus (plus) the average distance of the runs' bootstrap bounds from
    their estimates. For one run, this is the run's interval. All seeds score the same pool, so the error from the
    choice of architectures is shared and does not decrease with more seeds; `sd` is the separate variation between
    seeds. Diverged runs, and complete runs whose metric is undefined (such as tau of constant scores), are excluded and
    counted in `diverged` and `undefined`. `n` is the number of architectures behind each value.
    """

    mean: float
    sd: float
    low: float
    high: float
    seeds: int
    diverged: int
    undefined: int
    n: int

    @property
    def state(self) -> str:
        """`measured`, or the reason for a missing mean: `diverged`, `too few`, `undefined` or `absent`.

        `too few` architectures have a ground truth, or are in the subset of the pool; `undefined` are correlations of
        constant scores.
        """
        if self.seeds:
            return "measured"
        if self.undefined:
            return "too few" if self.n < FEWEST else "undefined"
        return "diverged" if self.diverged else "absent"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a factor in a space, with the name of its setting."""

    value: Any
    setting: str

    @property
    def is_baseline(self) -> bool:
        """Whether this is the value of the baseline."""
        return self.setting == "baseline"


def run_values(
    results: Results, space: str, metric: str, setting: str | None = None, selection: ScoreSelection | None = None
) -> tuple[RunValue, ...]:
    """Return one metric of the runs of a space, or of one of its settings; by default of the main selection.

    `s_kdt`, also on a subset of the pool, is read as the variant that the study prints as S-KdT. Raises UserError
    if the study does not score in the selected batch-norm mode.
    """
    selection = selection or main_selection(results.study)
    metric = printed_metric(results.study, metric)
    bn_modes = results.study.scoring.bn_modes
    if selection.bn_mode not in bn_modes:
        raise UserError(
            f"study {results.study.study}: scoring.bn_modes is {', '.join(bn_modes)}; tables and figures read "
            f"{selection.bn_mode}: add it and run the study again"
        )
    table = results.metrics_by_selection.get((space, metric, selection.bn_mode, selection.split, selection.score))
    if table is None:
        return ()
    columns = ["setting", "seed", "estimate", "low", "high", "n", "status"]
    return tuple(
        RunValue(name, int(seed), float(value), float(low), float(high), int(n), status == "diverged")
        for name, seed, value, low, high, n, status in table[columns].itertuples(index=False)
        if setting in (None, name)
    )


def summarise(runs: tuple[RunValue, ...]) -> Summary:
    """Summarise one metric over runs; the summary of no runs is `absent`."""
    complete = [run for run in runs if not run.diverged]
    defined = [run for run in complete if math.isfinite(run.value)]
    values = np.array([run.value for run in defined])
    mean = float(values.mean()) if defined else math.nan
    return Summary(
        mean=mean,
        sd=float(values.std(ddof=1)) if len(defined) > 1 else math.nan,
        low=mean - _average([run.value - run.low for run in defined]),
        high=mean + _average([run.high - run.value for run in defined]),
        seeds=len(defined),
        diverged=len(runs) - len(complete),
        undefined=len(complete) - len(defined),
        n=max((run.n for run in runs), default=0),
    )


def summary(
    results: Results, space: str, setting: str, metric: str, selection: ScoreSelection | None = None
) -> Summary:
    """Summarise one metric over the seeds of a setting."""
    return summarise(run_values(results, space, metric, setting, selection))


def swept_spaces(results: Results, factor: str) -> tuple[str, ...]:
    """Return the measured spaces that sweep a factor.

    Raises UserError if the factor is unknown or no space sweeps it.
    """
    if factor not in FACTORS:
        raise UserError(f"{factor}: no such factor; expected one of {', '.join(FACTORS)}")
    spaces = tuple(space for space in results.spaces if factor in results.study.spaces[space].sweep)
    if not spaces:
        swept = ", ".join(results.study.factors()) or "none"
        raise UserError(
            f"{factor}: study {results.study.study} has no results that sweep it (factors swept: {swept}); "
            f"add values under `spaces: …: sweep: {factor}:` of the study file and run the study"
        )
    return spaces


def sweep(study: Study, space: str, factor: str) -> tuple[Point, ...]:
    """Return a factor's values in a space, including the baseline's: numbers ascending, categories in the paper's
    order."""
    entry = study.spaces[space]
    values = list(dict.fromkeys((*entry.sweep.get(factor, ()), getattr(entry.baseline, factor))))
    if FACTORS[factor].scale == "category":
        values.sort(key=SWEEPS[space][factor].index)
    else:
        values.sort()
    return tuple(Point(value, study.setting_of(space, factor, value)) for value in values)


def point_pool(study: Study, space: str, point: Point) -> PoolName:
    """Return the pool of a point of a sweep; that of its first seed if each seed has its own."""
    return study.pool_of(space, point.setting, study.seeds(space, point.setting)[0])


def point_pools(study: Study, space: str, factor: str) -> list[PoolName]:
    """Return the pools of a factor's points: the main pool, then those of sub-spaces."""
    found = (point_pool(study, space, point) for point in sweep(study, space, factor))
    return list(dict.fromkeys((study.main_pool(space), *found)))


def diverged_runs(results: Results, spaces: tuple[str, ...] = SPACES, settings: frozenset[str] | None = None) -> int:
    """Count the diverged runs in these spaces and, if given, settings."""
    table = results.metrics
    chosen = table[(table["status"] == "diverged") & table["space"].isin(spaces)]
    if settings is not None:
        chosen = chosen[chosen["setting"].isin(settings)]
    return len(chosen[["space", "setting", "seed"]].drop_duplicates())


def summary_row(found: Summary) -> dict[str, Any]:
    """Return a summary as columns of a CSV file, at full precision."""
    return {
        "mean": found.mean,
        "sd": found.sd,
        "low": found.low,
        "high": found.high,
        "seeds": found.seeds,
        "diverged": found.diverged,
        "undefined": found.undefined,
        "n": found.n,
    }


def frame(rows: list[dict[str, Any]], columns: Sequence[str] = ()) -> pd.DataFrame:
    """Return rows as a table: first the given columns, even if no row has them, then others in order of appearance.

    Columns of counts are integers, unless they are formatted text.
    """
    names = list(dict.fromkeys((*columns, *(key for row in rows for key in row))))
    text = {name for row in rows for name, value in row.items() if isinstance(value, str)}
    whole = {name: "Int64" for name in _COUNTS if name in names and name not in text}
    return pd.DataFrame(rows, columns=names).astype(whole)


def _average(distances: list[float]) -> float:
    """Mean of the finite distances: a run can have an estimate without an interval."""
    defined = [distance for distance in distances if math.isfinite(distance)]
    return float(np.mean(defined)) if defined else math.nan
