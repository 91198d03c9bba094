"""Encodings of other projects: each has a name, because equal numbers mean different architectures in each of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Generic, TypeVar

import numpy as np

from supernet.errors import UserError

Arch = TypeVar("Arch")


@dataclass(frozen=True, slots=True)
class Convention(Generic[Arch]):
    """The encoding of architectures in another project.

    `decode(encode(arch))` is `arch`. Both raise UserError for a value or an architecture that the encoding does not
    have.
    """

    form: str
    """Description of an encoded architecture, with its source."""
    encode: Callable[[Arch], Any]
    decode: Callable[[Any], Arch]


def plain(value: Any) -> Any:
    """Return lists for NumPy arrays, also inside sequences, and integers for NumPy integers; else the value."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return int(value) if is_integer(value) else value


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer of Python or NumPy; a Boolean is not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def numbers(source: Any, where: str, limits: Sequence[int]) -> list[int]:
    """Return integers, one per limit, each from 0 to below its limit; UserError for anything else.

    `where` names space and convention for the message.
    """
    found = plain(source)
    if not isinstance(found, list) or len(found) != len(limits):
        raise UserError(f"{where}: found {source!r}; expected {len(limits)} integers")
    for place, (number, limit) in enumerate(zip(found, limits, strict=True)):
        if not is_integer(number) or not 0 <= number < limit:
            raise UserError(f"{where}: found {number!r} at position {place}; expected an integer from 0 to {limit - 1}")
    return found
