"""Removes what killed jobs have left behind: temporary files, and files in the state folder that nothing reads."""

import contextlib
import logging
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from supernet.io.writers import left_for, leftovers
from supernet.provenance.record import SUFFIX

_LOGGER = logging.getLogger(__name__)
_LONGEST = 86_400.0
"""Seconds after which the progress file of a job on any machine counts as left: jobs write it each second."""


def clear_leftovers(results: Path, state: Path, *shared: Path) -> None:
    """Remove temporary files and folders of ended processes, and records and old progress files in the state folder.

    `shared` are folders that all studies use. For a process that has locked the study. Files of processes that run, on
    this or on another machine, are kept (`supernet.io.writers.leftovers`). Earlier versions wrote records in the state
    folder.
    """
    found = [path for folder in (results, state, *shared) for path in leftovers(folder)]
    found += state.rglob(f"*{SUFFIX}")
    found += [path for path in (state / "progress").glob("*") if time.time() - path.stat().st_mtime > _LONGEST]
    _remove(found)


def clear_ended(folder: Path) -> None:
    """Remove the temporary files and folders of ended processes below a folder in which others may write too."""
    _remove(list(leftovers(folder)))


def clear_for(targets: Iterable[Path]) -> None:
    """Remove the temporary files of some files and in some folders, for a job that has locked them."""
    _remove([path for target in targets for path in left_for(target)])


def _remove(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
    if paths:
        _LOGGER.info("removed %d files that ended processes have left, the first is %s", len(paths), paths[0])
