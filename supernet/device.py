"""Where and how exactly torch computes."""

import os

import torch


def configure(threads: int, device: str) -> torch.device:
    """Set the threads, ask for deterministic algorithms, and choose the device (`auto`: CUDA if there is one).

    The same lock, machine, device and threads give the same bits. TF32 stays off: it is not float32.
    """
    # cuBLAS is deterministic only with a fixed workspace; it reads this when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def fingerprint(device: torch.device) -> str:
    """What besides the config decides the bits of a result: torch's version, the device and the threads."""
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return f"torch {torch.__version__}, {kind}, {torch.get_num_threads()} threads"
