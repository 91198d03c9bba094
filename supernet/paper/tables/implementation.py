"""Table of the implementation factors, which map architectures to shared weights."""

from pathlib import Path

from supernet.config.artifacts import Kind
from supernet.paper.load import Results
from supernet.paper.tables import _group

INPUTS: tuple[Kind, ...] = _group.INPUTS

FACTORS_SHOWN = ("ofa_kernel", "wsbn", "dropout", "op_placement", "dynamic_channels")


def make(results: Results, out_stem: Path) -> None:
    """Write the table of the five implementation factors."""
    opening = (
        "Implementation factors: cropped kernels, separate batch norms for each input configuration, dropout, the "
        "placement of operations, and dynamic channels."
    )
    _group.make(results, "implementation", opening, FACTORS_SHOWN, out_stem)
