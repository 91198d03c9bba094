"""Figure of loss landscapes: a stand-alone network, and the super-net with one path and with random paths."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullFormatter

from supernet.config.artifacts import Kind
from supernet.errors import UserError
from supernet.paper import captions, style
from supernet.paper.load import Results
from supernet.paper.names import SPACE_NAMES, listed, number, percent
from supernet.paper.render import Caption

INPUTS: tuple[Kind, ...] = ("spaces", "landscapes")

KINDS = {
    "standalone": "Stand-alone",
    "supernet_fixed": "Super-net, one path",
    "supernet_random": "Super-net, random paths",
}
_LEVELS = 15
_LINES = 4
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
# Ordered by lightness, so readable with all kinds of colour blindness; without the dark end, on which black lines and
# numbers would be invisible.
_CMAP, _LIGHT_PART = "YlGnBu", 0.7
_LEAST = 1e-3  # a logarithmic scale has no zero
_SPAN = 1.02  # least ratio of the highest to the lowest level, for constant surfaces
_ROW = 1.95  # inches
_INNER = 0.85  # largest coordinate at which a number is not cut off
_FEWEST_TICKS = 2

Floats = npt.NDArray[np.float64]


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure; raises UserError if the study has no loss landscapes."""
    found = {space: points for space in results.study.spaces if (points := results.landscape(space)) is not None}
    if not found:
        raise UserError(
            f"study {results.study.study} has no section `landscape`: add `landscape: {{}}` to the study file"
        )
    drawn = pd.concat([points.assign(space=space) for space, points in found.items()], ignore_index=True)
    drawn = drawn[["space", "kind", "arch_id", "x", "y", "loss", "accuracy"]]
    with style.paper():
        style.save(_figure(tuple(found), drawn), out_stem, drawn, _caption(results, tuple(found), drawn))


def _figure(spaces: tuple[str, ...], drawn: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(style.PAGE, 0.45 + _ROW * len(spaces)))
    grid = figure.subplots(len(spaces), len(KINDS), squeeze=False, sharex=True, sharey=True)
    for row, space in enumerate(spaces):
        of_space = drawn[drawn["space"] == space]
        levels = _levels(of_space["loss"].to_numpy())
        filled = [_panel(axes, of_space[of_space["kind"] == kind], levels)
                  for axes, kind in zip(grid[row], KINDS, strict=True)]  # fmt: skip
        grid[row, 0].set_ylabel(f"{SPACE_NAMES[space]}\nDirection y", color=style.LOOKS[space].color)
        _colour_bar(figure, grid[row], [one for one in filled if one is not None])
    for axes, words in zip(grid[0], KINDS.values(), strict=True):
        axes.set_title(f"{words}\n{axes.get_title()}")
    for axes in grid[-1]:
        axes.set_xlabel("Direction x")
    return figure


def _panel(axes: Axes, points: pd.DataFrame, levels: Floats) -> QuadContourSet | None:
    """Draw the contours of one surface; the title shows the loss and accuracy of the network itself."""
    axes.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1), xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    surface = points.pivot(index="y", columns="x", values="loss")
    losses = np.clip(surface.to_numpy(), _LEAST, None)
    if not np.isfinite(losses).any():
        axes.text(0, 0, "not measured:\ndiverged", ha="center", va="center", color=style.GREY)
        return None
    shown = np.ma.masked_invalid(losses)
    filled = axes.contourf(
        surface.columns, surface.index, shown, levels, cmap=_colours(), norm=LogNorm(), extend="both"
    )
    # Colours are comparable within a space; lines have their own levels in each panel, which also show a flat surface.
    own = _levels(losses, _LINES + 2)[1:-1]
    lines = axes.contour(surface.columns, surface.index, shown, own, colors="black", linewidths=0.5)
    for text in axes.clabel(lines, fmt="%.3g", fontsize=6, inline=False):
        if max(map(abs, text.get_position())) > _INNER:
            text.remove()  # cut off by the edge of the panel
        text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])
    axes.plot(0, 0, "+", color="white", ms=7, mew=1.8)
    axes.plot(0, 0, "+", color="black", ms=6, mew=0.9)
    centre = points[(points["x"] == 0) & (points["y"] == 0)].iloc[0]
    axes.set_title(f"loss {number(centre['loss'], 2)}, accuracy {percent(centre['accuracy'])} %", fontsize=7)
    return filled


