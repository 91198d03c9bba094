"""Constants of NAS-Bench-Macro that both forms share (Su et al. 2021, xiusu/NAS-Bench-Macro)."""

from collections.abc import Sequence
from pathlib import Path

from supernet.errors import UserError
from supernet.spaces.macro.encoding import parse

RUNS = 3
EPOCHS = 50
IMAGES = 10_000
TRUTH = "mean over 3 runs of the best test accuracy of 50 epochs"


def check_chains(path: Path, chains: Sequence[str]) -> None:
    """Raise UserError if a string is not a chain of eight digits from 0 to 2."""
    for chain in chains:
        try:
            parse(chain)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
