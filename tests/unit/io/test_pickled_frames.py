"""Data frames in pickles of pandas 1.0."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from published_formats import pickled_frame

from supernet.errors import UserError
from supernet.io.pickled_frames import read_columns

FRAME: dict[str, Any] = {"cell": ["a", "b", "c"] * 40, "one": np.arange(120) / 4, "two": np.arange(120.0) - 7}


def test_columns_are_those_of_the_frame() -> None:
    found = read_columns(pickled_frame(FRAME), ["two", "cell"], "a file")
    assert list(found) == ["two", "cell"] and list(found["cell"]) == FRAME["cell"]
    np.testing.assert_array_equal(found["two"], FRAME["two"])


def test_pandas_reads_the_frame_of_this_test(tmp_path: Any) -> None:
    """The independent reference: the pickle has the form that pandas wrote, and still reads."""
    path = tmp_path / "frame.pd"
    path.write_bytes(pickled_frame(FRAME))
    pd.testing.assert_frame_equal(pd.read_pickle(path), pd.DataFrame(FRAME), check_dtype=False, check_column_type=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickled_frame(FRAME, layout="9"), "not the expected data frame .KeyError"),
        (pickled_frame({"cell": ["a"], "one": [1.0]}), "not the expected data frame .no column 'two'"),
        (pickled_frame(FRAME)[:-200], "cut|damaged"),
        (pickled_frame(FRAME).replace(b"slice", b"print"), "refers to builtins.print"),
        (pickled_frame(FRAME).replace(b"BlockManager", b"BlockPlacer!"), "refers to pandas.core.internals.managers.B"),
        (b"\x80\x05}.", "not the expected data frame"),
        (b"\x80\x05\x8c\x11pandas.core.frame\x8c\x09DataFrame\x93)\x81.", "not the expected data frame"),
        (b"\x80\x05\x8c\x11pandas.core.frame\x8c\x09DataFrame\x93)R.", "not a pickle, or a damaged one"),
        (b"\x80\x05\x8c\x11pandas.core.frame\x8c\x09DataFrame\x93)\x81K\x01b.", "not a pickle, or a damaged one"),
        (b"\x80\x05\x8c\x08builtins\x8c\x05slice\x93K\x01\x85R.", "a slice that is not one of integers"),
    ],
)
def test_other_content_is_an_error(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=rf"^a file: .*({message})"):
        read_columns(content, ["two", "cell"], "a file")
