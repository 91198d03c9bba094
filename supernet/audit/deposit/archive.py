"""A deposit as one `.tar.zst` file: the same results give the same bytes, and unpacking stays inside the folder."""

import io
import json
import os
import tarfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import zstandard

from supernet.audit.deposit.content import FOLDER, FORMAT, MANIFEST, Content
from supernet.errors import UserError
from supernet.io.atomic import publish
from supernet.provenance.record import SUFFIX

LEVEL = 10
"""Compression level; higher ones only cost time, because Parquet and images are already compressed."""
SUFFIXES = frozenset({".csv", ".html", ".json", ".md", ".parquet", ".pdf", ".png", ".safetensors", ".tex"})
"""Suffixes of results. Outside the deposit's own folder nothing else is unpacked, in particular no code."""


def write_archive(path: Path, content: Content) -> None:
    """Write the archive: members sorted by name, with equal owner, mode and time (that of the newest record)."""
    when = _newest(content)
    with (
        publish(path, record=False) as temporary,
        temporary.open("wb") as raw,
        zstandard.ZstdCompressor(level=LEVEL).stream_writer(raw, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        manifest = json.dumps(content.manifest, indent=1, sort_keys=True).encode()
        archive.addfile(_member(content.manifest_path, len(manifest), when), io.BytesIO(manifest))
        for name, file in content.files.items():
            with file.open("rb") as stream:
                archive.addfile(_member(name, file.stat().st_size, when), stream)


def unpack(path: Path, folder: Path) -> dict[str, Any]:
    """Unpack an archive into a folder and return its manifest.

    All files get the same modification time, because a workflow remakes files that are older than their inputs.
    Existing files with the same content are kept. Raises UserError, before anything is written, if a file exists with
    different content, if a member is not a regular file of a result inside the folder, or if `path` is not an archive
    of `supernet archive`.
    """
    manifest = ""
    for name, content in _members(path):
        manifest = manifest or name
        _check(path, name, manifest)
        target = folder / name
        if target.exists() and not _same(target, content):
            raise UserError(f"{target}: exists with a different content than in {path}; unpack into another folder")
    now = time.time_ns()
    for name, content in _members(path):
        target = folder / name
        if not target.exists():
            with publish(target, record=False) as temporary:
                temporary.write_bytes(content)
            os.utime(target, ns=(now, now))
    return read_manifest(folder / manifest)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of a deposit; UserError if it is not one, or has another format."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UserError(f"{path}: expected a manifest of format {FORMAT}")
    return found


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of members, in the order of the archive."""
    try:
        with (
            path.open("rb") as raw,
            zstandard.ZstdDecompressor().stream_reader(raw) as packed,
            tarfile.open(fileobj=packed, mode="r|") as archive,
        ):
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    raise UserError(f"{path}: member {member.name!r} is not a regular file; nothing was unpacked")
                yield member.name, content.read()
    except (OSError, tarfile.TarError, zstandard.ZstdError) as error:
        raise UserError(f"{path}: no archive of `supernet archive`, or a damaged one: {error}") from None


def _check(path: Path, name: str, manifest: str) -> None:
    """Raise UserError if an archive does not start with a manifest, or if a file is not a result of a study."""
    own, file = PurePosixPath(manifest).parent, PurePosixPath(name)
    if PurePosixPath(manifest).name != MANIFEST or own.name != FOLDER:
        raise UserError(f"{path}: begins with {manifest!r}; expected an archive of `supernet archive`")
    leads_out = file.is_absolute() or any(part.startswith(".") for part in file.parts)
    result = file.suffix in SUFFIXES and (own.parent in file.parents or name.endswith(SUFFIX))
    if leads_out or not (result or (own in file.parents and file.suffix != ".py")):
        raise UserError(f"{path}: member {name!r} is not a result of a study; nothing was unpacked")


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def _member(name: str, size: int, when: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, when, 0o644
    return member


def _newest(content: Content) -> int:
    ended = max(one["ended"] for one in content.circumstances())
    return int(datetime.fromisoformat(ended).timestamp())
