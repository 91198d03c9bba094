"""One process at a time: a lock that dies with its owner."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from supernet.errors import UserError


@contextlib.contextmanager
def exclusive(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of the file `path`, which is made if need be; waits for a process that holds it.

    The kernel frees the lock when its owner ends, however it ends. The file stays: deleting it would let two
    processes lock two files of one name. `waiting` is called once before a wait. Raises UserError where the file
    system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(descriptor, path, waiting)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, waiting: Callable[[], None]) -> None:
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be locked against other processes: {error.strerror}; use a folder on a file system "
            "with locks"
        ) from error
