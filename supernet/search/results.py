"""The results of searches: one row per found architecture, or one row with the reason if there is none."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from supernet.io.atomic import read_json, write_json
from supernet.search.ground_truth import GroundTruth, quantile
from supernet.search.system import Outcome
from supernet.spaces.base import Space

COLUMNS: dict[str, Any] = {
    "system": "str",
    "status": "str",
    "rank": "int64",
    "arch_id": "object",
    "encoding": "object",
    "score": "float64",
    "truth": "float64",
    "truth_quantile": "float64",
    "parameters": "Int64",
    "macs": "Int64",
    "forward_passes": "int64",
    "backward_passes": "int64",
    "images": "int64",
    "architectures": "int64",
    "invalid": "int64",
    "passed_over": "int64",
    "source": "str",
    "kind": "str",
    "population": "int64",
}
"""Columns of results/STUDY/systems/SPACE/seedN/partK.parquet.

`status` is complete, stopped_early (by the rule of the system), diverged (the shared weights), unlisted (the published
table does not list the architecture) or truth_diverged (its stand-alone training); the last three statuses have no
truth. `source` and `kind` describe the `population` in which the quantile is taken
(`supernet.metrics.population.Population`).
"""


def rows(
    system: str, outcome: Outcome, space: Space[Any], ground_truth: GroundTruth, finds: int
) -> list[dict[str, Any]]:
    """Make the rows of the first `finds` proposals; one row without an architecture if there are none."""
    cost = outcome.cost
    shared = {
        "system": system,
        "forward_passes": cost.forward_passes,
        "backward_passes": cost.backward_passes,
        "images": cost.images,
        "architectures": cost.architectures,
        "invalid": outcome.invalid,
        "passed_over": outcome.passed_over,
        "source": ground_truth.population.source,
        "kind": ground_truth.population.kind,
        "population": len(ground_truth.population.truth),
    }
    nothing: dict[str, Any] = {"truth": None, "truth_quantile": None, "parameters": None, "macs": None}
    if not outcome.proposals:
        return [{**shared, **nothing, "status": outcome.status, "rank": 1, "arch_id": None, "encoding": None}]
    found = []
    for rank, proposal in enumerate(outcome.proposals[:finds], start=1):
        result = ground_truth.result(proposal.arch)
        measured: dict[str, Any] = nothing if result is None else {"parameters": result.parameters, "macs": result.macs}
        if result is not None:
            place = quantile(result.accuracy, ground_truth.population.truth)
            measured |= {"truth": result.accuracy, "truth_quantile": _json(place)}
        diverged = result is not None and result.accuracy is None
        found.append(
            {
                **shared,
                **measured,
                "status": "unlisted" if result is None else "truth_diverged" if diverged else outcome.status,
                "rank": rank,
                "arch_id": space.arch_id(proposal.arch),
                "encoding": space.format(proposal.arch),
                "score": _json(proposal.accuracy),
            }
        )
    return found


def _json(number: float) -> float | None:
    """Return a number, or None for nan, which JSON does not have."""
    return None if math.isnan(number) else number


def table(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Make a table with `COLUMNS` from rows."""
    return pd.DataFrame(found, columns=list(COLUMNS)).astype(COLUMNS)


class FinishedSearches:
    """Finished searches of a job, in one file each, so that a restarted job does not repeat them."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder, self._fingerprint = folder, fingerprint

    def load(self, system: str) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
        """Load rows and timing of a system; None if it has not finished, or if the file belongs to another search."""
        path = self._path(system)
        saved = read_json(path) if path.exists() else None
        if saved is None or saved["fingerprint"] != self._fingerprint:
            return None
        return saved["rows"], saved["timing"]

    def save(self, system: str, found: list[dict[str, Any]], timing: dict[str, Any]) -> None:
        """Save the rows and the timing of a finished system."""
        write_json(self._path(system), {"fingerprint": self._fingerprint, "rows": found, "timing": timing})

    def discard(self, system: str) -> None:
        """Delete the file, once the results are written."""
        self._path(system).unlink(missing_ok=True)

    def _path(self, system: str) -> Path:
        return self._folder / f"{system}.json"
