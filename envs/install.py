"""Installs the packages of envs/requirements.lock into .venv: what every target of the Makefile does first.

    python3 envs/install.py                              the pinned PyTorch, with CUDA on Linux
    python3 envs/install.py --torch cpu                  PyTorch's CPU build, from --torch-index
    python3 envs/install.py --torch system               the PyTorch that this interpreter already has

Needs the standard library only, and starts on any Python 3.7 or newer, so that it can name an unsupported one.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

OLDEST, NEWEST = (3, 11), (3, 13)
"""Versions of Python for which the lock file has been solved, and for which every package has wheels."""
PLATFORMS = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64")}
"""Systems and machines for which PyTorch has wheels."""
VARIANTS = ("pinned", "cpu", "system")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of CPU builds."""
TORCH = ("torch", "torchvision")
OF_CUDA = re.compile(r"(nvidia|cuda)-.*|triton")
"""Packages of the lock file that only PyTorch's CUDA build needs."""

LOCK, CPU_LOCK = Path("envs") / "requirements.lock", Path("envs") / "torch-cpu.lock"
STAMP = Path(".venv") / "installed"
PYTHON = Path(".venv") / "bin" / "python"


def main() -> None:
    """Install what is missing; print one line if that is anything."""
    options = _options()
    os.chdir(Path(__file__).resolve().parent.parent)
    if options.lock_torch:
        lock_torch(options.torch_index)
        return
    if options.print_without_torch:
        print("".join(without_torch(lock_entries(LOCK.read_text(encoding="utf-8"))).values()), end="")
        return
    stamp = _stamp()
    variant = options.torch or stamp.get("torch", "pinned")
    python = ".".join(map(str, sys.version_info[:2]))
    if variant == "cpu" and platform.system() == "Darwin":
        variant = "pinned"  # PyPI's wheels for macOS have no CUDA
    keep = not options.this_python or stamp.get("python") == python
    if stamp.get("packages") != _packages(variant) or not keep:
        check_interpreter()
        STAMP.unlink() if STAMP.exists() else None
        _install(variant, options.torch_index)
        stamp = {"torch": variant, "python": python, "packages": _packages(variant)}
    if stamp.get("project") != _digest(Path("pyproject.toml")):
        _pip("--no-deps", "--no-build-isolation", "--no-index", "--editable", ".")
        STAMP.write_text(json.dumps({**stamp, "project": _digest(Path("pyproject.toml"))}) + "\n", encoding="utf-8")


def lock_entries(text: str) -> dict[str, str]:
    """Return the entries of a lock file, with their hashes, by the name of the package."""
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    return {entry.partition("==")[0]: entry for entry in entries}


