"""Table of one factor: its settings for each space, and references for every tau."""

from pathlib import Path
from typing import Any

from supernet.config.artifacts import Kind
from supernet.config.factors import FACTORS
from supernet.config.pool_name import PoolName
from supernet.paper import captions
from supernet.paper.alone import unshared_sentence, unshared_words
from supernet.paper.costs import table_sentence
from supernet.paper.load import CEILINGS, Results
from supernet.paper.names import ABSENT, CEILING_NAMES, METRIC_NAMES, PROXY_NAMES, SPACE_NAMES, value_name
from supernet.paper.published_numbers import PublishedNumbers
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import (
    Point,
    diverged_runs,
    frame,
    point_pool,
    point_pools,
    summary,
    summary_row,
    sweep,
    swept_spaces,
)
from supernet.paper.tables._cells import PERCENT_METRICS, estimate_cell, runs_cell, summary_cell

INPUTS: tuple[Kind, ...] = ("metrics", "references", "spaces", "run_timings")

METRICS = ("accuracy", "kdt", "s_kdt", "p_surpass", "final_mean")
"""The columns of every factor table, those of several factors (`_group`) included."""
_PREDICTORS = {
    "parameters": "parameters alone",
    "macs": "multiply-adds alone",
    "live_macs": "live multiply-adds alone",
}


def predictors_of(results: Results) -> dict[str, str]:
    """Return the names and labels of the scores of a study that need no super-net."""
    return _PREDICTORS | {name: f"{PROXY_NAMES[name]}, untrained" for name in results.study.proxies.names}


def _references(results: Results, space: str, pool: PoolName) -> dict[str, str]:
    """Return the names and labels of the references of a pool; the ceilings are last, `seed` if none is known.

    Unshared networks, if the study has them, are those of the main pool.
    """
    ceiling = results.ceiling(space, "s_kdt", str(pool))[0] or CEILINGS[0]
    unshared = unshared_words(results) if pool == results.study.main_pool(space) else ""
    named = {"fidelity": unshared} if unshared else {}
    further = {table: f"accuracies of {table}" for table in results.pools[str(pool)].further}
    return predictors_of(results) | further | named | {ceiling: CEILING_NAMES[ceiling]}


def make(results: Results, factor: str, out_stem: Path) -> None:
    """Write the table of a factor; raises UserError if the study does not sweep it."""
    spaces = swept_spaces(results, factor)
    label = FACTORS[factor].label
    published_numbers = results.published_numbers(factor)
    text: list[dict[str, str]] = []
    numbers: list[dict[str, Any]] = []
    for space in spaces:
        for point in sweep(results.study, space, factor):
            text.append(_setting_text(results, space, point, label) | _published(published_numbers, space, point))
            numbers += _setting_numbers(results, space, point)
        for pool in point_pools(results.study, space, factor):
            text += _reference_text(results, space, pool, label, published_numbers)
            numbers += _reference_numbers(results, space, pool)
    published = published_numbers.notes(f"{row['space']} {row['name']} {row['metric']}" for row in numbers)
    table = Table(
        frame(text),
        frame(numbers),
        _caption(results, factor, spaces, published),
        group="Space",
        left=frozenset({label}),
    )
    write(table, out_stem)


def _setting_text(results: Results, space: str, point: Point, label: str) -> dict[str, str]:
    found = {metric: summary(results, space, point.setting, metric) for metric in METRICS}
    own = point_pool(results.study, space, point) != results.study.main_pool(space)
    mark = (" *" if point.is_baseline else "") + f" {captions.SUBSPACE_MARK}" * own
    cells = {metric_header(metric): summary_cell(found[metric], metric) for metric in METRICS}
    # KdT can be undefined in a complete run; accuracy is undefined only in a diverged run.
    return {
        "Space": SPACE_NAMES[space],
        label: value_name(point.value) + mark,
        **cells,
        "Runs": runs_cell(found["kdt"]),
    }


