"""NAS-Bench-Macro, official file: a JSON object with one entry per chain, which has three test accuracies in percent.

Source of the fields: the README of xiusu/NAS-Bench-Macro.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from supernet.errors import UserError
from supernet.published.counts import exact
from supernet.published.macro.facts import EPOCHS, IMAGES, RUNS, TRUTH, check_chains
from supernet.published.parsed import ParsedTable
from supernet.published.schema import tabulate


def read(path: Path) -> ParsedTable:
    """Read the file; UserError if it is not such a JSON file."""
    try:
        entries = json.loads(path.read_bytes())
        chains = list(entries)
        percent = np.array([_accuracies(entry) for entry in entries.values()], dtype=np.float64).reshape(-1, RUNS)
        parameters = [int(entry["params"]) for entry in entries.values()]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise UserError(
            f"{path}: found no table of NAS-Bench-Macro ({error!r}); expected an object with test_acc (three numbers) "
            "and params for each chain: delete the file and fetch it again"
        ) from error
    check_chains(path, chains)
    test = exact(percent / 100, IMAGES)
    rows = tabulate(path, chains, chains, exact(test.mean(axis=1), IMAGES * RUNS), runs=test, parameters=parameters)
    return ParsedTable(rows, TRUTH, EPOCHS, len(rows))


def _accuracies(entry: Any) -> list[float]:
    found = list(map(float, entry["test_acc"]))
    if len(found) != RUNS:
        raise ValueError(f"an entry with {len(found)} accuracies")
    return found
