"""What determines the speed of this machine: processor, cores, GPUs. Does not import torch."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FIELDS = ("model name", "cpu family", "model", "stepping")
"""Lines of /proc/cpuinfo that identify a processor, beside its flags."""


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor(root: Path = Path("/")) -> dict[str, Any]:
    """Return the identity of the processor as JSON: its name, architecture and, on Linux, family and instruction sets.

    Machines of one cloud can have the same name and other instruction sets. System files are read below `root`.
    """
    found = {"machine": platform.machine(), "name": platform.machine()}
    file = root / "proc/cpuinfo"
    if not file.exists():
        return found | _sysctl()
    lines = (line.partition(":") for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    values: dict[str, str] = {}
    for name, _, value in lines:
        values.setdefault(name.strip(), value.strip())
    flags = " ".join(sorted((values.get("flags") or values.get("Features") or "").split()))
    named = {"name": values["model name"]} if values.get("model name") else {}
    kept = {name: values[name] for name in _FIELDS if name in values}
    return found | named | kept | {"flags": hashlib.sha256(flags.encode()).hexdigest()[:16]}


def _sysctl() -> dict[str, str]:
    """Return the name of the processor on macOS; nothing on other systems."""
    command = ["sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        name = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return {}
    return {"name": name} if name else {}


def gpus(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the NVIDIA GPUs that processes can see, by name; system files are read below `root`.

    `CUDA_VISIBLE_DEVICES` selects some of them by their numbers, as CUDA does up to the first one that does not exist.
    """
    files = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    names = [_model(file) for file in files]
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return names
    visible = []
    for one in map(str.strip, filter(None, chosen.split(","))):
        is_number = one.lstrip("-").isdigit()
        if is_number and not 0 <= int(one) < len(names):
            break
        visible.append(names[int(one)] if is_number else one)
    return visible


def _model(file: Path) -> str:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Model:")), "unknown GPU")
