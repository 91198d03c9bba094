"""Figure of a factor's sweep: S-KdT, super-net accuracy and final performance over its values, for each space."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import offset_copy

from supernet.config.artifacts import Kind
from supernet.config.factors import FACTORS, Factor
from supernet.metrics.interval import Estimate
from supernet.paper import captions, style
from supernet.paper.alone import unshared_sentence
from supernet.paper.figures._ceilings import NOTE, STYLES, ceiling_entries, ceilings_of, draw_ceiling
from supernet.paper.load import Results
from supernet.paper.names import METRIC_NAMES, value_name
from supernet.paper.render import Caption
from supernet.paper.summary import (
    Point,
    diverged_runs,
    frame,
    point_pool,
    run_values,
    summarise,
    summary_row,
    sweep,
    swept_spaces,
)

INPUTS: tuple[Kind, ...] = ("metrics", "references", "spaces")

METRICS = ("s_kdt", "accuracy", "final_mean")
_LABELS = {"s_kdt": "S-KdT", "accuracy": "Super-net\naccuracy (%)", "final_mean": "Final\nperformance (%)"}
_HEIGHTS = (1.9, 1.15, 1.15)
_POOL = ("-.", "mean of the pool")
_WIDE = 20
"""Ratio of the largest to the smallest number above which small ones would overlap on a linear scale."""
_PREDICTORS = {
    "parameters": ("P", "parameters alone"),
    "macs": ("M", "multiply-adds alone"),
    "synflow": ("S", "synflow, untrained"),
    "jacov": ("J", "jacov, untrained"),
    "naswot": ("N", "NASWOT, untrained"),
}
"""Predictors that need no super-net: the letters on their lines, and their labels in the legend."""
_LETTERS = (1.03, 1.08, 1.13)
"""x positions of letters as shares of the panel's width, right of the data; used in turn because lines can be close."""
_DIVERGED_STRIP = 0.14
_MARGIN = 0.06
_RUN_OFFSET = 5  # points between a mean and its runs
_MOST_CHARACTERS = 24  # of all tick labels that fit side by side into a third of the page's width


def make(results: Results, factor: str, out_stem: Path) -> None:
    """Draw the sweep of a factor; raises UserError if the study does not sweep it."""
    spaces = swept_spaces(results, factor)
    drawn = frame([row for space in spaces for row in _numbers(results, space, factor)])
    with style.paper():
        figure = _figure(results, factor, spaces, drawn)
        style.save(figure, out_stem, drawn, _caption(results, factor, spaces))


def _numbers(results: Results, space: str, factor: str) -> list[dict[str, Any]]:
    """All drawn numbers of a space, of kind `run`, `mean` or `reference`; accuracies are fractions."""
    rows: list[dict[str, Any]] = []
    for metric in METRICS:
        for point in sweep(results.study, space, factor):
            start = {"space": space, "metric": metric, "value": str(point.value), "setting": point.setting}
            runs = run_values(results, space, metric, point.setting)
            for run in runs:
                rows.append(
                    {
                        **start,
                        "kind": "run",
                        "seed": run.seed,
                        "mean": run.value,
                        "diverged": int(run.diverged),
                    }
                )
            rows.append({**start, "kind": "mean", **summary_row(summarise(runs))})
        for name, found in _references(results, space, metric).items():
            reference = {"space": space, "metric": metric, "kind": "reference", "value": name, "mean": found.value}
            interval = {"low": found.low, "high": found.high} if name in STYLES else {}
            rows.append({**reference, **interval})
    return rows


def _references(results: Results, space: str, metric: str) -> dict[str, Estimate]:
    """Values of the horizontal lines of a panel by name; super-net accuracy has none."""
    if metric == "s_kdt":
        names = ("parameters", "macs", *results.study.proxies.names)
        return ceilings_of(results, space) | {name: results.reference(space, name, metric) for name in names}
    mean = results.facts[space].truth_mean
    return {"pool": Estimate(mean, math.nan, math.nan)} if metric == "final_mean" else {}


