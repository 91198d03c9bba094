"""Folders that are replaced as a whole."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from supernet.errors import UserError
from supernet.io.atomic import write_text

_NEW_S = 60.0
"""A folder that is younger, in seconds, may not be locked yet by the process that made it."""


@contextlib.contextmanager
def replaced(folder: Path, mark: str, program: str) -> Iterator[Path]:
    """Yield a new folder beside `folder`; on success it replaces `folder`, on error it is deleted.

    The file `mark` in a folder says that `program` made it. Raises UserError, before anything is written, if `folder`
    has files but no such mark.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).exists():
        raise UserError(f"{folder}: holds files that {program} did not make; choose another folder with --output")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder.parent, f".{folder.name}-") as temporary:
        yield temporary
        write_text(temporary / mark, f"Made by {program}; it replaces this folder as a whole.\n", record=False)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)


@contextlib.contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder in `parent`, whose name begins with `prefix`; it is deleted in the end if it is still there.

    A process keeps its folder locked. Folders of processes that were killed have no lock, and are deleted first.
    """
    for left in parent.glob(f"{prefix}*"):
        if left.is_dir() and time.time() - left.stat().st_mtime > _NEW_S:
            with _locked(left) as is_free:
                if is_free:
                    shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Yield whether this process has the lock of a folder: not if another has it, or the file system has no locks."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
