"""Figure of the cumulative effect of factors, from common practice to the baseline one factor at a time."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from supernet.config.artifacts import Kind
from supernet.config.factors import FACTORS
from supernet.errors import UserError
from supernet.paper import captions, style
from supernet.paper.load import Results
from supernet.paper.names import SPACE_NAMES, value_name
from supernet.paper.render import Caption
from supernet.paper.summary import diverged_runs, frame, run_values, summarise, summary_row

INPUTS: tuple[Kind, ...] = ("metrics", "references", "spaces")

METRICS = ("s_kdt", "accuracy", "final_mean")
_LABELS = {"s_kdt": "S-KdT", "accuracy": "Super-net accuracy (%)", "final_mean": "Final performance (%)"}
_ROW = 0.17  # inches
_BETWEEN = 0.5
_REFERENCES = {"seed": ("--", "seed-to-seed ceiling"), "parameters": (":", "parameters alone")}


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure; raises UserError if no measured space of the study has `cumulative` settings."""
    spaces = [space for space in results.spaces if results.study.cumulative(space)]
    if not spaces:
        raise UserError(
            f"study {results.study.study}: no results of `cumulative` settings; add `spaces: …: cumulative:` to the "
            "study file and run the study, or leave this figure out"
        )
    drawn = frame([row for space in spaces for row in _numbers(results, space)])
    with style.paper():
        style.save(_figure(results, drawn, spaces), out_stem, drawn, _caption(results, spaces))


def _steps(results: Results, space: str) -> list[tuple[str, str]]:
    """(setting, label) from the start to the baseline; the label names the changed factor."""
    settings, found = results.study.settings(space), results.study.cumulative(space)
    changed = [factor for factor, _ in found[:-1]]
    values = [value_name(getattr(settings["baseline"], factor)) for factor in changed]
    labels = [f"+ {FACTORS[name].label.lower()} {value}" for name, value in zip(changed, values, strict=True)]
    return [(setting, label) for (_, setting), label in zip(found, ["common practice", *labels], strict=True)]


def _numbers(results: Results, space: str) -> list[dict[str, Any]]:
    """All drawn numbers of a space, of kind `run`, `mean` or `reference`; accuracies are fractions."""
    rows: list[dict[str, Any]] = []
    for step, (setting, label) in enumerate(_steps(results, space)):
        for metric in METRICS:
            start = {"space": space, "step": step, "setting": setting, "label": label, "metric": metric}
            runs = run_values(results, space, metric, setting)
            for run in runs:
                rows.append(
                    {**start, "kind": "run", "seed": run.seed, "mean": run.value, "diverged": int(run.diverged)}
                )
            rows.append({**start, "kind": "mean", **summary_row(summarise(runs))})
    for name in _REFERENCES:
        value = results.reference(space, name, "s_kdt").value
        rows.append({"space": space, "metric": "s_kdt", "kind": "reference", "label": name, "mean": value})
    return rows


def _figure(results: Results, drawn: pd.DataFrame, spaces: Sequence[str]) -> Figure:
    lengths = [len(_steps(results, space)) for space in spaces]
    height = 0.9 + sum(_ROW * length + _BETWEEN for length in lengths)
    figure = Figure(figsize=(style.PAGE, height))
    grid = figure.subplots(
        len(spaces), len(METRICS), squeeze=False, sharey="row", sharex="col", gridspec_kw={"height_ratios": lengths}
    )
    for row, space in enumerate(spaces):
        steps = _steps(results, space)
        for column, metric in enumerate(METRICS):
            panel = drawn[(drawn["space"] == space) & (drawn["metric"] == metric)]
            _panel(grid[row, column], panel, space, len(steps), 1 if metric == "s_kdt" else 100)
            grid[-1, column].set_xlabel(_LABELS[metric])
        grid[row, 0].set_yticks(range(len(steps)), [label for _, label in steps])
        grid[row, 0].set_ylim(len(steps) - 0.5, -0.5)
        style.title(grid[row, 0], space)
    figure.legend(handles=_legend(drawn), loc="outside lower center", ncols=4)
    return figure