def _published(published_numbers: PublishedNumbers, space: str, point: Point) -> dict[str, str]:
    """The column of published numbers, if there are any."""
    named = {METRIC_NAMES[metric]: f"{space} {point.setting} {metric}" for metric in METRICS}
    return {"Published": published_numbers.cell(named) or ABSENT} if published_numbers.rows else {}


def _setting_numbers(results: Results, space: str, point: Point) -> list[dict[str, Any]]:
    start = {
        "space": space,
        "row": "setting",
        "name": point.setting,
        "value": str(point.value),
        "baseline": point.is_baseline,
    }
    return [
        {**start, "metric": metric, **summary_row(summary(results, space, point.setting, metric))} for metric in METRICS
    ]


def _reference_text(
    results: Results, space: str, pool: PoolName, label: str, published_numbers: PublishedNumbers
) -> list[dict[str, str]]:
    rows = []
    own = pool != results.study.main_pool(space)
    for name, words in _references(results, space, pool).items():
        if own and name in predictors_of(results) and name != "parameters":
            continue
        cells = {metric_header(metric): ABSENT for metric in METRICS}
        for metric in ("kdt", "s_kdt"):
            cells[metric_header(metric)] = estimate_cell(results.reference(space, name, metric, str(pool)))
        published = {"Published": ABSENT} if published_numbers.rows else {}
        shown = f"{words}, {pool.dynamic_channels} {captions.SUBSPACE_MARK}" if own else words
        rows.append({"Space": SPACE_NAMES[space], label: shown, **cells, "Runs": ABSENT, **published})
    return rows


def _reference_numbers(results: Results, space: str, pool: PoolName) -> list[dict[str, Any]]:
    rows = []
    for name in _references(results, space, pool):
        for metric in ("kdt", "s_kdt"):
            found = results.reference(space, name, metric, str(pool))
            start = {"space": space, "row": "reference", "name": name, "metric": metric, "pool": str(pool)}
            rows.append({**start, "mean": found.value, "low": found.low, "high": found.high})
    return rows


def metric_header(metric: str) -> str:
    """Return the heading of the column of a metric, with its unit."""
    short = {"accuracy": "Accuracy", "final_mean": "Final perf."}.get(metric, METRIC_NAMES[metric])
    return f"{short} (%)" if metric in PERCENT_METRICS else short


def _further_sentence(results: Results, spaces: tuple[str, ...]) -> str:
    """State what the rows of further truths are; empty if there are none."""
    meanings = captions.further_truths(results, spaces)
    return meanings and f"Accuracies of other published tables are used as scores ({meanings})."


def _caption(results: Results, factor: str, spaces: tuple[str, ...], published: tuple[str, ...]) -> Caption:
    settings = frozenset(p.setting for space in spaces for p in sweep(results.study, space, factor))
    entry = FACTORS[factor]
    return Caption.of(
        captions.paragraph(
            f"{entry.label}: {entry.meaning}; an asterisk marks the baseline, at which all other factors are held.",
            "Cells show mean ± standard deviation over seeds, with the interval in brackets.",
            "The last rows of each space are scores that need no super-net, and the ceiling of any score.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            captions.scores_sentence(results),
            captions.paragraph(captions.KDT, captions.threshold_sentence(results, spaces)),
            captions.surpass_sentence(results, spaces),
            captions.final_sentence(results, spaces),
            captions.ceiling_sentence(results, spaces),
            unshared_sentence(results),
            captions.proxies_sentence(results),
            _further_sentence(results, spaces),
            captions.INTERVAL,
            captions.own_pools_sentence(results, factor, spaces),
            captions.paragraph(
                captions.diverged_sentence(diverged_runs(results, spaces, settings)),
                captions.missing_sentence(results, spaces, f"sweep of {factor}"),
            ),
            *published,
            table_sentence(results, factor),
        ),
    )
