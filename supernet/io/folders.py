"""Folders that are replaced as a whole."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from supernet.errors import UserError
from supernet.io.atomic import write_text
from supernet.io.writers import left_beside, temporary_prefix
from supernet.provenance.recorder import note_place


@contextlib.contextmanager
def replaced(folder: Path, mark: str, program: str) -> Iterator[Path]:
    """Yield a new folder beside `folder`; on success it replaces `folder`, on error it is deleted.

    The file `mark` in a folder says that `program` made it. Raises UserError, before anything is written, if `folder`
    has files but no such mark.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).exists():
        raise UserError(f"{folder}: holds files that {program} did not make; choose another folder with --output")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(folder) as temporary:
        note_place(temporary, folder)
        yield temporary
        write_text(temporary / mark, f"Made by {program}; it replaces this folder as a whole.\n", record=False)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder`; it is deleted at the end, unless it was renamed.

    The temporary folders that killed processes have left for `folder` are deleted first.
    """
    for left in left_beside(folder):
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=temporary_prefix(folder.name)))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
