"""NAS-Bench-Macro, Parquet file of a mirror: columns `arch`, `test_acc_0` to `test_acc_2` in percent, `params`."""

from pathlib import Path

import numpy as np

from supernet.published.counts import exact
from supernet.published.formats.parquet_table import read_parquet
from supernet.published.macro.facts import EPOCHS, IMAGES, RUNS, TRUTH, check_chains
from supernet.published.parsed import ParsedTable
from supernet.published.schema import tabulate


def read(path: Path) -> ParsedTable:
    """Read the file; UserError if a column is missing or an architecture is not a chain."""
    runs = [f"test_acc_{run}" for run in range(RUNS)]
    table = read_parquet(path, {"arch": "text", **dict.fromkeys(runs, "numbers"), "params": "integers"})
    chains = table["arch"].tolist()
    check_chains(path, chains)
    test = exact(table[runs].to_numpy(dtype=np.float64) / 100, IMAGES)
    rows = tabulate(
        path,
        chains,
        chains,
        exact(test.mean(axis=1), IMAGES * RUNS),
        runs=test,
        parameters=table["params"].to_numpy(dtype=np.int64),
    )
    return ParsedTable(rows, TRUTH, EPOCHS, len(rows))
