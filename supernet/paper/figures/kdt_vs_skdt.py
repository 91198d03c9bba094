"""Figure of rounding: similar ground truths become ties, which turns KdT into S-KdT."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from supernet.config.artifacts import Kind
from supernet.metrics.definitions import sparse_truth
from supernet.metrics.measures import LARGEST_BOOTSTRAP
from supernet.paper import captions, style
from supernet.paper.load import Results
from supernet.paper.names import SPACE_NAMES, count, listed, number
from supernet.paper.render import Caption
from supernet.paper.summary import diverged_runs, frame, main_selection, run_values

INPUTS: tuple[Kind, ...] = ("metrics", "spaces", "pools", "baseline_scores")

_COLUMNS = ("kind", "space", "setting", "seed", "kdt", "s_kdt")
_ARROW = "#9A9A9A"
_CELLS = 48
"""Cells of a density per side."""


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure: one baseline run per space before and after rounding (top), and all runs (bottom)."""
    shown = {space: seed for space in results.spaces if (seed := _first_seed(results, space)) is not None}
    ranks = [row for space, seed in shown.items() for row in _ranks(results, space, seed)]
    taus = [row for space in results.spaces for row in _taus(results, space)]
    drawn = frame([*ranks, *taus], _COLUMNS)
    with style.paper():
        style.save(_figure(results, drawn, shown), out_stem, drawn, _caption(results, shown))


def _first_seed(results: Results, space: str) -> int | None:
    """The first baseline run of a space that has a KdT."""
    runs = run_values(results, space, "kdt", "baseline")
    return min((run.seed for run in runs if math.isfinite(run.value)), default=None)


def _ranks(results: Results, space: str, seed: int) -> list[dict[str, Any]]:
    """Rows of kind `architecture`: ranks of score and ground truth, from 1 for the worst, and mid-ranks after
    rounding."""
    scores = results.scores(space, "baseline", seed)
    main = main_selection(results.study)
    scores = scores[(scores["bn_mode"] == main.bn_mode) & (scores["split"] == main.split)]
    table = (
        results.pool(space, seed)
        .merge(scores[["arch_id", "accuracy"]], on="arch_id")
        .dropna(subset=["truth", "accuracy"])
    )
    truth = table["truth"].to_numpy()
    rounded, width = sparse_truth(truth, results.study.metrics.s_kdt, results.facts[space].threshold)
    columns = {
        "arch_id": table["arch_id"],
        "truth": truth,
        "accuracy": table["accuracy"],
        "score_rank": table["accuracy"].rank(),
        "truth_rank": pd.Series(truth).rank(),
        "rounded_truth": rounded * width,
        "rounded_rank": pd.Series(rounded).rank(),
    }
    start = {"kind": "architecture", "space": space, "setting": "baseline", "seed": seed}
    return [{**start, **dict(zip(columns, row, strict=True))} for row in zip(*columns.values(), strict=True)]


def _taus(results: Results, space: str) -> list[dict[str, Any]]:
    """Rows of kind `run`: KdT and S-KdT of every run that has both."""
    sparse = {(run.setting, run.seed): run.value for run in run_values(results, space, "s_kdt")}
    rows = []
    for run in run_values(results, space, "kdt"):
        value = sparse.get((run.setting, run.seed), math.nan)
        if math.isfinite(run.value) and math.isfinite(value):
            start = {"kind": "run", "space": space, "setting": run.setting, "seed": run.seed}
            rows.append({**start, "kdt": run.value, "s_kdt": value})
    return rows


