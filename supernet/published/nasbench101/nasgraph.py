"""NASBench-101, CSV file of NASGraph: hash, parameters and mean accuracies of all cells, without adjacency matrices.

Encodings are found by enumeration of the space. Source of the columns: Zhenhan-Huang/NASGraph-Public,
`extract_nasbench.py`, which averages the three runs of 108 epochs of the official file.
"""

from pathlib import Path

import pandas as pd

from supernet.errors import UserError
from supernet.published.counts import exact
from supernet.published.formats.csv_table import read_csv
from supernet.published.nasbench101.cells import encodings
from supernet.published.nasbench101.facts import EPOCHS, IMAGES, RUNS, TRUTH
from supernet.published.parsed import ParsedTable
from supernet.published.schema import tabulate

_HEADER = {
    "file id": "int64",
    "module_hash": "str",
    "trainable params": "int64",
    "train accuracy": "float64",
    "validation accuracy": "float64",
    "test accuracy": "float64",
}
_USED = ("module_hash", "trainable params", "validation accuracy", "test accuracy")


def read(path: Path) -> ParsedTable:
    """Read the file; UserError if its header is not as expected or a hash belongs to no cell of the space."""
    table = read_csv(path, _HEADER, _USED)
    encoding = table["module_hash"].map(pd.Series(encodings(table["module_hash"])))
    if encoding.isna().any():
        number = int(encoding.isna().to_numpy().argmax())
        raise UserError(
            f"{path}:{number + 2}: found the module_hash {table['module_hash'].iloc[number]!r}, which no cell of the "
            "space has; delete the file and fetch it again"
        )
    rows = tabulate(
        path,
        table["module_hash"].tolist(),
        encoding.tolist(),
        exact(table["test accuracy"], IMAGES * RUNS),
        valid_acc=exact(table["validation accuracy"], IMAGES * RUNS),
        parameters=table["trainable params"].to_numpy(),
    )
    return ParsedTable(rows, TRUTH, EPOCHS, len(rows))
