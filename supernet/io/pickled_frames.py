"""The columns of data frames in pickles of pandas 1.0, without pandas and without the module `pickle`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from supernet.errors import UserError
from supernet.io.unpickling import PANDAS, Frame, load

_LAYOUT = "0.14.1"
"""Version of the layout of blocks that pandas has written since."""


def read_columns(content: bytes, wanted: Sequence[str], name: str) -> dict[str, Sequence[Any]]:
    """Return columns of a pickled data frame: numbers as arrays (n,), texts as lists of n.

    `name` is the file, for messages. Raises UserError if the pickle is damaged, refers to anything but a data frame, or
    lacks a column.
    """
    frame = load(content, PANDAS, name=name)
    try:
        layout = frame.state["_data"].state[3][_LAYOUT]
        names = list(layout["axes"][0]["data"])
        columns = {names[place]: values for block in layout["blocks"] for place, values in _columns(block, len(names))}
        count = {len(values) for values in columns.values()}
    except (AttributeError, TypeError, LookupError, ValueError) as error:
        raise _unexpected(name, repr(error)) from error
    if not isinstance(frame, Frame) or len(count) != 1:
        raise _unexpected(name, f"columns of {len(count)} lengths")
    if missing := [column for column in wanted if column not in columns]:
        raise _unexpected(name, f"no column {missing[0]!r}")
    return {column: columns[column] for column in wanted}


def _columns(block: Any, count: int) -> list[tuple[int, Any]]:
    """Return the positions and values of the columns of one block."""
    places, values = range(count)[block["mgr_locs"]], block["values"]
    if isinstance(values, list):
        # A list of objects of all columns of the block, one after the other.
        length = len(values) // len(places)
        return [(place, values[row * length : (row + 1) * length]) for row, place in enumerate(places)]
    return [(place, np.asarray(values[row])) for row, place in enumerate(places)]


def _unexpected(name: str, found: str) -> UserError:
    return UserError(f"{name}: not the expected data frame ({found[:200]}); fetch the file again")
