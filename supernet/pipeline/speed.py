"""How long jobs take on this machine: from finished jobs of the study, or from a calibration. Does not import torch.

The seconds of a job are those of its start, and of its work: seconds per pass and per multiply-add, by kind of work and
space.
"""

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from supernet.io.atomic import read_json
from supernet.pipeline.plan import Plan
from supernet.pipeline.workload import Kind, Part, Workload, standalone_part, training_work
from supernet.runtime.timing import job_seconds

Key = tuple[Kind, str]
"""Kind of work, and space."""


@dataclass(frozen=True)
class Speed:
    """Seconds per pass, whatever its size, and per multiply-add."""

    per_pass: float
    per_mac: float


@dataclass(frozen=True)
class Speeds:
    """Speeds by kind of work and space, the seconds of a job besides its work, and the source of these numbers."""

    by_key: Mapping[Key, Speed]
    start: float
    source: str
    devices: tuple[str, ...] = ()
    """Devices of the jobs from which the speeds come, such as `cpu` and `cuda:0`."""

    def seconds(self, work: Workload) -> float:
        """Return the seconds of a job."""
        return self.start + work.seconds + sum(self._part(part) for part in work.parts)

    def lacks(self, parts: Iterable[Part]) -> list[Key]:
        """Return the kinds and spaces of parts that have no speed."""
        return [key for key in dict.fromkeys((part.kind, part.space) for part in parts) if key not in self.by_key]

    def completed(self, other: "Speeds") -> "Speeds":
        """Return these speeds, with those of `other` for kinds and spaces that lack one."""
        return Speeds(
            {**other.by_key, **self.by_key},
            self.start,
            f"{self.source}; the rest from {other.source}",
            tuple(dict.fromkeys((*self.devices, *other.devices))),
        )

    @property
    def on_gpu(self) -> bool:
        """Whether all jobs ran on GPUs."""
        return bool(self.devices) and all(device.startswith("cuda") for device in self.devices)

    def _part(self, part: Part) -> float:
        speed = self.by_key.get((part.kind, part.space)) or self._mean(part.kind)
        return speed.per_pass * part.passes + speed.per_mac * part.macs

    def _mean(self, kind: Kind) -> Speed:
        """Return the mean of the spaces of a kind, or of all kinds, for a space without a finished job."""
        found = [speed for (one, _), speed in self.by_key.items() if one == kind] or list(self.by_key.values())
        count = len(found)
        return Speed(sum(one.per_pass for one in found) / count, sum(one.per_mac for one in found) / count)


def measured_speeds(plan: Plan, host: str | None) -> Speeds | None:
    """Return the speeds of the finished jobs of a study that ran on `host`, None for any; None if there is none."""
    sums, nets = _Sums(), 0
    for run in plan.runs:
        training, scoring = training_work(plan, run).parts
        timing = _timing(plan.artifacts.run(*run).timing, host)
        # A super-net of the store may have been trained anywhere, with other jobs at the same time.
        if timing is not None and not timing.get("taken_over"):
            sums.add(timing, {"train": training, "score": scoring})
            nets += 1
        timing = _timing(plan.artifacts.run(*run).scores_timing, host)
        if timing is not None and timing.get("computed") and not timing.get("taken_over"):
            sums.add(timing, {"score": scoring})
            nets += 1
    for pool, shard in plan.truth_shards:
        timing = _timing(plan.artifacts.truth(pool, shard).timing, host)
        # Without the trainings that the job took over from the store.
        trained = 0 if timing is None else int(timing.get("trainings", plan.trainings_in(pool, shard)))
        if timing is not None and trained:
            sums.add(timing, {"train": standalone_part(plan, pool, trained)})
    return sums.speeds(nets) if sums.jobs else None


def this_host() -> str:
    """Return the name of this machine, as timing files have it."""
    return socket.gethostname()


def _timing(path: str, host: str | None) -> Mapping[str, Any] | None:
    if not os.path.exists(path):
        return None
    found: Mapping[str, Any] = read_json(path)
    return found if host is None or found.get("host", host) == host else None


@dataclass
class _Sums:
    """Seconds and multiply-adds of finished jobs, by kind and space."""

    jobs: int = 0
    seconds: dict[Key, float] = field(default_factory=dict)
    macs: dict[Key, float] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)
    devices: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)

    def add(self, timing: Mapping[str, Any], parts: Mapping[str, Part]) -> None:
        """Add a job, with its parts by the names of their phases in the timing file.

        A training that diverged has fewer passes than planned, and no scores. Without phases, the seconds are divided
        by multiply-adds.
        """
        first = next(iter(parts.values()))
        done = min(1.0, timing.get("passes", first.passes) / first.passes) if first.passes else 1.0
        phases = {name: float(timing[f"{name}_seconds"]) for name in parts if f"{name}_seconds" in timing}
        if phases:
            self.starts.append(max(0.0, float(timing["total_seconds"]) - sum(phases.values())))
            if "train" in phases:
                phases["train"] += float(timing.get("earlier_seconds", 0))
        else:
            macs = sum(part.macs for part in parts.values())
            phases = {name: job_seconds(timing) * part.macs / macs for name, part in parts.items()}
        for name, taken in phases.items():
            if done == 1 or name == "train":
                self._count(parts[name], taken, done)
        self.jobs += 1
        self.devices[str(timing["device"])] = None
        self.hosts[str(timing.get("host", "this machine"))] = None

    def speeds(self, nets: int) -> Speeds:
        """Return the speeds, of which `nets` jobs trained or scored super-nets."""
        by_key = {key: Speed(0.0, seconds / self.macs[key]) for key, seconds in self.seconds.items() if self.macs[key]}
        counts = [(nets, "super-net"), (self.jobs - nets, "ground-truth job")]
        jobs = " and ".join(f"{count} finished {noun}{'s' * (count > 1)}" for count, noun in counts if count)
        start = sum(self.starts) / len(self.starts) if self.starts else 0.0
        source = f"{jobs} of this study on {', '.join(self.hosts)} ({', '.join(self.devices)})"
        return Speeds(by_key, start, source, tuple(self.devices))

    def _count(self, part: Part, seconds: float, done: float) -> None:
        key = (part.kind, part.space)
        self.seconds[key] = self.seconds.get(key, 0.0) + seconds
        self.macs[key] = self.macs.get(key, 0.0) + done * part.macs
