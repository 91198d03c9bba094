"""CIFAR-10 from Parquet files of JPEGs."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from supernet.data.jpegs import read_jpegs
from supernet.errors import UserError


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


def test_jpegs_with_a_label_that_is_no_class(tmp_path: Path) -> None:
    path = jpegs(tmp_path / "train.parquet", 20)
    pd.read_parquet(path).assign(label=10).to_parquet(path)
    with pytest.raises(UserError, match=r"train\.parquet: expected 50000 labels 0 to 9, found others"):
        read_jpegs(path, path)
