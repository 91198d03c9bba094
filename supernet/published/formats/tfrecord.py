"""TFRecord files without TensorFlow: sequences of byte strings with checksums.

A record consists of the length of its data (8 bytes), the checksum of the length (4), the data, and the checksum of the
data (4); numbers are little-endian. A checksum is the CRC-32C of the bytes, rotated right by 15 bits, plus 0xa282ead8.
Source: TensorFlow guide "TFRecord and tf.train.Example", section on the format.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from supernet.errors import UserError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_MASK = 0xA282EAD8


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset in bytes, data) of each record.

    Raises UserError with file and offset if a checksum does not match or the file ends early.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        offset = 0
        while offset < size:
            data = _record(stream, path, offset, size)
            yield offset, data
            offset += _HEADER.size + len(data) + _FOOTER.size


def masked_crc32c(data: bytes) -> int:
    """Return the checksum of TFRecord files: a rotated and shifted CRC-32C."""
    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def _record(stream: BinaryIO, path: Path, offset: int, size: int) -> bytes:
    header = _read(stream, _HEADER.size, path, offset)
    length, checksum = _HEADER.unpack(header)
    # The length is used only after its checksum has been verified.
    if masked_crc32c(header[:8]) != checksum:
        raise _damaged(path, offset, "the checksum of its length does not match")
    if length > size - offset:
        raise _damaged(path, offset, f"it has {length} bytes, and the file ends after {size - offset}")
    data = _read(stream, length, path, offset)
    (checksum,) = _FOOTER.unpack(_read(stream, _FOOTER.size, path, offset))
    if masked_crc32c(data) != checksum:
        raise _damaged(path, offset, "the checksum of its data does not match")
    return data


def _read(stream: BinaryIO, count: int, path: Path, offset: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise _damaged(path, offset, "the file ends inside it")
    return data


def _damaged(path: Path, offset: int, what: str) -> UserError:
    return UserError(f"{path}: the record at byte {offset} is damaged: {what}; delete the file and fetch it again")
