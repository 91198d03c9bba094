"""Lines of the ceilings of S-KdT, each with a band that is its 95 % interval, as figures of factors share them."""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from supernet.metrics.interval import Estimate
from supernet.paper import style
from supernet.paper.alone import unshared_words
from supernet.paper.load import Results
from supernet.paper.names import CEILING_NAMES

STYLES: Mapping[str, Any] = MappingProxyType({"seed": "--", "replicates": (0, (5, 1, 1, 1, 1, 1)), "fidelity": ":"})
"""Line styles by the name of the reference."""
_ALPHA = 0.1
NOTE = "Bands around ceilings are their 95 % intervals over architectures, with thin edges in the style of the line."


def ceilings_of(results: Results, space: str) -> dict[str, Estimate]:
    """Return the ceilings of S-KdT of a space that are known, by name: that of any score, and unshared networks."""
    name, ceiling = results.ceiling(space, "s_kdt")
    found = {name: ceiling, "fidelity": results.reference(space, "fidelity", "s_kdt")}
    return {name: one for name, one in found.items() if math.isfinite(one.value)}


def draw_ceiling(axes: Axes, name: str, found: Estimate, color: str) -> None:
    """Draw the line of a ceiling and, if it has an interval, its band."""
    axes.axhline(found.value, color=color, ls=STYLES[name], lw=0.9, zorder=1)
    if math.isfinite(found.low) and math.isfinite(found.high):
        # Above the band of the baseline (-1) and below the data.
        axes.axhspan(found.low, found.high, color=color, alpha=_ALPHA, lw=0, zorder=-0.5)
        for edge in (found.low, found.high):
            axes.axhline(edge, color=color, ls=STYLES[name], lw=0.4, alpha=0.6, zorder=-0.5)


def ceiling_entries(results: Results, names: Iterable[str]) -> dict[str, Any]:
    """Return the entries of a legend for ceilings, by their words."""
    words, drawn = {**CEILING_NAMES, "fidelity": unshared_words(results)}, set(names)
    return {
        words[name]: (
            Patch(color=style.GREY, alpha=_ALPHA, lw=0),
            Line2D([], [], color=style.GREY, ls=look, lw=0.9),
        )
        for name, look in STYLES.items()
        if name in drawn
    }
