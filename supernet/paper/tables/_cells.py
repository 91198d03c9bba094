"""Formats of cells that tables share."""

import math

from supernet.metrics.interval import Estimate
from supernet.paper.names import ABSENT, number
from supernet.paper.summary import Summary

PERCENT_METRICS = frozenset({"accuracy", "final_mean"})
"""Metrics that are accuracies: fractions in artifacts, printed in percent."""


def summary_cell(found: Summary, metric: str) -> str:
    """Format a summary as `44.1 ± 1.2` with the interval on a second line; a word if no run has a value."""
    if found.state != "measured":
        return ABSENT if found.state == "absent" else found.state
    scale, digits = _scale(metric)
    spread = "" if math.isnan(found.sd) else f" ± {number(scale * found.sd, digits)}"
    return f"{number(scale * found.mean, digits)}{spread}" + _interval(found.low, found.high, scale, digits)


def estimate_cell(found: Estimate, separator: str = "\n") -> str:
    """Format a tau with its interval; a dash for nan."""
    if math.isnan(found.value):
        return ABSENT
    return number(found.value, 2) + _interval(found.low, found.high, 1, 2, separator)


def runs_cell(found: Summary) -> str:
    """Format the number of runs with a value, and of those without: `2`, `1 (+1 diverged)`."""
    lost = [f"+{n} {word}" for n, word in ((found.diverged, "diverged"), (found.undefined, "undefined")) if n]
    return f"{found.seeds} ({', '.join(lost)})" if lost else str(found.seeds)


def _scale(metric: str) -> tuple[float, int]:
    return (100, 1) if metric in PERCENT_METRICS else (1, 2)


def _interval(low: float, high: float, scale: float, digits: int, separator: str = "\n") -> str:
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{separator}[{number(scale * low, digits)}, {number(scale * high, digits)}]"