def _figure(results: Results, drawn: pd.DataFrame, shown: dict[str, int]) -> Figure:
    wide = len(results.spaces) > 1
    figure = Figure(figsize=(style.PAGE if wide else style.COLUMN, 4.9 if wide else 5.2))
    grid = figure.add_gridspec(2, 1, height_ratios=[1.15, 1])
    if shown:
        above = figure.add_subfigure(grid[0])
        for axes, space in zip(above.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            _draw_ranks(axes, drawn[(drawn["kind"] == "architecture") & (drawn["space"] == space)], space)
            axes.set_xlabel(style.label("Rank by super-net accuracy", len(shown)))
            style.title(axes, space, _change(results, space, shown[space]))
        above.axes[0].set_ylabel("Ground truth (%), ranked")
        above.legend(handles=_rank_handles(results, shown), loc="outside lower center", ncols=3 if wide else 1)
    below = figure.add_subfigure(grid[1])
    left, right = below.subplots(1, 2)
    runs = drawn[drawn["kind"] == "run"]
    _draw_taus(left, runs, results.spaces)
    _draw_differences(right, runs, results.spaces)
    below.legend(handles=_space_handles(results.spaces), loc="outside lower center", ncols=4 if wide else 2)
    return figure


def _change(results: Results, space: str, seed: int) -> str:
    """KdT and S-KdT of a baseline run, as printed."""
    kdt, sparse = (
        next(run.value for run in run_values(results, space, metric, "baseline") if run.seed == seed)
        for metric in ("kdt", "s_kdt")
    )
    return f"KdT {number(kdt, 2)} → S-KdT {number(sparse, 2)}"


def _draw_ranks(axes: Axes, panel: pd.DataFrame, space: str) -> None:
    """Draw the ranks of one run; each band contains architectures whose ground truths round to one value.

    Of a large pool the density is drawn, because markers and bands would cover the panel.
    """
    look = style.LOOKS[space]
    _label_by_truth(axes, panel)
    if len(panel) > LARGEST_BOOTSTRAP:
        _draw_density(axes, panel, look.color)
        return
    for position, (_, tied) in enumerate(panel.groupby("rounded_truth")):
        if position % 2 == 0:
            axes.axhspan(tied["truth_rank"].min() - 0.5, tied["truth_rank"].max() + 0.5, color=style.BAND, lw=0)
    axes.vlines(panel["score_rank"], panel["truth_rank"], panel["rounded_rank"], color=_ARROW, lw=0.6)
    axes.plot(panel["score_rank"], panel["truth_rank"], "o", color=_ARROW, mfc="white", ms=2.5, mew=0.6)
    axes.plot(panel["score_rank"], panel["rounded_rank"], look.marker, color=look.color, ms=3, mew=0)


def _draw_density(axes: Axes, panel: pd.DataFrame, color: str) -> None:
    """Draw how many architectures have similar ranks after rounding; the square root keeps small numbers visible."""
    colors = LinearSegmentedColormap.from_list("density", ["white", color])
    reach = (0.5, len(panel) + 0.5)
    ranks = (panel["score_rank"], panel["rounded_rank"])
    axes.hist2d(*ranks, bins=_CELLS, range=(reach, reach), cmap=colors, norm=PowerNorm(0.5, vmin=0), rasterized=True)


def _label_by_truth(axes: Axes, panel: pd.DataFrame) -> None:
    """Set ticks at five ranks, labelled with their ground truth."""
    truths = np.sort(panel["truth"].to_numpy())
    places = np.unique(np.linspace(0, len(truths) - 1, 5).round().astype(int))
    axes.set_yticks(places + 1, [number(100 * truths[place], 1) for place in places])
    axes.set_xticks(places + 1)
    axes.set_xlim(0, len(truths) + 1)
    axes.set_ylim(0, len(truths) + 1)


def _draw_taus(axes: Axes, runs: pd.DataFrame, spaces: tuple[str, ...]) -> None:
    for space in spaces:
        _markers(axes, runs[runs["space"] == space], space, "kdt", "s_kdt")
    low = min(axes.get_xlim()[0], axes.get_ylim()[0])
    high = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color=style.GREY, lw=0.7, zorder=0)
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.set_xlabel("KdT")
    axes.set_ylabel("S-KdT")