def _figure(results: Results, factor: str, spaces: tuple[str, ...], drawn: pd.DataFrame) -> Figure:
    # One column has a legend of twice as many rows.
    size = (style.PAGE, 5.0) if len(spaces) > 1 else (style.COLUMN, 6.2)
    figure = Figure(figsize=size)
    grid = figure.subplots(
        len(METRICS), len(spaces), squeeze=False, sharex="col", gridspec_kw={"height_ratios": _HEIGHTS}
    )
    for column, space in enumerate(spaces):
        points = sweep(results.study, space, factor)
        labels = _tick_labels(results, space, points)
        for row, metric in enumerate(METRICS):
            panel = drawn[(drawn["space"] == space) & (drawn["metric"] == metric)]
            _panel(grid[row, column], FACTORS[factor], points, labels, panel, space)
        style.title(grid[0, column], space)
        grid[-1, column].set_xlabel(FACTORS[factor].label)
    for row, metric in enumerate(METRICS):
        grid[row, 0].set_ylabel(_LABELS[metric])
    share_tau_axis(list(grid[0]))
    figure.align_ylabels(grid[:, 0])
    figure.align_xlabels(grid[-1])
    _legend(figure, results, drawn, columns=4 if len(spaces) > 1 else 2)
    return figure


def _tick_labels(results: Results, space: str, points: Sequence[Point]) -> list[str]:
    """The printed values, marked if a setting scores a different pool than the baseline."""
    main = results.study.main_pool(space)
    marks = (f" {captions.SUBSPACE_MARK}" * (point_pool(results.study, space, point) != main) for point in points)
    return [value_name(point.value) + mark for point, mark in zip(points, marks, strict=True)]


def _panel(
    axes: Axes, factor: Factor, points: Sequence[Point], labels: list[str], panel: pd.DataFrame, space: str
) -> None:
    """Draw one metric of one space over the factor's values."""
    places = places_of(axes, factor, points, labels)
    scale = 1 if (panel["metric"] == "s_kdt").all() else 100
    look = style.LOOKS[space]
    for point, place in zip(points, places, strict=True):
        if point.is_baseline:
            axes.axvspan(*around(place, places, axes.get_xscale() == "log"), color=style.BAND, lw=0, zorder=-1)
    _draw_references(axes, panel, scale, look)
    where = {point.setting: place for point, place in zip(points, places, strict=True)}
    _draw_runs(axes, panel, where, scale, look)
    _draw_means(axes, panel, where, scale, look, joined=factor.scale != "category")
    axes.set_ylim(*_limits(panel, scale))
    if not panel["mean"].notna().any():
        axes.set_yticks([])  # an empty axis has no scale


def _draw_references(axes: Axes, panel: pd.DataFrame, scale: float, look: style.Look) -> None:
    """Draw ceilings, with their intervals, and the mean of the pool as broken lines, predictors as thin lines."""
    lines = [row for row in _rows(panel, "reference", "value", "mean", "low", "high") if math.isfinite(row[1])]
    known = {name: value for name, value, *_ in lines}
    for name, *found in lines:
        if name in STYLES:
            draw_ceiling(axes, name, Estimate(*found), look.color)
    if "pool" in known:
        axes.axhline(scale * known["pool"], color=look.color, ls=_POOL[0], lw=0.9, zorder=1)
    predictors = sorted(_PREDICTORS.keys() & known.keys(), key=lambda name: (known[name], name))
    for name, place in zip(predictors, itertools.cycle(_LETTERS), strict=False):
        axes.axhline(scale * known[name], color=style.GREY, lw=0.4, zorder=0.8)  # above the grid
        axes.plot(place, scale * known[name], transform=axes.get_yaxis_transform(), clip_on=False, **_letter(name))


