"""Python, its packages, and other programs."""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from supernet.launcher.doctor.finding import Finding, failed, missing, ok

_PACKAGES = (
    "snakemake", "torch", "numpy", "scipy", "pandas", "pyarrow", "pydantic", "pyyaml", "safetensors", "scikit-learn",
    "matplotlib", "jinja2", "plotly", "itables", "rich", "requests",
)  # fmt: skip
"""Packages that the default study needs, from its first job to its figures."""
_SLURM = ("sbatch", "squeue", "scancel", "sacct")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_LATEX = ("pdflatex", "lualatex", "xelatex")


def python() -> Finding:
    """Return the interpreter."""
    return ok("Python", f"{sys.version.split()[0]} ({sys.executable})")


def packages(lock: Path) -> Iterator[Finding]:
    """Yield the main packages: those that are missing, those that differ from the lock file, or that all are right."""
    locked = dict(re.findall(r"^([\w.-]+)==([^ ;\\\n]+)", lock.read_text(), re.MULTILINE)) if lock.is_file() else {}
    found = {name: _version(name) for name in _PACKAGES}
    absent = [name for name, version in found.items() if version is None]
    # PyTorch's CPU build is 2.14.1+cpu.
    others = [
        f"{name} {version} (lock: {locked[name]})"
        for name, version in found.items()
        if version is not None and name in locked and version.split("+")[0] != locked[name]
    ]
    if absent:
        yield failed("packages", f"not installed: {', '.join(absent)}", "install them: make install")
    if others:
        yield missing("packages", ", ".join(others), "results may differ in the last bits")
    if not locked:
        yield missing("packages", f"{lock}: no such file", "versions are not compared")
    elif not absent and not others:
        yield ok("packages", f"{len(found)} main packages as in {lock.name}")


def programs() -> list[Finding]:
    """Return the programs that some commands use."""
    return [_slurm(), _any("LaTeX", _LATEX, "tables are written as .tex but cannot be compiled here"), _browser()]


def _slurm() -> Finding:
    absent = [program for program in _SLURM if shutil.which(program) is None]
    if len(absent) == len(_SLURM):
        return missing("SLURM", "none", "no `--profile slurm`; jobs run on this machine")
    if absent:
        return missing("SLURM", f"without {', '.join(absent)}", "`--profile slurm` does not start")
    return ok("SLURM", ", ".join(_SLURM))


def _browser() -> Finding:
    return _any("Chromium", _BROWSERS, "the tests of the site are skipped")


def _any(subject: str, names: tuple[str, ...], cost: str) -> Finding:
    found = next((path for name in names if (path := shutil.which(name))), None)
    return ok(subject, found) if found else missing(subject, "none", cost)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
