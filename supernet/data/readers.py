"""The readers of image data sets, by the name of their form in the sources file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

from supernet.config.validation import did_you_mean
from supernet.data import image_files, jpegs
from supernet.data.jpegs import Bytes, Labels
from supernet.errors import UserError


def _official() -> ModuleType:
    """Import the readers that use torchvision, and with it torch, which takes a second."""
    try:
        from supernet.data import official
    except ImportError as error:
        raise UserError(
            f"CIFAR-10, CIFAR-100 and SVHN are read by torchvision, which cannot be imported ({error}): install the "
            "release that fits your torch"
        ) from error
    return official


READERS: Mapping[str, Callable[..., tuple[Bytes, Labels]]] = MappingProxyType(
    {
        "cifar10_python": lambda path: _official().read_cifar10(path),
        "cifar100_python": lambda path: _official().read_cifar100(path),
        "svhn_matlab": lambda train, test: _official().read_svhn(train, test),
        "jpeg": jpegs.read_jpegs,
        "arrays": image_files.read_arrays,
        "npz": image_files.read_npz,
        "folders": image_files.read_folders,
    }
)
"""Readers of pixels and labels; each takes the files of its form."""


def read(name: str, form: str, *files: Path) -> tuple[Bytes, Labels]:
    """Read pixels (N, C, H, W) and labels (N,) of a data set; UserError for an unknown form or a wrong file."""
    if form not in READERS:
        raise UserError(f"datasets: {name}: forms: found {form!r}; {did_you_mean(form, READERS)}")
    return READERS[form](*files)
