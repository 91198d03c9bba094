"""Reading of safetensors files, in which every damaged file is an error with its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from supernet.errors import UserError

_BROKEN = (SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError)
"""Errors of safetensors, NumPy and torch for a damaged file, or for a type that they do not have."""


@contextmanager
def opened(path: Path, framework: str) -> Iterator[Any]:
    """Open a safetensors file for `numpy` or `pt`; UserError if it is missing or damaged, also while it is read."""
    try:
        with safe_open(path, framework) as file:
            yield file
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except _BROKEN as error:
        raise UserError(f"{path}: not a safetensors file, or a damaged one ({error}); make it again") from error
