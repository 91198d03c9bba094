"""Search systems: ground truth of what they found against what the search cost, with quantiles on the second axis."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from supernet.paper import captions, style
from supernet.paper.load import Results
from supernet.paper.summary import frame
from supernet.paper.systems import SYSTEM_NAMES, found_by_space, is_relaxed, worth_sentences

_QUANTILES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
# Okabe and Ito's colours; systems of one colour differ in the marker.
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
    names = ("system", "seed", "status", "seconds", "images", "truth", "truth_quantile")
    return [
        {"space": space, **dict(zip(names, row, strict=True))}
        for row in rows.loc[rows["rank"] == 1, list(names)].itertuples(index=False, name=None)
    ]


def _figure(results: Results, drawn: pd.DataFrame, spaces: tuple[str, ...]) -> Figure:
    figure = Figure(figsize=(style.PAGE if len(spaces) > 1 else style.COLUMN + 0.6, 3.4))
    systems = list(dict.fromkeys(drawn["system"]))
    for axes, space in zip(figure.subplots(1, len(spaces), squeeze=False)[0], spaces, strict=True):
        panel = drawn[(drawn["space"] == space)]
        _panel(axes, panel)
        _quantiles(axes, results.pool(space)["truth"].dropna().to_numpy())
        axes.set_xlabel("Time of the search (minutes)")
        style.title(axes, space)
    figure.axes[0].set_ylabel("Stand-alone test accuracy (%)")
    handles = [Line2D([], [], ls="none", ms=4.5, label=SYSTEM_NAMES[name], **look(name)) for name in systems]
    figure.legend(handles=handles, loc="outside lower center", ncols=4 if len(spaces) > 1 else 2)
    return figure


def look(system: str) -> dict[str, Any]:
    """Colour and marker of a system: triangles and diamonds for relaxed super-nets; random search is black."""
    same = [name for name in SYSTEM_NAMES if is_relaxed(name) == is_relaxed(system)]
    place = same.index(system)
    markers = _RELAXED_MARKERS if is_relaxed(system) else _PATHWISE_MARKERS
    color = _COLORS[place % len(_COLORS)]
    return {"marker": markers[place // len(_COLORS)], "color": color, "mec": "#333333", "mew": 0.4}


def _panel(axes: Axes, panel: pd.DataFrame) -> None:
    for system, seconds, truth in panel[["system", "seconds", "truth"]].itertuples(index=False):
        if not pd.isna(truth):
            axes.plot(seconds / 60, 100 * truth, ls="none", ms=4.5, **look(system))
    axes.set_xlim(left=0)


def _quantiles(axes: Axes, truths: npt.NDArray[np.float64]) -> None:
    """The second axis: ground truths that so large a share of the pool exceeds, and the lines that one would cross."""
    low, high = axes.get_ylim()
    second = axes.twinx()
    second.set_ylim(low, high)
    places = [100 * float(np.quantile(truths, 1 - share)) for share in _QUANTILES]
    shown = [
        (place, f"{100 * share:g} %")
        for number, (place, share) in enumerate(zip(places, _QUANTILES, strict=True))
        # Quantiles that fall together are labelled once.
        if low <= place <= high and (number == 0 or place - places[number - 1] > 0.03 * (high - low))
    ]
    second.set_yticks([place for place, _ in shown], [label for _, label in shown])
    second.set_ylabel("Better than this: share of the pool")
    second.spines["right"].set_visible(True)
    for place, _ in shown:
        axes.axhline(place, color=style.BAND, lw=0.6, zorder=0)


def _caption(results: Results, found: dict[str, pd.DataFrame], drawn: pd.DataFrame) -> str:
    lost = int(drawn["truth"].isna().sum())
    return captions.caption(
        "Search systems: stand-alone test accuracy of the best architecture of each search (one marker a seed) against "
        "the time that the search took, its super-net included. The second axis names the share of the pool, an "
        "estimate of the space, that is better: the quantile of one architecture at random is uniform on it.",
        "Circles and squares: shared weights of paths; triangles and diamonds: relaxed super-nets.",
        captions.images_sentence(results),
        worth_sentences(found),
        f"{lost} without a ground truth are not drawn." if lost else "",
    )
