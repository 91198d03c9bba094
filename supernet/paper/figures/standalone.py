"""Figure of stand-alone networks and of super-nets with the same values of learning rate and batch norm."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from supernet.config.artifacts import Kind
from supernet.config.factors import FACTORS
from supernet.config.study import STANDALONE_FACTORS
from supernet.errors import UserError
from supernet.paper import captions, style
from supernet.paper.alone import Both, both, spaces_of
from supernet.paper.figures._sweep import around, places_of, share_tau_axis
from supernet.paper.load import Results
from supernet.paper.names import value_name
from supernet.paper.render import Caption
from supernet.paper.summary import frame
from supernet.paper.tables.standalone import notes

INPUTS: tuple[Kind, ...] = ("metrics", "spaces", "standalone", "contrasts")

KINDS = {"alone": "Accuracy\nalone (%)", "s_kdt": "S-KdT"}
"""The panels of a factor: stand-alone networks above, super-nets below."""
_ROW = 1.35  # inches


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure; UserError if the study trains no stand-alone networks with swept values."""
    factors = [factor for factor in STANDALONE_FACTORS if spaces_of(results, factor)]
    if not factors:
        raise UserError(
            f"study {results.study.study} trains no stand-alone networks with swept values: "
            "add a section `standalone`, and sweep learning_rate or batch_norm"
        )
    spaces = tuple(space for space in results.spaces if any(space in spaces_of(results, one) for one in factors))
    found = {
        (factor, space): both(results, space, factor) for factor in factors for space in spaces_of(results, factor)
    }
    drawn = frame([row for (factor, space), values in found.items() for row in _numbers(factor, space, values)])
    with style.paper():
        style.save(_figure(factors, spaces, found), out_stem, drawn, _caption(results, spaces))


def _numbers(factor: str, space: str, values: Sequence[Both]) -> list[dict[str, Any]]:
    """All drawn numbers of a factor in a space; accuracies are fractions."""
    rows: list[dict[str, Any]] = []
    for one in values:
        start = {"space": space, "factor": factor, "value": str(one.point.value), "setting": one.point.setting}
        for kind in KINDS:
            mean, low, high = _interval(one, kind)
            rows.append({**start, "kind": kind, "mean": mean, "low": low, "high": high})
    best = {kind: _best(values, kind) for kind in KINDS}
    return [{**row, "best": row["value"] == best[row["kind"]]} for row in rows]


def _interval(one: Both, kind: str) -> tuple[float, float, float]:
    if kind == "s_kdt":
        return one.s_kdt.mean, one.s_kdt.low, one.s_kdt.high
    return (math.nan,) * 3 if one.alone is None else (one.alone.mean, one.alone.low, one.alone.high)


def _best(values: Sequence[Both], kind: str) -> str | None:
    """Return the value with the highest mean, the first one among equals; None without a mean."""
    means = {str(one.point.value): _interval(one, kind)[0] for one in values}
    known = {value: mean for value, mean in means.items() if math.isfinite(mean)}
    return max(known, key=lambda value: known[value], default=None)


def _figure(factors: Sequence[str], spaces: tuple[str, ...], found: dict[tuple[str, str], list[Both]]) -> Figure:
    rows = len(factors) * len(KINDS)
    width = style.PAGE if len(spaces) > 1 else style.COLUMN
    figure = Figure(figsize=(width, 0.7 + _ROW * rows))
    grid = figure.subplots(rows, len(spaces), squeeze=False)
    for number, factor in enumerate(factors):
        lower: list[Axes] = []
        for column, space in enumerate(spaces):
            pair = dict(zip(KINDS, grid[2 * number : 2 * number + 2, column], strict=True))
            if (factor, space) in found:
                _pair(pair, factor, space, found[factor, space])
                lower.append(pair["s_kdt"])
            else:
                _without(pair, factor)
        share_tau_axis(lower)
        for place, words in enumerate(KINDS.values()):
            grid[2 * number + place, 0].set_ylabel(words)
    for column, space in enumerate(spaces):
        style.title(grid[0, column], space)
    figure.align_ylabels(grid[:, 0])
    shown = [_interval(one, kind)[0] for values in found.values() for one in values for kind in KINDS]
    handles = _legend(lost=not all(map(math.isfinite, shown)))
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if len(spaces) == 1 else 5)
    return figure


