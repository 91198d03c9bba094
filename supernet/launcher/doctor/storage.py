"""Folders: whether files can be written, the free space, the file system and its clock."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from supernet.launcher.doctor.finding import Finding, failed, missing, ok

_NETWORK = (
    *("9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "gpfs"),
    *("lustre", "nfs", "nfs4", "orangefs", "panfs", "smb3", "smbfs", "wekafs"),
)
_LITTLE = 2 * 2**30
"""Bytes: `mini` writes less, `paper` 100 times more."""
_SKEW = 2.0
"""Seconds that the clocks of this machine and of a file system may differ."""


def folder(name: str, path: Path, root: Path) -> Finding:
    """Return the state of a folder, which may not exist yet; system files are read below `root`."""
    place = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
    kind = file_system(place.resolve(), root)
    free = shutil.disk_usage(place).free
    found = f"{path} ({kind or 'file system unknown'}, {free / 2**30:.1f} GB free)"
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0")
            file.flush()
            skew = os.fstat(file.fileno()).st_mtime - time.time()
    except OSError as error:
        return failed(name, f"{found}: {error.strerror or error}", f"`{name}` of config.yaml must be writable")
    if abs(skew) > _SKEW:
        text = f"{found}: its clock differs by {skew:.0f} s"
        return failed(name, text, "Snakemake compares times of files: synchronise the clocks")
    if free < _LITTLE:
        return missing(name, found, "a study may fill the disk; it then stops and can be continued")
    if kind in _NETWORK:
        return missing(name, found, "a network file system: checkpoints are slower; several machines may share it")
    return ok(name, found)


def file_system(path: Path, root: Path) -> str:
    """Return the type of the file system of a folder, such as `ext4`; empty if the system does not tell."""
    mounts = root / "proc/self/mounts"
    if mounts.exists():
        lines = (line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines())
        # A space in the name of a folder is \040.
        found = [(Path(words[1].replace(r"\040", " ")), words[2]) for words in lines]
    else:
        # macOS: `/dev/disk3s1 on / (apfs, local, journaled)`.
        lines_of_mount = subprocess.run(["mount"], capture_output=True, text=True).stdout
        found = [(Path(place), kind) for place, kind in re.findall(r" on (.+) \((\w+)", lines_of_mount)]
    # The last one of several file systems at the same place covers the others.
    inside = [
        (len(place.parts), index, kind) for index, (place, kind) in enumerate(found) if path.is_relative_to(place)
    ]
    return max(inside)[2] if inside else ""


def clock(snakefile: Path, now: float) -> Finding:
    """Return whether the clock is at least as late as the file of the code."""
    text = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(now))
    if now + _SKEW < snakefile.stat().st_mtime:
        remedy = "set the clock: Snakemake repeats jobs whose inputs are from the future"
        return failed("clock", f"{text}, earlier than {snakefile}", remedy)
    return ok("clock", text)
