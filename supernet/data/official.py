"""Read CIFAR-10, CIFAR-100 (Krizhevsky 2009) and SVHN (Netzer et al. 2011) from their official files with torchvision.

torchvision unpickles CIFAR. Before that, the hash of the archive was checked when it was fetched, the allow-list of
`supernet.io.unpickling` is applied to each file here, and torchvision checks its MD5. torchvision imports torch, so
`supernet.data.readers` imports this module when a file is read.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torchvision
from torchvision.datasets import CIFAR10, CIFAR100, SVHN

from supernet.data.jpegs import Bytes, Labels
from supernet.errors import UserError
from supernet.io import unpickling
from supernet.io.archives import read_members

_LARGEST_MEMBER = 160_000_000
"""Bytes; the training set of CIFAR-100 has 155 MB, a batch of CIFAR-10 31 MB."""


def read_cifar10(path: Path) -> tuple[Bytes, Labels]:
    """Read pixels (60000, 3, 32, 32) and labels (60000,) of `cifar-10-python.tar.gz`, the test set last.

    The files that torchvision names are unpacked to a temporary folder. Raises UserError if one is missing, is not the
    official one, or has a label that is not that of a class.
    """
    return _read_cifar(path, CIFAR10, 10)


def read_cifar100(path: Path) -> tuple[Bytes, Labels]:
    """Read the same of `cifar-100-python.tar.gz`, with the labels of its 100 fine classes."""
    return _read_cifar(path, CIFAR100, 100)


def read_svhn(train: Path, test: Path) -> tuple[Bytes, Labels]:
    """Read the cropped digits of SVHN: pixels (99289, 3, 32, 32) and labels (99289,), which are the digits.

    The test set is last, and the additional training images (`extra`) are not used. Raises UserError if a file is not
    the official one, or has a label that is not a digit.
    """
    parts = []
    with tempfile.TemporaryDirectory(prefix="supernet-") as folder:
        for split, path in (("train", train), ("test", test)):
            (Path(folder) / SVHN.split_list[split][1]).symlink_to(path.resolve())
            with _checked_by_torchvision(str(path)):
                parts.append(SVHN(folder, split=split))
    return _joined([part.data for part in parts], [part.labels for part in parts], 10, f"{train}, {test}")


def _read_cifar(path: Path, kind: type[CIFAR10], classes: int) -> tuple[Bytes, Labels]:
    names = [name for name, _ in (*kind.train_list, *kind.test_list)] + [kind.meta["filename"]]
    wanted = {f"{kind.base_folder}/{name}" for name in names}
    with tempfile.TemporaryDirectory(prefix="supernet-") as folder:
        (Path(folder) / kind.base_folder).mkdir()
        for member, content in read_members(path, wanted.__contains__, _LARGEST_MEMBER):
            unpickling.load(content, unpickling.CIFAR, name=f"{path}: {member}")
            (Path(folder) / member).write_bytes(content)
            wanted.discard(member)
        if wanted:
            raise UserError(f"{path}: no member {min(wanted)!r}; is this the archive that the sources name?")
        with _checked_by_torchvision(f"{path}: its members"):
            parts = [kind(folder, train=train) for train in (True, False)]
    pixels = [part.data.transpose(0, 3, 1, 2) for part in parts]
    return _joined(pixels, [np.asarray(part.targets) for part in parts], classes, str(path))


@contextlib.contextmanager
def _checked_by_torchvision(what: str) -> Iterator[None]:
    """Raise UserError if torchvision finds another MD5 than that of the official file."""
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            f"{what}: torchvision {torchvision.__version__} expects the MD5 of the official files, and found another "
            f"one ({error}); nothing was loaded: fetch the file again"
        ) from error


def _joined(pixels: list[Bytes], labels: list[Labels], classes: int, where: str) -> tuple[Bytes, Labels]:
    """Concatenate training and test set; UserError if there is a label outside of the classes."""
    found = np.concatenate(labels).astype(np.int64)
    if found.min() < 0 or found.max() >= classes:
        raise UserError(f"{where}: found labels from {found.min()} to {found.max()}; expected 0 to {classes - 1}")
    # The arrays of SVHN are transposed: without `out`, the result would be as well.
    return np.concatenate(pixels, out=np.empty((len(found), *pixels[0].shape[1:]), dtype=np.uint8)), found
