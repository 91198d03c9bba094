"""Atomic writing of files: write to a temporary name, sync, rename."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supernet.errors import UserError
from supernet.io.full_disk import HINT, is_full
from supernet.io.writers import temporary_file
from supernet.provenance.record import record_path
from supernet.provenance.recorder import record_text

if TYPE_CHECKING:
    import pandas as pd


@contextlib.contextmanager
def publish(path: Path | str, *, record: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it to `path`, on error delete it.

    A reader sees the old file or the new one, never a part of it, even if the process is killed. In a program
    (`supernet.runtime.program.run`) the provenance record is written just before the result; `record` is False for
    files that are not results. Raises UserError if the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_file(path)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        sync(temporary)
        text = record_text(path, temporary) if record else None
        if text is not None:
            write_text(record_path(path), text, record=False)
        temporary.replace(path)
        sync(path.parent)
    except Exception as error:
        if is_full(error):
            raise UserError(f"{path}: not written, the disk is full: {error}; {HINT}") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str, *, record: bool = True) -> None:
    """Write a text file atomically (UTF-8); `record` as for `publish`."""
    with publish(path, record=record) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any, *, record: bool = True) -> None:
    """Write sorted, indented JSON atomically; NaN raises ValueError. `record` as for `publish`."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n", record=record)


class JsonError(UserError, ValueError):
    """A file is not JSON; also a ValueError, for callers that replace the file."""


def read_json(path: Path | str) -> Any:
    """Read a JSON file; JsonError if it is not JSON."""
    try:
        return json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise JsonError(f"{path}: not JSON, or a damaged file ({error}); delete it and make it again") from error


def write_table(path: Path | str, table: "pd.DataFrame") -> None:
    """Write a table as Parquet atomically; the same content gives the same bytes."""
    with publish(path) as temporary:
        table.to_parquet(temporary, index=False)


def sync(path: Path) -> None:
    """Write a file, or the list of a folder, to the disk before anything that follows."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
