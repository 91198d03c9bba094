"""Figure of batch norm: feature statistics, and S-KdT and accuracy of its settings in each evaluation mode."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from supernet.config.artifacts import Kind
from supernet.metrics.interval import Estimate
from supernet.paper import captions, style
from supernet.paper.alone import unshared_sentence
from supernet.paper.figures._ceilings import NOTE, ceiling_entries, ceilings_of, draw_ceiling
from supernet.paper.load import Results
from supernet.paper.names import BN_MODE_NAMES, value_name
from supernet.paper.render import Caption
from supernet.paper.summary import (
    ScoreSelection,
    diverged_runs,
    frame,
    main_selection,
    run_values,
    summarise,
    summary_row,
    sweep,
    swept_spaces,
)

INPUTS: tuple[Kind, ...] = ("metrics", "references", "spaces", "features")

Face = Literal["full", "left", "none"]
FACTOR = "batch_norm"
METRICS = {"s_kdt": "S-KdT", "accuracy": "Super-net\naccuracy (%)"}
GROUPS = {
    ("standalone", "batches"): "alone\nbatch",
    ("supernet", "batches"): "shared\nbatch",
    ("supernet", "architectures"): "shared\npaths",
    ("standalone", "tracked"): "alone\ntracked",
    ("supernet", "tracked"): "shared\ntracked",
}
"""Groups of statistics at the end of training, by (network, source of variation), with their tick labels."""
_WINDOW = 0.05  # share of the recorded steps in the window of the running median
_MODES = ("batch", "tracked", "recalibrated")
_FACES: dict[str, Face] = {"batch": "full", "tracked": "none", "recalibrated": "left"}
_MODE_OFFSET = 0.22  # between modes, in distances between settings
_HEIGHTS = {"steps": 1.35, "end": 1.5, "s_kdt": 1.5, "accuracy": 1.15}


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure; raises UserError if the study does not sweep the factor."""
    spaces = swept_spaces(results, FACTOR)
    features = {space: found for space in spaces if (found := results.features(space)) is not None}
    drawn = frame([row for space in spaces for row in _numbers(results, space, features.get(space))])
    with style.paper():
        figure = _figure(results, spaces, drawn, bool(features))
        style.save(figure, out_stem, drawn, _caption(results, spaces, drawn, bool(features)))


def _numbers(results: Results, space: str, features: pd.DataFrame | None) -> list[dict[str, Any]]:
    """All drawn numbers of a space, of kind `mean` (of a setting in a batch-norm mode), `step` or `end`."""
    rows = [
        {
            "space": space,
            "kind": "mean",
            "metric": metric,
            "setting": point.setting,
            "value": str(point.value),
            "bn_mode": bn_mode,
            **summary_row(summarise(run_values(results, space, metric, point.setting, _selection(results, bn_mode)))),
        }
        for metric in METRICS
        for bn_mode in _bn_modes(results)
        for point in sweep(results.study, space, FACTOR)
    ]
    for name, found in ceilings_of(results, space).items():
        reference = {"space": space, "metric": "s_kdt", "kind": "reference", "value": name, "mean": found.value}
        rows.append({**reference, "low": found.low, "high": found.high})
    return rows if features is None else [*rows, *_steps(space, features), *_ends(space, features)]


def _selection(results: Results, bn_mode: str) -> ScoreSelection:
    return replace(main_selection(results.study), bn_mode=bn_mode)


def _bn_modes(results: Results) -> tuple[str, ...]:
    return tuple(bn_mode for bn_mode in _MODES if bn_mode in results.study.scoring.bn_modes)


def _steps(space: str, features: pd.DataFrame) -> list[dict[str, Any]]:
    """Median over layers of the shift of the mean at each step, and its running median."""
    rows: list[dict[str, Any]] = []
    recorded = features[features["kind"] == "step"]
    for network, of_network in recorded.groupby("network"):
        each = of_network.groupby("step")["mean_distance"].median().dropna()
        smooth = each.rolling(max(1, round(_WINDOW * len(each))), center=True, min_periods=1).median()
        for (step, value), line in zip(each.items(), smooth, strict=True):
            start = {"space": space, "kind": "step", "metric": "mean_distance", "network": network}
            rows.append({**start, "step": int(str(step)) + 1, "mean": value, "smooth": line})
    return rows


def _ends(space: str, features: pd.DataFrame) -> list[dict[str, Any]]:
    """Median and quartiles, over layers and samples, of both distances at the end of training."""
    rows: list[dict[str, Any]] = []
    for network, kind in GROUPS:
        group = features[(features["network"] == network) & (features["kind"] == kind)]
        for metric in ("mean_distance", "scale_distance"):
            values = group[metric].dropna().to_numpy()
            if len(values):
                low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
                start = {"space": space, "kind": "end", "metric": metric, "network": network, "value": kind}
                start["setting"] = str(group["setting"].iloc[0])
                rows.append({**start, "mean": middle, "low": low, "high": high, "n": len(values)})
    return rows


