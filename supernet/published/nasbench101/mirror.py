"""NASBench-101, Parquet file of a mirror with a part of the cells: counts of correct images of three runs.

Columns: `module_hash` (16 bytes), `num_vertices`, `adjacency_upper_bits` (lowest bit first, over the upper triangle row
by row), `operations` (one letter each, as in our encoding), `trainable_parameters`, `valid_correct_i`, `test_correct_i`
(of 9 984 images), `sampled_full` (whether the row belongs to the uniform sample).
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet.errors import UserError
from supernet.published.counts import exact
from supernet.published.formats.parquet_table import read_parquet
from supernet.published.nasbench101.facts import EPOCHS, IMAGES, RUNS, TRUTH
from supernet.published.parsed import ParsedTable
from supernet.published.schema import Floats, tabulate
from supernet.spaces.nasbench101.encoding import MAX_VERTICES, format_cell, parse

_HASH = 16

_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "module_hash": "bytes",
        "num_vertices": "integers",
        "adjacency_upper_bits": "integers",
        "operations": "text",
        "trainable_parameters": "integers",
        **{f"{split}_correct_{run}": "integers" for split in ("valid", "test") for run in range(RUNS)},
        "sampled_full": "true or false",
    }
)


def read(path: Path) -> ParsedTable:
    """Read the file; UserError if a column is missing or a cell is not in the space."""
    table = read_parquet(path, _COLUMNS)
    _check(path, table)
    test = _accuracies(table, "test")
    rows = tabulate(
        path,
        [bytes(digest).hex() for digest in table["module_hash"]],
        _encodings(table),
        exact(test.mean(axis=1), IMAGES * RUNS),
        valid_acc=exact(_accuracies(table, "valid").mean(axis=1), IMAGES * RUNS),
        runs=test,
        parameters=table["trainable_parameters"].to_numpy(dtype=np.int64),
        uniform=table["sampled_full"].to_numpy(dtype=bool),
    )
    return ParsedTable(rows, TRUTH, EPOCHS, len(rows))


def _check(path: Path, table: pd.DataFrame) -> None:
    """Raise UserError for values that no cell has."""
    sizes, bits = table["num_vertices"].to_numpy(), table["adjacency_upper_bits"].to_numpy()
    for name, wrong, expected in (
        ("num_vertices", (sizes < 2) | (sizes > MAX_VERTICES), f"2 to {MAX_VERTICES}"),
        ("adjacency_upper_bits", (bits < 0) | (bits >= 1 << (MAX_VERTICES * (MAX_VERTICES - 1) // 2)), "bits of edges"),
        ("module_hash", table["module_hash"].str.len().to_numpy() != _HASH, f"{_HASH} bytes"),
        ("operations", table["operations"].str.len().to_numpy() != sizes, "one letter for each vertex"),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(f"{path}: row {row}: {name}: found {table[name].iloc[row]!r}; expected {expected}")


def _accuracies(table: pd.DataFrame, split: str) -> Floats:
    """Return the accuracies of the runs, shape (n, 3)."""
    counts = table[[f"{split}_correct_{run}" for run in range(RUNS)]].to_numpy(dtype=np.float64)
    return counts / IMAGES


def _encodings(table: pd.DataFrame) -> list[str]:
    """Return the encodings in the order of the table; cells that need no pruning are converted in bulk."""
    texts = np.full(len(table), "", dtype=object)
    sizes = table["num_vertices"].to_numpy()
    for vertices in np.unique(sizes).tolist():
        texts[sizes == vertices] = _texts(table[sizes == vertices], vertices)
    return list(texts.tolist())


def _texts(group: pd.DataFrame, vertices: int) -> list[str]:
    """Return the encodings of cells of one size."""
    rows, columns = np.triu_indices(vertices, 1)
    bits = group["adjacency_upper_bits"].to_numpy(dtype=np.int64)[:, None] >> np.arange(len(rows)) & 1
    # A slash follows the last bit of each row except the last one.
    ends = np.flatnonzero(columns[:-1] == vertices - 1) + 1
    characters = np.insert(bits.astype(np.uint8) + ord("0"), ends, ord("/"), axis=1)
    triangles = np.ascontiguousarray(characters).view(f"S{characters.shape[1]}")[:, 0].astype(str)
    texts = [f"{letters}:{triangle}" for letters, triangle in zip(group["operations"], triangles, strict=True)]
    for position in np.flatnonzero(~_pruned(bits, rows, columns, vertices)).tolist():
        texts[position] = format_cell(parse(texts[position]))
    return texts


def _pruned(
    bits: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], vertices: int
) -> npt.NDArray[np.bool_]:
    """Return which graphs (n,) have an edge out of each vertex except the last, and into each except the first."""
    leaving = np.stack([bits[:, rows == vertex].any(axis=1) for vertex in range(vertices - 1)])
    entering = np.stack([bits[:, columns == vertex].any(axis=1) for vertex in range(1, vertices)])
    return np.asarray(leaving.all(axis=0) & entering.all(axis=0))
