"""Where the project is: the folder with the Snakefile, `config.yaml`, `workflow/`, `scripts/` and the package.

In a clone that is the clone. A wheel has the same files inside the package; the command `supernet` unpacks them once,
into a folder of the user's cache, and starts again from there. Programs and records then work as in a clone.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from supernet.errors import UserError
from supernet.provenance.closure import PACKAGE, ROOT

IN_WHEEL = "_project"
"""Folder of the package in which a wheel has the project's other files (setup.py)."""
_UNPACKED = "unpacked.txt"
"""File that distinguishes a folder that was unpacked from a clone."""


def checkout() -> Path:
    """Return the folder with the Snakefile that this package belongs to.

    Raises UserError if the package was installed without one.
    """
    if not (ROOT / "Snakefile").is_file():
        raise UserError(
            f"{ROOT}: no Snakefile beside the package; expected the package inside a checkout of the project: "
            "install it there with `pip install --editable .`"
        )
    return ROOT


def clone() -> Path:
    """Return the clone of the repository that this package is part of; raises UserError after `pip install`."""
    if is_unpacked():
        raise UserError(
            "this command works on the files of a clone of the repository, and supernet was installed as a package; "
            "clone the repository and run the command there"
        )
    return checkout()


def is_unpacked() -> bool:
    """Return whether the project comes from a wheel."""
    return (ROOT / _UNPACKED).is_file()


def working_folder() -> Path:
    """Return the folder in which the workflow runs: the clone, or the current folder after `pip install`."""
    return Path.cwd() if is_unpacked() else checkout()


def config_file() -> Path:
    """Return the path of `config.yaml`; after `pip install`, one in the current folder replaces that of the package."""
    own = Path.cwd() / "config.yaml"
    return own if is_unpacked() and own.exists() else checkout() / "config.yaml"


def start_unpacked(arguments: Sequence[str]) -> None:
    """If this package was installed from a wheel, replace this process by the command in the unpacked project."""
    if (ROOT / "Snakefile").is_file() or not (ROOT / PACKAGE / IN_WHEEL).is_dir():
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    try:
        folder = unpack(ROOT / PACKAGE, cache / PACKAGE)
    except OSError as error:
        raise UserError(
            f"{error.filename or cache}: {error.strerror}; expected a folder for the project's files: set "
            "XDG_CACHE_HOME to one that can be written"
        ) from error
    inherited = os.environ.get("PYTHONPATH")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *([inherited] if inherited else [])])}
    os.execve(sys.executable, [sys.executable, "-P", "-m", PACKAGE, *arguments], environment)


def unpack(package: Path, cache: Path) -> Path:
    """Return the project of an installed package, unpacked below `cache` under a name made from its content."""
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    digest = hashlib.sha256()
    for path in files:
        name, content = str(path.relative_to(package)).encode(), path.read_bytes()
        digest.update(b"%d %d " % (len(name), len(content)) + name + content)
    target = cache / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        made = Path(temporary, "project")
        shutil.copytree(package / IN_WHEEL, made)
        shutil.copytree(package, made / PACKAGE, ignore=shutil.ignore_patterns(IN_WHEEL, "__pycache__"))
        (made / _UNPACKED).write_text(f"Unpacked from {package}\n", encoding="utf-8")
        # Another process may have unpacked the same in the meantime.
        try:
            made.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    return target
