"""Figure of super-net accuracy and S-KdT against final performance, for every run."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from supernet.config.artifacts import Kind
from supernet.metrics.definitions import kendall_tau
from supernet.paper import captions, style
from supernet.paper.load import Results
from supernet.paper.names import number
from supernet.paper.render import Caption
from supernet.paper.summary import diverged_runs, frame, run_values

INPUTS: tuple[Kind, ...] = ("metrics", "spaces")

_COLUMNS = ("space", "setting", "seed", "metric", "value", "final_mean")
_QUANTITIES = {"accuracy": ("Super-net accuracy (%)", 100), "s_kdt": ("S-KdT", 1)}


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure, with one row of panels per quantity and one column per space."""
    drawn = frame([row for space in results.spaces for row in _numbers(results, space)], _COLUMNS)
    with style.paper():
        style.save(_figure(results, drawn), out_stem, drawn, _caption(results))


def _numbers(results: Results, space: str) -> list[dict[str, Any]]:
    """One row per quantity and complete run with both values; runs of sub-spaces have other ground truth."""
    own = results.study.main_pool(space).own_space
    finals = {(run.setting, run.seed): run.value for run in run_values(results, space, "final_mean")}
    rows = []
    for metric in _QUANTITIES:
        for run in run_values(results, space, metric):
            final = finals.get((run.setting, run.seed), math.nan)
            same = results.study.pool_of(space, run.setting, run.seed).own_space == own
            if same and math.isfinite(run.value) and math.isfinite(final):
                start = {"space": space, "setting": run.setting, "seed": run.seed, "metric": metric}
                rows.append({**start, "value": run.value, "final_mean": final})
    return rows


def _figure(results: Results, drawn: pd.DataFrame) -> Figure:
    spaces = results.spaces
    figure = Figure(figsize=(style.PAGE if len(spaces) > 1 else style.COLUMN, 4.2))
    grid = figure.subplots(len(_QUANTITIES), len(spaces), squeeze=False, sharey="col")
    for column, space in enumerate(spaces):
        look = style.LOOKS[space]
        for row, (metric, (label, scale)) in enumerate(_QUANTITIES.items()):
            axes = grid[row, column]
            panel = drawn[(drawn["space"] == space) & (drawn["metric"] == metric)]
            for baseline, face in ((False, "white"), (True, look.color)):
                chosen = panel[(panel["setting"] == "baseline") == baseline]
                axes.plot(
                    scale * chosen["value"],
                    100 * chosen["final_mean"],
                    look.marker,
                    color=look.color,
                    mfc=face,
                )
            axes.axhline(100 * results.facts[space].truth_mean, color=style.GREY, ls="-.", lw=0.8, zorder=0)
            axes.margins(0.12)
            axes.set_xlabel(label)
            tau = f"τ = {number(_tau(panel), 2)}, n = {len(panel)} runs"
            if row == 0:
                style.title(axes, space, tau)
            else:
                axes.set_title(tau, color=look.color)
    for row in range(len(_QUANTITIES)):
        grid[row, 0].set_ylabel("Final performance (%)")
    handles = [
        Line2D([], [], color=style.GREY, marker="o", ls="none", label="baseline"),
        Line2D([], [], color=style.GREY, marker="o", mfc="white", ls="none", label="other settings"),
        Line2D([], [], color=style.GREY, ls="-.", lw=0.8, label="mean of the pool"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3 if len(spaces) > 1 else 2)
    return figure


def _tau(panel: pd.DataFrame) -> float:
    if len(panel) < 2:
        return math.nan
    return kendall_tau(panel["value"].to_numpy(), panel["final_mean"].to_numpy())


def _caption(results: Results) -> Caption:
    spaces = results.spaces
    return Caption.of(
        captions.paragraph(
            "Super-net accuracy (top) and S-KdT (bottom) of every run against its final performance, for each space.",
            "Each marker is one run, filled for the baseline; τ is Kendall's tau-b over the n runs of a panel.",
            "The dash-dotted line is the mean of the pool, the expected result of a random choice.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            captions.scores_sentence(results),
            captions.threshold_sentence(results, spaces),
            captions.final_sentence(results, spaces),
            captions.paragraph(
                _left_out(results),
                captions.diverged_sentence(diverged_runs(results, spaces)),
                captions.missing_sentence(results, spaces),
            ),
        ),
    )


def _left_out(results: Results) -> str:
    """List the settings of sub-spaces, which score other architectures; empty if there are none."""
    study = results.study
    others = [
        setting
        for space in results.spaces
        for setting in study.settings(space)
        if study.pool_of(space, setting, study.seeds(space, setting)[0]).own_space != study.main_pool(space).own_space
    ]
    return f"Left out because they score architectures of a sub-space: {', '.join(others)}." if others else ""
