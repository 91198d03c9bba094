"""Temporary names of files that say which process writes them, and what ended processes have left behind."""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

_PROC = Path("/proc")
_RANDOM = r"[a-z0-9_]{8}"
"""The end of a name of `tempfile`."""
_NAME = re.compile(
    rf"\.(?P<target>.+)-(?P<machine>[0-9a-f]{{8}})\+(?P<pid>\d+)\+(?P<started>[0-9a-f]{{8}})-{_RANDOM}(\.\w+)?"
)
_UNMARKED = re.compile(rf"\.(?P<target>.+)-{_RANDOM}(\.\w+)?|\.[0-9a-f]{{32}}")
"""Temporary files of earlier versions, and lock files that are not linked yet."""
_LONGEST = 86_400.0
"""Seconds after which no process of another machine still writes a temporary file: writing takes seconds."""


def machine() -> str:
    """Return the id of the boot and the number of the pid namespace, in which a pid is unique; empty if unknown."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:  # not Linux
        return _answer("sysctl", "-n", "kern.bootsessionuuid")


def start_of(pid: int) -> str:
    """Return the start of a process of this machine, in clock ticks since boot or as a date; empty if it has ended.

    A zombie has ended.
    """
    if not (_PROC / "self/stat").exists():  # not Linux
        state, _, started = _answer("ps", "-o", "stat=,lstart=", "-p", str(pid)).partition(" ")
        return "" if state.startswith("Z") else started.strip()
    try:
        # The name, in parentheses, may contain spaces: fields are counted from the last parenthesis.
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    state, started = fields[0], fields[19]
    return "" if state in "ZX" else started


def temporary_prefix(name: str) -> str:
    """Return the start of the name of a temporary file for the file `name`, in the form that `leftovers` reads."""
    pid = os.getpid()
    return f".{name}-{_short(machine())}+{pid}+{_short(start_of(pid))}-"


def temporary_file(path: Path) -> Path:
    """Create an empty temporary file beside a file, with the same suffix."""
    # The suffix is kept, because writers such as matplotlib choose the format by it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=temporary_prefix(path.stem), suffix=path.suffix)
    os.close(handle)
    return Path(name)


def leftovers(folder: Path) -> Iterator[Path]:
    """Yield the temporary files and folders below a folder whose processes have ended.

    A process of this machine has ended if the system does not show it. What another machine, or an unknown process, has
    begun is left over once it is a day old, because each of these files exists only while one result is written.
    """
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            if name.startswith(".") and _is_left(path := Path(parent, name)):
                yield path


def left_beside(path: Path) -> list[Path]:
    """Return the temporary files or folders of a file or folder whose processes have ended, as `leftovers`."""
    return [one for one in path.parent.glob(f".{glob.escape(path.name)}-*") if _is_left(one)]


def left_for(target: Path) -> Iterator[Path]:
    """Yield all temporary files of a file and of its record, or all in a folder, whoever began them.

    For the process that holds the lock of the file or folder: no other one writes it.
    """
    names = None if target.is_dir() else {target.stem, f"{target.name}.prov"}
    for path in (target if names is None else target.parent).glob(".*"):
        found = _NAME.fullmatch(path.name) or _UNMARKED.fullmatch(path.name)
        if found is not None and (names is None or found["target"] in names):
            yield path


def _is_left(path: Path) -> bool:
    found = _NAME.fullmatch(path.name)
    if found is None and not _UNMARKED.fullmatch(path.name):
        return False
    if found is not None and machine() and found["machine"] == _short(machine()):
        started = start_of(int(found["pid"]))
        return not started or _short(started) != found["started"]
    try:
        return time.time() - path.lstat().st_mtime > _LONGEST
    except FileNotFoundError:  # its process has just finished it
        return False


def _answer(*command: str) -> str:
    """Return what a program prints, in English; empty if the program does not exist or fails."""
    if shutil.which(command[0]) is None:
        return ""
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return ran.stdout.strip() if ran.returncode == 0 else ""


@cache
def _short(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:8]
