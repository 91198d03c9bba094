"""The style of all figures, and the function that saves them reproducibly."""

import contextlib
import itertools
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from supernet.io.atomic import publish
from supernet.paper.names import SPACE_NAMES
from supernet.paper.render import Caption, append_suffix, with_digest, write_caption, write_csv

COLUMN = 3.25
"""Width of one text column, in inches."""
PAGE = 6.75
"""Width of the page's text, in inches."""
_WIDE_PANELS = 3
"""Up to so many panels side by side have room for a long label of the axis."""
PNG_DPI = 200


@dataclass(frozen=True, slots=True)
class Look:
    """Colour and marker of a space."""

    color: str
    marker: str


# Okabe and Ito, "Color Universal Design" (2008): distinguishable with all common kinds of colour blindness. Markers
# distinguish the spaces in black and white.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# In the order of the spaces' registration (`supernet.spaces.KINDS`).
LOOKS: Mapping[str, Look] = MappingProxyType(
    {
        space: Look(color, marker)
        for space, color, marker in zip(SPACE_NAMES, itertools.cycle(_COLORS), itertools.cycle(_MARKERS), strict=False)
    }
)
GREY = "#6E6E6E"
BAND = "#E9E9E9"
DIVERGED = "#000000"

_RC: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": "DejaVu Sans",  # shipped with matplotlib, so the same on every machine
        "font.size": 8,
        "axes.titlesize": 8,
        "axes.labelsize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "lines.linewidth": 1.1,
        "lines.markersize": 4.5,
        "legend.frameon": False,
        "legend.handlelength": 2.2,
        "legend.columnspacing": 1.4,
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.h_pad": 0.04,
        "figure.constrained_layout.w_pad": 0.04,
        "savefig.dpi": PNG_DPI,
        "pdf.fonttype": 42,  # TrueType: text stays text; conferences reject Type 3 fonts
        "svg.hashsalt": "supernet",
    }
)


@contextlib.contextmanager
def paper() -> Iterator[None]:
    """Apply the style to figures made and saved in the context, regardless of a user's matplotlibrc."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(dict(_RC))  # type: ignore[arg-type]
        yield


def save(figure: Figure, stem: Path | str, drawn: pd.DataFrame, caption: Caption) -> None:
    """Write stem.pdf, stem.png (200 dpi), stem.csv (the drawn numbers) and stem.md (the caption), each
    atomically.

    Both images omit dates and versions, so that the same numbers give the same bytes.
    """
    stem, caption = Path(stem), with_digest(caption)
    engine = figure.get_layout_engine()
    assert engine is not None, "the style lays figures out"
    engine.execute(figure)
    figure.set_layout_engine("none")  # lay out once for both images
    with publish(append_suffix(stem, ".pdf")) as temporary:
        figure.savefig(temporary, metadata={"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None})
    with publish(append_suffix(stem, ".png")) as temporary:
        figure.savefig(temporary, dpi=PNG_DPI, metadata={"Software": None})
    write_csv(append_suffix(stem, ".csv"), drawn)
    write_caption(append_suffix(stem, ".md"), caption)


def label(text: str, panels: int) -> str:
    """Return the label of an axis: in two lines if it is wider than one of so many panels side by side."""
    return text if panels <= _WIDE_PANELS else textwrap.fill(text, 1 + len(text) * 2 // 3)


def title(axes: Axes, space: str, detail: str = "") -> None:
    """Set the title of a panel: the name of the space in its colour, and `detail` on a second line."""
    text = SPACE_NAMES[space] if not detail else f"{SPACE_NAMES[space]}\n{detail}"
    axes.set_title(text, color=LOOKS[space].color)
