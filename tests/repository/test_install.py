"""`envs/install.py`: which interpreters it accepts, which packages it installs, and that hashes are required."""

import base64
import hashlib
import importlib.util
import json
import platform
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType

import pytest
from checkouts import ROOT
from http_server import Answer, Server, whole

SCRIPT = ROOT / "envs" / "install.py"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BACKEND = """
import shutil
def build_editable(folder, settings=None, metadata=None):
    return shutil.copy("project-1-py3-none-any.whl", folder).rpartition("/")[2]
"""
"""A build backend that needs no package."""


def load() -> ModuleType:
    specification = importlib.util.spec_from_file_location("install", SCRIPT)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


install = load()


@pytest.mark.parametrize(
    ("version", "said"), [((3, 10), "too old"), ((3, 14), "too new"), ((3, 11), ""), ((3, 12), ""), ((3, 13), "")]
)
def test_interpreters_outside_the_lock_file_are_named(
    version: tuple[int, int], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 0))
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    if not said:
        install.check_interpreter()
        return
    with pytest.raises(SystemExit, match=rf"{re.escape(sys.executable)} is Python .*{said}.*expected 3\.11 to 3\.13"):
        install.check_interpreter()


def test_a_machine_without_wheels_of_pytorch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(SystemExit, match="Darwin x86_64; expected one of Darwin arm64, Linux aarch64, Linux x86_64"):
        install.check_interpreter()


def test_the_versions_of_python_are_the_same_everywhere() -> None:
    minors = range(install.OLDEST[1], install.NEWEST[1] + 1)
    classifiers = [one for one in PROJECT["classifiers"] if re.fullmatch(r"Programming.*Python :: 3\.\d+", one)]
    assert classifiers == [f"Programming Language :: Python :: 3.{minor}" for minor in minors]
    assert PROJECT["requires-python"] == f">=3.{minors[0]}"
    assert f"Python 3.{minors[0]} to 3.{minors[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_cpu_build_needs_no_package_of_cuda() -> None:
    entries = install.lock_entries((ROOT / "envs" / "requirements.lock").read_text(encoding="utf-8"))
    left_out = entries.keys() - install.without_torch(entries).keys()
    assert {"torch", "torchvision", "triton", "nvidia-cudnn-cu13", "cuda-bindings"} <= left_out
    assert all(name.startswith(("torch", "triton", "nvidia-", "cuda-")) for name in left_out)
    assert all("hash=sha256" in entry for entry in entries.values())


class Index(Server):
    """A package index on loopback with small wheels."""

    def __init__(self) -> None:
        super().__init__()
        self.links: dict[str, list[str]] = {}

    def add(self, folder: Path, name: str, version: str, code: str = "") -> str:
        """Publish a wheel; returns its entry in a lock file."""
        file = wheel(folder, name, version, code)
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        self.serve(f"/files/{file.name.replace('+', '%2B')}", whole(content))
        self.links.setdefault(name, []).append(
            f'<a href="/files/{file.name.replace("+", "%2B")}#sha256={digest}">{file.name}</a>'
        )
        self.serve(f"/simple/{name}/", html_page("<!DOCTYPE html>" + "".join(self.links[name])))
        return (
            f"{name}=={version.partition('+')[0]} \\\n    --hash=sha256:{digest}\n    # via -r envs/requirements.in\n"
        )


def html_page(text: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


def wheel(folder: Path, name: str, version: str, code: str = "") -> Path:
    """Write a wheel with one module."""
    module = name.replace("-", "_")
    information = f"{module}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": f'__version__ = "{version}"\n{code}',
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},"
        for path, text in files.items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{information}/RECORD", "\n".join([*record, f"{information}/RECORD,,"]))
    return file


@pytest.fixture
def index() -> Iterator[Index]:
    with Index() as found:
        yield found


@pytest.fixture
def checkout(tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a lock file of small packages, and pip told where they are."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.address}/simple")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    folder, wheels = tmp_path / "checkout", tmp_path / "wheels"
    (folder / "envs").mkdir(parents=True)
    shutil.copy2(SCRIPT, folder / "envs")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "project"\nversion = "1"\ndependencies = ["torch>=2.6"]\n'
    )
    wheel(folder, "project", "1")
    entries = [
        index.add(wheels, "numpy", "1", "def zeros(n): return [0] * n\n"),
        index.add(wheels, "nvidia-thing", "1"),
        index.add(wheels, "setuptools", "1"),
        index.add(wheels, "torch", "2.14.1", "def from_numpy(array): return array\n"),
        index.add(wheels, "torchvision", "0.29.1"),
    ]
    (folder / "envs" / "requirements.lock").write_text("".join(entries))
    return folder


def run(checkout: Path, *options: str, python: str = sys.executable) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, str(checkout / "envs" / "install.py"), *options], capture_output=True, text=True, cwd=checkout
    )