def _figure(results: Results, spaces: tuple[str, ...], drawn: pd.DataFrame, features: bool) -> Figure:
    panels: dict[str, Callable[[Axes, pd.DataFrame, str], None]] = {}
    if features:
        panels |= {"steps": _step_panel, "end": _end_panel}
    panels |= {metric: _setting_panel(results, metric) for metric in METRICS}
    heights = [_HEIGHTS[name] for name in panels]
    figure = Figure(figsize=(style.PAGE if len(spaces) > 1 else style.COLUMN, sum(heights) + 1.0))
    grid = figure.subplots(
        len(panels), len(spaces), squeeze=False, sharey="row", gridspec_kw={"height_ratios": heights}
    )
    for column, space in enumerate(spaces):
        for axes, draw in zip(grid[:, column], panels.values(), strict=True):
            draw(axes, drawn[drawn["space"] == space], space)
            axes.grid(axis="y", color=style.BAND, lw=0.5)
        style.title(grid[0, column], space)
    labels = {"steps": "Shift of mean\nper step (sd)", "end": "Distance of\nstatistics", **METRICS}
    for axes, name in zip(grid[:, 0], panels, strict=True):
        axes.set_ylabel(labels[name])
    figure.align_ylabels(grid[:, 0])
    _legend(figure, results, drawn, features, columns=3 if len(spaces) > 1 else 1)
    return figure


def _step_panel(axes: Axes, drawn: pd.DataFrame, space: str) -> None:
    steps = drawn[drawn["kind"] == "step"]
    axes.set(yscale="log", xlabel="Training step")
    for network, color in (("standalone", style.GREY), ("supernet", style.LOOKS[space].color)):
        line = steps[steps["network"] == network]
        axes.plot(line["step"], line["mean"], ".", color=color, ms=1.5, alpha=0.35, mew=0)
        axes.plot(line["step"], line["smooth"], color=color, ls="-" if network == "supernet" else "--")


def _end_panel(axes: Axes, drawn: pd.DataFrame, space: str) -> None:
    ends, look = drawn[drawn["kind"] == "end"], style.LOOKS[space]
    axes.set(yscale="log", xlim=(-0.5, len(GROUPS) - 0.5))
    axes.set_xticks(range(len(GROUPS)), list(GROUPS.values()), fontsize=6)
    for place, (network, kind) in enumerate(GROUPS):
        group = ends[(ends["network"] == network) & (ends["value"] == kind)]
        if group.empty:
            axes.text(place, 0.5, "none", transform=axes.get_xaxis_transform(), ha="center", color=style.GREY)
        color = style.GREY if network == "standalone" else look.color
        for metric, at, face in (("mean_distance", place - 0.13, color), ("scale_distance", place + 0.13, "white")):
            for _, one in group[group["metric"] == metric].iterrows():
                axes.plot([at, at], [one["low"], one["high"]], color=color, lw=0.9, alpha=0.6)
                axes.plot(at, one["mean"], look.marker, color=color, mfc=face)


def _setting_panel(results: Results, metric: str) -> Callable[[Axes, pd.DataFrame, str], None]:
    """Return a function that draws the settings of a space in each batch-norm mode."""

    def draw(axes: Axes, drawn: pd.DataFrame, space: str) -> None:
        points, bn_modes = sweep(results.study, space, FACTOR), _bn_modes(results)
        means = drawn[(drawn["kind"] == "mean") & (drawn["metric"] == metric)]
        scale, look = (1 if metric == "s_kdt" else 100), style.LOOKS[space]
        axes.set_xlim(-0.5, len(points) - 0.5)
        labels = [value_name(point.value).replace("+", "+\n") for point in points] if metric == "accuracy" else []
        axes.set_xticks(range(len(points)), labels or [""] * len(points))
        if metric == "accuracy":
            axes.set_xlabel("Batch norm in training")
        else:
            axes.axhline(0, color=style.GREY, lw=0.6, zorder=0)
            for _, one in drawn[drawn["kind"] == "reference"].iterrows():
                draw_ceiling(axes, one["value"], Estimate(one["mean"], one["low"], one["high"]), look.color)
        for place, point in enumerate(points):
            if point.is_baseline:
                axes.axvspan(place - 0.42, place + 0.42, color=style.BAND, lw=0, zorder=-1)
            for number, bn_mode in enumerate(bn_modes):
                at = place + _MODE_OFFSET * (number - (len(bn_modes) - 1) / 2)
                one = means[(means["setting"] == point.setting) & (means["bn_mode"] == bn_mode)].iloc[0]
                _mark(axes, at, one, bn_mode, scale, look)

    return draw


