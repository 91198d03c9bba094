"""A cache of file hashes; a file is hashed again if its size, inode, or time of modification or change is another."""

import contextlib
import errno
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supernet.errors import UserError
from supernet.io.atomic import write_json
from supernet.provenance.hashes import digests
from supernet.provenance.regular import read_regular

_FORMAT = 2
_LARGEST = 256 << 20
"""Bytes of the largest cache that is read; a file needs about 250."""


class HashCache:
    """Hexadecimal digests of files, stored in a JSON file between runs.

    Whoever can write the cache file can make a changed file look unchanged. Without a cache file (`path` None), all
    files are hashed.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = {} if path is None else _load(path)
        self._changed = False

    @property
    def cached(self) -> bool:
        """Whether hashes are taken from a cache file."""
        return self._path is not None

    def digest(self, path: str, algorithm: str = "sha256") -> str:
        """Return the digest of a file; `algorithm` as in `provenance.hashes`.

        Raises OSError if the file is missing or cannot be read, or if it is not a regular file: a FIFO or a
        device is not opened.
        """
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        # A program can set the time of modification, but not the time of change.
        signature = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        key = f"{algorithm}:{os.path.abspath(path)}"
        entry = self._known.get(key)
        if entry is None or entry[:-1] != signature:
            entry = [*signature, digests(Path(path), [algorithm])[algorithm]]
            self._known[key], self._changed = entry, True
        return str(entry[-1])

    def exists(self, path: str) -> bool:
        """Return whether the file exists, or is left out."""
        return os.path.exists(path)

    def is_left_out(self, path: str) -> bool:
        """Return whether the file is missing, and its size and digests are those that an archive says."""
        return False

    def size(self, path: str) -> int:
        """Return the size of a file in bytes; FileNotFoundError without one."""
        return os.path.getsize(path)

    def save(self) -> None:
        """Write the cache file, if there are new hashes. If it cannot be written, the next audit hashes them again."""
        if self._path is not None and self._changed:
            with contextlib.suppress(OSError, UnicodeError, UserError):
                write_json(self._path, {"format": _FORMAT, "files": self._known}, record=False)


def _load(path: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(read_regular(path, _LARGEST))
    except (OSError, ValueError, RecursionError):
        # Without a cache, all files are hashed again.
        return {}
    files = content.get("files") if isinstance(content, Mapping) and content.get("format") == _FORMAT else None
    known = files if isinstance(files, dict) else {}
    return {key: entry for key, entry in known.items() if isinstance(entry, list)}
