"""Open safetensors files of images; errors name the file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from supernet.errors import UserError
from supernet.provenance.recorder import note_input


@contextlib.contextmanager
def open_tensors(path: Path, framework: str, maker: str) -> Iterator[Any]:
    """Open a safetensors file for `framework` (`pt` or `numpy`), memory-mapped.

    Raises UserError if the file does not exist, is not a safetensors file or lacks a tensor that is read; the message
    names `maker`, the program that makes such a file.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; {maker} makes it")
    try:
        with safe_open(note_input(path), framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: not a safetensors file of {maker}, or a damaged one ({error}); make it again"
        ) from error
