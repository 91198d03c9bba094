"""A committed archive is unpacked, audited, drawn again and compared, as `make reproduce` does in a fresh clone."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard
from checkouts import copy_checkout
from small_study import STUDY

from supernet.provenance.record import digest, record_path

STUDY_FILE = "workflow/studies/tiny.yaml"
ARCHIVE = "results/tiny.tar.zst"
PICTURE = "results/tiny/figures/learning_rate.png"


class Clone:
    """A clone of a repository with the study and, once there is one, its archive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        ran = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return ran.stdout.strip()

    def commit(self) -> str:
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "state")
        return self.git("rev-parse", "HEAD")

    def cloned(self, folder: Path) -> "Clone":
        subprocess.run(["git", "clone", "--quiet", self.folder, folder], check=True)
        return Clone(folder)

    def supernet(self, *arguments: str, code: int = 0) -> str:
        """Run a command, which must end with `code`; returns what it has printed."""
        command = [sys.executable, "-m", "supernet", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        ran = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        assert ran.returncode == code, ran.stdout[-4000:] + ran.stderr[-4000:]
        return ran.stdout + ran.stderr

    def reproduce(self, *arguments: str, code: int = 0) -> str:
        return self.supernet("reproduce", *arguments, "--cores", "2", code=code)

    def archive(self) -> None:
        self.supernet("archive", "--study", "tiny", "--output", ARCHIVE)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))

    def bytes_of_results(self) -> dict[str, bytes]:
        folder = self.folder / "results"
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A repository in which the study has run, and whose last commit has its archive."""
    clone = Clone(copy_checkout(tmp_path_factory.mktemp("finished") / "clone"))
    (clone.folder / STUDY_FILE).write_text(STUDY)
    (clone.folder / ".gitignore").write_text(
        "/results/*\n!/results/*.tar.zst\n/resources/\n/state/\n/build/\n.snakemake/\n"
    )
    clone.git("init", "--quiet")
    clone.commit()
    clone.supernet("run", "--study", "tiny", "--cores", "2")
    clone.archive()
    clone.commit()
    return clone


@pytest.fixture(scope="module")
def fresh(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which nothing has run."""
    return finished.cloned(tmp_path_factory.mktemp("fresh") / "clone")


class TestFreshClone:
    """The tests of one clone, in their order."""

    def test_all_files_are_identical(self, finished: Clone, fresh: Clone) -> None:
        root = re.search("root digest of study tiny.*: ([0-9a-f]{64})", finished.supernet("audit", "--study", "tiny"))
        made_by = finished.git("rev-parse", "HEAD^")
        said = fresh.reproduce()
        assert re.search(r"audit: \d+ intact, 0 stale, 0 broken \(5 files left out\)", said)
        assert re.search(rf"^code: \d+ results made by the code of commit {made_by[:12]}, which this repo", said, re.M)
        drawn = re.search(r"^tables and figures: (\d+) of (\d+) files identical", said, re.M)
        kept = [*fresh.folder.glob("results/tiny/tables/*"), *fresh.folder.glob("results/tiny/figures/*")]
        assert drawn and drawn[1] == drawn[2] == str(sum(not path.name.endswith(".prov.json") for path in kept))
        assert "metrics and effects: 2 of 2 files identical" in said
        assert root and f"root digest of study tiny: {root[1]}" in said
        assert f"{ARCHIVE}: SHA-256 " in said and "to continue the study: supernet run --study tiny\n" in said

    def test_nothing_was_trained_or_downloaded(self, fresh: Clone) -> None:
        folder = fresh.folder / "build/reproduce/results/tiny/logs"
        assert {path.relative_to(folder).parts[0].removesuffix(".log") for path in folder.rglob("*.log")} == {
            "effects",
            "figure",
            "table",
        }
        assert not list((fresh.folder / "resources").rglob("*.safetensors"))
        assert not list((fresh.folder / "build").rglob("weights.safetensors"))

    def test_metrics_too_where_the_images_exist_and_results_are_not_touched(self, fresh: Clone) -> None:
        images = "resources/data/digits.safetensors"
        command = [sys.executable, "-m", "snakemake", "--cores", "1", images]
        subprocess.run(command, cwd=fresh.folder, check=True, capture_output=True)
        before = fresh.bytes_of_results()
        said = fresh.reproduce("tiny")
        assert "already unpacked" in said and "metrics and effects: 5 of 5 files identical" in said
        assert fresh.bytes_of_results() == before

    def test_other_results_in_its_place_are_kept(self, fresh: Clone) -> None:
        path = fresh.folder / PICTURE
        before = path.read_bytes()
        path.write_bytes(b"mine")
        said = fresh.reproduce(code=2)
        assert f"{PICTURE}: exists with a different content than in {ARCHIVE}" in said
        assert path.read_bytes() == b"mine"
        path.write_bytes(before)


