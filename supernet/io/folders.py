"""Folders that are replaced as a whole, and all files in a folder."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
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


def files_below(folder: Path, left_out: Callable[[Path], bool] = lambda path: False) -> Iterator[Path]:
    """Yield the files below a folder that are not `left_out`, and do not enter folders that are.

    Linked folders are entered as well, each folder once. A link that leads nowhere counts as a file. Raises UserError
    for a folder that cannot be read, so that no file is overlooked; one that was removed a moment ago has no files.
    """
    seen: set[tuple[int, int]] = set()
    todo = [folder]
    while todo:
        one = todo.pop()
        try:
            status = os.stat(one)
            paths = [one / name for name in sorted(os.listdir(one))]
            below = [(path, path.is_dir()) for path in paths if not left_out(path)]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(
                f"{one}: this folder cannot be read: {error.strerror}; change its permissions, or move it away"
            ) from error
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            todo += [path for path, is_folder in below if is_folder]
            yield from (path for path, is_folder in below if not is_folder)
