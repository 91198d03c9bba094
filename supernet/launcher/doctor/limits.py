"""Limits of cores and memory: those of the machine, of control groups (containers, SLURM), and of SLURM's variables."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from supernet.launcher.doctor.finding import Finding, missing, ok

_JOB_MB = 3000
"""Memory that rules with PyTorch request."""
_UNLIMITED = 1 << 60
"""Control groups of version 1 without a limit have about 2 ** 63 bytes."""


def cores(root: Path, environment: Mapping[str, str]) -> Finding:
    """Return how many cores this process may use, and why; system files are read below `root`."""
    limits = {"machine": float(os.cpu_count() or 1)}
    if hasattr(os, "sched_getaffinity"):
        limits["affinity"] = float(len(os.sched_getaffinity(0)))
    if (quota := _smallest(root, "cpu", _quota)) is not None:
        limits["control group"] = quota
    if allotted := environment.get("SLURM_CPUS_PER_TASK") or environment.get("SLURM_CPUS_ON_NODE"):
        limits["SLURM"] = float(allotted)
    usable = max(1, int(min(limits.values())))
    found = f"{usable} usable ({_listed(limits, '')})"
    return (
        ok("cores", found) if usable > 1 else missing("cores", found, "one job at a time; `mini` takes twice as long")
    )


def memory(root: Path, environment: Mapping[str, str]) -> Finding:
    """Return how much memory this process may use, in MB (2 ** 20 bytes)."""
    limits = {"machine": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20}
    if (limit := _smallest(root, "memory", _bytes)) is not None:
        limits["control group"] = limit / 2**20
    # SLURM writes 0 for all memory of the node.
    if allotted := int(environment.get("SLURM_MEM_PER_NODE") or 0):
        limits["SLURM"] = float(allotted)
    usable = min(limits.values())
    found = f"{usable:.0f} MB usable ({_listed(limits, ' MB')})"
    cost = f"rules with PyTorch request {_JOB_MB} MB; a job may be killed: --cores 1"
    return ok("memory", found) if usable >= _JOB_MB else missing("memory", found, cost)


def _listed(limits: Mapping[str, float], unit: str) -> str:
    return ", ".join(f"{name} {value:.6g}{unit}" for name, value in limits.items())


def _smallest(root: Path, controller: str, limit: Callable[[Path], float | None]) -> float | None:
    """Return the smallest limit of the control groups of this process; None without one, or without control groups."""
    found = [value for folder in _groups(root, controller) if (value := limit(folder)) is not None]
    return min(found, default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups of this process, of version 2 or 1, with those that contain them."""
    file, top = root / "proc/self/cgroup", root / "sys/fs/cgroup"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for _, controllers, path in (line.split(":", maxsplit=2) for line in lines):
        if controllers and controller not in controllers.split(","):
            continue
        mounted = top / controllers if controllers else top
        group = Path(path.lstrip("/"))
        yield from (mounted / folder for folder in (group, *group.parents))


def _quota(folder: Path) -> float | None:
    """Return the cores of a control group; None without a limit."""
    both, quota, period = (folder / name for name in ("cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"))
    if both.exists():
        words = both.read_text(encoding="ascii").split()
    elif quota.exists() and period.exists():
        words = [quota.read_text(encoding="ascii").strip(), period.read_text(encoding="ascii").strip()]
    else:
        return None
    return None if words[0] in ("max", "-1") else int(words[0]) / int(words[1])


def _bytes(folder: Path) -> float | None:
    """Return the memory of a control group in bytes; None without a limit."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        if (folder / name).exists():
            text = (folder / name).read_text(encoding="ascii").strip()
            return None if text == "max" or int(text) >= _UNLIMITED else float(text)
    return None
