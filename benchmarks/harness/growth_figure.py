"""The figure of how time grows: one panel for each series of `programs/growth.py`, with its exponent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator

from supernet.io.atomic import publish
from supernet.paper.style import GREY, LOOKS, PAGE, paper

PANELS = ("channels", "layers", "batch_size", "pool", "runs")
COLUMNS = 3


def draw(series: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Write the figure as SVG: measurements, fitted line and exponent; both axes are logarithmic."""
    rows = -(-len(PANELS) // COLUMNS)
    with paper():
        figure, axes = plt.subplots(rows, COLUMNS, figsize=(PAGE, 2.0 * rows), squeeze=False)
        for axis, name in zip(axes.flat, PANELS, strict=False):
            _panel(axis, series[name])
        for axis in list(axes.flat)[len(PANELS) :]:
            axis.set_axis_off()
        with publish(path, record=False) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
        plt.close(figure)


def _panel(axis: Any, one: Mapping[str, Any]) -> None:
    sizes, times = np.array(one["sizes"], float), np.array(one["times"], float)
    height = np.exp(np.mean(np.log(times) - one["exponent"] * np.log(sizes)))
    look = LOOKS["nasbench201"]
    axis.plot(sizes, height * sizes ** one["exponent"], color=GREY, linewidth=0.8, zorder=1)
    axis.plot(sizes, times, linestyle="none", marker=look.marker, color=look.color)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axis.set_ylim(times.min() / 1.4, times.max() * 1.4)
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.minorticks_off()
    axis.set_xlabel(one["x"])
    axis.set_ylabel(one["y"])
    axis.set_title(f"exponent {one['exponent']:.2f}, last two {one['last_exponent']:.2f}", loc="left")
