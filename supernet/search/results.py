"""The results of searches: one row per found architecture, or one row with the reason if there is none."""

import logging
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from supernet.config.base import Model
from supernet.errors import UserError
from supernet.io.atomic import write_text
from supernet.io.sealed import is_there, sealed_line, unsealed_line
from supernet.provenance.record import record_path
from supernet.provenance.recorder import note_resumption
from supernet.search.ground_truth import GroundTruth, quantile
from supernet.search.system import Outcome
from supernet.spaces.base import Space
from supernet.training.fingerprint import Fingerprint

_LOGGER = logging.getLogger(__name__)
_LARGEST = 1 << 26
"""Bytes of the result of a search: a hundred thousand architectures."""

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
    "multiply_adds": "int64",
    "trained": "float64",
    "baseline_trained": "int64",
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
truth. `trained` is that of `supernet.search.budget.SearchCost`, `baseline_trained` the same of the baseline's
super-net. `source` and `kind` describe the `population` in which the quantile is taken
(`supernet.metrics.population.Population`).
"""


def rows(
    system: str, outcome: Outcome, space: Space[Any], ground_truth: GroundTruth, finds: int, baseline_trained: int
) -> list[dict[str, Any]]:
    """Make the rows of the first `finds` proposals; one row without an architecture if there are none.

    `baseline_trained` counts the images of the training passes of the baseline's super-net.
    """
    cost = outcome.cost
    shared = {
        "system": system,
        "forward_passes": cost.forward_passes,
        "backward_passes": cost.backward_passes,
        "images": cost.images,
        "multiply_adds": cost.multiply_adds,
        "trained": cost.trained,
        "baseline_trained": baseline_trained,
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

    def __init__(self, folder: Path, fingerprint: Fingerprint) -> None:
        self._folder, self._fingerprint = folder, fingerprint

    def load(self, system: str) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
        """Load rows and timing of a system; None if it has not finished, or if the file belongs to another search.

        The records of this process will name the resumption. Raises UserError if the file is damaged.
        """
        path = self._path(system)
        try:
            if not is_there(path, _LARGEST):
                return None
            saved = unsealed_line(path.read_bytes())
            if difference := self._fingerprint.difference(saved.get("fingerprint")):
                _LOGGER.warning("%s: this result is %s; the search is repeated", path, difference)
                return None
            found = _Saved.model_validate(saved)
            if problem := _problem(system, found.rows):
                raise ValueError(problem)
        except ValueError as error:
            raise UserError(f"{path}: damaged result of a search ({error}); delete the file to repeat it") from error
        now = datetime.now(UTC).isoformat(timespec="seconds")
        note_resumption({"state": path.name, "done": len(found.rows), "time": now})
        return [row.model_dump(exclude_unset=True) for row in found.rows], found.timing.model_dump()

    def save(self, system: str, found: list[dict[str, Any]], timing: dict[str, Any]) -> None:
        """Save the rows and the timing of a finished system."""
        content = {"fingerprint": self._fingerprint.note(), "rows": found, "timing": timing}
        write_text(self._path(system), sealed_line(content), record=False)

    def discard(self, system: str) -> None:
        """Delete the file, once the results are written, and a record beside it, which earlier versions wrote."""
        path = self._path(system)
        path.unlink(missing_ok=True)
        Path(record_path(path)).unlink(missing_ok=True)

    def _path(self, system: str) -> Path:
        return self._folder / f"{system}.json"


class _Row(Model):
    """A row of `COLUMNS`."""

    system: str
    status: Literal["complete", "stopped_early", "diverged", "unlisted", "truth_diverged"]
    rank: int = Field(ge=1)
    arch_id: str | None
    encoding: str | None
    score: float | None = Field(default=None, ge=0, le=1)
    truth: float | None = Field(default=None, ge=0, le=1)
    truth_quantile: float | None = Field(default=None, ge=0, le=1)
    parameters: int | None = Field(default=None, gt=0)
    macs: int | None = Field(default=None, ge=0)
    forward_passes: int = Field(ge=0)
    backward_passes: int = Field(ge=0)
    images: int = Field(ge=0)
    multiply_adds: int = Field(ge=0)
    trained: float = Field(ge=0)
    baseline_trained: int = Field(gt=0)
    architectures: int = Field(ge=0)
    invalid: int = Field(ge=0)
    passed_over: int = Field(ge=0)
    source: str
    kind: str
    population: int = Field(ge=0)


class _Timing(Model):
    seconds: float = Field(ge=0)
    peak_bytes: int | None = Field(ge=0)


class _Saved(Model):
    fingerprint: dict[str, Any]
    rows: list[_Row] = Field(min_length=1)
    timing: _Timing


def _problem(system: str, found: Sequence[_Row]) -> str:
    """Return why rows cannot be those of a system; an empty text if they can be."""
    if [row.rank for row in found] != list(range(1, len(found) + 1)):
        return "its ranks are not 1, 2, …"
    if {row.system for row in found} != {system}:
        return f"it is not of {system}"
    return ""
