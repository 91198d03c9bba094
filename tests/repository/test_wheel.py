"""The package that `python -m build` makes, installed in an empty environment and used in an empty folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest
from checkouts import CODE, ROOT

import supernet

SOURCES = (*CODE, "pyproject.toml", "setup.py", "MANIFEST.in", "LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with source distribution and wheel; the wheel is built from the source distribution."""
    copy, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("built")
    for name in SOURCES:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, copy / name)
    ran = subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(copy)],
                         capture_output=True, text=True)  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return out


@pytest.fixture(scope="module")
def command(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `supernet` of an environment that has the wheel, and the packages of this one without its project."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    # Files *.pth of a folder that a file *.pth names are not read, so that the editable project is not found.
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *_site_folders()}
    (site / "packages.pth").write_text("".join(f"{folder}\n" for folder in sorted(folders)))
    return environment / "bin" / "supernet"


def _site_folders() -> set[str]:
    return {entry for entry in sys.path if entry.endswith("site-packages")}


def run(command: Path, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([command, *arguments], cwd=folder, capture_output=True, text=True,
                          env={**environment, "XDG_CACHE_HOME": str(command.parent.parent / "cache")})  # fmt: skip


def test_the_source_distribution_can_be_built_again(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"pyproject.toml", "setup.py", "Snakefile", "workflow/rules/supernets.smk", "scripts/train.py"} <= names
    assert "CITATION.cff" in names


def test_the_package_works_outside_a_clone(command: Path, tmp_path: Path) -> None:
    assert run(command, tmp_path, "--version").stdout == f"supernet {supernet.__version__}\n"
    code = (
        "from supernet import spaces; import numpy; from pathlib import Path; import supernet.site.start\n"
        "print(spaces.load('nasbench201').sample(numpy.random.default_rng(0), 'random_a') is not None)\n"
        "print((Path(spaces.__file__).parents[1] / 'site' / 'templates' / 'base.html').exists(), spaces.__file__)"
    )
    imported = run(command.with_name("python"), tmp_path, "-c", code)
    assert imported.stdout.startswith("True\nTrue ") and str(ROOT) not in imported.stdout, imported.stderr
    # `snakemake --logger supernet`: Snakemake looks for modules with the prefix of its plugins.
    code = (
        "import pkgutil; print([one.name for one in pkgutil.iter_modules() if one.name.startswith('snakemake_logger')])"
    )
    assert run(command.with_name("python"), tmp_path, "-c", code).stdout == "['snakemake_logger_plugin_supernet']\n"


def test_a_study_runs_in_an_empty_folder(command: Path, tmp_path: Path) -> None:
    made = run(command, tmp_path, "run", "--cores", "1", "resources/data/digits.safetensors")
    assert made.returncode == 0 and "Done: 1 job" in made.stdout, made.stdout + made.stderr
    assert (tmp_path / "resources" / "data" / "digits.safetensors.prov.json").exists()
    # The audit finds the code of the record, which is the installed code.
    audited = run(command, tmp_path, "audit", "resources/data/digits.safetensors")
    assert audited.returncode == 0 and "1 intact" in audited.stdout, audited.stdout + audited.stderr
    # A config.yaml in the folder replaces that of the package.
    (tmp_path / "config.yaml").write_text("study: nothing\n")
    wrong = run(command, tmp_path, "plan")
    assert wrong.returncode == 2 and "expected one of cifar10" in wrong.stderr, wrong.stderr


def test_a_study_of_the_folder_extends_one_of_the_package(command: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("study: own\ntitle: Another pool\nextends: mini\nseed: 3\n")
    made = run(command, tmp_path, "run", "--study", "own.yaml", "--cores", "1", "results/own/drawn/nasbench201.parquet")
    assert made.returncode == 0 and "Done: 1 job" in made.stdout, made.stdout + made.stderr
    planned = run(command, tmp_path, "plan", "--study", "own.yaml", "--no-calibration").stdout
    assert "\nown extends mini and changes 1 of its values:\n  seed: 20 → 3\n" in planned


@pytest.mark.parametrize("arguments", [["reference", "--check"], ["resume"]], ids=" ".join)
def test_commands_that_need_a_clone_say_so(arguments: list[str], command: Path, tmp_path: Path) -> None:
    ran = run(command, tmp_path, *arguments)
    assert ran.returncode == 2 and "clone the repository and run the command there" in ran.stderr


def test_without_a_writable_cache_the_variable_is_named(command: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file")}
    environment.pop("PYTHONPATH", None)
    ran = subprocess.run([command, "plan"], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert ran.returncode == 2 and "set XDG_CACHE_HOME" in ran.stderr and "Traceback" not in ran.stderr