def _letter(name: str) -> dict[str, Any]:
    """Marker properties of a predictor's letter, on its line and in the legend."""
    return {"marker": rf"$\mathrm{{{_PREDICTORS[name][0]}}}$", "ms": 4, "mew": 0.3, "color": style.GREY, "ls": "none"}


def _draw_runs(axes: Axes, panel: pd.DataFrame, where: dict[str, float], scale: float, look: style.Look) -> None:
    """Draw runs next to the mean of several; diverged runs as crosses."""
    runs = _rows(panel, "run", "setting", "mean", "diverged")
    shifted = offset_copy(axes.transData, axes.get_figure(root=True), x=_RUN_OFFSET, units="points")
    for setting, value, diverged in runs:
        if diverged:
            across = axes.get_xaxis_transform()
            axes.plot(
                where[setting],
                0.06,
                "x",
                color=style.DIVERGED,
                ms=5,
                mew=1.2,
                transform=across,
                clip_on=False,
            )
        elif math.isfinite(value) and sum(name == setting and not lost for name, _, lost in runs) > 1:
            axes.plot(
                where[setting],
                scale * value,
                look.marker,
                color=look.color,
                mfc="white",
                ms=3,
                mew=0.7,
                transform=shifted,
            )


def _draw_means(
    axes: Axes, panel: pd.DataFrame, where: dict[str, float], scale: float, look: style.Look, joined: bool
) -> None:
    means = [row for row in _rows(panel, "mean", "setting", "mean", "low", "high") if math.isfinite(row[1])]
    if not means:
        axes.text(
            0.5,
            0.5,
            "all runs diverged\nor undefined",
            ha="center",
            transform=axes.transAxes,
            color=style.GREY,
        )
        return
    across = [where[setting] for setting, *_ in means]
    axes.plot(
        across,
        [scale * mean for _, mean, *_ in means],
        ls="-" if joined else "none",
        marker=look.marker,
        color=look.color,
    )
    for place, (_, _, low, high) in zip(across, means, strict=True):
        if math.isfinite(low) and math.isfinite(high):
            axes.plot([place, place], [scale * low, scale * high], color=look.color, lw=0.9, alpha=0.6)


def _limits(panel: pd.DataFrame, scale: float) -> tuple[float, float]:
    """y limits that contain all values, zero for correlations, and a strip for the crosses of diverged runs."""
    values = scale * panel[["mean", "low", "high"]].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if scale == 1:
        low, high = min(low, 0.0), max(high, 0.0)
    span = (high - low) or 1.0
    strip = _DIVERGED_STRIP if (panel["diverged"] > 0).any() else 0.0
    return low - (_MARGIN + strip) * span, high + _MARGIN * span


def places_of(axes: Axes, factor: Factor, points: Sequence[Point], labels: list[str]) -> list[float]:
    """Set up the x axis, and return the place of each point.

    Numbers are to scale, on a log scale if the largest is `_WIDE` times the smallest or more; categories, and values
    with a zero on a log scale, have equal steps.
    """
    values = [point.value for point in points]
    scale = factor.scale
    if scale == "linear" and 0 < _WIDE * min(values) <= max(values):
        scale = "log"
    if scale == "category" or (scale == "log" and min(values) <= 0):
        places = [float(position) for position in range(len(values))]
        axes.set_xlim(-0.5, len(values) - 0.5)
    else:
        places = [float(value) for value in values]
        axes.set_xscale(scale)
        ends = [around(place, places, scale == "log") for place in (places[0], places[-1])]
        axes.set_xlim(ends[0][0], ends[1][1])
    if factor.scale == "category":
        labels = [label.replace("+", " +\n").replace("-NAS", "-\nNAS") for label in labels]
    crowded = sum(max(map(len, label.split("\n"))) for label in labels) > _MOST_CHARACTERS
    turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(places, labels, **turned)
    axes.minorticks_off()
    axes.grid(axis="y", color=style.BAND, lw=0.5)
    return places


