"""Unpacking of an archive into a folder: all of it or nothing, after it was verified."""

import contextlib
import filecmp
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from supernet.audit.deposit.archive import extract, read_manifest
from supernet.audit.deposit.limits import Limits
from supernet.audit.deposit.manifest import Manifest
from supernet.audit.deposit.verify import Deposit, open_folder
from supernet.audit.file_status import State
from supernet.errors import UserError
from supernet.io.atomic import publish, sync
from supernet.io.folders import temporary_folder


def unpack(path: Path, folder: Path, limits: Limits) -> Manifest:
    """Unpack an archive into a folder and return its manifest.

    The archive is unpacked beside the folder of the study's results, verified, and renamed: an interruption leaves no
    results. All files get the same modification time, because a workflow remakes files that are older than their
    inputs. Records of data sets and published tables are added to the folder of resources. If the results exist with
    the same content, they are kept. Raises UserError, before anything is written, in the cases of `extract`, if a file
    is broken, or if a file exists with a different content.
    """
    manifest = read_manifest(path)
    results = folder / manifest.folder
    with temporary_folder(_existing(results.parent), ".unpacking-") as temporary:
        deposit = extract(path, temporary, limits)
        broken = [one for one in deposit.statuses() if one.state is State.BROKEN]
        if broken:
            raise UserError(f"{path}: {broken[0].cause} ({len(broken)} files are broken); nothing was unpacked")
        _publish(path, temporary, folder, manifest)
    return manifest


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


def _publish(path: Path, temporary: Path, folder: Path, manifest: Manifest) -> None:
    """Move verified files to their places: those beside the results first, the results as one folder last."""
    names = sorted(manifest.members)
    own = [name for name in names if name.startswith(f"{manifest.folder}/")]
    others = [name for name in names if name not in set(own)]
    results = folder / manifest.folder
    for name in own if results.exists() else ():
        _check(path, temporary / name, folder / name, missing=False)
    for name in others:
        _check(path, temporary / name, folder / name, missing=True)
    now = time.time_ns()
    for name in names:
        os.utime(temporary / name, ns=(now, now))
        sync(temporary / name)
    added: list[Path] = []
    try:
        for name in others:
            if not (folder / name).exists():
                added.append(folder / name)
                with publish(folder / name, record=False) as copy:
                    copy.write_bytes((temporary / name).read_bytes())
                os.utime(folder / name, ns=(now, now))
        if not results.exists():
            results.parent.mkdir(parents=True, exist_ok=True)
            (temporary / manifest.folder).rename(results)
            sync(results.parent)
    except BaseException:
        for one in added:
            one.unlink(missing_ok=True)
        raise


def _check(path: Path, new: Path, old: Path, *, missing: bool) -> None:
    """Raise UserError if a file exists with another content, or is missing although it may not be."""
    if not os.path.lexists(old):
        if missing:
            return
        raise UserError(f"{old}: is missing, although its study has results here; move them away, or unpack elsewhere")
    if not old.is_file() or not filecmp.cmp(new, old, shallow=False):
        raise UserError(f"{old}: exists with a different content than in {path}; unpack into another folder")


def _existing(folder: Path) -> Path:
    """Return the nearest folder above that exists: the same file system as the folder will have."""
    while not folder.exists():
        folder = folder.parent
    return folder