def test_results_of_earlier_code_are_reported_and_no_failure(finished: Clone, tmp_path: Path) -> None:
    clone, made_by = finished.cloned(tmp_path / "clone"), finished.git("rev-parse", "HEAD^")
    for module in ("supernet/training/trainer.py", "supernet/metrics/study_effects.py"):
        path = clone.folder / module
        path.write_text(f"{path.read_text()}\n_LATER = 1\n")
    clone.commit()
    said = clone.reproduce(ARCHIVE)
    assert re.search(r"  stale: \d+ files?: code changed: supernet/training/trainer\.py", said)
    assert "made by earlier code or in another environment; this is not a failure" in said
    assert f"made by the code of commit {made_by[:12]}, which this repository has\n" in said
    assert f"{ARCHIVE}: reproduced (" in said


def test_code_that_draws_otherwise_is_the_cause_of_a_difference(finished: Clone, tmp_path: Path) -> None:
    clone = finished.cloned(tmp_path / "clone")
    clone.edit("supernet/paper/style.py", "PNG_DPI = 200", "PNG_DPI = 100")
    said = clone.reproduce(code=1)
    assert re.search(rf"^differs: {PICTURE}: code changed: supernet/paper/style\.py$", said, re.M)
    assert re.search(rf"^{ARCHIVE}: \d+ files differ ", said, re.M)


def forge(clone: Clone, name: str, content: bytes) -> None:
    """Replace a result and its record, so that they fit each other."""
    path = clone.folder / name
    path.write_bytes(content)
    record: dict[str, Any] = json.loads(record_path(path).read_text())
    record["made"] |= {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    record["digest"] = digest(record["made"])
    record["seal"] = digest({key: value for key, value in record.items() if key != "seal"})
    record_path(path).write_text(json.dumps(record))


def test_a_picture_that_was_forged_with_its_record_is_found(finished: Clone, tmp_path: Path) -> None:
    """The audit finds nothing: no other file is made from a picture."""
    forger = finished.cloned(tmp_path / "forger")
    forger.supernet("unpack", ARCHIVE)
    forge(forger, PICTURE, (forger.folder / PICTURE).read_bytes() + b"x")
    (forger.folder / ARCHIVE).unlink()
    forger.archive()
    forger.commit()
    said = forger.cloned(tmp_path / "reader").reproduce(code=1)
    assert ", 0 stale, 0 broken" in said
    assert f"differs: {PICTURE}: code, packages and inputs are those in its record" in said


def test_a_broken_archive_is_refused(finished: Clone, tmp_path: Path) -> None:
    clone = finished.cloned(tmp_path / "clone")
    path = clone.folder / ARCHIVE
    content = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    caption = re.search(rb"Learning rate[^\n]{20,}", content)
    assert caption
    other = content[: caption.start()] + b"l" + content[caption.start() + 1 :]
    path.write_bytes(zstandard.ZstdCompressor().compress(other))
    said = clone.reproduce(code=2)
    assert "its content differs from its record" in said and "nothing was unpacked" in said
    assert not (clone.folder / "results" / "tiny").exists()


def test_a_clone_without_archives_says_so(finished: Clone, tmp_path: Path) -> None:
    clone = finished.cloned(tmp_path / "clone")
    assert "results/other.tar.zst: no such archive" in clone.reproduce("other", code=2)
    (clone.folder / ARCHIVE).unlink()
    assert "results: found no archive; expected files of `supernet archive`" in clone.reproduce(code=2)
