"""A cache of file hashes; a file is hashed again if its size, modification time or inode has changed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supernet.io.atomic import write_json
from supernet.provenance.hashes import digests

_FORMAT = 1


class HashCache:
    """Hexadecimal digests of files, stored in a JSON file between runs.

    A change that preserves size, modification time and inode goes undetected. Without a cache file (`path` None), all
    files are hashed.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = {} if path is None else _load(path)
        self._changed = False

    def digest(self, path: str, algorithm: str = "sha256") -> str:
        """Return the digest of a file; FileNotFoundError without one. Algorithms are those of `provenance.hashes`."""
        status = os.stat(path)
        signature = [status.st_size, status.st_mtime_ns, status.st_ino]
        key = f"{algorithm}:{os.path.abspath(path)}"
        entry = self._known.get(key)
        if entry is None or entry[:3] != signature:
            entry = [*signature, digests(Path(path), [algorithm])[algorithm]]
            self._known[key], self._changed = entry, True
        return str(entry[3])

    def exists(self, path: str) -> bool:
        """Return whether the file exists."""
        return os.path.exists(path)

    def size(self, path: str) -> int:
        """Return the size of a file in bytes; FileNotFoundError without one."""
        return os.path.getsize(path)

    def save(self) -> None:
        """Write the cache file, if there are new hashes."""
        if self._path is not None and self._changed:
            write_json(self._path, {"format": _FORMAT, "files": self._known}, record=False)


def _load(path: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        # Without a cache, all files are hashed again.
        return {}
    current = isinstance(content, Mapping) and content.get("format") == _FORMAT
    return dict(content["files"]) if current else {}
