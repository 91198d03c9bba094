"""Files with a checksum of all their bytes, which are read only if it is right: safetensors files and lines of JSON.

The checksum finds damage: a flipped bit, a file that was cut. It is not a signature: a program can compute it again.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

from supernet.provenance.record import digest

KEY = "checksum"
"""Name of the checksum in the metadata of a safetensors file, and in a JSON object."""
UNSEALED = {KEY: "0" * 64}
"""Metadata with which a safetensors file is written before `seal`."""
_ENTRY = re.compile(rf'"{KEY}":"([0-9a-f]{{64}})"'.encode())
_OFFSETS = re.compile(rb'"data_offsets":\[\d{1,18},(\d{1,18})\]')
_BLOCK = 1 << 20


def is_there(path: Path, largest: int | None = None) -> bool:
    """Return whether a file exists. Raises ValueError if it is not a file, or larger than `largest` bytes."""
    if not path.is_file():
        if path.is_symlink() or path.exists():
            raise ValueError("it is not a file")
        return False
    if largest is not None and path.stat().st_size > largest:
        raise ValueError(f"it is larger than {largest} bytes")
    return True


def seal(path: Path) -> None:
    """Write the SHA-256 of a safetensors file into its metadata, which have `UNSEALED`."""
    with path.open("r+b") as file:
        place, _, checksum = _checksum(file)
        file.seek(place)
        file.write(checksum.encode())


def damage(path: Path) -> str:
    """Return what is wrong with a sealed safetensors file, or an empty text. FileNotFoundError if there is none."""
    with path.open("rb") as file:
        try:
            _, found, checksum = _checksum(file)
        except ValueError as error:
            return str(error)
    return "" if found == checksum else "its checksum does not match"


def sealed_line(value: dict[str, Any]) -> str:
    """Return a JSON object as one line with a checksum, without the end of the line. ValueError for NaN."""
    return json.dumps({**value, KEY: digest(value)}, allow_nan=False)


def unsealed_line(line: str | bytes) -> dict[str, Any]:
    """Return the object of `sealed_line`. Raises ValueError if it is damaged."""
    try:
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError("it is not a JSON object")
        checksum = value.pop(KEY, None)
        matches = checksum == digest(value)
    except (ValueError, RecursionError):
        # Also bytes that are not text, and forms that only Python's reader accepts.
        raise ValueError("it is not a JSON object") from None
    if not matches:
        raise ValueError("its checksum does not match" if checksum else "it has no checksum")
    return value


def _checksum(file: BinaryIO) -> tuple[int, str, str]:
    """Return the position of the checksum, the one that is there, and the right one: with zeros in its place."""
    length = int.from_bytes(start := file.read(8), "little")
    # The format allows heads of at most 100 MB.
    head = file.read(min(length, 100_000_000))
    found = _ENTRY.search(head)
    if len(start) < 8 or len(head) < length:
        raise ValueError("it is cut off in its head")
    if found is None:
        raise ValueError("it has no checksum")
    # Hashing the bytes that were added to a file could take minutes.
    expected = 8 + length + max(map(int, _OFFSETS.findall(head)), default=0)
    if (size := os.fstat(file.fileno()).st_size) != expected:
        raise ValueError(f"it has {size} bytes, and its head says {expected}")
    running = hashlib.sha256(start)
    running.update(head[: found.start(1)] + b"0" * 64 + head[found.end(1) :])
    while block := file.read(_BLOCK):
        running.update(block)
    return 8 + found.start(1), found.group(1).decode(), running.hexdigest()
