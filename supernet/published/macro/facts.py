"""Constants of NAS-Bench-Macro that both forms share (Su et al. 2021, xiusu/NAS-Bench-Macro).

An architecture is a chain of eight layers with one digit each: 0 identity, 1 MobileNetV2 block with kernel 3 and
expansion 3, 2 with kernel 5 and expansion 6. The space is not implemented here: the digits are encoding and `arch_id`.
Chains that differ only in the positions of the identities of a stage share one training, as in the published file.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from supernet.errors import UserError

SIZE = 3**8
RUNS = 3
IMAGES = 10_000
TRUTH = "mean test accuracy of 3 runs"


def check_chains(path: Path, chains: Sequence[str]) -> None:
    """Raise UserError if a string is not a chain of eight digits from 0 to 2."""
    for chain in chains:
        if not re.fullmatch("[012]{8}", chain):
            raise UserError(f"{path}: found the architecture {chain!r}; expected eight digits from 0 to 2")