def installed(checkout: Path) -> dict[str, str]:
    """Versions of what the environment has, by name."""
    code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    ran = subprocess.run([checkout / ".venv/bin/python", "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(ran.stdout)
    return {name: version for name, version in found.items() if name not in ("pip", "setuptools")}


def test_the_lock_file_is_installed_once(checkout: Path, index: Index) -> None:
    first = run(checkout)
    assert first.returncode == 0, first.stderr
    assert f"with {sys.executable} (Python {platform.python_version()})" in first.stdout
    pinned = {"numpy": "1", "nvidia-thing": "1", "torch": "2.14.1", "torchvision": "0.29.1", "project": "1"}
    assert installed(checkout) == pinned
    index.seen.clear()
    (checkout / "envs" / "requirements.lock").touch()
    again = run(checkout)
    assert (again.returncode, again.stdout, index.seen) == (0, "", [])
    # Another content of the lock file: everything is installed again, and a failure leaves no stamp.
    with (checkout / "envs" / "requirements.lock").open("a") as lock:
        lock.write(f"missing==1 \\\n    --hash=sha256:{'0' * 64}\n")
    failed = run(checkout)
    assert failed.returncode == 1 and "missing==1" in failed.stderr
    assert not (checkout / ".venv" / "installed").exists()


def test_the_cpu_build_comes_from_the_index_that_is_named_and_stays(
    checkout: Path, index: Index, tmp_path: Path
) -> None:
    with Index() as cpu:
        cpu.add(tmp_path / "cpu", "torch", "2.13.0+cpu")
        cpu.add(tmp_path / "cpu", "torch", "2.14.1+cpu")
        cpu.add(tmp_path / "cpu", "torchvision", "0.29.1+cpu")
        address = f"{cpu.address}/simple"
        ran = run(checkout, "--torch", "cpu", "--torch-index", address)
        assert ran.returncode == 0, ran.stderr
        assert address in ran.stdout
        wanted = {"numpy": "1", "torch": "2.14.1+cpu", "torchvision": "0.29.1+cpu", "project": "1"}
        assert installed(checkout) == wanted
        # Without an option, what is installed stays.
        assert (run(checkout).stdout, installed(checkout)) == ("", wanted)
        lines = (checkout / "envs" / "torch-cpu.lock").read_text()
        assert re.fullmatch(r"(torch\w*==[\d.]+ \\\n    --hash=sha256:[0-9a-f]{64}\n){2}", lines)
        # The hashes are kept: another file of this version is refused.
        cpu.links.clear()
        cpu.add(tmp_path / "other", "torch", "2.14.1+cpu", "evil = True\n")
        (checkout / ".venv" / "installed").unlink()
        refused = run(checkout, "--torch", "cpu", "--torch-index", address)
        assert refused.returncode == 1 and "HASHES" in refused.stderr, refused.stderr
        assert not (checkout / ".venv" / "installed").exists()


def test_an_index_without_cpu_builds_is_named(checkout: Path, index: Index) -> None:
    missing = run(checkout, "--torch", "cpu", "--torch-index", f"{index.address}/nowhere")
    assert missing.returncode == 1
    assert f"{index.address}/nowhere/torch/: HTTP Error 404" in missing.stderr and "TORCH_INDEX" in missing.stderr
    index.serve("/bare/torch/", whole(b'<a href="torch-2.14.1-py3-none-any.whl">without a hash</a>'))
    bare = run(checkout, "--torch", "cpu", "--torch-index", f"{index.address}/bare")
    assert bare.returncode == 1 and "a wheel without a SHA-256 of torch 2.14.1" in bare.stderr
    assert not (checkout / "envs" / "torch-cpu.lock").exists()


def interpreter(folder: Path, torch: str | None) -> str:
    """Return an interpreter that has PyTorch of a version."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    if torch is not None:
        (site,) = folder.glob("lib/python*/site-packages")
        with zipfile.ZipFile(wheel(folder, "torch", torch, "def from_numpy(array): return array\n")) as archive:
            archive.extractall(site)
    return str(folder / "bin" / "python")


def test_a_pytorch_that_is_there_is_used(checkout: Path, tmp_path: Path) -> None:
    ran = run(checkout, "--torch", "system", python=interpreter(tmp_path / "has", "2.7.1+own"))
    assert ran.returncode == 0, ran.stderr
    assert installed(checkout) == {"numpy": "1", "project": "1", "torch": "2.7.1+own"}


@pytest.mark.parametrize(
    ("version", "said"), [(None, "cannot import torch"), ("2.5.1", r"has PyTorch 2\.5\.1; expected 2\.6 or newer")]
)
def test_an_interpreter_without_a_fitting_pytorch_is_named(
    checkout: Path, tmp_path: Path, version: str | None, said: str
) -> None:
    python = interpreter(tmp_path / "lacks", version)
    ran = run(checkout, "--torch", "system", python=python)
    assert ran.returncode == 1 and re.search(f"{re.escape(python)} {said}", ran.stderr), ran.stderr
    assert not (checkout / ".venv").exists()
