"""The super-nets that the next run of the workflow would train, with reasons and estimated times.

Files that would be made again come from Snakemake's summary, reasons from the provenance records.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from supernet.audit.expected import run_config
from supernet.audit.file_status import Audit, State, differences
from supernet.config.artifacts import RunFolder, RunName, checkpoint
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.pipeline.estimate import FLOPS_PER_MAC, run_work
from supernet.pipeline.plan import Plan
from supernet.provenance.record import RecordError, read_record
from supernet.runtime.timing import job_seconds

MISSING = "not trained yet"
RESUMED = "begun: continues from its checkpoint if code and inputs are the same"
CONFIG = "its config changed"
INPUT = "its inputs are newer or will be made again"
STALE = "kept, though stale: trained again only on request"
BROKEN = "kept, though broken or incomplete: not seen by Snakemake, or not needed by what it would make"
TRAINED = (MISSING, RESUMED, CONFIG, INPUT)
"""Reasons to train a run; the other reasons are of runs that are kept."""
_COLUMNS = ("output_file", "date", "rule", "log-file(s)", "status", "plan")


@dataclass(frozen=True)
class Pending:
    """A run that would be trained, or that is kept although it is stale or broken."""

    run: RunName
    reason: str
    detail: str
    seconds: float
    """Estimated time of training and scoring."""


@dataclass(frozen=True)
class Rate:
    """Speed of training: seconds per multiply-add by space and on average, and the source of these numbers."""

    by_space: Mapping[str, float]
    otherwise: float
    source: str

    def seconds(self, space: str, macs: float) -> float:
        """Return the seconds for `macs` multiply-adds of a space."""
        return macs * self.by_space.get(space, self.otherwise)


def read_summary(text: str) -> dict[str, tuple[str, bool]]:
    """Parse `snakemake --summary`: rule of each file, and whether it would be made. Raises UserError on failure."""
    lines = text.splitlines()
    head = "\t".join(_COLUMNS)
    if head not in lines:
        raise UserError(f"snakemake --summary: found no line with the columns {', '.join(_COLUMNS)}")
    rows = [line.split("\t") for line in lines[lines.index(head) + 1 :]]
    return {os.path.normpath(row[0]): (row[2], row[5] == "update pending") for row in rows if len(row) == len(_COLUMNS)}


def measured_rate(plan: Plan) -> Rate:
    """Return the rate of the finished runs of the study; without any, that of the GPU that config.yaml assumes."""
    found: dict[str, list[tuple[float, float]]] = {}
    devices: dict[str, None] = {}
    for run in plan.runs:
        path = plan.artifacts.run(*run).timing
        if os.path.exists(path):
            timing = read_json(path)
            found.setdefault(run.space, []).append((job_seconds(timing), _macs(plan, run)))
            devices[str(timing["device"])] = None
    if not found:
        tflops = plan.config.gpu_tflops
        return Rate({}, FLOPS_PER_MAC / (tflops * 1e12), f"a GPU that sustains {tflops:g} teraflop/s (gpu_tflops)")
    count = sum(len(one) for one in found.values())
    source = f"{count} finished super-net{'s' * (count > 1)} of this study, on {' and '.join(devices)}"
    return Rate(
        {space: _ratio(one) for space, one in found.items()}, _ratio(list(chain.from_iterable(found.values()))), source
    )


def pending(plan: Plan, summary: Mapping[str, tuple[str, bool]], audit: Audit, rate: Rate) -> list[Pending]:
    """Return the runs that would be trained, and those that are kept although they are stale or broken."""
    found = []
    for run in plan.runs:
        folder = plan.artifacts.run(*run)
        waits = any(summary.get(os.path.normpath(path), ("", False))[1] for path in folder.training)
        reason, detail = _reason(plan, run, folder, summary) if waits else _reason_kept(folder, audit)
        if reason:
            found.append(Pending(run, reason, detail, rate.seconds(run.space, _macs(plan, run))))
    return found


def others(summary: Mapping[str, tuple[str, bool]]) -> dict[str, int]:
    """Count the files of each other rule that would be made; the rules of tables count as one, and those of figures."""
    counts: dict[str, int] = {}
    for rule, waits in summary.values():
        if waits and rule != "train":
            kind = rule.partition("_")[0] + "s" if rule.startswith(("table_", "figure_")) else rule
            counts[kind] = counts.get(kind, 0) + 1
    return counts


def _reason(plan: Plan, run: RunName, folder: RunFolder, summary: Mapping[str, tuple[str, bool]]) -> tuple[str, str]:
    record = _record(folder.summary)
    if record is not None and (changes := differences(record["made"]["config"], run_config(plan, *run))):
        return CONFIG, "; ".join(changes)
    lacking = [os.path.basename(path) for path in folder.training if not os.path.exists(path)]
    if lacking:
        if os.path.exists(checkpoint(plan.state, *run)):
            return RESUMED, ""
        return MISSING, "" if len(lacking) == len(folder.training) else f"it lacks {', '.join(lacking)}"
    if record is None:
        return INPUT, ""
    inputs = [plan.folders.path(one["file"]) for one in record["made"]["inputs"]]
    return INPUT, ", ".join(path for path in inputs if path and summary.get(path, ("", False))[1])


def _record(path: str) -> dict[str, Any] | None:
    """Read the record of a result; None if it is missing or damaged, which the audit reports."""
    try:
        return read_record(path)
    except RecordError:
        return None


def _reason_kept(folder: RunFolder, audit: Audit) -> tuple[str, str]:
    worst = max((audit.status(path) for path in folder.training), key=lambda status: status.state)
    reason = {State.INTACT: "", State.STALE: STALE}.get(worst.state, BROKEN)
    return reason, worst.cause.removeprefix(f"{worst.path}: ")


def _macs(plan: Plan, run: RunName) -> float:
    return run_work(plan.study.run(*run), plan.study.scoring, plan.study.pool.size).macs


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(seconds for seconds, _ in pairs) / sum(macs for _, macs in pairs)
