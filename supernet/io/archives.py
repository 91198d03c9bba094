"""Reading of members of downloaded zip and tar archives into memory; nothing is extracted to the disk.

An archive is refused if a member that is read or skipped has an absolute path or a path with `..`, is a link, a device
or encrypted, or would unpack to more bytes than allowed.
"""

import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from supernet.errors import UserError

_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    struct.error,
    NotImplementedError,  # a feature of zip files that Python does not support
)
_ENCRYPTED = 0x1
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods that Python unpacks in blocks; others may unpack a small block to any size at once."""
_BLOCK = 1 << 20


def read_member(archive: Path, name: str, max_bytes: int) -> bytes:
    """Return the content of the file `name` in a zip or tar archive, compressed or not.

    Raises UserError if it is missing or has more than `max_bytes`, and in the cases of `read_members`.
    """
    for _, content in read_members(archive, lambda member: member == name, max_bytes):
        return content
    raise UserError(f"{archive}: no member {name!r}; is this the archive that the sources name?")


def read_members(archive: Path, wanted: Callable[[str], bool], max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the files whose name is `wanted`, in one pass and in the order of the archive.

    No unpacked member may have more than `max_bytes`: in a zip file the wanted ones, in a tar file all members up to
    the last one that is read. Raises UserError with archive and member if one is larger or is refused (see the module),
    and if the archive is damaged.
    """
    try:
        if zipfile.is_zipfile(archive):
            yield from _of_zip(archive, wanted, max_bytes)
        else:
            yield from _of_tar(archive, wanted, max_bytes)
    except _DAMAGED as error:
        raise UserError(f"{archive}: not a zip or tar archive, or a damaged one ({error}); fetch it again") from error


def _of_zip(archive: Path, wanted: Callable[[str], bool], max_bytes: int) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            _check_path(archive, member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, member.filename, "is a link or a device; only files and folders are read")
            if member.is_dir() or not wanted(member.filename):
                continue
            if member.flag_bits & _ENCRYPTED:
                raise _refused(archive, member.filename, "is encrypted")
            if member.compress_type not in _BOUNDED:
                raise _refused(archive, member.filename, "is compressed by an unusual method")
            _check_size(archive, member.filename, member.file_size, max_bytes)
            with opened.open(member) as stream:
                yield member.filename, _content(stream)


def _of_tar(archive: Path, wanted: Callable[[str], bool], max_bytes: int) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive, "r:*") as opened:
        for member in opened:
            _check_path(archive, member.name)
            if not member.isfile() and not member.isdir():
                raise _refused(archive, member.name, "is a link or a device; only files and folders are read")
            _check_size(archive, member.name, member.size, max_bytes)
            if member.isfile() and wanted(member.name):
                stream = opened.extractfile(member)
                assert stream is not None, "a regular file"
                yield member.name, _content(stream)


def _check_path(archive: Path, name: str) -> None:
    # Backslashes and drive letters are refused too, because they lead out of the archive on other systems.
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise _refused(archive, name, "has a path that leads out of the archive")


def _check_size(archive: Path, name: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise _refused(archive, name, f"unpacks to {size} bytes, more than the {max_bytes} that are accepted")


def _content(stream: IO[bytes]) -> bytes:
    """Read a member in blocks: at most as many bytes as its header declares.

    A single read would unpack all of it before dropping undeclared bytes.
    """
    blocks = []
    while block := stream.read(_BLOCK):
        blocks.append(block)
    return b"".join(blocks)


def _refused(archive: Path, name: str, what: str) -> UserError:
    return UserError(f"{archive}: member {name!r} {what}; the archive is refused: fetch it from its official source")
