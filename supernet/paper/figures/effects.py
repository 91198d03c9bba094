"""Forest plot of the effect of every setting on S-KdT against the baseline of its space."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from supernet.config.artifacts import Kind
from supernet.config.factors import FACTORS
from supernet.metrics.power import FEWEST_SEEDS, LEVEL
from supernet.paper import captions, style
from supernet.paper.load import Results
from supernet.paper.names import value_name
from supernet.paper.render import Caption
from supernet.paper.summary import sweep

INPUTS: tuple[Kind, ...] = ("metrics", "spaces", "effects")

METRIC = "s_kdt"
_ROW = 0.145
"""Height of a setting in inches."""
_REASONS = {
    "pool": "scored on another pool",
    "runs": "no run has a correlation",
    "baseline": "the baseline has no correlation",
    "seeds": "no seed in common with the baseline, or too few to tell an effect from noise",
    "truth": "fewer than three architectures have a ground truth",
}


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure, with one row per setting and one column per space."""
    drawn = results.effects[results.effects["metric"] == METRIC]
    drawn = drawn[drawn["space"].isin(results.spaces)]
    rows = _rows(results)
    with style.paper():
        style.save(_figure(results, drawn, rows), out_stem, drawn, _caption(results, drawn))


def _rows(results: Results) -> list[tuple[str, str]]:
    """(setting, label) of all swept settings, by factor and value; the first label of a factor contains its name."""
    rows: dict[str, str] = {}
    for factor in results.study.factors():
        values = {
            point.setting: point.value
            for space in results.spaces
            if factor in results.study.spaces[space].sweep
            for point in sweep(results.study, space, factor)
            if not point.is_baseline
        }
        order = list(values) if FACTORS[factor].scale == "category" else sorted(values, key=lambda one: values[one])
        for position, setting in enumerate(order):
            value = value_name(values[setting])
            rows[setting] = f"{FACTORS[factor].label}: {value}" if position == 0 else value
    return list(rows.items())


def _figure(results: Results, drawn: pd.DataFrame, rows: list[tuple[str, str]]) -> Figure:
    spaces = results.spaces
    figure = Figure(figsize=(style.PAGE if len(spaces) > 1 else style.COLUMN, 1.1 + _ROW * max(len(rows), 3)))
    grid = figure.subplots(1, len(spaces), squeeze=False, sharey=True)[0]
    places = {setting: -float(number) for number, (setting, _) in enumerate(rows)}
    for axes, space in zip(grid, spaces, strict=True):
        _panel(axes, drawn[drawn["space"] == space], places, space)
        style.title(axes, space)
        axes.set_xlabel("Effect on S-KdT")
    _separate_factors(grid, rows, places)
    grid[0].set_yticks(list(places.values()), [label for _, label in rows])
    grid[0].set_ylim(-len(rows) + 0.4, 0.6)
    figure.legend(handles=_legend(drawn), loc="outside lower center", ncols=3 if len(spaces) > 1 else 1)
    return figure


def _panel(axes: Axes, effects: pd.DataFrame, places: dict[str, float], space: str) -> None:
    look = style.LOOKS[space]
    axes.axvline(0, color=style.GREY, lw=0.6, zorder=0)
    axes.grid(axis="x", color=style.BAND, lw=0.5)
    axes.tick_params(axis="y", length=0)
    columns = ["setting", "left_out", "effect", "low", "high", "p_holm", "smallest", "tested"]
    rows: list[Any] = list(effects[columns].itertuples(index=False, name=None))
    widest = _widest(effects)
    for setting, left_out, effect, low, high, p, smallest, tested in rows:
        place = places[setting]
        if left_out:
            axes.plot(0, place, "x", color=style.GREY, ms=3.5, mew=0.8)
            continue
        axes.plot([low, high], [place, place], color=look.color, lw=0.9, ls="-" if tested else ":")
        axes.plot(effect, place, look.marker, color=look.color, mfc=look.color if p < LEVEL else "white", ms=4, mew=0.8)
        if smallest <= widest:
            axes.plot([-smallest, smallest], [place, place], "|", color=style.GREY, ms=5, mew=0.7)


def _widest(effects: pd.DataFrame) -> float:
    """Return the largest distance of an interval's end from zero: ticks further out would compress the intervals."""
    ends = effects[["low", "high"]].to_numpy(dtype=float)
    return float(np.abs(ends[np.isfinite(ends)]).max(initial=0.0))


