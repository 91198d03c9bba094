"""Read CIFAR-10 (Krizhevsky 2009) as bytes from images re-encoded as JPEG, in Parquet files of a mirror."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from supernet.errors import UserError
from supernet.io.parquet import read_arrow

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

TRAIN, TEST = 50_000, 10_000
_SHAPE = (3, 32, 32)
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


def read_jpegs(train: Path, test: Path) -> tuple[Bytes, Labels]:
    """Read pixels (60000, 3, 32, 32) and labels (60000,) from two Parquet files with columns `label` and `jpeg`.

    Images are decoded, and their order is kept: the test set is last. Raises UserError with file and row of an image
    that is not 32 x 32 RGB, and for labels that are not 50 000 and 10 000 of ten classes.
    """
    parts = [_jpegs(train, TRAIN), _jpegs(test, TEST)]
    pixels, labels = zip(*parts, strict=True)
    return np.concatenate(pixels), np.concatenate(labels)


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


def _checked(labels: list[Any], count: int, where: str) -> Labels:
    if not all(type(label) is int and 0 <= label < 10 for label in labels):
        raise UserError(f"{where}: expected {count} labels 0 to 9, found others")
    found = np.asarray(labels, dtype=np.int64)
    if found.shape != (count,) or not np.array_equal(np.unique(found), np.arange(10)):
        raise UserError(f"{where}: expected {count} labels 0 to 9, found {len(found)}")
    return found
