"""A deposit as one `.tar.zst` file: the same results give the same bytes, and a hostile file cannot do harm.

The manifest is the first member and the study the second, so that a reader knows which members may follow.
"""

import contextlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO

import zstandard

from supernet.audit.deposit.content import Content
from supernet.audit.deposit.limits import (
    FREE_BYTES,
    MAX_HEADER_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_OWN_BYTES,
    MAX_RATIO,
    Limits,
)
from supernet.audit.deposit.manifest import MANIFEST, Manifest
from supernet.audit.deposit.verify import Deposit
from supernet.config.artifacts import DEPOSIT
from supernet.errors import UserError
from supernet.io.atomic import publish
from supernet.io.full_disk import is_full

LEVEL = 10
"""Compression level; higher ones only cost time, because Parquet and images are already compressed."""
_BLOCK = 1 << 20


def write_archive(path: Path, content: Content) -> None:
    """Write the archive: members in a fixed order, with equal owner, mode and time (that of the newest record)."""
    when = _newest(content)
    manifest = json.dumps(content.manifest.as_json(), indent=1, sort_keys=True).encode()
    with (
        publish(path, record=False) as temporary,
        temporary.open("wb") as raw,
        zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_writer(raw, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, data in ((content.manifest.path, manifest), (content.manifest.study_file, content.study)):
            archive.addfile(_member(name, len(data), when), io.BytesIO(data))
        for name, path in content.files.items():
            with path.open("rb") as stream:
                archive.addfile(_member(name, path.stat().st_size, when), stream)


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of an archive, which is its first member. Raises UserError as `extract` does."""
    with _reading(path, Limits()) as reader:
        return Manifest.read(reader.first(), f"{path}: {MANIFEST}")


def extract(path: Path, folder: Path, limits: Limits) -> Deposit:
    """Unpack an archive into an empty folder and return the deposit, whose content is not verified.

    Raises UserError if `path` is not an archive of `supernet archive`, is damaged or exceeds a limit; if a member is
    sparse or not a regular file, or occurs twice; and if a member is not one that the manifest lists and the deposited
    study expects.
    """
    with _reading(path, limits) as reader:
        content = reader.first()
        manifest = Manifest.read(content, f"{path}: {MANIFEST}")
        reader.expect(manifest.path, "its first member")
        _write(folder, manifest.path, content)
        study = reader.next()
        reader.expect(manifest.study_file, "its second member")
        _write(folder, manifest.study_file, reader.content(study, MAX_OWN_BYTES))
        deposit = Deposit.open(folder, manifest, str(path))
        _extract_others(reader, folder, set(manifest.members) - {manifest.path, manifest.study_file})
    return deposit


def _extract_others(reader: "_Reader", folder: Path, missing: set[str]) -> None:
    """Unpack the members after the manifest and the study; `missing` are the names that they may have."""
    seen = set()
    while (member := reader.next()) is not None:
        if member.name not in missing:
            again = "occurs twice" if member.name in seen else "is not a result that manifest and study list"
            raise reader.refused(f"member {member.name!r} {again}")
        missing.remove(member.name)
        seen.add(member.name)
        reader.copy(member, folder / member.name)
    reader.check_end()


def _write(folder: Path, name: str, content: bytes) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


@contextlib.contextmanager
def _reading(path: Path, limits: Limits) -> Iterator["_Reader"]:
    """Yield a reader of the members of an archive; what it raises names the archive."""
    try:
        with path.open("rb") as raw:
            unpacked = _Unpacked(path, raw, limits)
            with tarfile.open(fileobj=unpacked, mode="r|") as archive:
                yield _Reader(path, unpacked, archive)
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise UserError(f"{path}: no archive of `supernet archive`, or a damaged one: {error}") from None
    except OSError as error:
        if is_full(error):
            raise
        raise UserError(f"{path}: cannot be unpacked: {error.strerror or error}") from None


class _Reader:
    """Reads members in their order."""

    def __init__(self, path: Path, unpacked: "_Unpacked", archive: tarfile.TarFile) -> None:
        self._path, self._unpacked, self._archive = path, unpacked, archive
        self._last: str | None = None

    def next(self) -> tarfile.TarInfo | None:
        """Return the next member, or None at the end. UserError unless it is a regular file that is not sparse."""
        self._unpacked.allow(MAX_HEADER_BYTES)
        member = self._archive.next()
        # Members that were read would be kept in memory.
        self._archive.members = []  # type: ignore[attr-defined]
        self._last = None if member is None else member.name
        if member is not None and (member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse()):
            raise self.refused(f"member {member.name!r} is not a regular file")
        return member

    def first(self) -> bytes:
        """Return the content of the first member, the manifest."""
        member = self.next()
        if member is None or not member.name.endswith(f"/{DEPOSIT}/{MANIFEST}"):
            raise self.refused(f"begins with {self._last!r}; expected an archive of `supernet archive`")
        return self.content(member, MAX_MANIFEST_BYTES)

    def expect(self, name: str, what: str) -> None:
        """Raise UserError if the last member is not `name`."""
        if self._last != name:
            raise self.refused(f"{what} is {self._last!r}; expected {name!r}")

    def content(self, member: tarfile.TarInfo | None, most: int) -> bytes:
        """Return the content of a member; UserError if it has more than `most` bytes."""
        assert member is not None, "checked by `expect`"
        if member.size > most:
            raise self.refused(f"member {member.name!r} has {member.size} bytes; expected at most {most}")
        return self._open(member).read()

    def copy(self, member: tarfile.TarInfo, target: Path) -> None:
        """Write a member to a new file."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as stream:
            shutil.copyfileobj(self._open(member), stream, _BLOCK)

    def check_end(self) -> None:
        """Raise UserError if anything but zeros follows the last member."""
        self._unpacked.allow(MAX_HEADER_BYTES)
        rest: BinaryIO = self._archive.fileobj  # type: ignore[assignment]
        while block := rest.read(tarfile.RECORDSIZE):
            if block.strip(b"\0"):
                raise self.refused("has data after its last member")

    def refused(self, what: str) -> UserError:
        """Return the error of an archive that is refused."""
        return refused(self._path, what)

    def _open(self, member: tarfile.TarInfo) -> IO[bytes]:
        self._unpacked.allow(member.size + MAX_HEADER_BYTES)
        stream = self._archive.extractfile(member)
        assert stream is not None, "a regular file"
        return stream


class _Unpacked(io.RawIOBase):
    """The unpacked bytes of a `.zst` file, which end with an error at the limits of size, ratio and headers."""

    def __init__(self, path: Path, raw: BinaryIO, limits: Limits) -> None:
        self._path, self._raw, self._limits = path, raw, limits
        self._stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        self._total, self._allowed = 0, MAX_HEADER_BYTES

    def allow(self, size: int) -> None:
        """Allow `size` more bytes. The reader of tar files reads headers of any size without asking."""
        if self._total + size - MAX_HEADER_BYTES > self._limits.bytes:
            raise self._too_large()
        self._allowed = self._total + size

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes, none at the end."""
        block = self._stream.read(size)
        self._total += len(block)
        if self._total > self._limits.bytes:
            raise self._too_large()
        if self._total > max(FREE_BYTES, MAX_RATIO * self._raw.tell()):
            raise refused(self._path, f"unpacks to more than {MAX_RATIO} times its size")
        if self._total > self._allowed:
            raise refused(self._path, f"has a header of more than {MAX_HEADER_BYTES} bytes")
        return block

    def _too_large(self) -> UserError:
        most = f"{self._limits.gigabytes:g} GB"
        return refused(self._path, f"unpacks to more than {most}; raise --max-gigabytes if you trust it")


def refused(path: Path, what: str) -> UserError:
    """Return the error of an archive that is refused."""
    return UserError(f"{path}: {what}; the archive is refused")


def _member(name: str, size: int, when: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, when, 0o644
    return member


def _newest(content: Content) -> int:
    ended = max(one["ended"] for one in content.circumstances())
    return int(datetime.fromisoformat(ended).timestamp())
