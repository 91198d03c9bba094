"""Figure of the distribution from which paths are sampled."""

from pathlib import Path

from supernet.config.artifacts import Kind
from supernet.paper.figures import _sweep
from supernet.paper.load import Results

INPUTS: tuple[Kind, ...] = _sweep.INPUTS


def make(results: Results, out_stem: Path) -> None:
    """Draw the figure; raises UserError if the study does not sweep the factor."""
    _sweep.make(results, "path_sampling", out_stem)
