"""Figure of the learning rate, on a logarithmic axis."""

from pathlib import Path

from supernet.config.artifacts import Kind
from supernet.paper.figures import _sweep
from supernet.paper.load import Results

INPUTS: tuple[Kind, ...] = _sweep.INPUTS


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure; raises UserError if the study does not sweep the factor."""
    _sweep.make(results, "learning_rate", out_stem)
