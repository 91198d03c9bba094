"""Figure of search systems: ground truth of found architectures against search time, with quantiles of the pool."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from supernet.config.artifacts import Kind
from supernet.paper import captions, style
from supernet.paper.load import Results
from supernet.paper.render import Caption
from supernet.paper.summary import frame
from supernet.paper.systems import (
    SYSTEM_NAMES,
    TOO_SHORT,
    found_by_space,
    is_relaxed,
    pools_of,
    too_short,
    training_sentence,
    truth_and_quantile_sentences,
)

INPUTS: tuple[Kind, ...] = ("pools", "systems")

_QUANTILES = (0.9, 0.75, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
# Found architectures below this quantile of the pool are drawn at the bottom of the axis.
_WORST = 0.05
# Height of a label as a share of the axis.
_LABEL = 0.055
# Okabe and Ito's colours; systems with the same colour have different markers.
_COLORS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
_PATHWISE_MARKERS, _RELAXED_MARKERS = ("o", "s"), ("^", "D")


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure; raises UserError if the study has no search systems."""
    found = found_by_space(results)
    drawn = frame([row for space, rows in found.items() for row in _numbers(space, rows)])
    with style.paper():
        figure = _figure(results, drawn, tuple(found))
        style.save(figure, out_stem, drawn, _caption(results, found, drawn))


def _numbers(space: str, rows: pd.DataFrame) -> list[dict[str, Any]]:
    rows = rows.assign(too_short=too_short(rows))
    names = ("system", "seed", "status", "seconds", "images", "multiply_adds", "too_short", "truth", "truth_quantile")
    return [
        {"space": space, **dict(zip(names, row, strict=True))}
        for row in rows.loc[rows["rank"] == 1, list(names)].itertuples(index=False, name=None)
    ]


def _figure(results: Results, drawn: pd.DataFrame, spaces: tuple[str, ...]) -> Figure:
    figure = Figure(figsize=(style.PAGE if len(spaces) > 1 else style.COLUMN + 0.6, 3.4))
    systems = list(dict.fromkeys(drawn["system"]))
    for axes, space in zip(figure.subplots(1, len(spaces), squeeze=False)[0], spaces, strict=True):
        truths = _truths(results, space)
        _panel(axes, drawn[drawn["space"] == space], 100 * _lowest(truths))
        second = _quantiles(axes, truths)
        axes.set_xlabel("Search time (minutes)")
        style.title(axes, space)
    figure.axes[0].set_ylabel("Stand-alone accuracy (%)")
    second.set_ylabel("Share of the pool that is better")
    handles = [Line2D([], [], ls="none", ms=4.5, label=SYSTEM_NAMES[name], **look(name)) for name in systems]
    if drawn["too_short"].any():
        handles.append(Line2D([], [], ls="none", ms=4.5, marker="o", color=style.GREY, mfc="white", label=TOO_SHORT))
    figure.legend(handles=handles, loc="outside lower center", ncols=4 if len(spaces) > 1 else 2)
    return figure


def look(system: str, short: bool = False) -> dict[str, Any]:
    """Return colour and marker of a system: triangles and diamonds for relaxed super-nets; random search is black.

    The marker of a search that is too short is hollow.
    """
    same = [name for name in SYSTEM_NAMES if is_relaxed(name) == is_relaxed(system)]
    place = same.index(system)
    markers = _RELAXED_MARKERS if is_relaxed(system) else _PATHWISE_MARKERS
    color = _COLORS[place % len(_COLORS)]
    edge = {"mfc": "white", "mec": color, "mew": 0.9} if short else {"mec": "#333333", "mew": 0.4}
    return {"marker": markers[place // len(_COLORS)], "color": color, **edge}


def _truths(results: Results, space: str) -> npt.NDArray[np.float64]:
    """Known ground truths of the pool of a space as fractions, (n,)."""
    return results.pool(space)["truth"].dropna().to_numpy(dtype=np.float64)


def _lowest(truths: npt.NDArray[np.float64]) -> float:
    """The lowest ground truth that is drawn to scale; all are if the pool has no ground truth."""
    return float(np.quantile(truths, _WORST)) if len(truths) else 0.0


def _panel(axes: Axes, panel: pd.DataFrame, lowest: float) -> None:
    drawn = panel.dropna(subset="truth")
    markers = [*drawn[["system", "too_short", "seconds", "truth"]].itertuples(index=False)]
    for system, short, seconds, truth in markers:
        if 100 * truth >= lowest:
            axes.plot(seconds / 60, 100 * truth, ls="none", ms=4.5, **look(system, short))
    low, high = axes.get_ylim()
    for system, short, seconds, truth in markers:
        if 100 * truth < lowest:
            axes.plot(seconds / 60, low, ls="none", ms=4.5, clip_on=False, zorder=3, **look(system, short))
            label = f"{100 * truth:.0f} %"
            axes.annotate(
                label, (seconds / 60, low), (0, 4), textcoords="offset points", ha="center", rotation=90, fontsize=6
            )
    axes.set_ylim(low, high)
    axes.set_xlim(left=0)


def _quantiles(axes: Axes, truths: npt.NDArray[np.float64]) -> Axes:
    """Add a second axis with the shares of the pool that exceed a ground truth, and horizontal lines there."""
    low, high = axes.get_ylim()
    second = axes.twinx()
    second.set_ylim(low, high)
    shown: list[tuple[float, str]] = []
    for share in _QUANTILES if len(truths) else ():
        place = 100 * float(np.quantile(truths, 1 - share))
        # Of quantiles with overlapping labels, only the first is labelled.
        if low <= place <= high and (not shown or place - shown[-1][0] > _LABEL * (high - low)):
            shown.append((place, f"{100 * share:g} %"))
    second.set_yticks([place for place, _ in shown], [label for _, label in shown])
    second.spines["right"].set_visible(True)
    for place, _ in shown:
        axes.axhline(place, color=style.BAND, lw=0.6, zorder=0)
    return second


def _caption(results: Results, found: dict[str, pd.DataFrame], drawn: pd.DataFrame) -> Caption:
    lost = int(drawn["truth"].isna().sum())
    below = sum(
        int((drawn.loc[drawn["space"] == space, "truth"] < _lowest(_truths(results, space))).sum()) for space in found
    )
    return Caption.of(
        captions.paragraph(
            "Search systems: stand-alone accuracy of the best architecture of each search (one marker per seed) "
            "against the time of the search, including the training of its super-net.",
            "The second axis gives the share of the pool that is better.",
        ),
        (
            captions.study_sentence(results),
            "The pool estimates the space: the quantile of one random architecture is uniform on the second axis.",
            f"Found architectures below the {100 * _WORST:.0f} % quantile of the pool ({below}) are drawn at the "
            "bottom of the axis, with their accuracy."
            if below
            else "",
            "Circles and squares: systems that train paths. Triangles and diamonds: systems that train a relaxed "
            "super-net.",
            captions.paragraph(
                truth_and_quantile_sentences(found), captions.lost_truth_sentence(pools_of(results, found))
            ),
            f"Hollow markers: searches that are {TOO_SHORT}. {training_sentence()}" if drawn["too_short"].any() else "",
            f"{lost} without a ground truth are not drawn." if lost else "",
        ),
    )
