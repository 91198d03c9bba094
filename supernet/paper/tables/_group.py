"""Table of several factors: for each space, the baseline and every other swept value."""

from pathlib import Path
from typing import Any

from supernet.config.artifacts import Kind
from supernet.config.factors import FACTORS
from supernet.paper import captions
from supernet.paper.costs import table_sentence
from supernet.paper.load import Results
from supernet.paper.names import SPACE_NAMES, value_name
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import Point, diverged_runs, frame, point_pool, summary, summary_row, sweep
from supernet.paper.tables._cells import runs_cell, summary_cell
from supernet.paper.tables.factor import METRICS, metric_header

INPUTS: tuple[Kind, ...] = ("metrics", "spaces", "run_timings")


def make(results: Results, name: str, opening: str, factors: tuple[str, ...], out_stem: Path) -> None:
    """Write the table `name` of these factors; `opening` is the first sentence of its caption.

    A space that sweeps none of the factors has only the row of its baseline.
    """
    text: list[dict[str, str]] = []
    numbers: list[dict[str, Any]] = []
    for space in results.spaces:
        for factor, point in _rows(results, space, factors):
            text.append(_text(results, space, factor, point) if factor else _baseline(results, space, factors))
            numbers += _numbers(results, space, factor, point)
    table = Table(
        frame(text),
        frame(numbers),
        _caption(results, name, opening, factors),
        group="Space",
        left=frozenset({"Factor", "Value"}),
    )
    write(table, out_stem)


def _rows(results: Results, space: str, factors: tuple[str, ...]) -> list[tuple[str, Point]]:
    """The baseline, with an empty factor name, and the other points of each factor."""
    rows = [("", Point("", "baseline"))]
    for factor in factors:
        if factor in results.study.spaces[space].sweep:
            rows += [(factor, point) for point in sweep(results.study, space, factor) if not point.is_baseline]
    return rows


def _baseline(results: Results, space: str, factors: tuple[str, ...]) -> dict[str, str]:
    """The row of the baseline, with one line for each of the factors that the space has."""
    baseline = results.study.spaces[space].baseline
    own = [name for name in factors if space in FACTORS[name].spaces]
    values = (f"{FACTORS[name].label.lower()} {value_name(getattr(baseline, name))}" for name in own)
    return _text(results, space, "", Point("", "baseline")) | {"Value": "\n".join(values)}


def _text(results: Results, space: str, factor: str, point: Point) -> dict[str, str]:
    found = {metric: summary(results, space, point.setting, metric) for metric in METRICS}
    cells = {metric_header(metric): summary_cell(found[metric], metric) for metric in METRICS}
    return {
        "Space": SPACE_NAMES[space],
        "Factor": FACTORS[factor].label if factor else "Baseline",
        "Value": value_name(point.value) + f" {captions.SUBSPACE_MARK}" * _own_pool(results, space, point),
        **cells,
        # KdT can be undefined in a complete run; accuracy is undefined only in a diverged run.
        "Runs": runs_cell(found["kdt"]),
    }


def _own_pool(results: Results, space: str, point: Point) -> bool:
    """Whether a setting has a sub-space, and so its own pool, according to its first seed."""
    return point_pool(results.study, space, point).own_space != results.study.main_pool(space).own_space


def _numbers(results: Results, space: str, factor: str, point: Point) -> list[dict[str, Any]]:
    start = {"space": space, "factor": factor, "setting": point.setting, "value": str(point.value)}
    return [
        {**start, "metric": metric, **summary_row(summary(results, space, point.setting, metric))} for metric in METRICS
    ]


def _unswept_sentence(results: Results, factors: tuple[str, ...]) -> str:
    """List the factors that a measured space has but does not sweep; empty if there are none."""
    missing = [
        f"{FACTORS[factor].label} ({', '.join(SPACE_NAMES[space] for space in spaces)})"
        for factor in factors
        if (spaces := [space for space in _having(results, factor) if factor not in results.study.spaces[space].sweep])
    ]
    return f"Not swept in study {results.study.study}: {'; '.join(missing)}." if missing else ""


def _having(results: Results, factor: str) -> list[str]:
    return [space for space in results.spaces if space in FACTORS[factor].spaces]


def _caption(results: Results, name: str, opening: str, factors: tuple[str, ...]) -> Caption:
    spaces = results.spaces
    rows = [(space, point) for space in spaces for _, point in _rows(results, space, factors)]
    own = any(_own_pool(results, space, point) for space, point in rows)
    mark = f"{captions.SUBSPACE_MARK} marks a sub-space with its own pool, not comparable with the others."
    settings = frozenset(point.setting for _, point in rows)
    return Caption.of(
        captions.paragraph(
            opening,
            "Each row changes one factor of the baseline.",
            "Cells show mean ± standard deviation over seeds, with the interval in brackets.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            captions.scores_sentence(results),
            captions.paragraph(captions.KDT, captions.threshold_sentence(results, spaces)),
            captions.surpass_sentence(results, spaces),
            captions.final_sentence(results, spaces),
            captions.INTERVAL,
            mark if own else "",
            captions.paragraph(
                captions.diverged_sentence(diverged_runs(results, spaces, settings)),
                _unswept_sentence(results, factors),
                captions.missing_sentence(results, spaces),
            ),
            table_sentence(results, name),
        ),
    )
