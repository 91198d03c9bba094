"""Table of correlations on parts of the pool: better half, not degenerate, equal ones once; and with further truths."""

import math
from pathlib import Path
from typing import Any

from supernet.config.artifacts import Kind
from supernet.paper import captions
from supernet.paper.costs import table_sentence
from supernet.paper.load import CEILINGS, Results
from supernet.paper.names import ABSENT, SPACE_NAMES, count, listed
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import diverged_runs, frame, summary, summary_row
from supernet.paper.tables._cells import estimate_cell, summary_cell
from supernet.paper.tables.factor import predictors_of

INPUTS: tuple[Kind, ...] = ("metrics", "references", "spaces", "run_timings")

TAUS = ("kdt", "s_kdt")
_SUBSETS = {
    "": "whole pool",
    "_top_half": "better half",
    "_regular": "without degenerate ones",
    "_unique": "equal functions counted once",
}
"""By the suffix of a metric's name; spaces in which equal functions are not looked for lack the last one."""


def make(results: Results, out_stem: Path) -> None:
    """Write the table: for each space, the baseline and the predictors on the pool and on its subsets."""
    text: list[dict[str, str]] = []
    numbers: list[dict[str, Any]] = []
    for space in results.spaces:
        for suffix, words in _subsets(results, space).items():
            text.append(_text(results, space, suffix, words))
            numbers += _numbers(results, space, suffix)
    table = Table(
        frame(text),
        frame(numbers),
        _caption(results),
        group="Space",
        left=frozenset({"Subset"}),
    )
    write(table, out_stem)


def _subsets(results: Results, space: str) -> dict[str, str]:
    """Return the suffixes and names of the subsets of which the space has metrics, and of its further truths."""
    measured = set(results.metrics.loc[results.metrics["space"] == space, "metric"])
    known = {suffix: words for suffix, words in _SUBSETS.items() if f"kdt{suffix}" in measured}
    return known | {f"_{table}": f"with {table}" for table in results.facts[space].further}


def _text(results: Results, space: str, suffix: str, words: str) -> dict[str, str]:
    found = {metric: summary(results, space, "baseline", f"{metric}{suffix}") for metric in TAUS}
    n = found["kdt"].n
    further = any(results.facts[one].further for one in results.spaces)
    between = estimate_cell(results.reference(space, suffix.removeprefix("_"), "kdt"))
    return {
        "Space": SPACE_NAMES[space],
        "Subset": words,
        "n": count(n) if n else ABSENT,
        "KdT": summary_cell(found["kdt"], "kdt"),
        "S-KdT": summary_cell(found["s_kdt"], "s_kdt"),
        **{
            f"S-KdT, {label}": estimate_cell(results.reference(space, name, f"s_kdt{suffix}"))
            for name, label in predictors_of(results).items()
        },
        **({"KdT between truths": between} if further else {}),
    }


def _numbers(results: Results, space: str, suffix: str) -> list[dict[str, Any]]:
    subset = suffix.removeprefix("_") or "whole"
    start = {"space": space, "part": subset}
    rows = [
        {**start, "name": "baseline", "metric": metric}
        | summary_row(summary(results, space, "baseline", f"{metric}{suffix}"))
        for metric in TAUS
    ]
    references = {name: (name, suffix) for name in (*predictors_of(results), *CEILINGS)}
    if subset in results.facts[space].further:
        references["ground_truth"] = (subset, "")
    for shown, (name, of_part) in references.items():
        for metric in TAUS:
            found = results.reference(space, name, f"{metric}{of_part}")
            if not math.isnan(found.value):
                values = {"mean": found.value, "low": found.low, "high": found.high}
                rows.append({**start, "name": shown, "metric": metric, **values})
    return rows


def _unique_sentence(results: Results) -> str:
    """Define the subset of unique functions; empty if no space has it."""
    having = [space for space in results.spaces if "_unique" in _subsets(results, space)]
    if not having:
        return ""
    return (
        "Equal functions counted once: of the cells that compute the same function, only the first in the order of "
        f"identifiers. Such cells are looked for in {listed(having)} only."
    )


def _further_sentence(results: Results) -> str:
    """State what rows of further truths are; empty if there are none."""
    meanings = captions.further_truths(results, results.spaces)
    return meanings and (
        f"Rows with the name of a published table have its accuracies in place of the ground truth ({meanings}). "
        "KdT between truths is that of these accuracies with the ground truth."
    )


def _caption(results: Results) -> Caption:
    spaces = results.spaces
    diverged = diverged_runs(results, spaces, frozenset({"baseline"}))
    return Caption.of(
        captions.paragraph(
            "Dependence of rank correlations on the choice of architectures: baseline super-nets, and predictors that "
            "need no super-net, on the whole pool and on subsets of n architectures.",
            "Cells show mean ± standard deviation over seeds, with the interval in brackets.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            "The better half is the half with the higher ground truth. An architecture is degenerate if no path from a "
            "cell's input to its output contains a convolution, or if there is no such path.",
            _unique_sentence(results),
            _further_sentence(results),
            captions.scores_sentence(results),
            captions.paragraph(captions.KDT, captions.threshold_sentence(results, spaces)),
            captions.INTERVAL,
            captions.paragraph(captions.diverged_sentence(diverged), captions.missing_sentence(results, spaces)),
            table_sentence(results, "correlations"),
        ),
    )
