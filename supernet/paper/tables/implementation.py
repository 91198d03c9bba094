"""Implementation: how architectures are mapped to shared weights, factor by factor."""

from pathlib import Path

from supernet.config.artifacts import Kind
from supernet.paper.load import Results
from supernet.paper.tables import _group

INPUTS: tuple[Kind, ...] = _group.INPUTS

FACTORS_SHOWN = ("ofa_kernel", "wsbn", "dropout", "op_placement", "dynamic_channels")


def make(results: Results, out_stem: Path) -> None:
    """Write the table of the five implementation factors together."""
    opening = (
        "Implementation: kernels cropped from one another, batch norms of their own for each input configuration, "
        "dropout, the place of operations and dynamic channels, together."
    )
    _group.make(results, "implementation", opening, FACTORS_SHOWN, out_stem)
