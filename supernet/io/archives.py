"""Members of downloaded zip and tar archives, read into memory: nothing is written where an archive says.

An archive is refused as a whole if a member that is passed on the way has an absolute path or one with `..`, is a
link, a device or encrypted, or would unpack to more bytes than were agreed on.
"""

import lzma
import re
import stat
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
    NotImplementedError,  # a feature of zip that Python lacks
)
_ENCRYPTED = 0x1
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Methods that Python unpacks a block at a time: with others, little input can become much before anyone counts."""
_BLOCK = 1 << 20


def read_member(archive: Path, name: str, max_bytes: int) -> bytes:
    """The content of the file `name` in a zip or tar archive (plain or compressed).

    Raises UserError if it is not there or has more than `max_bytes`, and where `read_members` does.
    """
    for _, content in read_members(archive, lambda member: member == name, max_bytes):
        return content
    raise UserError(f"{archive}: no member {name!r}; is this the archive that the sources name?")


def read_members(archive: Path, wanted: Callable[[str], bool], max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files whose name is `wanted`, in one pass and in the order of the archive.

    No member that has to be unpacked may have more than `max_bytes`: in a zip file those that are wanted, in a tar
    file all before the last that is asked for. Raises UserError, which names archive and member, for this and for all
    that the module refuses; also if the archive is damaged.
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
                raise _refused(archive, member.filename, "is compressed by a method that zip files rarely have")
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
    # Backslashes and drive letters too: what is harmless here must not become harmful elsewhere.
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise _refused(archive, name, "has a path that leads out of the archive")


def _check_size(archive: Path, name: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise _refused(archive, name, f"unpacks to {size} bytes, more than the {max_bytes} that are accepted")


def _content(stream: IO[bytes]) -> bytes:
    """All of a member: never more than its header declares.

    In blocks, because a single read would unpack all there is before it drops what was not declared.
    """
    blocks = []
    while block := stream.read(_BLOCK):
        blocks.append(block)
    return b"".join(blocks)


def _refused(archive: Path, name: str, what: str) -> UserError:
    return UserError(f"{archive}: member {name!r} {what}; the archive is refused: fetch it from its official source")
