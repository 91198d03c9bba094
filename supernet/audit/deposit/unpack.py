"""Unpacking of an archive into a folder: all of it or nothing, after it was verified."""

import contextlib
import filecmp
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from supernet.audit.deposit.archive import extract, read_manifest
from supernet.audit.deposit.limits import Limits
from supernet.audit.deposit.manifest import Manifest
from supernet.audit.deposit.verify import Deposit, Findings, open_folder
from supernet.audit.file_status import State
from supernet.errors import UserError
from supernet.io.atomic import publish, sync
from supernet.io.folders import temporary_folder
from supernet.provenance.folders import Folders
from supernet.provenance.record import SUFFIX, RecordError, read_record


@dataclass(frozen=True)
class Unpacked:
    """An archive that was verified and unpacked."""

    manifest: Manifest
    findings: Findings
    """What its audit found: nothing is broken."""
    is_new: bool
    """Whether the results were unpacked now; otherwise they exist with the content of the archive."""


def unpack(path: Path, folders: Folders, limits: Limits) -> Unpacked:
    """Verify an archive and unpack it into the folders of results and resources.

    The archive is unpacked beside the folder of the study's results, verified, and renamed: an interruption leaves no
    results. All files get the same modification time, because a workflow remakes files that are older than their
    inputs. Records of data sets and published tables are added to the folder of resources, and parts to the store of
    the folder of results. If the results exist with the same content, they are kept, as are records of the same data
    that were made at another time. Raises UserError, before anything is written, in the cases of `extract`, if a file
    is broken, or if a file exists with a different content.
    """
    results = _target(folders, read_manifest(path).folder)
    with temporary_folder(_existing(results.parent) / results.name) as temporary:
        deposit = extract(path, temporary, limits)
        findings, is_new = deposit.findings(), not results.exists()
        broken = [one for one in findings.statuses if one.state is State.BROKEN]
        if broken:
            raise UserError(f"{path}: {broken[0].cause} ({len(broken)} files are broken); nothing was unpacked")
        _publish(path, temporary, folders, deposit.manifest)
    return Unpacked(deposit.manifest, findings, is_new)


@contextlib.contextmanager
def open_deposit(path: Path, limits: Limits) -> Iterator[Deposit]:
    """Yield the deposit of an archive, unpacked into a temporary folder, or of the folder of a crate.

    Raises UserError if `path` does not exist or is neither.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; expected an archive or a crate")
    if path.is_dir():
        yield open_folder(path)
    else:
        with TemporaryDirectory(prefix="supernet-") as folder:
            yield extract(path, Path(folder), limits)


def _publish(path: Path, temporary: Path, folders: Folders, manifest: Manifest) -> None:
    """Move verified files to their places: those beside the results first, the results as one folder last."""
    results = _target(folders, manifest.folder)
    # Records first: a part of the store without one is not used, and another process may read the store now.
    others = sorted(
        (name for name in manifest.members if not name.startswith(f"{manifest.folder}/")),
        key=lambda name: (not name.endswith(SUFFIX), name),
    )
    compared = sorted(manifest.members) if results.exists() else others
    for name in compared:
        _check(path, temporary / name, _target(folders, name), is_shared=name in others)
    if gone := [name for name in compared if name not in others and not _target(folders, name).exists()]:
        raise UserError(f"{results}: exists without {gone[0]}, which {path} has; move it away, or unpack elsewhere")
    now = time.time_ns()
    for name in manifest.members:
        os.utime(temporary / name, ns=(now, now))
        sync(temporary / name)
    with _added(temporary, {name: _target(folders, name) for name in others}):
        if not results.exists():
            results.parent.mkdir(parents=True, exist_ok=True)
            (temporary / manifest.folder).rename(results)
            sync(results.parent)


@contextlib.contextmanager
def _added(temporary: Path, targets: Mapping[str, Path]) -> Iterator[None]:
    """Copy files that do not exist yet to their places, and delete them again if the context ends with an error."""
    added: list[Path] = []
    try:
        for name, target in targets.items():
            if not target.exists():
                added.append(target)
                with publish(target, record=False) as copy:
                    shutil.copy2(temporary / name, copy)
        yield
    except BaseException:
        for one in added:
            one.unlink(missing_ok=True)
        raise


def _target(folders: Folders, name: str) -> Path:
    path = folders.path(name)
    assert path is not None, "names of members are those of results and resources"
    return Path(path)


def _check(path: Path, new: Path, old: Path, *, is_shared: bool) -> None:
    """Raise UserError if a file exists with another content.

    A file that studies share may have a record of another job, at another time or on another machine, if it says that
    the same was made: data that were made here, or come with another archive.
    """
    if not os.path.lexists(old) or (old.is_file() and filecmp.cmp(new, old, shallow=False)):
        return
    if not (is_shared and old.name.endswith(SUFFIX) and _says_the_same(new, old)):
        raise UserError(f"{old}: exists with a different content than in {path}; unpack into another folder")


def _says_the_same(new: Path, old: Path) -> bool:
    """Return whether two records, the older one of which may be damaged, differ in their circumstances only."""
    try:
        first, second = (read_record(str(one).removesuffix(SUFFIX)) for one in (new, old))
    except RecordError:
        return False
    return bool(first["digest"] == second["digest"])


def _existing(folder: Path) -> Path:
    """Return the nearest folder above that exists: the same file system as the folder will have."""
    while not folder.exists():
        folder = folder.parent
    return folder