def around(place: float, places: Sequence[float], logarithmic: bool) -> tuple[float, float]:
    """Return a narrow interval around a position: a share of the axis, or of its logarithm."""
    forward, back = (math.log, math.exp) if logarithmic else (float, float)
    width = 0.08 * (forward(places[-1]) - forward(places[0])) or 0.5
    return back(forward(place) - width), back(forward(place) + width)


def _rows(panel: pd.DataFrame, kind: str, *columns: str) -> list[Any]:
    return list(panel.loc[panel["kind"] == kind, list(columns)].itertuples(index=False, name=None))


def share_tau_axis(top: Sequence[Axes]) -> None:
    """Use one scale for the correlations of all spaces, with a line at zero."""
    low = min(axes.get_ylim()[0] for axes in top)
    high = max(axes.get_ylim()[1] for axes in top)
    for axes in top:
        axes.set_ylim(low, high)
        axes.axhline(0, color=style.GREY, lw=0.6, zorder=0)


def _legend(figure: Figure, results: Results, drawn: pd.DataFrame, columns: int) -> None:
    """Draw a legend below the panels, with entries only for signs that are drawn."""
    grey = style.GREY
    mean = (
        Line2D([], [], color=grey, marker="o"),
        Line2D([], [], color=grey, marker="|", ms=12, mew=0.9, ls="none"),
    )
    run = Line2D([], [], color=grey, marker="o", mfc="white", ms=3, mew=0.7, ls="none")
    entries: dict[str, Any] = {"mean, 95 % interval": mean}
    complete = drawn[(drawn["kind"] == "run") & (drawn["diverged"] == 0)]
    if complete.groupby(["space", "setting", "metric"]).size().max() > 1:
        entries["single run"] = run
    lines = drawn[(drawn["kind"] == "reference") & drawn["mean"].notna()]
    entries |= ceiling_entries(results, lines["value"])
    if (lines["value"] == "pool").any():
        entries[_POOL[1]] = Line2D([], [], color=grey, ls=_POOL[0], lw=0.9)
    for name, (_, words) in _PREDICTORS.items():
        if (lines["value"] == name).any():
            entries[words] = Line2D([], [], **_letter(name))
    entries["baseline"] = Patch(color=style.BAND)
    if (drawn["diverged"] > 0).any():
        entries["diverged run"] = Line2D([], [], color=style.DIVERGED, marker="x", ms=5, mew=1.2, ls="none")
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=columns)


def _caption(results: Results, factor: str, spaces: tuple[str, ...]) -> Caption:
    swept = [(space, point.setting) for space in spaces for point in sweep(results.study, space, factor)]
    diverged = diverged_runs(results, spaces, frozenset(setting for _, setting in swept))
    several = any(len(results.study.seeds(space, setting)) > 1 for space, setting in swept)
    entry = FACTORS[factor]
    return Caption.of(
        captions.paragraph(
            f"{entry.label} ({entry.meaning}): {METRIC_NAMES['s_kdt']}, super-net accuracy and final performance for "
            "each space, with all other factors at the baseline (grey band).",
            f"Filled markers are means over seeds with 95 % intervals{', open markers single runs' * several}.",
            "Horizontal lines are scores that need no super-net, ceilings with intervals, and the mean of the pool.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            captions.scores_sentence(results),
            captions.threshold_sentence(results, spaces),
            captions.final_sentence(results, spaces),
            captions.paragraph(captions.ceiling_sentence(results, spaces), unshared_sentence(results), NOTE),
            "Thin lines with a letter use a predictor as the score. The mean ground truth of the pool (dash-dotted) is "
            "the expected result of a random choice.",
            captions.proxies_sentence(results),
            captions.INTERVAL,
            captions.own_pools_sentence(results, factor, spaces),
            captions.paragraph(
                captions.diverged_sentence(diverged),
                "Crosses at the bottom are diverged runs." if diverged else "",
                captions.missing_sentence(results, spaces, f"sweep of {factor}"),
            ),
        ),
    )
