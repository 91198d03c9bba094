"""Targets of speed and memory, and whether a result meets its target."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

AIM_MET, MET, MISSED, UNKNOWN = "aim met", "met", "missed", "not measured"


@dataclass(frozen=True)
class Target:
    """The value that a result has to reach, and the aim beyond it, in its unit."""

    key: str
    name: str
    unit: str
    bound: Literal["at least", "at most"]
    target: float
    aim: float | None = None

    def reached(self, figure: float, goal: float) -> bool:
        """Return whether a result meets a goal."""
        return figure >= goal if self.bound == "at least" else figure <= goal


@dataclass(frozen=True)
class Measured:
    """A result with its target; the result is None if there is none, and the note gives the reason."""

    target: Target
    figure: float | None
    note: str = ""

    @property
    def verdict(self) -> str:
        """AIM_MET, MET, MISSED or UNKNOWN."""
        goal = self.target
        if self.figure is None:
            return UNKNOWN
        if goal.aim is not None and goal.reached(self.figure, goal.aim):
            return AIM_MET
        return MET if goal.reached(self.figure, goal.target) else MISSED

    @property
    def shown(self) -> str:
        """The result with its unit, or an en dash."""
        return "\N{EN DASH}" if self.figure is None else f"{self.figure:.3g} {self.target.unit}"

    @property
    def line(self) -> str:
        """Name, result, target and verdict, as printed at the end of `make benchmark`."""
        goal = self.target
        sign = "≥" if goal.bound == "at least" else "≤"
        aim = "" if goal.aim is None else f", aim {goal.aim:g}"
        note = f" ({self.note})" if self.note else ""
        return f"{goal.name:74} {self.shown:>15}   {f'{sign} {goal.target:g}{aim}':16} {self.verdict}{note}"


_ROWS = (
    Target(
        "step_nasbench201", "training step, NASBench-201 C16 N5 batch 64: share of the peak", "%", "at least", 45, 60
    ),
    Target("step_nasbench101", "training step, NASBench-101 C16 L9 batch 64: share of the peak", "%", "at least", 40),
    Target("step_darts", "training step, DARTS C16 L6 batch 64: share of the ceiling", "%", "at least", 70),
    Target("usual", "training step, NASBench-201 C16 N5 batch 64: speed over the usual way", "x", "at least", 2.5, 3.5),
    Target("pool", "scoring 200 NASBench-201 C8 N1: speed over one by one", "x", "at least", 2, 4),
    Target("all_scored", "scoring all 15 625 NASBench-201 C8 N1, 1 000 images, 2 cores", "min", "at most", 45, 20),
    Target("augmentation", "augmentation of 32 x 32 images", "k images/s", "at least", 60, 100),
    Target("bootstrap", "bootstrap of one run: 200 architectures, 10 000 resamples", "s", "at most", 0.5, 0.3),
    Target("make_run", "make run, after installation", "min", "at most", 20, 12),
    Target("make_midi", "make midi, after installation", "min", "at most", 45, 30),
    Target("overhead_mini", "study mini: overhead, core time outside training and scoring", "%", "at most", 15, 8),
    Target("overhead_midi", "study midi: overhead, core time outside training and scoring", "%", "at most", 15, 8),
    Target("memory", "peak memory of training, NASBench-201 C16 N5 batch 64", "GB", "at most", 1.2),
)
TARGETS: Mapping[str, Target] = MappingProxyType({row.key: row for row in _ROWS})