def _colours() -> ListedColormap:
    return ListedColormap(colormaps[_CMAP](np.linspace(0, _LIGHT_PART, 256)))


def _levels(losses: Floats, count: int = _LEVELS) -> Floats:
    """Levels in equal ratios from the lowest to the highest of these losses."""
    finite = np.clip(losses[np.isfinite(losses)], _LEAST, None)
    low, high = (finite.min(), finite.max()) if len(finite) else (_LEAST, 1.0)
    found: Floats = np.geomspace(low, max(high, low * _SPAN), count)
    return found


def _colour_bar(figure: Figure, row: npt.NDArray[np.object_], filled: list[QuadContourSet]) -> None:
    if not filled:
        return
    bar = figure.colorbar(filled[0], ax=list(row), label="Loss", pad=0.01, aspect=14)
    levels = np.asarray(filled[0].levels)
    low, high = levels[0], levels[-1]
    inside = [level for level in _TICKS if low <= level <= high]
    if len(inside) < _FEWEST_TICKS:  # a narrow range
        inside = [float(f"{level:.3g}") for level in np.geomspace(low, high, 4)[1:-1]]
    bar.set_ticks(inside, labels=[f"{level:g}" for level in inside])
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.ax.minorticks_off()


def _without_truth(results: Results, spaces: tuple[str, ...]) -> str:
    """Name the spaces in which no architecture has a ground truth; empty if there are none."""
    lost = [space for space in spaces if not results.facts[space].pool]
    return f" In {listed(lost)} none has a ground truth: it is the first of the pool by arch_id." if lost else ""


def _caption(results: Results, spaces: tuple[str, ...], drawn: pd.DataFrame) -> Caption:
    config = results.study.landscape
    assert config is not None  # `make` raises an error otherwise
    finite = drawn.groupby(["space", "kind"])["loss"].apply(lambda losses: bool(np.isfinite(losses).any()))
    missing = [
        f"{SPACE_NAMES[space]}, {KINDS[kind].lower()}"
        for space in spaces
        for kind in KINDS
        if not finite.get((space, kind), False)
    ]
    broken = int(drawn["loss"].map(lambda loss: not math.isfinite(loss)).sum())
    return Caption.of(
        captions.paragraph(
            "Loss landscapes on a plane through the weights, for each space: a stand-alone network, the baseline "
            "super-net with the path of the same architecture, and the same super-net with random paths.",
            "The cross is the network itself, whose loss and accuracy are printed above each panel.",
        ),
        (
            captions.study_sentence(results),
            f"The architecture is the best of the pool by ground truth.{_without_truth(results, spaces)} Random paths "
            f"are {config.paths} uniform architectures, the same at all points, over which loss and accuracy are "
            "averaged.",
            "The stand-alone network is trained with the recipe of the ground truth, or with the values of the "
            "super-net's baseline if the ground truth is published. Each space has one super-net and one stand-alone "
            "network of the baseline's first seed, so no variation between seeds is shown.",
            f"The grid has {config.grid} x {config.grid} points. Both directions are Gaussian and filter-normalised "
            "(Li et al., 2018): at 1, each filter is moved by its own norm. Batch-norm parameters and biases are not "
            "moved. Both surfaces of a super-net share their directions, in which all of its weights move; the "
            "stand-alone network has other directions.",
            f"Loss is the mean cross-entropy on {config.images} training images without augmentation, with batch "
            "statistics. Colours are logarithmic, with one scale for each space. Contour lines are labelled with their "
            "loss and divide the range of each panel in equal ratios.",
            f"Not measured because the training diverged: {'; '.join(missing)}." if missing else "",
            f"Left blank: {broken} of the points, whose loss is infinite." if broken else "",
            captions.missing_sentence(results, spaces, "space"),
        ),
    )
