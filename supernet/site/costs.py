"""What a study cost: the seconds that its torch jobs wrote down, by stage and device."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from supernet.errors import UserError
from supernet.files import read_json

PAPER_GPU_DAYS = 700
"""Yu, Ranftl and Salzmann (arXiv 2003.04276) report "over 700 GPU days" for all their experiments."""

_STAGES = (
    ("ground truth", "truth/*/shard*.timing.json"),
    ("zero-cost proxies", "proxies/*.timing.json"),
    ("super-nets", "runs/*/*/seed*/timing.json"),
    ("random search", "search/*/seed*.timing.json"),
    ("search systems", "systems/*/seed*/part*.timing.json"),
    ("loss landscapes", "analysis/landscape/*.timing.json"),
    ("batch-norm statistics", "analysis/features/*.timing.json"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Jobs of one stage on one device, and the hours that they took, one after another."""

    stage: str
    device: str
    jobs: int
    hours: float


def costs(folder: Path) -> tuple[Cost, ...]:
    """Costs of a results folder, in the order of the stages; a stage without a timing file is left out.

    A job that was resumed has only the seconds since it was. Raises UserError for a damaged file.
    """
    rows = [(stage, *_timing(path)) for stage, pattern in _STAGES for path in sorted(folder.glob(pattern))]
    table = pd.DataFrame(rows, columns=["stage", "device", "seconds"])
    grouped = table.groupby(["stage", "device"], sort=False)["seconds"].agg(["size", "sum"])
    return tuple(
        Cost(str(stage), str(device), int(size), float(seconds) / 3600)
        for (stage, device), size, seconds in grouped.itertuples(name=None)
    )


def total_sentence(found: Sequence[Cost]) -> str:
    """All costs beside the paper's; says so where nothing was written down."""
    if not found:
        return f"No job has written down how long it took. The paper reports over {PAPER_GPU_DAYS} GPU days."
    devices: dict[str, float] = {}
    for cost in found:
        devices[cost.device] = devices.get(cost.device, 0.0) + cost.hours
    words = " and ".join(f"{hours:.2f} hours ({hours / 24:.3g} days) on {name}" for name, hours in devices.items())
    return (
        f"The jobs of this study took {words}, summed over jobs; of a job that was resumed, only the time since is "
        f"known. The paper reports over {PAPER_GPU_DAYS} GPU days."
    )


def _timing(path: Path) -> tuple[str, float]:
    timing = read_json(path)
    try:
        return str(timing["device"]), float(timing["total_seconds"])
    except KeyError as error:
        raise UserError(f"{path}: lacks the key {error}; delete it and make it again") from None
