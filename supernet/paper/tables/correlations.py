"""What the correlations of a pool hang on: its better half, and the architectures that are not degenerate."""

import math
from pathlib import Path
from typing import Any

from supernet.config.artifacts import Kind
from supernet.metrics.measures import SUBSETS
from supernet.paper import captions
from supernet.paper.costs import table_sentence
from supernet.paper.load import Results
from supernet.paper.names import ABSENT, SPACE_NAMES, count
from supernet.paper.render import Table, write
from supernet.paper.summary import diverged_runs, frame, summary, summary_row
from supernet.paper.tables._cells import estimate_cell, summary_cell
from supernet.paper.tables.factor import references_of

INPUTS: tuple[Kind, ...] = ("metrics", "references", "spaces", "run_timings")

TAUS = ("kdt", "s_kdt")
_WORDS = ("its better half", "without degenerate ones")
_SUBSETS = {"": "the whole pool"} | {f"_{subset}": words for subset, words in zip(SUBSETS, _WORDS, strict=True)}


def make(results: Results, out_stem: Path) -> None:
    """Write the table: for each space the baseline and the predictors, on the pool and on its parts."""
    text: list[dict[str, str]] = []
    numbers: list[dict[str, Any]] = []
    for space in results.spaces:
        for suffix, words in _SUBSETS.items():
            text.append(_text(results, space, suffix, words))
            numbers += _numbers(results, space, suffix)
    table = Table(
        frame(text),
        frame(numbers),
        _caption(results),
        notes=(captions.missing_sentence(results, results.spaces), table_sentence(results, "correlations")),
        group="Space",
        left=frozenset({"Architectures"}),
    )
    write(table, out_stem)


def _text(results: Results, space: str, suffix: str, words: str) -> dict[str, str]:
    found = {metric: summary(results, space, "baseline", f"{metric}{suffix}") for metric in TAUS}
    predictors = {name: label for name, label in references_of(results).items() if name != "seed"}
    n = found["kdt"].n
    return {
        "Space": SPACE_NAMES[space],
        "Architectures": words,
        "n": count(n) if n else ABSENT,
        "KdT": summary_cell(found["kdt"], "kdt"),
        "S-KdT": summary_cell(found["s_kdt"], "s_kdt"),
        **{
            f"S-KdT, {label}": estimate_cell(results.reference(space, name, f"s_kdt{suffix}"))
            for name, label in predictors.items()
        },
    }


def _numbers(results: Results, space: str, suffix: str) -> list[dict[str, Any]]:
    subset = suffix.removeprefix("_") or "whole"
    start = {"space": space, "part": subset}
    rows = [
        {**start, "name": "baseline", "metric": metric}
        | summary_row(summary(results, space, "baseline", f"{metric}{suffix}"))
        for metric in TAUS
    ]
    for name in references_of(results):
        for metric in TAUS:
            found = results.reference(space, name, f"{metric}{suffix}")
            if not math.isnan(found.value):
                values = {"mean": found.value, "low": found.low, "high": found.high}
                rows.append({**start, "name": name, "metric": metric, **values})
    return rows


def _caption(results: Results) -> str:
    spaces = results.spaces
    return captions.caption(
        "How much rank correlations hang on the choice of architectures: the baseline super-nets and the predictors "
        "that need none, on the whole pool and on parts of it.",
        captions.study_sentence(results),
        captions.truth_sentence(results, spaces),
        captions.pool_sentence(results, spaces),
        "The better half is that of the ground truth; degenerate are architectures in which no convolution lies on a "
        "way from a cell's input to its output, or that have no such way.",
        "Mean ± standard deviation over runs (seeds); in brackets the interval.",
        captions.INTERVAL,
        captions.reading_sentence(results),
        captions.threshold_sentence(results, spaces),
        captions.diverged_sentence(diverged_runs(results, spaces, frozenset({"baseline"}))),
    )
