"""Interactive plots: converts the CSV file of a figure to data for plotly.js."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pandas as pd

from supernet.config.factors import FACTORS
from supernet.paper.names import METRIC_NAMES, SPACE_NAMES
from supernet.paper.style import LOOKS

Link = Callable[[str, str, int | None], str]
"""Function from space, setting and seed to the address of a run; empty if the run has no page."""
_SYMBOLS = MappingProxyType({"o": "circle", "s": "square", "^": "triangle-up"})
_PERCENT = frozenset({"accuracy", "final_mean"})
_ROW_HEIGHT = 300


@dataclass(frozen=True, slots=True)
class PlotSpec:
    """Specification of a plot with one row of axes per metric and one trace per space.

    `x` and `y` are columns; `low` and `high` are columns of an interval; `where` filters rows by values. Accuracies
    and the columns of `percent` are shown in percent.
    """

    x: str
    y: str
    x_label: str
    y_label: str
    low: str = ""
    high: str = ""
    rows: str = ""
    category: bool = False
    joined: bool = False
    where: Mapping[str, str] = field(default_factory=dict)
    percent: tuple[str, ...] = ()


_SWEEP = PlotSpec(
    "value", "mean", "", "", low="low", high="high", rows="metric", category=True, joined=True, where={"kind": "mean"}
)
_SPECS: Mapping[str, PlotSpec] = MappingProxyType(
    {
        "accuracy_vs_final": PlotSpec(
            "value", "final_mean", "", "Final performance (%)", rows="metric", percent=("final_mean",)
        ),
        "cumulative": PlotSpec(
            "step",
            "mean",
            "Factors at the baseline's value",
            "",
            low="low",
            high="high",
            rows="metric",
            joined=True,
            where={"kind": "mean"},
        ),
        "kdt_vs_skdt": PlotSpec(
            "score_rank", "truth_rank", "Rank by score", "Rank by ground truth", where={"kind": "architecture"}
        ),
        "search": PlotSpec("truth", "kind", "Stand-alone accuracy (%)", "", category=True, percent=("truth",)),
    }
)


def plot(name: str, drawn: pd.DataFrame, link: Link) -> dict[str, Any] | None:
    """Return `data` and `layout` for plotly.js; None if the figure has no known format or draws nothing."""
    spec = _SPECS.get(name, _SWEEP)
    needed = {"space", spec.x, spec.y, *spec.where, *filter(None, (spec.low, spec.high, spec.rows))}
    if not needed <= set(drawn.columns):
        return None
    for column, value in spec.where.items():
        drawn = drawn[drawn[column] == value]
    drawn = drawn[drawn[spec.x].notna() & drawn[spec.y].notna()]
    if drawn.empty:
        return None
    metrics = list(drawn[spec.rows].unique()) if spec.rows else [""]
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"height": _ROW_HEIGHT * len(metrics) + 60, "margin": {"l": 64, "r": 12, "t": 28, "b": 48}}
    for row, metric in enumerate(metrics):
        panel = drawn[drawn[spec.rows] == metric] if metric else drawn
        data += [_trace(spec, part, str(space), str(metric), row, link) for space, part in panel.groupby("space")]
        layout |= _axes(name, spec, str(metric), row, len(metrics), _order(drawn[spec.x]))
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"}
    layout["hovermode"] = "closest"
    return {"data": data, "layout": layout}


def _trace(spec: PlotSpec, part: pd.DataFrame, space: str, metric: str, row: int, link: Link) -> dict[str, Any]:
    look, suffix = LOOKS[space], "" if row == 0 else str(row + 1)
    across = _shown(spec, spec.x, part[spec.x], metric if spec.x == "value" and not spec.category else "")
    along = _shown(spec, spec.y, part[spec.y], metric if spec.y == "mean" else "")
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers" if spec.joined else "markers",
        "name": SPACE_NAMES[space],
        "legendgroup": space,
        "showlegend": row == 0,
        "x": across,
        "y": along,
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "marker": {"color": look.color, "symbol": _SYMBOLS[look.marker], "size": 8, "opacity": 0.8},
        "line": {"color": look.color, "width": 1.5},
        "customdata": [_target(one, space, link) for one in part.to_dict("records")],
        "text": [_words(one) for one in part.to_dict("records")],
        "hovertemplate": "%{text}<br>x: %{x}<br>y: %{y:.4g}<extra>%{fullData.name}</extra>",
    }
    if spec.low:
        scale = 100 if metric in _PERCENT else 1
        reach = {
            "array": scale * (part[spec.high] - part[spec.y]),
            "arrayminus": scale * (part[spec.y] - part[spec.low]),
        }
        known = {side: [None if pd.isna(one) else float(one) for one in values] for side, values in reach.items()}
        trace["error_y"] = {"type": "data", "symmetric": False, "thickness": 1, "color": look.color, **known}
    return trace


def _shown(spec: PlotSpec, column: str, values: "pd.Series[Any]", metric: str) -> list[Any]:
    """Values as shown: percent for accuracies, text for categories."""
    if not pd.api.types.is_numeric_dtype(values) or (spec.category and column == "value"):
        return [str(one) for one in values]
    scale = 100 if metric in _PERCENT or column in spec.percent else 1
    return [scale * float(one) for one in values]


def _target(row: dict[Any, Any], space: str, link: Link) -> str:
    setting, seed = row.get("setting"), row.get("seed")
    if not isinstance(setting, str):
        return ""
    return link(space, setting, None if seed is None or pd.isna(seed) else int(seed))


def _words(row: dict[Any, Any]) -> str:
    """Hover text of a point: its setting, run and architecture."""
    named = {key: row[key] for key in ("setting", "label", "seed", "arch_id", "seeds", "n") if key in row}
    return "<br>".join(f"{key}: {_text(value)}" for key, value in named.items() if not pd.isna(value))


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _order(values: "pd.Series[Any]") -> list[str]:
    """Categories of an axis shared by all spaces: numbers ascending, others in order of appearance."""
    found = [str(value) for value in dict.fromkeys(values)]
    try:
        return sorted(found, key=float)
    except ValueError:
        return found


def _axes(name: str, spec: PlotSpec, metric: str, row: int, rows: int, order: list[str]) -> dict[str, Any]:
    suffix = "" if row == 0 else str(row + 1)
    share, gap = 1 / rows, 0.16 / rows if rows > 1 else 0.0
    own = {"accuracy": "Super-net accuracy (%)", "final_mean": "Final performance (%)"}.get(
        metric, METRIC_NAMES.get(metric, metric)
    )
    factor = FACTORS[name].label if name in FACTORS else spec.x_label
    x_label = factor if spec.category else spec.x_label or own
    y_label = own if spec.y == "mean" else spec.y_label
    x: dict[str, Any] = {"title": {"text": x_label}, "anchor": f"y{suffix}", "automargin": True, "zeroline": False}
    if spec.category and spec.x == "value":
        x |= {"type": "category", "categoryorder": "array", "categoryarray": order}
    bottom = 1 - (row + 1) * share
    y = {"title": {"text": y_label}, "domain": [bottom + gap * 2, 1 - row * share], "anchor": f"x{suffix}"}
    return {f"xaxis{suffix}": x, f"yaxis{suffix}": y | {"automargin": True}}
