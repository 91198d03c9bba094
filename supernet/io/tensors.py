"""Open safetensors files; errors name the file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from supernet.errors import UserError
from supernet.provenance.recorder import note_input

_BROKEN = (SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError)
"""Errors of safetensors, NumPy and torch for a damaged file, or for a type that they do not have."""


@contextlib.contextmanager
def open_tensors(path: Path, framework: str, maker: str) -> Iterator[Any]:
    """Open a safetensors file for `framework` (`pt` or `numpy`), memory-mapped, as an input of this program.

    Raises UserError if the file does not exist, is not a safetensors file or lacks a tensor that is read; the message
    names `maker`, the program that makes such a file.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; {maker} makes it")
    note_input(path)
    with open_foreign(path, framework, f"a safetensors file of {maker}") as file:
        yield file


@contextlib.contextmanager
def open_foreign(path: Path, framework: str, what: str = "a safetensors file") -> Iterator[Any]:
    """Open a safetensors file of others. Raises UserError if it is damaged or lacks a tensor, which is not `what`."""
    try:
        with safe_open(path, framework) as file:
            yield file
    except _BROKEN as error:
        raise UserError(f"{path}: not {what}, or a damaged one ({error}); make it again") from error