def _mark(axes: Axes, at: float, one: "pd.Series[Any]", bn_mode: str, scale: float, look: style.Look) -> None:
    if one["diverged"] > 0 and not math.isfinite(one["mean"]):
        axes.plot(at, 0.06, "x", color=style.DIVERGED, ms=5, mew=1.2, transform=axes.get_xaxis_transform())
    if not math.isfinite(one["mean"]):
        return
    if math.isfinite(one["low"]) and math.isfinite(one["high"]):
        axes.plot([at, at], [scale * one["low"], scale * one["high"]], color=look.color, lw=0.9, alpha=0.6)
    axes.plot(at, scale * one["mean"], look.marker, color=look.color, fillstyle=_FACES[bn_mode], mfcalt="white")


def _legend(figure: Figure, results: Results, drawn: pd.DataFrame, features: bool, columns: int) -> None:
    grey = style.GREY
    entries: dict[str, Any] = {
        f"scored with {bn_mode} statistics": Line2D(
            [], [], color=grey, marker="o", ls="none", fillstyle=_FACES[bn_mode], mfcalt="white"
        )
        for bn_mode in _bn_modes(results)
    }
    entries["baseline"] = Patch(color=style.BAND)
    entries |= ceiling_entries(results, drawn.loc[drawn["kind"] == "reference", "value"])
    if ((drawn["diverged"] > 0) & drawn["mean"].isna()).any():
        entries["diverged"] = Line2D([], [], color=style.DIVERGED, marker="x", ms=5, mew=1.2, ls="none")
    if features:
        entries |= {
            "super-net (in colour)": Line2D([], [], color=grey, ls="-"),
            "stand-alone (grey)": Line2D([], [], color=grey, ls="--"),
            "distance of means": Line2D([], [], color=grey, marker="D", ms=4, ls="none"),
            "distance of scales": Line2D([], [], color=grey, marker="D", ms=4, ls="none", mfc="white"),
        }
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=columns)


def _caption(results: Results, spaces: tuple[str, ...], drawn: pd.DataFrame, features: bool) -> Caption:
    settings = frozenset(point.setting for space in spaces for point in sweep(results.study, space, FACTOR))
    statistics = "Feature statistics in training and at its end (two upper rows), and the" if features else "The"
    return Caption.of(
        captions.paragraph(
            f"Batch norm. {statistics} batch-norm settings of training in each evaluation mode, for each space.",
            "Markers are means over seeds with 95 % intervals; the grey band is the baseline.",
        ),
        (
            captions.study_sentence(results),
            *(_feature_notes(results, drawn) if features else ("The study does not record feature statistics.",)),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            _modes_note(results),
            captions.threshold_sentence(results, spaces),
            _ceilings_note(results, spaces),
            captions.INTERVAL,
            captions.paragraph(
                captions.diverged_sentence(diverged_runs(results, spaces, settings)),
                captions.missing_sentence(results, spaces, f"sweep of {FACTOR}"),
            ),
        ),
    )


def _modes_note(results: Results) -> str:
    modes = "; ".join(f"{BN_MODE_NAMES[bn_mode]} ({bn_mode})" for bn_mode in _bn_modes(results))
    return (
        f"Scores: accuracy on {captions.SPLITS[main_selection(results.study).split]}, ranked by accuracy, with "
        f"{modes}. Tracked statistics exist only in settings whose training tracks them."
    )


def _ceilings_note(results: Results, spaces: tuple[str, ...]) -> str:
    if not any(ceilings_of(results, space) for space in spaces):
        return ""
    return captions.paragraph(captions.ceiling_sentence(results, spaces), unshared_sentence(results), NOTE)


def _feature_notes(results: Results, drawn: pd.DataFrame) -> tuple[str, ...]:
    config = results.study.features
    assert config is not None  # the caller has found features
    ends = drawn[(drawn["kind"] == "end") & (drawn["metric"] == "mean_distance")]
    tracking = sorted({str(name) for name in ends.loc[ends["value"] == "tracked", "setting"] if name})
    return (
        "Feature statistics are the mean m and the scale s of each channel at the input of each batch norm in one "
        "batch (s squared is the variance plus the epsilon of the batch norm). Distances are means over the channels "
        "of a layer: |m - m'| / s' for means, |ln(s / s')| for scales.",
        f"First row, up to the first {config.steps} steps: distance from the statistics at the last use of the layer, "
        "in its standard deviations. Points are medians over layers; lines are running medians over 5 % of the steps. "
        "Solid coloured lines are the baseline super-net; dashed grey lines are the best architecture of the pool, "
        "trained stand-alone with the recipe of the ground truth. Both are single trainings with the first seed.",
        "Second row, at the end of training: medians and quartiles over layers and samples, for the stand-alone "
        "network (alone) and the super-net (shared). Batch: the same path, each batch against the average. Paths: "
        f"{config.architectures} uniform architectures (fewer in smaller spaces) on the same {config.batches} batches, "
        "each against the average over architectures. Tracked: tracked statistics against the true ones of each of "
        "these architectures, in standard deviations of the true ones"
        + (f" (super-net: {', '.join(tracking)})." if tracking else "; no setting of the super-net tracks them."),
    )
