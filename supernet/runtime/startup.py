"""How a program begins: what its time is counted from, no search for garbage in what it imports, and its memory."""

import gc
import time

TUNABLES = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"
"""`GLIBC_TUNABLES` of programs that train, which are read before Python starts.

Before 2.38, glibc cuts an aligned block, as torch asks for, out of one that is a little larger. What is left over would
wait in its caches of small blocks, and the block, once freed, would be too small for its like: 50 of 1 240 MB.
"""


def begin(name: str) -> float:
    """Unix seconds; to be called ahead of the imports of a program that imports torch, with its `__name__`.

    Importing torch makes half a million objects, none of them garbage. Until `imported` they are not searched for any,
    a sixth of a second of processor less. A module that is imported itself leaves the collector alone.
    """
    if name == "__main__":
        gc.disable()
    return time.time()


def imported() -> None:
    """To be called when all is imported: the collector works, and never looks at what there is now.

    What is imported stays until the end. There Python would take it apart object by object: a quarter of a second.
    """
    gc.enable()
    gc.freeze()
