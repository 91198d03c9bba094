"""Environments: lock files match their inputs, the lower bounds and imports of the code, and this interpreter."""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkouts import ROOT, copy_checkout
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from supernet.provenance.closure import Closure

ENVS = ROOT / "envs"
NAMES = ("analysis", "snakemake", "torch")
SNAKEFILE = (
    "supernet/pipeline/plan.py", "supernet/pipeline/files.py",
    "supernet/paper/catalogue.py", "supernet/paper/inputs.py",
    "supernet/runtime/lock.py", "supernet/runtime/slurm.py", "supernet/site/start.py", "supernet/commands/run.py",
)  # fmt: skip
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "snakemake": "snakemake-minimal"}
"""Names of conda-forge that are not those of PyPI."""
DISTRIBUTIONS = {"PIL": "pillow", "google": "protobuf", "google_crc32c": "google-crc32c", "sklearn": "scikit-learn",
                 "yaml": "pyyaml"}  # fmt: skip
"""Distributions by the names that their modules are imported by, where these differ."""


BY_HAND = {"rocrate"}
"""What programs import that no rule runs: they run in the pip environment."""


def _conda(name: str) -> str:
    return CONDA_NAMES.get(name, name)


def _environment(name: str) -> dict[str, Any]:
    return yaml.safe_load((ENVS / f"{name}.yaml").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _wanted(name: str) -> dict[str, str]:
    """What an environment file asks for: package, version specification."""
    return dict(dependency.split(" ", 1) for dependency in _environment(name)["dependencies"])


def _lock(name: str) -> dict[str, Any]:
    return yaml.safe_load((ENVS / f"{name}.conda-lock.yml").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _locked(name: str) -> dict[str, str]:
    return {package["name"]: package["version"] for package in _lock(name)["package"]}


def _pip_lock() -> dict[str, str]:
    """What the lock file has for any Python version and system: package, version."""
    return {name: version for name, version, _ in _pip_entries()}


def _pip_entries() -> list[tuple[str, str, str]]:
    """The entries of the lock file: package, version, marker."""
    text = (ENVS / "requirements.lock").read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: ; (.+))? \\$", text, re.MULTILINE)


def _lower_bounds() -> dict[str, SpecifierSet]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {one.name: one.specifier for one in map(Requirement, project["dependencies"])}


def _input_hash(name: str) -> str:
    """The hash that conda-lock 4 keeps of what it solved: canonical JSON of channels, packages and the machine."""
    environment = _environment(name)
    unsaid = {"build": None, "category": "main", "conda_channel": None, "extras": [], "hash": None, "manager": "conda"}
    specs = []
    for package, spec in sorted(_wanted(name).items()):
        exact = re.fullmatch(r"=([\d.]+)", spec)
        specs.append({**unsaid, "name": package, "version": f"{exact[1]}.*" if exact else spec})
    machine = yaml.safe_load((ENVS / "virtual-packages.yaml").read_text(encoding="utf-8"))["subdirs"]["linux-64"]
    entries = dict(_virtual_package(*item) for item in machine["packages"].items())
    content = {
        "channels": [
            json.dumps({"url": channel, "used_env_vars": []}, separators=(",", ":"))
            for channel in environment["channels"]
            if channel != "nodefaults"
        ],
        "specs": specs,
        "virtual_package_hash": {
            "noarch": {"info": {"subdir": "noarch"}, "packages": {}},
            "linux-64": {"info": {"subdir": "linux-64"}, "packages": entries},
        },
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _virtual_package(name: str, text: str) -> tuple[str, dict[str, Any]]:
    number, _, build = text.partition(" ")
    full = f"{build}_0" if build else "0"
    return f"{name}-{number}-{full}.tar.bz2", {
        "build": full, "build_number": 0, "build_string": build, "depends": [], "name": name, "noarch": "",
        "package_type": "virtual_system", "subdir": "linux-64", "timestamp": 1577854800000, "version": number,
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_was_solved_from_its_environment_file(name: str) -> None:
    metadata = _lock(name)["metadata"]
    assert metadata["content_hash"] == {"linux-64": _input_hash(name)}, "run `make lock-conda`"
    assert metadata["sources"] == [f"{name}.yaml"]


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_has_an_address_and_a_hash_for_every_package(name: str) -> None:
    channels = [channel for channel in _environment(name)["channels"] if channel != "nodefaults"]
    address = re.compile(
        rf"https://conda\.anaconda\.org/({'|'.join(channels)})/(linux-64|noarch)/[^/]+\.(conda|tar\.bz2)"
    )
    packages = _lock(name)["package"]
    assert len(packages) > 50
    for package in packages:
        assert package["manager"] == "conda", f"{package['name']}: a pin file installs no pip packages"
        assert address.fullmatch(package["url"]), package["url"]
        assert f"/{package['name']}-{package['version']}-" in package["url"]
        assert re.fullmatch(r"[0-9a-f]{64}", package["hash"]["sha256"]), package["name"]
        assert re.fullmatch(r"[0-9a-f]{32}", package["hash"]["md5"]), package["name"]


@pytest.mark.parametrize("name", NAMES)
def test_a_pin_file_is_the_rendering_of_its_lock(name: str) -> None:
    head, _, body = (ENVS / f"{name}.linux-64.pin.txt").read_text(encoding="utf-8").partition("@EXPLICIT\n")
    assert head == f"# Generated by conda-lock.\n# platform: linux-64\n# input_hash: {_input_hash(name)}\n"
    packages = _lock(name)["package"]
    assert sorted(body.splitlines()) == sorted(f"{one['url']}#{one['hash']['md5']}" for one in packages)


@pytest.mark.parametrize("name", NAMES)
def test_environment_files_have_the_lower_bounds_of_the_package(name: str) -> None:
    bounds = {_conda(package): str(specifier) for package, specifier in _lower_bounds().items()}
    wanted = _wanted(name)
    shared = wanted.keys() & bounds.keys()
    assert len(shared) >= 7
    assert {package: wanted[package] for package in shared} == {package: bounds[package] for package in shared}


def test_locked_versions_meet_the_lower_bounds() -> None:
    bounds, pip = _lower_bounds(), _pip_lock()
    locks = [_locked(name) for name in NAMES]
    for package, specifier in bounds.items():
        assert pip[package] in specifier, f"{package} in requirements.lock"
        found = [lock[_conda(package)] for lock in locks if _conda(package) in lock]
        assert found or package in BY_HAND, f"{package}: in no conda environment"
        assert all(one in specifier for one in found), package
    (least,) = re.findall(r'min_version\("(.+)"\)', (ROOT / "Snakefile").read_text(encoding="utf-8"))
    needed = SpecifierSet(f">={least}")
    assert pip["snakemake"] in needed and _locked("snakemake")["snakemake-minimal"] in needed
    assert _wanted("snakemake")["snakemake-minimal"] == str(needed)


def test_the_pip_lock_has_hashes_and_no_index() -> None:
    text = (ENVS / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(_pip_lock()) > 60
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_this_interpreter_has_what_the_pip_lock_says() -> None:
    locked = {name: version for name, version, marker in _pip_entries() if not marker or Marker(marker).evaluate()}
    if torch_variant() != "pinned":
        locked = {name: version for name, version in locked.items() if not re.match(r"(nvidia|cuda)-|triton$", name)}
    if torch_variant() == "system":
        locked = {name: version for name, version in locked.items() if name not in ("torch", "torchvision")}
    # The name of a build (`+cpu`) is not another version.
    assert {name: version(name).partition("+")[0] for name in locked} == locked


def torch_variant() -> str:
    """Which PyTorch `make` installed for this interpreter."""
    stamp = Path(sys.prefix) / "installed"
    try:
        return str(json.loads(stamp.read_text(encoding="utf-8"))["torch"])
    except (OSError, ValueError):
        return "pinned"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(("system", "machine"), [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")])
def test_every_requirement_is_in_the_pip_lock(python: str, system: str, machine: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system,
            "platform_machine": machine}  # fmt: skip
    locked = {name: version for name, version, marker in _pip_entries() if not marker or Marker(marker).evaluate(here)}
    lines = (ENVS / "requirements.in").read_text(encoding="utf-8").splitlines()
    for requirement in (Requirement(line) for line in lines if line and not line.startswith("#")):
        assert locked[canonicalize_name(requirement.name)] in requirement.specifier
    assert ("nvidia-cudnn-cu13" in locked) == (system == "linux")


def _imported(paths: list[Path]) -> set[str]:
    """Packages of others that Python files, and the project's modules behind them, import anywhere."""
    found = set()
    for name in Closure(ROOT).files(paths):
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.split(".")[0])
    return {DISTRIBUTIONS.get(name, name) for name in found - sys.stdlib_module_names - {"supernet"}}


def _programs() -> Mapping[str, set[str]]:
    """The environment of each rule's program, as the rules say."""
    found: dict[str, set[str]] = {name: set() for name in NAMES}
    for file in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^ *rule\b", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            programs = re.findall(r"\{START\} (\w+)", rule)
            for name in re.findall(r'"\.\./\.\./envs/(\w+)\.yaml"', rule):
                found[name] |= set(programs)
            assert not programs or "envs/" in rule, f"{file.name}: {programs} without an environment"
    return found


def test_environments_have_what_their_programs_import() -> None:
    programs = {name: [ROOT / "scripts" / f"{one}.py" for one in ones] for name, ones in _programs().items()}
    assert programs["torch"] and programs["analysis"] and not programs["snakemake"]
    programs["snakemake"] = [ROOT / name for name in SNAKEFILE]
    assert not BY_HAND & {one for paths in programs.values() for one in _imported(paths)}
    for name, paths in programs.items():
        # Networks are imported when they are asked for, and the plan asks for none; pydantic brings its core and
        # typing_extensions.
        needed = _imported(paths) - {"pydantic_core", "typing_extensions"} - (set() if name == "torch" else {"torch"})
        assert {_conda(one) for one in needed} <= _wanted(name).keys(), f"envs/{name}.yaml"


SOLVER = r"""#!/bin/sh
# A conda that installs nothing: it keeps what it was asked to install, and an environment is this interpreter.
case "$1" in
  --version) echo "conda 26.1.0" ;;
  clean) ;;
  info) echo '{"conda_prefix": "HERE", "platform": "linux-64"}' ;;
  config) echo '{"get": {"channel_priority": "strict"}}' ;;
  create)
    while [ $# -gt 0 ]; do
      case "$1" in --file) file=$2 ;; --prefix) prefix=$2 ;; esac
      shift
    done
    mkdir -p "$prefix/bin"
    cp "$file" HERE/asked.txt
    printf '#!/bin/sh\necho "$2" >> HERE/ran.txt\nexec PYTHON "$@"\n' > "$prefix/bin/python"
    chmod +x "$prefix/bin/python" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""


def test_snakemake_installs_the_pin_file_and_runs_jobs_in_it(tmp_path: Path) -> None:
    checkout, here = copy_checkout(tmp_path / "checkout"), tmp_path / "conda"
    (here / "bin").mkdir(parents=True)
    for name, text in {"conda": SOLVER, "activate": 'export PATH="$1/bin:$PATH"\n'}.items():
        (here / "bin" / name).write_text(text.replace("HERE", str(here)).replace("PYTHON", sys.executable))
        (here / "bin" / name).chmod(0o755)
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--sdm", "conda", "--cores", "1", "resources/data/digits.safetensors"],
        cwd=checkout, capture_output=True, text=True,
        env={**os.environ, "PATH": f"{here / 'bin'}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert (here / "asked.txt").read_bytes() == (ENVS / "torch.linux-64.pin.txt").read_bytes()
    assert (checkout / "resources" / "data" / "digits.safetensors").exists()
    assert (here / "ran.txt").exists(), "the job did not run in the environment"
