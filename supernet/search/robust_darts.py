"""RobustDARTS: DARTS that stops when the curvature of the held-out loss grows (Zela et al. 2020, Sec. 4.3)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from supernet.config.searches import RobustDARTSOptions
from supernet.search.budget import BACKWARD
from supernet.search.curvature import dominant_eigenvalue
from supernet.search.darts import FirstOrderDARTS
from supernet.search.problem import Problem
from supernet.training.saved_state import shape_problem


class RobustDARTS(FirstOrderDARTS):
    """Measures the dominant eigenvalue of the Hessian of the held-out loss by the architecture, at regular intervals.

    The search stops when the moving average has grown too much, with the architecture of the earlier measurement.
    """

    name = "robust_darts"
    options: RobustDARTSOptions

    def __init__(self, problem: Problem, options: RobustDARTSOptions) -> None:
        super().__init__(problem, options)
        self.eigenvalues: list[float] = []
        self.history: list[Tensor] = []

    @property
    def stopped_at(self) -> int | None:
        """Index of the measurement whose architecture is kept; None if the search continues."""
        options = self.options
        return stop(self.eigenvalues, options.window, options.apart, options.factor, options.first)

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or the eigenvalue has grown too much."""
        return super().finished or self.stopped_at is not None

    @property
    def status(self) -> str:
        """How the search ended: complete or stopped_early."""
        return "complete" if self.stopped_at is None else "stopped_early"

    def step(self) -> None:
        """Take a step of DARTS, and measure the eigenvalue when it is due."""
        super().step()
        if self.spent * self.options.checks >= len(self.eigenvalues) + 1:
            self._measure()

    def _measure(self) -> None:
        batch = self.held_out()
        start = self.rng("curvature", self.steps).standard_normal(self.alpha.numel())
        value, products = dominant_eigenvalue(
            lambda: self.weights.loss(self.mixture(), batch), self.alpha, start, self.options.tolerance
        )
        # The gradient that is differentiated again has a forward and a backward pass.
        macs = self.weights.work.of_mixture(self.mixture()) * (1 + BACKWARD)
        self.cost.add(len(batch[1]), macs, forward=0, backward=products)
        self.eigenvalues.append(value)
        self.history.append(self.alpha.detach().clone())

    def strengths(self) -> Tensor:
        """Return the strengths, of the earlier measurement if the search stopped."""
        kept = self.stopped_at
        return torch.softmax(self.alpha if kept is None else self.history[kept], dim=-1)

    def tensors(self) -> dict[str, Tensor]:
        """Return the architectures at all measurements as well."""
        return super().tensors() | {f"history.{number}": alpha for number, alpha in enumerate(self.history)}

    def note(self) -> dict[str, Any]:
        """Return the eigenvalues as well."""
        return {**super().note(), "eigenvalues": self.eigenvalues}

    def check(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Check as well that each eigenvalue has its architecture."""
        super().check(tensors, note)
        kept = {name: value for name, value in tensors.items() if name.startswith("history.")}
        expected = {f"history.{number}": self.alpha for number in range(len(note["eigenvalues"]))}
        if problem := shape_problem(kept, expected, {}):
            raise ValueError(problem)

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore all measurements as well."""
        super().restore(tensors, note)
        self.eigenvalues = list(note["eigenvalues"])
        self.history = [tensors[f"history.{number}"] for number in range(len(self.eigenvalues))]


def stop(eigenvalues: list[float], window: int, apart: int, factor: float, first: int) -> int | None:
    """Return the measurement to go back to, `apart` before the last; None if the average has not grown by `factor`.

    Averages are over the last `window` measurements. The search never stops before `first` + 1 measurements.
    """
    last = len(eigenvalues) - 1
    if last < max(first, apart):
        return None
    now, then = (float(np.mean(eigenvalues[max(0, end - window + 1) : end + 1])) for end in (last, last - apart))
    # The average of a concave loss is negative: growth by a factor is not defined.
    return last - apart if then > 0 and now > factor * then else None
