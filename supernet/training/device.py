"""Choose the device, the threads and the deterministic algorithms of torch."""

import ctypes
import os
import re

import torch

from supernet.errors import UserError
from supernet.runtime.kernels import reference_kernels

# Parameters of glibc's mallopt, from its malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = -1


def configure(threads: int, device: str) -> torch.device:
    """Set the number of threads, require deterministic algorithms, and choose the device (`auto`: CUDA if available).

    The same lock file, machine, device and threads give the same bits. TF32 stays off, because it is not float32.
    Raises UserError for a device that is unknown or that this machine does not have.
    """
    chosen = _device(device)
    # cuBLAS is deterministic only with a fixed workspace, whose size it reads when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # The same switch as use_deterministic_algorithms, which imports torch's compiler: a second and 150 MB per job.
    torch.set_deterministic_debug_mode("error")
    # Filling new memory with NaN costs 3 to 14 % of a step and reveals only reads of uninitialised memory: a test
    # checks that all spaces compute the same bits with and without it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    _keep_freed_memory()
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return chosen


def _device(name: str) -> torch.device:
    found = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", name)
    if found is None:
        raise UserError(f"--device: found {name!r}; expected auto, cpu, cuda or cuda:N")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if gpus else "cpu")
    if name != "cpu" and int(found[1] or 0) >= gpus:
        raise UserError(f"--device: found {name!r}; this machine has {gpus} usable GPUs: use auto or cpu")
    return torch.device(name)


def _keep_freed_memory() -> None:
    """Make glibc, if it is the C library, keep freed memory for the next step.

    Every step frees and allocates the same megabytes of activations, which the system would clear each time. Keeping
    them saves up to 10 % of a step and raises the peak by 1 to 3 %.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _NEVER)


def fingerprint(device: torch.device) -> str:
    """Describe what determines the bits of a result besides the config: torch, device, threads, reference kernels."""
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    parts = [f"torch {torch.__version__}", kind, f"{torch.get_num_threads()} threads"]
    # Included only if they are on, so that checkpoints made without the switch stay valid.
    return ", ".join([*parts, "reference kernels"] if reference_kernels() else parts)
