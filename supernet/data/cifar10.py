"""Read CIFAR-10 (Krizhevsky 2009) as bytes, from the official archive or from images re-encoded as JPEG."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from supernet.errors import UserError
from supernet.io import unpickling
from supernet.io.archives import read_member
from supernet.io.parquet import read_arrow

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

TRAIN, TEST = 50_000, 10_000
_SHAPE = (3, 32, 32)
_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
_LARGEST_MEMBER = 40_000_000  # a batch has 31 MB
BROKEN_IMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""Errors of Pillow for damaged images."""


def read_archive(path: Path) -> tuple[Bytes, Labels]:
    """Read pixels (60000, 3, 32, 32) and labels (60000,) of `cifar-10-python.tar.gz`, the test set last.

    Raises UserError if a batch is missing or does not have 10 000 images of ten classes.
    """
    pixels, labels = zip(*(_batch(path, f"cifar-10-batches-py/{name}") for name in _BATCHES), strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


def read_jpegs(train: Path, test: Path) -> tuple[Bytes, Labels]:
    """Read the same from two Parquet files with columns `label` and `jpeg`; images are decoded, their order is kept.

    Raises UserError with file and row of an image that is not 32 x 32 RGB.
    """
    parts = [_jpegs(train, TRAIN), _jpegs(test, TEST)]
    pixels, labels = zip(*parts, strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


def _batch(path: Path, member: str) -> tuple[Bytes, Labels]:
    content: Any = unpickling.load(
        read_member(path, member, _LARGEST_MEMBER), unpickling.CIFAR10, name=f"{path}: {member}"
    )
    where = f"{path}: {member}"
    if not isinstance(content, dict):
        raise UserError(f"{where}: found no dictionary with `data` and `labels`; not CIFAR-10's python version")
    data, labels = content.get(b"data"), content.get(b"labels")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape != (10_000, 3072):
        raise UserError(f"{where}: expected `data` as bytes of shape (10000, 3072); not CIFAR-10's python version")
    return data.reshape(-1, *_SHAPE), _checked(labels, 10_000, where)


def _jpegs(path: Path, count: int) -> tuple[Bytes, Labels]:
    table = read_arrow(path, {"label": "integers", "jpeg": "bytes"})
    labels = _checked(table["label"].to_pylist(), count, str(path))
    pixels = np.empty((count, *_SHAPE), dtype=np.uint8)
    for row, content in enumerate(table["jpeg"]):
        try:
            with Image.open(io.BytesIO(content.as_py() or b""), formats=["JPEG"]) as image:
                if image.mode != "RGB" or image.size != (32, 32):
                    raise UserError(f"{path}: row {row}: found {image.mode} {image.size}; expected RGB (32, 32)")
                pixels[row] = np.asarray(image).transpose(2, 0, 1)
        except BROKEN_IMAGE as error:
            raise UserError(f"{path}: row {row}: not a JPEG image, or a damaged one ({error})") from error
    return pixels, labels


def _checked(labels: Any, count: int, where: str) -> Labels:
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 10 for label in labels):
        raise UserError(f"{where}: expected {count} labels 0 to 9, found {'none' if labels is None else 'others'}")
    found = np.asarray(labels, dtype=np.int64)
    if found.shape != (count,) or not np.array_equal(np.unique(found), np.arange(10)):
        raise UserError(f"{where}: expected {count} labels 0 to 9, found {len(found)}")
    return found
