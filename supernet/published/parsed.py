"""What a reader of a published format gives."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class ParsedTable:
    """Rows in the schema of `supernet.published.schema`, and what their accuracies are."""

    rows: pd.DataFrame
    truth: str
    """What `test_acc` is, as captions say it: of how many runs, trained on what."""
    epochs: int | None
    """Epochs of each training; None where they differ."""
    entries: int
    """Architectures that the file lists. More than there are rows where equal ones were averaged."""
