"""A signal that a process gets, passed on to its children: SLURM tells the first process of a step, and no other."""

import contextlib
import os
import signal
import threading
from pathlib import Path


def pass_on(number: signal.Signals) -> None:
    """From now on the children of this process get the signal as well, whoever handles it here, now or later.

    Python's wake-up descriptor sees a signal only where a Python handler is set for it. Call it from the main thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_forward, args=(reading, number), name="signals", daemon=True).start()


def _forward(descriptor: int, number: signal.Signals) -> None:
    while noted := os.read(descriptor, 16):
        if number in noted:
            for child in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, number)


def _children() -> list[int]:
    """Process ids of this process's children, of whichever thread started them."""
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found
