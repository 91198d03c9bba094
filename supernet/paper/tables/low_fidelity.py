"""Table of the low-fidelity factors, which make a super-net cheaper than the networks that it ranks."""

from pathlib import Path

from supernet.config.artifacts import Kind
from supernet.paper.load import Results
from supernet.paper.tables import _group

INPUTS: tuple[Kind, ...] = _group.INPUTS

FACTORS_SHOWN = ("layers", "train_portion", "batch_size", "channels")


def make(results: Results, out_stem: Path) -> None:
    """Write the table of the four low-fidelity factors."""
    opening = "Low-fidelity factors: layers, training portion, batch size and channels of the super-net."
    _group.make(results, "low_fidelity", opening, FACTORS_SHOWN, out_stem)
