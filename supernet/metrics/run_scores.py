"""The scores of a run that are compared between runs: in one batch-norm mode, on the split that ranks."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet.config.artifacts import Artifacts, RunName
from supernet.config.run_summary import read_summary
from supernet.config.study import Study
from supernet.io.parquet import read_table
from supernet.metrics.same_function import SameFunction

MODE = "batch"
"""Batch-norm statistics of the scores that are compared, here and in every table and figure."""
Floats = npt.NDArray[np.float64]


def compared_scores(
    study: Study, paths: Artifacts, run: RunName, arch_ids: "pd.Series[str]", same: SameFunction
) -> tuple[Floats, Floats] | None:
    """Return accuracies and losses (n,) of a run; None if it diverged, in training or when it was scored.

    `same` are the architectures (n,) whose scores the study averages. Raises UserError if a file is missing or damaged.
    """
    files = paths.run(*run)
    if read_summary(files.summary, study.run(*run))["status"] != "complete":
        return None
    table = read_table(files.scores)
    rows = table[(table["bn_mode"] == MODE) & (table["split"] == study.scoring.ranked_on)]
    if not np.isfinite(rows[["accuracy", "loss"]].to_numpy()).all():
        return None
    ordered = rows.set_index("arch_id")
    accuracy, loss = (same.scores(ordered[name].loc[arch_ids].to_numpy(dtype=float)) for name in ("accuracy", "loss"))
    return accuracy, loss
