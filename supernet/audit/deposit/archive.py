"""A deposit as one file, `.tar.zst`: the same results give the same bytes, and unpacking leads nowhere else."""

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
"""Of compression: Parquet and images are compressed already, so that more costs time alone."""
SUFFIXES = frozenset({".csv", ".html", ".json", ".md", ".parquet", ".pdf", ".png", ".safetensors", ".tex"})
"""Kinds of files that results are. Nothing else is unpacked outside of the deposit's own folder: no code."""


def write_archive(path: Path, content: Content) -> None:
    """Write the archive: files by name, with one owner, one mode and one time, that of the youngest record."""
    when = _youngest(content)
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
    """Unpack an archive into a folder and give its manifest back.

    All files get one time: a workflow makes again what is older than its input. Files that are there with the same
    content stay as they are. Nothing is written, and UserError raised, if one is there with another content, if a
    member is no plain file of a result inside of the folder, or if it is no such archive.
    """
    manifest = ""
    for name, content in _members(path):
        manifest = manifest or name
        _check(path, name, manifest)
        target = folder / name
        if target.exists() and not _same(target, content):
            raise UserError(f"{target}: is there with another content than in {path}; unpack into another folder")
    now = time.time_ns()
    for name, content in _members(path):
        target = folder / name
        if not target.exists():
            with publish(target, record=False) as temporary:
                temporary.write_bytes(content)
            os.utime(target, ns=(now, now))
    return read_manifest(folder / manifest)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a deposit; UserError if it is none, or of another format."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UserError(f"{path}: expected a manifest of format {FORMAT}")
    return found


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents, in the order of the archive."""
    try:
        with (
            path.open("rb") as raw,
            zstandard.ZstdDecompressor().stream_reader(raw) as packed,
            tarfile.open(fileobj=packed, mode="r|") as archive,
        ):
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    raise UserError(f"{path}: member {member.name!r} is no plain file; nothing was unpacked")
                yield member.name, content.read()
    except (OSError, tarfile.TarError, zstandard.ZstdError) as error:
        raise UserError(f"{path}: no archive of `supernet archive`, or a damaged one: {error}") from None


def _check(path: Path, name: str, manifest: str) -> None:
    """Refuse an archive that does not begin with a manifest, and files that are not a study's results."""
    own, file = PurePosixPath(manifest).parent, PurePosixPath(name)
    if PurePosixPath(manifest).name != MANIFEST or own.name != FOLDER:
        raise UserError(f"{path}: begins with {manifest!r}; expected an archive of `supernet archive`")
    leads_out = file.is_absolute() or any(part.startswith(".") for part in file.parts)
    result = file.suffix in SUFFIXES and (own.parent in file.parents or name.endswith(SUFFIX))
    if leads_out or not (result or (own in file.parents and file.suffix != ".py")):
        raise UserError(f"{path}: member {name!r} is no result of a study; nothing was unpacked")


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def _member(name: str, size: int, when: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, when, 0o644
    return member


def _youngest(content: Content) -> int:
    ended = max(one["ended"] for one in content.circumstances())
    return int(datetime.fromisoformat(ended).timestamp())
