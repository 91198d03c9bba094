"""Diagram of the stages that three ways to benchmark weight-sharing search hold fixed (paper, Fig. 1)."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch

from supernet.config.artifacts import Kind
from supernet.paper import style
from supernet.paper.load import Results
from supernet.paper.render import Caption

INPUTS: tuple[Kind, ...] = ()

STAGES = (
    "search\nspace",
    "shared-weight\nmapping",
    "super-net\ntraining",
    "search",
    "stand-alone\ntraining",
    "proxy\nmetric",
)
"""Stages from the space to the compared metric; the mapping determines the weights of an architecture."""


@dataclass(frozen=True)
class Paradigm:
    """A way to compare search methods: its title, and the stages that it holds fixed."""

    title: str
    fixed: tuple[str, ...]


PARADIGMS = (
    Paradigm("(a) Early works: only the proxy metric is fixed", ("proxy\nmetric",)),
    Paradigm(
        "(b) NASBench: the space and stand-alone training are also fixed",
        ("search\nspace", "stand-alone\ntraining", "proxy\nmetric"),
    ),
    Paradigm(
        "(c) This work: the shared-weight mapping and super-net training are also controlled",
        ("search\nspace", "shared-weight\nmapping", "super-net\ntraining", "stand-alone\ntraining", "proxy\nmetric"),
    ),
)
_FIXED, _FREE = "#CFE3F1", "white"
_BOX, _STEP, _HEIGHT = 0.84, 1.0, 0.62


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure; it needs no results."""
    drawn = pd.DataFrame(
        [
            {"panel": paradigm.title[1], "stage": stage.replace("\n", " "), "fixed": stage in paradigm.fixed}
            for paradigm in PARADIGMS
            for stage in STAGES
        ]
    )
    with style.paper():
        style.save(_figure(), out_stem, drawn, _caption())


def _figure() -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.9))
    grid = figure.subplots(len(PARADIGMS), 1)
    for axes, paradigm in zip(grid, PARADIGMS, strict=True):
        _panel(axes, paradigm)
    handles = [
        Patch(facecolor=_FIXED, edgecolor=style.GREY, lw=0.8, label="fixed or controlled"),
        Patch(facecolor=_FREE, edgecolor=style.GREY, lw=0.8, ls="--", label="differs between methods"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _panel(axes: Axes, paradigm: Paradigm) -> None:
    axes.set_title(paradigm.title, loc="left")
    axes.set_xlim(-0.03, len(STAGES) * _STEP - (_STEP - _BOX) + 0.03)
    axes.set_ylim(-0.06, _HEIGHT + 0.06)
    axes.axis("off")
    for place, stage in enumerate(STAGES):
        fixed = stage in paradigm.fixed
        axes.add_patch(
            FancyBboxPatch(
                (place * _STEP + 0.03, 0.03),
                _BOX - 0.06,
                _HEIGHT - 0.06,
                boxstyle="round,pad=0.03",
                facecolor=_FIXED if fixed else _FREE,
                edgecolor=style.GREY,
                lw=0.8,
                ls="-" if fixed else "--",
            )
        )
        axes.text(place * _STEP + _BOX / 2, _HEIGHT / 2, stage, ha="center", va="center", fontsize=7)
        if place:
            start = (place - 1) * _STEP + _BOX + 0.02
            arrow = {"arrowstyle": "-|>", "color": style.GREY, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", xy=(place * _STEP - 0.02, _HEIGHT / 2), xytext=(start, _HEIGHT / 2), arrowprops=arrow)


def _caption() -> Caption:
    return Caption.of(
        "Stages that are held fixed when search methods are compared. This is a diagram without results.",
        (
            "Panel (a): early works fix only the proxy metric, such as accuracy on CIFAR-10; spaces, super-nets and "
            "final training differ between methods.",
            "Panel (b): a tabular benchmark (NASBench) also fixes the space and stand-alone training.",
            "Panel (c): this work also controls the mapping of architectures to shared weights and the training of the "
            "super-net, one heuristic at a time, so that a difference can be attributed to the heuristic.",
        ),
    )
