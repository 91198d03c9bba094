"""Figure of random search: the found architectures in the distribution of the pool."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from supernet.config.artifacts import Kind
from supernet.errors import UserError
from supernet.paper import captions, style
from supernet.paper.load import Results
from supernet.paper.names import count
from supernet.paper.render import Caption
from supernet.paper.summary import frame

INPUTS: tuple[Kind, ...] = ("metrics", "spaces", "pools", "searches")

_COLUMNS = ("space", "kind", "arch_id", "truth", "seed", "rank")
_BINS = 16
_TAIL = 4
"""The axis is cut if the pool extends this many times further down than its upper three quarters and the found ones."""


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure; raises UserError if no search has run."""
    spaces = tuple(space for space in results.spaces if results.searches(space) or results.lost_searches(space))
    if not spaces:
        raise UserError(f"{results.folder}: found no random search; make it with `snakemake`, or leave this figure out")
    drawn = frame([row for space in spaces for row in _numbers(results, space)], _COLUMNS)
    with style.paper():
        style.save(_figure(drawn, spaces), out_stem, drawn, _caption(results, spaces))


def _numbers(results: Results, space: str) -> list[dict[str, Any]]:
    """Ground truth of the pool (kind `pool`) and of found architectures (kind `found`), as fractions."""
    pool = results.pool(space)
    rows: list[dict[str, Any]] = [
        {"space": space, "kind": "pool", "arch_id": arch, "truth": truth}
        for arch, truth in zip(pool["arch_id"], pool["truth"], strict=True)
    ]
    for seed, search in results.searches(space).items():
        for rank, arch, truth in search.found[["rank", "arch_id", "truth"]].itertuples(index=False):
            rows.append({"space": space, "kind": "found", "arch_id": arch, "truth": truth, "seed": seed, "rank": rank})
    return rows


def _figure(drawn: pd.DataFrame, spaces: tuple[str, ...]) -> Figure:
    seeds = max(drawn.loc[drawn["space"] == space, "seed"].nunique() for space in spaces)
    strip = 0.22 * (seeds + 1)
    figure = Figure(figsize=(style.PAGE if len(spaces) > 1 else style.COLUMN, 2.3 + strip))
    grid = figure.subplots(
        2,
        len(spaces),
        squeeze=False,
        sharex="col",
        gridspec_kw={"height_ratios": [strip, 1.5], "hspace": 0.02},
    )
    for column, space in enumerate(spaces):
        panel = drawn[drawn["space"] == space]
        _found(grid[0, column], panel, space)
        _pool(grid[1, column], panel)
        grid[1, column].set_xlabel(style.label("Stand-alone accuracy (%)", len(spaces)))
        style.title(grid[0, column], space)
    grid[1, 0].set_ylabel("Architectures\nin the pool")
    marks: dict[str, Any] = {"marker": "D", "ms": 4, "color": style.GREY, "ls": "none"}
    handles = [
        Line2D([], [], **marks, label="found, best score"),
        Line2D([], [], **marks, mfc="white", label="found, others"),
        Patch(color="#BDBDBD", label="pool"),
        Line2D([], [], color=style.GREY, ls="-.", lw=0.8, label="mean of the pool"),
        Line2D([], [], color="black", ls="-", lw=0.8, label="best of the pool"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5 if len(spaces) > 1 else 2)
    return figure


def _found(axes: Axes, panel: pd.DataFrame, space: str) -> None:
    """Draw one line of markers per search, with the first seed on top."""
    found = panel[panel["kind"] == "found"]
    look = style.LOOKS[space]
    seeds = sorted({int(seed) for seed in found["seed"]})
    if not seeds:
        axes.text(0.5, 0.5, "super-net diverged", ha="center", va="center", transform=axes.transAxes, color=style.GREY)
    for line, seed in enumerate(seeds):
        for rank, truth in found.loc[found["seed"] == seed, ["rank", "truth"]].itertuples(index=False):
            best = rank == found["rank"].min()
            if pd.isna(truth):
                axes.plot(
                    0.02,
                    line,
                    "x",
                    color=style.DIVERGED,
                    ms=5,
                    transform=axes.get_yaxis_transform(),
                    clip_on=False,
                )
            else:
                face = look.color if best else "none"
                axes.plot(
                    100 * truth,
                    line,
                    look.marker,
                    color=look.color,
                    ms=4.5,
                    mfc=face,
                    mew=0.8,
                    zorder=4 if best else 3,
                )
    axes.set_yticks(range(len(seeds)), [f"seed {seed}" for seed in seeds])
    axes.set_ylim(len(seeds) - 0.4, -0.6)
    axes.tick_params(axis="x", length=0)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    _pool_lines(axes, panel)


def _pool(axes: Axes, panel: pd.DataFrame) -> None:
    truths = panel.loc[panel["kind"] == "pool", "truth"].dropna().to_numpy()
    if not len(truths):
        axes.text(0.5, 0.5, "no ground truth", ha="center", va="center", transform=axes.transAxes, color=style.GREY)
        axes.set_yticks([])
        return
    start, end = _start(panel), float(np.max(truths))
    axes.hist(
        100 * truths, bins=_BINS, range=(100 * start, 100 * end), color="#BDBDBD", edgecolor="white", linewidth=0.4
    )
    if below := int((truths < start).sum()):
        axes.set_xlim(left=100 * (start - 0.03 * (end - start)))
        axes.text(0.02, 0.95, f"{below} below", transform=axes.transAxes, va="top", color=style.GREY)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    _pool_lines(axes, panel)


def _start(panel: pd.DataFrame) -> float:
    """Start of the axis: the worst of the pool, unless a few outliers would compress the rest."""
    pool, found = (panel.loc[panel["kind"] == kind, "truth"].dropna().to_numpy() for kind in ("pool", "found"))
    best = max([pool.max(), *found])
    core = min([float(np.quantile(pool, 0.25)), float(pool.mean()), *found])
    worst = float(pool.min())
    return worst if best - worst <= _TAIL * (best - core) else core - 0.5 * (best - core)


def _pool_lines(axes: Axes, panel: pd.DataFrame) -> None:
    truths = panel.loc[panel["kind"] == "pool", "truth"].dropna().to_numpy()
    if not len(truths):
        return
    axes.axvline(100 * float(np.mean(truths)), color=style.GREY, ls="-.", lw=0.8, zorder=1)
    axes.axvline(100 * float(np.max(truths)), color="black", lw=0.8, zorder=1)


def _caption(results: Results, spaces: tuple[str, ...]) -> Caption:
    search = results.study.search
    return Caption.of(
        captions.paragraph(
            f"Random search: stand-alone accuracy of the {search.retrain} best-scored of "
            f"{count(search.architectures)} random architectures, against the distribution of the pool.",
            "Each line of markers is one search; the architecture with the best score is filled.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.finds_sentence(results, spaces)),
            captions.scores_sentence(results),
            "Crosses at the left edge are diverged trainings. A number of architectures below is the part of the pool "
            "that lies outside the axis.",
            captions.pool_sentence(results, spaces),
            captions.paragraph(
                captions.lost_searches_sentence(results), captions.missing_sentence(results, spaces, "search")
            ),
        ),
    )