def _panel(axes: Axes, panel: pd.DataFrame, space: str, steps: int, scale: float) -> None:
    look = style.LOOKS[space]
    axes.axhspan(steps - 1.4, steps - 0.6, color=style.BAND, lw=0, zorder=-1)
    axes.grid(axis="x", color=style.BAND, lw=0.5)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    if scale == 1:
        axes.axvline(0, color=style.GREY, lw=0.6, zorder=0)
    for name, value in _rows(panel, "reference", "label", "mean"):
        if math.isfinite(value):
            axes.axvline(scale * value, color=look.color, ls=_REFERENCES[name][0], lw=0.9, zorder=1)
    runs = _rows(panel, "run", "step", "mean", "diverged")
    for step, value, diverged in runs:
        several = sum(other == step and not lost for other, _, lost in runs) > 1
        if diverged:
            axes.plot(0.03, step, "x", color=style.DIVERGED, ms=5, mew=1.2, transform=axes.get_yaxis_transform())
        elif several and math.isfinite(value):
            axes.plot(scale * value, step + 0.25, look.marker, color=look.color, mfc="white", ms=3, mew=0.7)
    means = [row for row in _rows(panel, "mean", "step", "mean", "low", "high") if math.isfinite(row[1])]
    axes.plot([scale * mean for _, mean, *_ in means], [step for step, *_ in means], color=look.color, lw=0.7)
    for step, mean, low, high in means:
        axes.plot(scale * mean, step, look.marker, color=look.color)
        if math.isfinite(low) and math.isfinite(high):
            axes.plot([scale * low, scale * high], [step, step], color=look.color, lw=0.9, alpha=0.6)


def _rows(panel: pd.DataFrame, kind: str, *columns: str) -> list[Any]:
    return list(panel.loc[panel["kind"] == kind, list(columns)].itertuples(index=False, name=None))


def _legend(drawn: pd.DataFrame) -> list[Line2D]:
    """Entries for the signs that are drawn."""
    grey = style.GREY
    handles = [Line2D([], [], color=grey, marker="o", label="mean, 95 % interval")]
    complete = drawn[(drawn["kind"] == "run") & (drawn["diverged"] == 0)]
    if complete.groupby(["space", "setting", "metric"]).size().max() > 1:
        handles.append(
            Line2D([], [], color=grey, marker="o", mfc="white", ms=3, mew=0.7, ls="none", label="single run")
        )
    lines = drawn[(drawn["kind"] == "reference") & drawn["mean"].notna()]
    for name, (look, words) in _REFERENCES.items():
        if (lines["label"] == name).any():
            handles.append(Line2D([], [], color=grey, ls=look, lw=0.9, label=words))
    if (drawn["diverged"] > 0).any():
        handles.append(Line2D([], [], color=style.DIVERGED, marker="x", ms=5, mew=1.2, ls="none", label="diverged run"))
    return handles


def _caption(results: Results, spaces: list[str]) -> Caption:
    starts = (_start(results, space) for space in spaces)
    settings = frozenset(setting for space in spaces for _, setting in results.study.cumulative(space))
    return Caption.of(
        captions.paragraph(
            "Cumulative effect of the factors: S-KdT, super-net accuracy and final performance from common practice to "
            "the baseline.",
            "Each row changes one more factor and keeps the changes above it; the last row is the baseline (grey "
            "band).",
            "The contribution of a step depends on the order of the steps.",
        ),
        (
            captions.study_sentence(results),
            f"Common practice, where it differs from the baseline: {'; '.join(starts)}.",
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            captions.scores_sentence(results),
            captions.threshold_sentence(results, spaces),
            captions.final_sentence(results, spaces),
            captions.INTERVAL,
            captions.paragraph(
                captions.diverged_sentence(diverged_runs(results, tuple(spaces), settings)),
                captions.missing_sentence(results, spaces, "steps from common practice"),
            ),
        ),
    )


def _start(results: Results, space: str) -> str:
    values = results.study.spaces[space].cumulative.items()
    return f"{SPACE_NAMES[space]}: " + ", ".join(
        f"{FACTORS[name].label.lower()} {value_name(value)}" for name, value in values
    )
