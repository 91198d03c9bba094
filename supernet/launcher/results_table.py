"""The table that `supernet run` prints: metrics of the baseline super-nets beside their references."""

import math
from pathlib import Path

from supernet.config.study import load_study
from supernet.paper.load import Results
from supernet.paper.summary import Summary, summary

_TITLE = "Baseline super-nets: batch statistics, {}; mean over seeds [95 % interval over the pool]"
_SPLITS = {"scoring": "scoring split", "test": "test set"}
_LABELS = (
    "",
    "seeds",
    "super-net accuracy",
    "KdT",
    "S-KdT",
    "  by parameters alone",
    "  by multiply-adds",
    "  by live multiply-adds",
    "  ceiling of any score",
    "P>R",
    "final performance",
    "truth, mean and best",
)


def results_table(study: Path, folder: Path) -> list[str]:
    """Return the lines of the table, one column per space, from a study file and its results folder.

    Raises UserError for a file that is missing, incomplete or invalid.
    """
    results = Results(load_study(study), folder)
    columns = [list(_LABELS), *([space, *_column(results, space)] for space in results.spaces)]
    widths = [max(map(len, column)) for column in columns]
    rows = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in zip(*columns, strict=True)
    ]
    rule = "-" * (sum(widths) + 2 * len(widths) - 2)
    title = _TITLE.format(_SPLITS[results.study.scoring.ranked_on])
    return [title, rule, rows[0].rstrip(), rule, *(row.rstrip() for row in rows[1:]), rule]


def _column(results: Results, space: str) -> list[str]:
    """Return the cells of a space, in the order of the labels."""
    metrics = ("accuracy", "kdt", "s_kdt", "p_surpass", "final_mean")
    accuracy, kdt, s_kdt, surpass, final = (summary(results, space, "baseline", metric) for metric in metrics)
    references = [results.reference(space, name, "s_kdt") for name in ("parameters", "macs", "live_macs")]
    references.append(results.ceiling(space, "s_kdt")[1])
    facts = results.facts[space]
    return [
        f"{accuracy.seeds}" + (f" ({accuracy.diverged} diverged)" if accuracy.diverged else ""),
        _percent(accuracy),
        *(_tau(found.low, found.mean, found.high) if found.seeds else found.state for found in (kdt, s_kdt)),
        *(_tau(found.low, found.value, found.high) for found in references),
        f"{surpass.mean:.3f} (rank in {facts.quantile})" if surpass.seeds else surpass.state,
        _percent(final),
        "none: all diverged"
        if math.isnan(facts.truth_mean)
        else f"{100 * facts.truth_mean:.1f} %, {100 * facts.truth_max:.1f} %",
    ]


def _percent(found: Summary) -> str:
    return f"{100 * found.mean:.1f} %" if found.seeds else found.state


def _tau(low: float, mean: float, high: float) -> str:
    if math.isnan(mean):
        return "undefined"
    return f"{mean:.2f}" if math.isnan(low) or math.isnan(high) else f"{mean:.2f} [{low:.2f}, {high:.2f}]"
