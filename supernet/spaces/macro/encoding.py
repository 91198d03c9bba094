"""Chains of NAS-Bench-Macro: one of three operations in each of eight layers (Su et al. 2021)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from supernet.errors import UserError

IDENTITY, MB3_K3, MB6_K5 = "identity", "mb3_k3", "mb6_k5"
OPERATIONS = (IDENTITY, MB3_K3, MB6_K5)
"""In the order of the benchmark's digits 0, 1 and 2."""
BLOCKS = {MB3_K3: (3, 3), MB6_K5: (6, 5)}
"""Expansion and kernel of MobileNetV2 blocks."""
STAGES = (2, 3, 3)
"""Layers of each stage; the first one halves the resolution and doubles the channels."""
LAYERS = sum(STAGES)
REDUCING = tuple(layer == 0 for stage in STAGES for layer in range(stage))
"""Whether each layer is the first one of its stage."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The operation of each layer, the first one first."""

    operations: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.operations) != LAYERS:
            raise UserError(f"macro: found {len(self.operations)} operations; expected {LAYERS}")
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise UserError(f"macro: found operation {operation!r}; expected one of {', '.join(OPERATIONS)}")


def format_chain(chain: Chain) -> str:
    """Return the key of a chain in the benchmark's file, for example `02012100`."""
    return "".join(str(OPERATIONS.index(operation)) for operation in chain.operations)


def parse(source: Any) -> Chain:
    """Return the chain of eight digits, of eight operations, or of a chain; UserError for anything else."""
    if isinstance(source, Chain):
        return source
    if isinstance(source, str):
        if not re.fullmatch(f"[012]{{{LAYERS}}}", source):
            raise UserError(f"macro: found the architecture {source!r}; expected eight digits from 0 to 2")
        return Chain(tuple(OPERATIONS[int(digit)] for digit in source))
    if not isinstance(source, Sequence):
        raise UserError(f"macro: found {source!r}; expected eight digits from 0 to 2 or eight operations")
    return Chain(tuple(source))


def computes(layer: int, operation: str) -> bool:
    """Return whether an operation changes the input of a layer, from 0: an identity that keeps the shape does not."""
    return REDUCING[layer] or operation != IDENTITY


def function_of(chain: Chain) -> str:
    """Return the chain of the same function whose identities come last in each stage.

    Layers of a stage after the first one have the same shape, so that an identity among them may be moved. The
    benchmark trained only these 3 969 chains, and lists their accuracies for the others.
    """
    digits, found, start = format_chain(chain), "", 0
    for length in STAGES:
        first, rest = digits[start], digits[start + 1 : start + length]
        found += first + rest.replace("0", "").ljust(length - 1, "0")
        start += length
    return found


def shapes(channels: int) -> list[tuple[int, int, int]]:
    """Return (input channels, output channels, stride) of each layer, for the stem's channels."""
    found, width = [], channels
    for reducing in REDUCING:
        found.append((width, 2 * width if reducing else width, 2 if reducing else 1))
        width = found[-1][1]
    return found


def tail_channels(channels: int) -> int:
    """Return the channels before the classifier: 40 times those of the stem, 1 280 in the benchmark."""
    return 40 * channels
