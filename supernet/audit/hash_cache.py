"""Hashes of files that have not changed since they were hashed last, by size, modification time and inode."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supernet.io.atomic import write_json
from supernet.provenance.hashes import digests

_FORMAT = 1


class HashCache:
    """Hexadecimal digests of files, kept in a file between runs.

    Who changes a file and restores size, time and inode deceives it: without a file (`path` None) all is hashed.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = {} if path is None else _load(path)
        self._learnt = False

    def digest(self, path: str, algorithm: str = "sha256") -> str:
        """The digest of a file's content; FileNotFoundError without one. Algorithms: `supernet.provenance.hashes`."""
        status = os.stat(path)
        signature = [status.st_size, status.st_mtime_ns, status.st_ino]
        key = f"{algorithm}:{os.path.abspath(path)}"
        entry = self._known.get(key)
        if entry is None or entry[:3] != signature:
            entry = [*signature, digests(Path(path), [algorithm])[algorithm]]
            self._known[key], self._learnt = entry, True
        return str(entry[3])

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return os.path.exists(path)

    def size(self, path: str) -> int:
        """Its size in bytes; FileNotFoundError without one."""
        return os.path.getsize(path)

    def save(self) -> None:
        """Keep what was learnt."""
        if self._path is not None and self._learnt:
            write_json(self._path, {"format": _FORMAT, "files": self._known}, record=False)


def _load(path: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        # Nothing is lost but time.
        return {}
    current = isinstance(content, Mapping) and content.get("format") == _FORMAT
    return dict(content["files"]) if current else {}