def _draw_differences(axes: Axes, runs: pd.DataFrame, spaces: tuple[str, ...]) -> None:
    """Draw S-KdT minus KdT, with one line of markers per space and a bar at the mean."""
    for line, space in enumerate(spaces):
        chosen = runs[runs["space"] == space]
        spread = np.linspace(-0.22, 0.22, len(chosen)) if len(chosen) > 1 else np.zeros(len(chosen))
        shifted = chosen.assign(difference=chosen["s_kdt"] - chosen["kdt"], line=line + spread)
        _markers(axes, shifted, space, "difference", "line")
        if len(chosen):
            mean = float(shifted["difference"].mean())
            axes.plot([mean, mean], [line - 0.35, line + 0.35], color=style.LOOKS[space].color, lw=1.6, zorder=1)
    axes.axvline(0, color=style.GREY, lw=0.7, zorder=0)
    names = [SPACE_NAMES[space] for space in spaces] if len(spaces) > 1 else [""]
    axes.set_yticks(range(len(spaces)), names)
    axes.set_ylim(len(spaces) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("S-KdT \u2212 KdT")


def _markers(axes: Axes, runs: pd.DataFrame, space: str, x: str, y: str) -> None:
    look = style.LOOKS[space]
    for baseline, face in ((False, "white"), (True, look.color)):
        chosen = runs[(runs["setting"] == "baseline") == baseline]
        axes.plot(chosen[x], chosen[y], look.marker, color=look.color, mfc=face, ms=4, mew=0.8)


def _dense(results: Results, shown: Iterable[str]) -> list[str]:
    """Return the spaces whose density is drawn."""
    return [space for space in shown if results.facts[space].pool > LARGEST_BOOTSTRAP]


def _rank_handles(results: Results, shown: Iterable[str]) -> list[Line2D | Patch]:
    dense = _dense(results, shown)
    density: list[Line2D | Patch] = [
        Patch(color=style.LOOKS[space].color, label="density after rounding, darker is more") for space in dense[:1]
    ]
    return density if len(dense) == len(list(shown)) else [*_markers_of_ranks(), *density]


def _markers_of_ranks() -> list[Line2D | Patch]:
    return [
        Line2D(
            [],
            [],
            color=_ARROW,
            marker="o",
            mfc="white",
            ms=2.5,
            mew=0.6,
            ls="none",
            label="before rounding (KdT)",
        ),
        Line2D(
            [],
            [],
            color=style.GREY,
            marker="o",
            ms=3,
            ls="none",
            label="after rounding (S-KdT), ties share a rank",
        ),
        Patch(color=style.BAND, label="rounded to one value"),
    ]


def _space_handles(spaces: tuple[str, ...]) -> list[Line2D]:
    looks = [(SPACE_NAMES[space], style.LOOKS[space]) for space in spaces]
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, ms=4, ls="none", label=name) for name, look in looks
    ]
    return [
        *handles,
        Line2D([], [], color=style.GREY, marker="o", mfc="white", ms=4, ls="none", label="other settings (open)"),
    ]


def _caption(results: Results, shown: dict[str, int]) -> Caption:
    spaces = results.spaces
    seeds = ", ".join(f"{SPACE_NAMES[space]} seed {seed}" for space, seed in shown.items())
    undrawn = [SPACE_NAMES[space] for space in spaces if space not in shown]
    return Caption.of(
        captions.paragraph(
            "Effect of rounding ground truth on rank correlation.",
            "Top: ranks by ground truth against ranks by super-net accuracy in one baseline run; architectures of one "
            "band round to the same value and move to a shared rank (open to filled markers).",
            "Bottom: KdT and S-KdT of every run, and their difference with its mean for each space.",
        ),
        (
            captions.study_sentence(results),
            f"Baseline runs in the top row: {seeds or 'none'}.",
            f"No baseline run with a KdT: {', '.join(undrawn)}." if undrawn else "",
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            captions.scores_sentence(results),
            captions.paragraph(captions.KDT, captions.threshold_sentence(results, spaces)),
            _density(results, shown),
            _cut_off(results),
            captions.paragraph(
                captions.diverged_sentence(diverged_runs(results, spaces)), captions.missing_sentence(results, spaces)
            ),
        ),
    )


def _density(results: Results, shown: Iterable[str]) -> str:
    """State which panels show a density; empty if none does."""
    names = listed(_dense(results, shown))
    if not names:
        return ""
    return (
        f"{names}: the pool has more than {count(LARGEST_BOOTSTRAP)} architectures, so the top row has their density "
        "at the ranks after rounding, without bands. The intensity of the colour grows with the square root of the "
        "number of architectures."
    )


def _cut_off(results: Results) -> str:
    """State how ground truth is rounded if the study prints a positional S-KdT; empty otherwise."""
    percent = results.study.metrics.positional_percent
    if percent is None:
        return ""
    return (
        f"Ground truth is cut off below multiples of {percent} % instead of rounded. Filled markers are at shared "
        "ranks, not at the positions that the positional S-KdT compares."
    )