def without_torch(entries: dict[str, str]) -> dict[str, str]:
    """Return the entries of packages other than PyTorch and what its CUDA build needs."""
    return {name: entry for name, entry in entries.items() if name not in TORCH and not OF_CUDA.fullmatch(name)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Install the packages of envs/requirements.lock into .venv.")
    parser.add_argument("--torch", choices=VARIANTS, help="which PyTorch; default: as installed, else pinned")
    parser.add_argument("--torch-index", default=CPU_INDEX, metavar="URL", help="index of CPU builds (%(default)s)")
    parser.add_argument("--this-python", action="store_true", help="install again if .venv has another Python version")
    parser.add_argument("--lock-torch", action="store_true", help="only write envs/torch-cpu.lock from the index")
    parser.add_argument("--print-without-torch", action="store_true", help="only print the lock file without PyTorch")
    return parser.parse_args()


def check_interpreter() -> None:
    """Exit with a message if the lock file does not fit this interpreter or machine."""
    version, here = sys.version_info[:2], (platform.system(), platform.machine())
    if not OLDEST <= version <= NEWEST:
        names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        found = next(filter(_starts, names), None)
        advice = f"{found} is installed: add PYTHON={found}" if found else "install one and add PYTHON=its-path"
        _fail(
            f"{sys.executable} is Python {platform.python_version()}, too {'old' if version < OLDEST else 'new'} for "
            f"{LOCK}; expected {'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}. {advice}"
        )
    if here not in PLATFORMS:
        names = [f"{system} {machine}" for system, machine in sorted(PLATFORMS)]
        _fail(f"this machine is {here[0]} {here[1]}; expected one of {', '.join(names)}, for which PyTorch has wheels")


def _starts(name: str) -> bool:
    """Whether this command exists and works: a version manager may have commands for versions that are switched off."""
    return bool(shutil.which(name)) and subprocess.run([name, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0


def _install(variant: str, index: str) -> None:
    """Make .venv again, with the packages of the lock file and the PyTorch that is asked for."""
    system_torch = _system_torch() if variant == "system" else None
    if variant == "cpu" and not CPU_LOCK.exists():
        lock_torch(index)
    what = {
        "pinned": "PyTorch included; 6.7 GB on Linux",
        "cpu": f"PyTorch's CPU build from {index}; 2.2 GB",
        "system": f"with the PyTorch of {system_torch}; 1.4 GB",
    }
    print(
        f"Installing {LOCK} into .venv with {sys.executable} (Python {platform.python_version()}); {what[variant]}, "
        "a few minutes",
        flush=True,
    )
    _run([sys.executable, "-m", "venv", "--clear", ".venv"])
    entries = lock_entries(LOCK.read_text(encoding="utf-8"))
    # The one package without a wheel is built with the locked setuptools.
    _pip_lock({"setuptools": entries["setuptools"]})
    if variant == "pinned":
        _pip_lock(entries, "--no-build-isolation")
        return
    _pip_lock(without_torch(entries), "--no-build-isolation")
    if variant == "cpu":
        _pip("--require-hashes", "--no-deps", "--index-url", index, "--requirement", str(CPU_LOCK))
        return
    (site,) = Path(".venv").glob("lib/python*/site-packages")
    (site / "system-torch.pth").write_text(f"{system_torch}\n", encoding="utf-8")
    _run([str(PYTHON), "-c", "import numpy, torch; torch.from_numpy(numpy.zeros(1))"])


def _system_torch() -> Path:
    """Return the folder of packages in which this interpreter finds PyTorch; exit with a message if it is unfit."""
    import tomllib

    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    (least,) = [one[len("torch>=") :] for one in project["dependencies"] if one.startswith("torch>=")]
    script = "import pathlib, torch; print(torch.__version__); print(pathlib.Path(torch.__file__).parent.parent)"
    # Not from this folder, and without its variables: only what the interpreter itself has.
    ran = subprocess.run([sys.executable, "-c", script], cwd="/", capture_output=True, text=True)
    if ran.returncode:
        reason = ran.stderr.strip().splitlines()[-1]
        _fail(
            f"SYSTEM_TORCH=1: {sys.executable} cannot import torch ({reason}); expected PyTorch {least} or newer. "
            "Add PYTHON=an-interpreter-that-has-it, or leave SYSTEM_TORCH out"
        )
    version, folder = ran.stdout.splitlines()[-2:]
    if _release(version) < _release(least):
        _fail(
            f"SYSTEM_TORCH=1: {sys.executable} has PyTorch {version}; expected {least} or newer. "
            "Add PYTHON=another-interpreter, or leave SYSTEM_TORCH out"
        )
    return Path(folder)


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: (2, 14, 1) for 2.14.1+cpu."""
    return tuple(map(int, re.findall(r"\d+", re.split(r"[+a-z]", version)[0])))


def lock_torch(index: str) -> None:
    """Write envs/torch-cpu.lock: the CPU builds of the locked PyTorch, with the hashes that the index states."""
    locked = lock_entries(LOCK.read_text(encoding="utf-8"))
    lines = []
    for name in TORCH:
        version = locked[name].split()[0].partition("==")[2]
        hashes = _stated_hashes(f"{index.rstrip('/')}/{name}/", name, version)
        lines.append(" \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{one}" for one in hashes)]) + "\n")
    CPU_LOCK.write_text("".join(lines), encoding="utf-8")
    print(f"Wrote {CPU_LOCK} with the hashes that {index} states; keep the file: later installations are held to it")


def _stated_hashes(page: str, name: str, version: str) -> list[str]:
    """Return the hashes of all wheels of one version that a page of a package index lists (PEP 503)."""
    expected = "expected a package index with PyTorch's CPU builds: set TORCH_INDEX to its address"
    if not page.startswith(("https://", "http://")):
        _fail(f"{page}: not a web address; {expected}")
    try:
        with urllib.request.build_opener().open(page, timeout=60) as answer:
            text = answer.read().decode()
    except (OSError, ValueError) as error:
        _fail(f"{page}: {error}; {expected}")
    links = [unquote(html.unescape(link)) for link in re.findall(r"""href=["']([^"']+)["']""", text)]
    # `+cpu` is the name of the build.
    wheel = re.compile(rf"(?:.*/)?{name}-{re.escape(version)}(?:\+cpu)?-[^/]+\.whl(?:#sha256=([0-9a-f]{{64}}))?.*")
    found = [match[1] for match in map(wheel.fullmatch, links) if match]
    if not found or None in found:
        _fail(f"{page}: {'a wheel without a SHA-256' if found else 'no wheel'} of {name} {version}; expected both")
    return sorted(set(found))


_QUIET = ("--quiet", "--disable-pip-version-check")


def _pip_lock(entries: dict[str, str], *options: str) -> None:
    """Install entries of the lock file; files whose hash is not among theirs are refused."""
    chosen = Path(".venv") / "requirements.lock"
    chosen.write_text("".join(entries.values()), encoding="utf-8")
    _pip(*options, "--require-hashes", "--requirement", str(chosen))


def _pip(*arguments: str) -> None:
    _run([str(PYTHON), "-m", "pip", "install", *_QUIET, *arguments])


def _run(command: list[str]) -> None:
    """Run a command; exit with its code if it fails, after what it printed."""
    ran = subprocess.run(command)
    if ran.returncode:
        _fail(f"{' '.join(command)} failed; .venv is incomplete, and the same make command starts again")


def _stamp() -> dict[str, str]:
    """Return the stamp of an earlier run; empty if nothing is installed."""
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _packages(variant: str) -> str:
    """Return a digest of the lock files: an edited lock file is installed again, a touched one is not."""
    files = [LOCK, CPU_LOCK] if variant == "cpu" else [LOCK]
    return " ".join([variant, *(_digest(file) for file in files if file.exists())])


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _fail(message: str) -> NoReturn:
    sys.exit(f"error: {message}")


if __name__ == "__main__":
    main()
