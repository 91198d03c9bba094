"""How a program starts: its start time, garbage collection around its imports, and settings of its memory allocator."""

import gc
import os
import time

TUNABLES = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"
"""`GLIBC_TUNABLES` of programs that train; glibc reads them before Python starts.

Before version 2.38, glibc cuts an aligned block, as torch requests it, out of a slightly larger one. The remainder
would go to glibc's caches of small blocks, and the block, once freed, would be too small for the next such request.
The settings disable these caches and save 50 of 1 240 MB.
"""
_VARIABLE = "SUPERNET_STARTED"
"""Environment variable with the process id and the Unix time that `begin` noted."""
_IMPORTED = time.time()


def begin() -> None:
    """Note the start time and disable the garbage collector; for `supernet.runtime.start`, before all other imports.

    Importing torch makes half a million objects, none of them garbage. Without collections until `freeze_imports`, the
    import takes a sixth of a second less processor time.
    """
    gc.disable()
    os.environ[_VARIABLE] = f"{os.getpid()} {time.time()}"


def start_time() -> float:
    """Return the Unix time at which this process started, in seconds.

    Without `begin` in this process, it is the time at which this module was imported.
    """
    process, _, seconds = os.environ.get(_VARIABLE, "").partition(" ")
    # A child process inherits the variable of its parent.
    return float(seconds) if process == str(os.getpid()) else _IMPORTED


def freeze_imports() -> None:
    """Enable the garbage collector and exclude all existing objects from it; to be called after all imports.

    Imported modules stay until the process ends. Without the exclusion Python would free them object by object at exit,
    which takes a quarter of a second.
    """
    gc.enable()
    gc.freeze()
