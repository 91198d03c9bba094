"""The readers of image data sets, by the name of their form in the sources file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from supernet.config.validation import did_you_mean
from supernet.data import cifar10, image_files
from supernet.data.cifar10 import Bytes, Labels
from supernet.errors import UserError

READERS: Mapping[str, Callable[..., tuple[Bytes, Labels]]] = MappingProxyType(
    {
        "archive": cifar10.read_archive,
        "jpeg": cifar10.read_jpegs,
        "arrays": image_files.read_arrays,
        "folders": image_files.read_folders,
    }
)
"""Readers of pixels and labels; each takes the files of its form."""


def read(name: str, form: str, *files: Path) -> tuple[Bytes, Labels]:
    """Read pixels (N, C, H, W) and labels (N,) of a data set; UserError for an unknown form or a wrong file."""
    if form not in READERS:
        raise UserError(f"datasets: {name}: forms: found {form!r}; {did_you_mean(form, READERS)}")
    return READERS[form](*files)
