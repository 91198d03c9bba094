"""Hashes that identify downloads: SHA-256, MD5, and git's object id of a file."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

ALGORITHMS = ("sha256", "md5", "git_blob")
"""Names of the algorithms, strongest first."""
_BLOCK = 1 << 20


def digests(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Return hexadecimal digests of a file, by algorithm, in one pass over the file.

    `git_blob` is the object id that `git hash-object` prints: SHA-1 of a header with the size, followed by the content.
    """
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        running = {algorithm: _start(algorithm, size) for algorithm in algorithms}
        # Files of the kernel, such as those of /proc, have no size and may have no end.
        while size > 0 and (block := stream.read(min(size, _BLOCK))):
            size -= len(block)
            for one in running.values():
                one.update(block)
    return {algorithm: one.hexdigest() for algorithm, one in running.items()}


def _start(algorithm: str, size: int) -> "hashlib._Hash":
    # These hashes only identify files; without this argument, an interpreter in FIPS mode refuses MD5 and SHA-1.
    if algorithm != "git_blob":
        return hashlib.new(algorithm, usedforsecurity=False)
    running = hashlib.sha1(usedforsecurity=False)
    running.update(b"blob %d\0" % size)
    return running
