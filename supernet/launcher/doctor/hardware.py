"""Processor and accelerators."""

import json
import platform
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from supernet.launcher.doctor.finding import Finding, failed, missing, ok

_EXTENSIONS = {"amx_tile": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}
"""Flags of processors on Linux, the fastest first."""
_TIMEOUT = 120
_PROBE = """
import json, torch
cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
print(json.dumps({"version": torch.__version__, "cuda": cuda, "built": torch.version.cuda,
                  "mps": torch.backends.mps.is_available()}))
"""


def processor(root: Path) -> Finding:
    """Return the instruction sets of the processor that PyTorch's kernels use; system files are read below `root`."""
    machine = platform.machine()
    if machine not in ("x86_64", "AMD64"):
        return ok("processor", machine)
    flags = _flags(root)
    found = [name for flag, name in _EXTENSIONS.items() if flag in flags]
    text = f"{machine} with {', '.join(found) or 'none of AMX, AVX-512, AVX2'}"
    if "AVX-512" in found:
        return ok("processor", text)
    cost = "trainings take up to twice as long as with AVX-512" if found else "trainings are several times slower"
    return missing("processor", text, cost)


def _flags(root: Path) -> set[str]:
    file = root / "proc/cpuinfo"
    if file.exists():
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        return set(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))
    # macOS on Intel.
    command = ["sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features"]
    try:
        return set(subprocess.run(command, capture_output=True, text=True).stdout.lower().split())
    except FileNotFoundError:
        return set()


class Accelerators:
    """PyTorch in a child process, which starts at once: importing it takes seconds, and other checks go on."""

    def __init__(self, python: str = sys.executable) -> None:
        self._child = subprocess.Popen(
            [python, "-c", _PROBE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.wait()

    def findings(self, device: str) -> list[Finding]:
        """Return whether PyTorch works, and the GPUs that it can use; `device` is that of config.yaml."""
        try:
            out, err = self._child.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            return [failed("PyTorch", f"not imported within {_TIMEOUT} s", "is the file system of the packages slow?")]
        if self._child.returncode:
            last = (err.strip().splitlines() or [f"exit code {self._child.returncode}"])[-1]
            return [failed("PyTorch", last, "install the packages: make install")]
        torch = json.loads(out)
        return [ok("PyTorch", f"{torch['version']} can be imported"), _gpu(torch, device)]


def _gpu(torch: dict[str, object], device: str) -> Finding:
    if torch["cuda"]:
        assert isinstance(torch["cuda"], list)
        return ok("GPU", ", ".join(torch["cuda"]))
    if torch["mps"]:
        found = "Apple GPU, which this project does not use"
    else:
        found = "none visible" if torch["built"] else "none: this PyTorch is built without CUDA"
    if device.startswith("cuda"):
        return failed("GPU", found, f"config.yaml: device: {device}; expected auto or cpu on this machine")
    return missing("GPU", found, "trainings run on the processor: enough for `mini` and `midi`, not for `paper`")
