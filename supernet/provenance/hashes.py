"""Hashes by which downloads are known: SHA-256, MD5, and git's name of a file's content."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

ALGORITHMS = ("sha256", "md5", "git_blob")
"""Names of the hashes, the strongest first."""
_BLOCK = 1 << 20


def digests(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Hexadecimal digests of a file by algorithm, in one pass over it.

    `git_blob` is the object id that `git hash-object` prints: SHA-1 over a header with the size, then the content.
    """
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        running = {algorithm: _start(algorithm, size) for algorithm in algorithms}
        while block := stream.read(_BLOCK):
            for one in running.values():
                one.update(block)
    return {algorithm: one.hexdigest() for algorithm, one in running.items()}


def _start(algorithm: str, size: int) -> "hashlib._Hash":
    # They name files; where security matters, SHA-256 is pinned. An interpreter in FIPS mode refuses the others else.
    if algorithm != "git_blob":
        return hashlib.new(algorithm, usedforsecurity=False)
    running = hashlib.sha1(usedforsecurity=False)
    running.update(b"blob %d\0" % size)
    return running
