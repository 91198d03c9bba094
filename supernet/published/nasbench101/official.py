"""NASBench-101, official file `nasbench_only108.tfrecord`: three trainings of each cell.

A record is a JSON list: module hash, epochs, adjacency matrix as a string of 0 and 1, operations, and metrics as a
base64-encoded protobuf message. Source: google-research/nasbench, `nasbench/api.py`.
"""

import base64
import json
import math
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from supernet.errors import UserError
from supernet.published.counts import exact
from supernet.published.formats.tfrecord import records
from supernet.published.nasbench101.facts import EPOCHS, IMAGES, RUNS, TRUTH
from supernet.published.nasbench101.metrics import metrics_class
from supernet.published.parsed import ParsedTable
from supernet.published.schema import Floats, tabulate
from supernet.runtime.progress import Progress
from supernet.spaces.nasbench101.encoding import Cell, format_cell

_FINAL = 2
"""Index of the last evaluation; there is one at the start, one half-way and one at the end."""
_MB = 1_000_000


@dataclass(frozen=True)
class _Training:
    module_hash: str
    epochs: int
    adjacency: str
    operations: str
    parameters: int
    valid: float
    test: float


def read(path: Path) -> ParsedTable:
    """Read the file as a stream: memory depends on the number of cells, not on the size of the file.

    Trainings with other numbers of epochs than 108 are skipped. Raises UserError with the offset of the record if it is
    damaged or is not a record of NASBench-101, and if a cell was not trained three times.
    """
    cells, metrics = _Cells(path), metrics_class()
    megabytes = path.stat().st_size // _MB
    with Progress(path.name, "reading MB", megabytes, None) as progress:
        for offset, data in records(path):
            training = _training(path, offset, data, metrics)
            if training.epochs == EPOCHS:
                cells.add(offset, training)
            progress.update(offset // _MB)
        progress.update(megabytes)
    return cells.table()


class _Cells:
    """Collects trainings by cell, in flat arrays."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position: dict[str, int] = {}
        self._encodings: list[str] = []
        self._parameters = array("q")
        self._runs = array("b")
        self._valid, self._test = array("d"), array("d")

    def add(self, offset: int, training: _Training) -> None:
        """Add a training; the encoding of a cell is that of its first training."""
        position = self._position.setdefault(training.module_hash, len(self._encodings))
        if position == len(self._encodings):
            self._encodings.append(_encoding(self._path, offset, training))
            self._parameters.append(training.parameters)
            self._runs.append(0)
            self._valid.extend([math.nan] * RUNS)
            self._test.extend([math.nan] * RUNS)
        run = self._runs[position]
        if run == RUNS:
            raise _foreign(self._path, offset, f"a fourth training of the cell {training.module_hash}")
        self._runs[position] += 1
        self._valid[position * RUNS + run] = training.valid
        self._test[position * RUNS + run] = training.test

    def table(self) -> ParsedTable:
        """Return the rows; UserError if a cell has fewer than three trainings."""
        hashes, runs = list(self._position), np.frombuffer(self._runs, dtype=np.int8)
        if not hashes:
            raise UserError(f"{self._path}: found no training of {EPOCHS} epochs; expected a NASBench-101 file")
        if runs.min() < RUNS:
            first = hashes[int(runs.argmin())]
            raise UserError(
                f"{self._path}: {int((runs < RUNS).sum())} cells have fewer than {RUNS} trainings, the first is "
                f"{first}; the file is incomplete: delete it and fetch it again"
            )
        valid, test = _by_run(self._valid), _by_run(self._test)
        rows = tabulate(
            self._path,
            hashes,
            self._encodings,
            exact(test.mean(axis=1), IMAGES * RUNS),
            valid_acc=exact(valid.mean(axis=1), IMAGES * RUNS),
            runs=test,
            parameters=np.array(self._parameters),
        )
        return ParsedTable(rows, TRUTH, EPOCHS, len(rows))


def _by_run(accuracies: "array[float]") -> Floats:
    return exact(np.array(accuracies), IMAGES).reshape(-1, RUNS)


def _training(path: Path, offset: int, data: bytes, metrics: Any) -> _Training:
    try:
        module_hash, epochs, adjacency, operations, encoded = json.loads(data)
        found = metrics.FromString(base64.b64decode(encoded, validate=True))
        final = found.evaluation_data[_FINAL]
        if not isinstance(module_hash, str) or type(epochs) is not int:
            raise TypeError("a hash that is not text, or epochs that are not an integer")
    except (ValueError, TypeError, IndexError, RecursionError, DecodeError) as error:
        raise _foreign(path, offset, f"another record than one of NASBench-101 ({error})") from error
    return _Training(
        module_hash,
        epochs,
        adjacency,
        operations,
        found.trainable_parameters,
        final.validation_accuracy,
        final.test_accuracy,
    )


def _encoding(path: Path, offset: int, training: _Training) -> str:
    try:
        size, bits = math.isqrt(len(training.adjacency)), [int(bit) for bit in training.adjacency]
        cell = Cell.build([bits[i * size : (i + 1) * size] for i in range(size)], training.operations.split(","))
    except (UserError, ValueError, TypeError, AttributeError) as error:
        raise _foreign(path, offset, str(error)) from error
    return format_cell(cell)


def _foreign(path: Path, offset: int, what: str) -> UserError:
    return UserError(f"{path}: byte {offset}: found {what}; expected trainings as in nasbench_only108.tfrecord")
