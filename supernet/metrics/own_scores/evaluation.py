"""All metrics of scores from any code base: `supernet.evaluate`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from supernet import spaces
from supernet.errors import UserError
from supernet.metrics.arrays import Floats, Integers
from supernet.metrics.definitions import SMALLEST_THRESHOLD, SPARSE_THRESHOLD
from supernet.metrics.evaluate import correlations_of, search_performance_of
from supernet.metrics.interval import Estimate
from supernet.metrics.measures import FEWEST
from supernet.metrics.own_scores.columns import Columns, read_columns
from supernet.metrics.own_scores.forms import ABSENT, TEXT, locate, require_distinct
from supernet.metrics.own_scores.ground_truth import KnownTruth, TableFormat, known_truth
from supernet.metrics.subsets import WHOLE, Mask, subsets
from supernet.pools.truth import COSTS, published_costs
from supernet.rng import stream
from supernet.spaces.base import Space

LARGEST_BOOTSTRAP, RESAMPLES = 500, 2_000
"""Fewer than in studies, so that every evaluation takes seconds."""
TOP = 5
"""K of P>R and final performance, as in studies."""
MOST_COSTED = 20_000
"""Costs of more architectures take longer than all metrics of the scores; then they are those of a random sample."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one score, or of a reference, on a subset of n architectures; nan where it is undefined."""

    name: str
    """The column of the score, or the name of the reference."""
    kind: str
    """score, predictor or ceiling."""
    subset: str
    metric: str
    estimate: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the metrics: threshold of S-KdT as a fraction, K, number of resamples, seed."""

    threshold: float = SPARSE_THRESHOLD
    top: int = TOP
    resamples: int = RESAMPLES
    seed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """The metrics of all scores and references, and what they are based on.

    `scored` architectures of `size` in the space have scores. `population` is the number of architectures in which P>R
    takes its rank.
    """

    space: str
    title: str
    truth: str
    scored: int
    size: int
    population: int
    population_kind: str
    options: Options
    rows: Sequence[Row]

    @property
    def census(self) -> bool:
        """Whether the whole space is scored."""
        return self.scored == self.size

    def frame(self) -> pd.DataFrame:
        """Return the rows as a table, with the fields of `Row` as columns."""
        return pd.DataFrame([{name: getattr(row, name) for name in Row.__slots__} for row in self.rows])


@dataclass(frozen=True)
class _Pool:
    """Scored architectures (n,) in the order of `arch_id`, and everything that does not depend on their scores."""

    space: Space[Any]
    known: KnownTruth
    positions: Integers
    encodings: Sequence[str]
    truth: Floats
    subsets: Mapping[str, Mask]
    options: Options

    @property
    def share(self) -> float:
        return len(self.positions) / self.space.distinct

    def rng(self, *names: str) -> np.random.Generator:
        return stream(self.options.seed, "evaluate", *names)


def evaluate(
    scores: Path | str | pd.DataFrame,
    space: str,
    *,
    table: Path | str | pd.DataFrame | None = None,
    form: str = TEXT,
    arch_column: str = "arch",
    score_columns: Sequence[str] = (),
    lower_is_better: Sequence[str] = (),
    table_format: TableFormat | None = None,
    options: Options | None = None,
    resources: str = "resources",
) -> Evaluation:
    """Compute all metrics of scores of architectures, with intervals, references and subsets.

    Args:
        scores: CSV file, Parquet file or data frame with one row per architecture of `space`.
        table: ground truth, as in `known_truth`; by default the published table of the space in `resources`.
        form: how architectures are written: text, index, nats-bench, or a convention of the space, such as naslib.
        arch_column, score_columns: columns of `scores`; by default the score is the only other column.
        lower_is_better: score columns whose small values are good, such as losses.
        table_format: how a table that this project did not write is read.
        options: options of the metrics.
        resources: folder of published tables.

    Raises UserError for a file that cannot be read, an architecture that is repeated, not in the space, written in
    another form or without ground truth, a score that is not finite, constant scores, and fewer than three rows.
    """
    chosen, options = spaces.load(space), options or Options()
    columns = read_columns(scores, arch_column, score_columns, option="--arch-column", unnamed="--score-column")
    _check(columns, lower_is_better, options)
    known = known_truth(chosen, table, table_format or TableFormat(), resources)
    positions = _positions(chosen, form, columns, known)
    order = np.argsort(positions)
    pool = _pool(chosen, known, positions[order], options)
    signed = {name: -one if name in lower_is_better else one for name, one in columns.numbers.items()}
    measured = [row for name, values in signed.items() for row in _score_rows(pool, name, values[order])]
    return Evaluation(
        space=chosen.name,
        title=chosen.title,
        truth=known.source,
        scored=len(positions),
        size=chosen.distinct,
        population=len(known.population),
        population_kind=known.kind,
        options=options,
        rows=[*measured, *_predictor_rows(pool), *_ceiling_rows(pool)],
    )


def _check(columns: Columns, lower_is_better: Sequence[str], options: Options) -> None:
    n = len(columns.archs)
    if n < FEWEST:
        raise UserError(f"{columns.where}: found {n} rows; expected at least {FEWEST} for a rank correlation")
    for name in lower_is_better:
        if name not in columns.numbers:
            raise UserError(
                f"lower is better: found {name!r}, which is not a score that is evaluated; "
                f"expected one of {', '.join(columns.numbers)}"
            )
    for name, values in columns.numbers.items():
        if (values == values[0]).all():
            raise UserError(
                f"{columns.where}: column {name}: found {values[0]:g} in each of {n} rows; constant scores rank nothing"
            )
    if not 1 <= options.top <= n:
        raise UserError(f"top: found {options.top}; expected 1 to {n}, the number of scored architectures")
    if not SMALLEST_THRESHOLD <= options.threshold <= 1:
        raise UserError(f"threshold: found {options.threshold}; expected a fraction from {SMALLEST_THRESHOLD:g} to 1")


def _positions(space: Space[Any], form: str, columns: Columns, known: KnownTruth) -> Integers:
    """Return the positions (n,) of the scored architectures in the table; all are there, and differ."""
    positions = locate(space, form, columns, known.arch_ids, known.encodings)
    absent = np.flatnonzero(positions == ABSENT)
    if len(absent):
        row = int(absent[0])
        raise UserError(
            f"{columns.row(row)}: column {columns.arch_column}: found {columns.archs[row]!r}, which is not in "
            f"{known.where} ({known.source}), as {len(absent)} of {len(positions)} rows; remove these rows, or name a "
            "table that has them (--table)"
        )
    require_distinct(columns, positions.tolist())
    return positions


def _pool(space: Space[Any], known: KnownTruth, positions: Integers, options: Options) -> _Pool:
    encodings = known.encodings.take(positions).to_pylist()
    truth = known.accuracy[positions]
    return _Pool(space, known, positions, encodings, truth, subsets(space, encodings, truth), options)


def _score_rows(pool: _Pool, name: str, values: Floats) -> Iterator[Row]:
    options = pool.options
    for subset, members in pool.subsets.items():
        yield from _correlation_rows(pool, name, "score", subset, values[members], pool.truth[members], pool.share)
        if subset == WHOLE:
            found = search_performance_of(
                values,
                pool.truth,
                k=options.top,
                draws=options.top,
                population_truth=pool.known.population,
                rng=pool.rng("best"),
                resamples=options.resamples,
                share=pool.share,
                largest=LARGEST_BOOTSTRAP,
            )
            yield from _rows(name, "score", subset, found, len(values))


def _predictor_rows(pool: _Pool) -> Iterator[Row]:
    n = len(pool.encodings)
    drawn = np.arange(n)
    if n > MOST_COSTED:
        drawn = np.sort(pool.rng("costs").choice(n, MOST_COSTED, replace=False))
    costs = [published_costs(pool.space, row) for row in _rows_of_networks(pool, drawn)]
    share = len(drawn) / pool.space.distinct
    for name in COSTS:
        values = np.array([cost[name] for cost in costs], dtype=np.float64)
        for subset, members in pool.subsets.items():
            own = members[drawn]
            yield from _correlation_rows(pool, name, "predictor", subset, values[own], pool.truth[drawn][own], share)


def _rows_of_networks(pool: _Pool, drawn: Integers) -> list[dict[Any, Any]]:
    """Return the encodings of some architectures of the pool, with what the table knows of their networks."""
    known = pool.known.networks
    rows: list[dict[Any, Any]] = (
        [{}] * len(drawn) if known is None else known.iloc[pool.positions[drawn]].to_dict("records")
    )
    return [{**row, "encoding": pool.encodings[one]} for row, one in zip(rows, drawn.tolist(), strict=True)]


def _ceiling_rows(pool: _Pool) -> Iterator[Row]:
    """Yield the tau of a perfect predictor of one training: between two trainings of an architecture, or function."""
    runs, pairs = pool.known.runs[pool.positions], pool.known.replicates
    complete = runs[np.isfinite(runs).all(axis=1)] if runs.shape[1] > 1 else runs[:0]
    if len(complete) >= FEWEST:
        share = len(complete) / pool.space.distinct
        yield from _correlation_rows(pool, "seed", "ceiling", WHOLE, complete[:, 0], complete[:, 1], share)
    else:
        # Of the whole table, as the population of P>R. The pairs vary with the trainings, whatever is scored.
        yield from _correlation_rows(pool, "replicates", "ceiling", WHOLE, pairs[:, 0], pairs[:, 1], 0.0)


def _correlation_rows(
    pool: _Pool, name: str, kind: str, subset: str, values: Floats, truth: Floats, share: float
) -> Iterator[Row]:
    """Yield the correlations of some architectures; none if they are too few."""
    if len(truth) >= FEWEST:
        options = pool.options
        rng = pool.rng(kind, subset)
        found = correlations_of(values, truth, options.threshold, rng, options.resamples, share, LARGEST_BOOTSTRAP)
        yield from _rows(name, kind, subset, found, len(truth))


def _rows(name: str, kind: str, subset: str, found: Mapping[str, Estimate], n: int) -> Iterable[Row]:
    return [Row(name, kind, subset, metric, one.value, one.low, one.high, n) for metric, one in found.items()]
