"""A lock file between processes of one machine, which the kernel releases when its holder ends."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from supernet.errors import UserError


@contextlib.contextmanager
def exclusive(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of the file `path`, which is created if needed; wait while another process holds it.

    The file is not deleted, because two processes could then lock different files of the same name. `waiting` is called
    once before a wait. Raises UserError if the file system does not support locks.
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