def _separate_factors(grid: Any, rows: list[tuple[str, str]], places: dict[str, float]) -> None:
    """Draw a thin line above the first setting of each factor except the first."""
    for setting, label in rows[1:]:
        if ": " in label:
            for axes in grid:
                axes.axhline(places[setting] + 0.5, color=style.BAND, lw=0.6, zorder=0)


def _legend(drawn: pd.DataFrame) -> list[Line2D]:
    grey = style.GREY
    handles = []
    if _tested(drawn).any():
        handles = [
            Line2D([], [], color=grey, marker="o", mfc="white", label="effect, 95 % interval"),
            Line2D([], [], color=grey, marker="|", ls="none", ms=5, label="smallest detectable effect"),
        ]
    if (drawn["p_holm"] < LEVEL).any():
        handles.insert(1, Line2D([], [], color=grey, marker="o", label="significant effect"))
    if (~_tested(drawn) & (drawn["left_out"] == "")).any():
        label = f"fewer than {FEWEST_SEEDS} seeds: not tested"
        handles.append(Line2D([], [], color=grey, marker="o", mfc="white", ls=":", label=label))
    if (drawn["left_out"] != "").any():
        handles.append(Line2D([], [], color=grey, marker="x", ls="none", ms=3.5, label="left out"))
    return handles


def _caption(results: Results, drawn: pd.DataFrame) -> Caption:
    spaces = results.spaces
    return Caption.of(
        captions.paragraph(
            "Effect of every setting on S-KdT against the baseline of its space: the difference of means over seeds, "
            "with its 95 % interval.",
            *_test_sentences(drawn),
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            _error_sentence(drawn),
            _detectable_sentence(drawn),
            captions.scores_sentence(results),
            captions.paragraph(captions.threshold_sentence(results, spaces), captions.effects_sentence(results)),
            captions.paragraph(_left_out_sentence(drawn), captions.missing_sentence(results, spaces)),
        ),
    )


def _error_sentence(drawn: pd.DataFrame) -> str:
    pool = "the choice of architectures, resampled jointly for a setting and the baseline"
    tested = f"Intervals of tested effects cover {pool}, and the variation between seeds of each of the two."
    untested = int((~_tested(drawn) & (drawn["left_out"] == "")).sum())
    if not untested:
        return tested
    alone = (
        f"Effects of fewer than {FEWEST_SEEDS} seeds are not tested, and their intervals cover only the choice of "
        "architectures: another seed may change them by more."
    )
    return alone if not _tested(drawn).any() else f"{tested} {alone}"


def _tested(drawn: pd.DataFrame) -> "pd.Series[bool]":
    """Return which effects are tested."""
    return drawn["tested"].astype(bool) & (drawn["left_out"] == "")


def _test_sentences(drawn: pd.DataFrame) -> tuple[str, ...]:
    """Say how many effects are significant, and what the ticks are; or that no effect is tested."""
    tested = int(_tested(drawn).sum())
    if not tested:
        return (f"No effect is tested, because none has {FEWEST_SEEDS} seeds of the setting and the baseline.",)
    significant = int((drawn["p_holm"] < LEVEL).sum())
    return (
        "Filled markers are significant at 5 % after Holm's correction for the tested settings of a space: "
        f"{significant} of {tested} tested.",
        "Grey ticks mark the smallest effect that this test detects with a power of 80 %.",
    )


def _detectable_sentence(drawn: pd.DataFrame) -> str:
    smallest = drawn.loc[drawn["smallest"] > 0, "smallest"]
    if smallest.empty:
        return ""
    widest = drawn["space"].map({space: _widest(rows) for space, rows in drawn.groupby("space")})
    outside = int((drawn["smallest"] > widest).sum())
    return captions.paragraph(
        "Smaller effects than the grey ticks may exist without being detected.",
        f"The median of the smallest detectable effects is {smallest.median():.2f}.",
        f"{outside} of {len(smallest)} are larger than the ends of all intervals of their space, and have no tick."
        if outside
        else "",
    )


def _left_out_sentence(drawn: pd.DataFrame) -> str:
    left = drawn[drawn["left_out"] != ""]
    if left.empty:
        return ""
    named = "; ".join(
        f"{', '.join(dict.fromkeys(group['setting']))} ({_REASONS[str(reason)]})"
        for reason, group in left.groupby("left_out", sort=False)
    )
    return f"Left out: {named}."