def _pair(pair: dict[str, Axes], factor: str, space: str, values: Sequence[Both]) -> None:
    """Draw both panels of a factor in a space."""
    look, alone = style.LOOKS[space], _best(values, "alone")
    labels = [value_name(one.point.value) for one in values]
    for kind, axes in pair.items():
        where = places_of(axes, FACTORS[factor], [one.point for one in values], labels)
        logarithmic, scale = axes.get_xscale() == "log", 100 if kind == "alone" else 1
        best = _best(values, kind)
        across, means = [], []
        for one, place in zip(values, where, strict=True):
            value, (mean, low, high) = str(one.point.value), _interval(one, kind)
            if value == alone:
                axes.axvspan(*around(place, where, logarithmic), color=style.BAND, lw=0, zorder=-1)
            if not math.isfinite(mean):
                axes.plot(place, 0.06, transform=axes.get_xaxis_transform(), clip_on=False, **_LOST)
                continue
            across.append(place)
            means.append(scale * mean)
            if math.isfinite(low) and math.isfinite(high):
                axes.plot([place, place], [scale * low, scale * high], color=look.color, lw=0.9, alpha=0.6)
            if value == best:
                axes.plot(place, scale * mean, "o", **_RING)
        joined = FACTORS[factor].scale != "category"
        axes.plot(across, means, ls="-" if joined else "none", marker=look.marker, color=look.color)
        if not means:
            axes.text(0.5, 0.5, "diverged or undefined", ha="center", transform=axes.transAxes, color=style.GREY)
            axes.set_yticks([])
        axes.margins(y=0.15)
    pair["alone"].tick_params(labelbottom=False)
    pair["s_kdt"].set_xlabel(FACTORS[factor].label)


_RING: dict[str, Any] = {"ms": 9, "mfc": "none", "mec": "black", "mew": 0.9}
"""Marker properties around the best value of a panel."""
_LOST: dict[str, Any] = {"marker": "x", "ls": "none", "color": style.DIVERGED, "ms": 5, "mew": 1.2}
"""Marker properties of a value without a mean."""


def _without(pair: dict[str, Axes], factor: str) -> None:
    for axes in pair.values():
        axes.axis("off")
    pair["alone"].text(
        0.5,
        0,
        f"{FACTORS[factor].label} is not swept",
        ha="center",
        transform=pair["alone"].transAxes,
        color=style.GREY,
    )


def _legend(lost: bool) -> list[Any]:
    grey = style.GREY
    handles: list[Any] = [
        Line2D([], [], color=grey, marker="o", label="mean"),
        Line2D([], [], color=grey, marker="|", ms=12, mew=0.9, ls="none", label="95 % interval"),
        Line2D([], [], marker="o", ls="none", **_RING, label="best of the panel"),
        Patch(color=style.BAND, label="value that is best alone"),
    ]
    return handles + [Line2D([], [], **_LOST, label="diverged or undefined")] * lost


def _caption(results: Results, spaces: tuple[str, ...]) -> Caption:
    return Caption.of(
        captions.paragraph(
            "Accuracy of stand-alone networks of the super-net's size and S-KdT of super-nets against the same values "
            "of a factor, for each space.",
            "A ring marks the best mean of a panel, the grey band the value that is best alone.",
            "The verdict on claim 1 says whether a difference between the two is significant.",
        ),
        (*notes(results, spaces), captions.INTERVAL, captions.missing_sentence(results, spaces)),
    )
