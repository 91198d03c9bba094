"""Finds the runs of a study with their summary, timing, metrics and files."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from supernet.io.atomic import read_json
from supernet.paper.load import Results
from supernet.paper.summary import run_values
from supernet.runtime.timing import job_seconds

OVERVIEW = ("s_kdt", "kdt", "accuracy", "p_surpass", "final_mean")
"""Metrics in the list of all runs, of the main selection of scores."""
_HIDDEN = ("study", "space", "factor", "value", "setting", "seed", "status", "diverged_at")


@dataclass(frozen=True, slots=True)
class Run:
    """One run; `summary` is its run.json, `timing` its timing.json or empty."""

    space: str
    setting: str
    seed: int
    folder: Path
    summary: dict[str, Any]
    timing: dict[str, Any]

    @property
    def files(self) -> tuple[str, ...]:
        """Names of its files, including existing provenance records (`*.prov.json`)."""
        return tuple(sorted(path.name for path in self.folder.iterdir() if not path.name.startswith(".")))

    @property
    def config(self) -> str:
        """Its complete config as indented JSON."""
        return json.dumps(self.summary["run"], indent=2, sort_keys=True)


def runs(results: Results) -> Iterator[Run]:
    """Yield all runs of the study that have a run.json, in the order of the study."""
    for space, setting, seed in results.study.runs():
        files = results.artifacts.run(space, setting, seed)
        if os.path.exists(files.summary):
            timing = read_json(files.timing) if os.path.exists(files.timing) else {}
            yield Run(space, setting, seed, Path(files.path), read_json(files.summary), timing)


def overview(results: Results, found: tuple[Run, ...]) -> pd.DataFrame:
    """Return one row per run: status, metrics as in the tables (accuracies as fractions), seconds and device."""
    values = {
        (metric, run.setting, run.seed, space): run.value
        for space in results.spaces
        for metric in OVERVIEW
        for run in run_values(results, space, metric)
    }
    rows = [
        {
            "space": run.space,
            "setting": run.setting,
            "seed": run.seed,
            "status": run.summary["status"],
            **{metric: values.get((metric, run.setting, run.seed, run.space)) for metric in OVERVIEW},
            "seconds": job_seconds(run.timing) if run.timing else None,
            "device": run.timing.get("device", "not recorded"),
        }
        for run in found
    ]
    columns = ["space", "setting", "seed", "status", *OVERVIEW, "seconds", "device"]
    numbers = dict.fromkeys((*OVERVIEW, "seconds"), "float64")
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def measured(results: Results, run: Run) -> pd.DataFrame:
    """Return all rows of metrics.parquet of one run."""
    table = results.metrics
    own = (table["space"] == run.space) & (table["setting"] == run.setting) & (table["seed"] == run.seed)
    return table[own].drop(columns=[name for name in _HIDDEN if name in table])
