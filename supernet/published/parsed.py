"""The return value of all readers of published formats."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class ParsedTable:
    """Rows in the schema of `supernet.published.schema`, with the meaning of their accuracies."""

    rows: pd.DataFrame
    truth: str
    """Description of `test_acc` for captions: number of runs and training data."""
    epochs: int | None
    """Epochs of each training; None if they differ."""
    entries: int
    """Number of entries of the file; larger than the number of rows if equal architectures were averaged."""
