"""CIFAR-10 from an archive like the official one, and from Parquet files of JPEGs."""

import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from supernet.data.cifar10 import read_archive, read_jpegs
from supernet.errors import UserError

NAMES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


def batch(number: int) -> dict[bytes, Any]:
    """Return a batch whose pixels all hold the batch number, with labels that cycle through the classes."""
    labels = [(index + number) % 10 for index in range(10_000)]
    return {b"data": np.full((10_000, 3_072), number, dtype=np.uint8), b"labels": labels}


def archive(path: Path, batches: Mapping[str, Any]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in batches.items():
            # Protocol 2 is Python 2's, in which the official batches are written.
            data = pickle.dumps(content, protocol=2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_the_official_archive_gives_the_training_set_and_then_the_test_set(tmp_path: Path) -> None:
    batches = {name: batch(number) for number, name in enumerate(NAMES)}
    batches["data_batch_2"][b"data"][7, 1024 + 32 * 3 + 5] = 200
    pixels, labels = read_archive(archive(tmp_path / "cifar-10-python.tar.gz", batches))
    assert pixels.shape == (60_000, 3, 32, 32) and pixels.dtype == np.uint8
    assert labels.dtype == np.int64
    for number in range(6):
        part = slice(10_000 * number, 10_000 * (number + 1))
        assert np.array_equal(labels[part], batches[NAMES[number]][b"labels"])
        assert pixels[part][0, 0, 0, 0] == number
    # Channel, row and column, as the archive has them: red, green, blue, row by row.
    assert pixels[10_007, 1, 3, 5] == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.update({b"data": one[b"data"][:, :100]}), r"data_batch_1: expected `data` as bytes of shape"),
        (
            lambda one: one.update({b"labels": one[b"labels"][:-1]}),
            r"data_batch_1: expected 10000 labels 0 to 9, found 9999",
        ),
        (lambda one: one.pop(b"labels"), r"data_batch_1: expected 10000 labels 0 to 9, found none"),
    ],
)
def test_another_archive_is_an_error_that_names_the_member(change: Any, message: str, tmp_path: Path) -> None:
    one = batch(0)
    change(one)
    with pytest.raises(UserError, match=message):
        read_archive(archive(tmp_path / "a.tar.gz", {"data_batch_1": one}))


def jpegs(path: Path, count: int, size: tuple[int, int] = (32, 32)) -> Path:
    encoded = []
    for colour in range(10):
        stream = io.BytesIO()
        Image.new("RGB", size, (25 * colour, 0, 255)).save(stream, "JPEG", quality=95)
        encoded.append(stream.getvalue())
    rows = {"label": [index % 10 for index in range(count)], "jpeg": [encoded[index % 10] for index in range(count)]}
    pd.DataFrame(rows).to_parquet(path)
    return path


def test_jpegs_are_decoded_in_their_order(tmp_path: Path) -> None:
    pixels, labels = read_jpegs(jpegs(tmp_path / "train.parquet", 50_000), jpegs(tmp_path / "test.parquet", 10_000))
    assert pixels.shape == (60_000, 3, 32, 32)
    assert np.array_equal(labels, np.arange(60_000) % 10)
    for index in (3, 49_999, 50_008):
        assert np.abs(pixels[index].mean((1, 2)) - [25 * (index % 10), 0, 255]).max() < 3


def test_jpegs_of_another_size_are_an_error_that_names_the_row(tmp_path: Path) -> None:
    wrong = jpegs(tmp_path / "train.parquet", 50_000, size=(31, 32))
    with pytest.raises(UserError, match=r"train\.parquet: row 0: found RGB \(31, 32\); expected RGB \(32, 32\)"):
        read_jpegs(wrong, wrong)


def test_too_few_jpegs(tmp_path: Path) -> None:
    few = jpegs(tmp_path / "few.parquet", 40)
    with pytest.raises(UserError, match=r"few\.parquet: expected 50000 labels 0 to 9, found 40"):
        read_jpegs(few, few)
