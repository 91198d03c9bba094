"""A finished study that is continued elsewhere, from an archive or a copy, as Snakemake runs it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import copy_checkout
from small_study import STUDY

IMAGES = "resources/data/digits.safetensors"
BASELINE = "results/tiny/runs/nasbench201/baseline/seed0"


class Clone:
    """A copy of the checkout with the study."""

    def __init__(self, folder: Path) -> None:
        self.folder = copy_checkout(folder)
        (folder / "tiny.yaml").write_text(STUDY)

    def edit(self, old: str, new: str, file: str = "tiny.yaml") -> None:
        path = self.folder / file
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))

    def call(self, *arguments: str) -> str:
        """Run a module of Python, which must succeed; returns what it has printed."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        ran = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
        return ran.stdout + ran.stderr

    def supernet(self, name: str, *arguments: str) -> str:
        return self.call("supernet", name, "--study", "tiny.yaml", *arguments)

    def snakemake(self, *arguments: str) -> str:
        return self.call("snakemake", "--cores", "2", *arguments, "--config", "study=tiny.yaml")

    def unpack(self, archive: Path) -> None:
        self.call("supernet", "unpack", str(archive))

    def jobs(self) -> list[str]:
        """The rules of the jobs that the last `supernet run` has finished."""
        log = (self.folder / "state" / "tiny" / "run.log").read_text()
        return re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", log)

    def planned(self, said: str) -> dict[str, int]:
        """The jobs of a dry run by rule."""
        if "Nothing to do" in said:
            return {}
        table = said.split("Job stats:")[1].split("\n\n")[0]
        return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which the study has run."""
    clone = Clone(tmp_path_factory.mktemp("finished") / "clone")
    clone.supernet("run", "--cores", "2")
    return clone


@pytest.fixture(scope="module")
def archive(finished: Clone) -> Path:
    """The archive of the study."""
    path = finished.folder.parent / "tiny.tar.zst"
    finished.supernet("archive", "--output", str(path))
    return path


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A fresh clone with the unpacked archive, without weights and data."""
    clone = Clone(tmp_path_factory.mktemp("unpacked") / "clone")
    clone.unpack(archive)
    return clone


def test_results_that_snakemake_has_made_are_not_compared(finished: Clone) -> None:
    script = (
        "import supernet.audit.study_audit as audit, supernet.launcher.continuation as one, argparse;"
        "names = dict.fromkeys(audit.KEYS) | {'study': 'tiny.yaml'};"
        "plan = audit.load_plan(argparse.Namespace(**names));"
        "print(len(one.Continuation(plan, ('study=tiny.yaml',), ()).untracked))"
    )
    environment = {**os.environ, "PYTHONPATH": str(finished.folder)}
    ran = subprocess.run([sys.executable, "-c", script], cwd=finished.folder, env=environment, capture_output=True)
    assert ran.stdout == b"0\n", ran.stderr


class TestUnpacked:
    """The tests of one clone, in their order."""

    def test_they_are_intact_without_weights_and_data(self, finished: Clone, unpacked: Clone) -> None:
        digest = re.compile(r"root digest of study tiny, of all its results: ([0-9a-f]{64})")
        said = unpacked.supernet("audit")
        assert "data left out: 5 of these files" in said
        assert digest.findall(said) == digest.findall(finished.supernet("audit")) != []

    def test_they_are_up_to_date(self, unpacked: Clone) -> None:
        assert "Nothing to do: all results are up to date" in unpacked.supernet("run")
        assert not (unpacked.folder / IMAGES).exists()

    def test_one_more_value_trains_one_super_net(self, unpacked: Clone) -> None:
        unpacked.edit("learning_rate: [0.1]", "learning_rate: [0.1, 0.2]")
        planned = unpacked.supernet("plan", "--no-calibration")
        assert "1 of 3 super-nets and 0 of 4 stand-alone networks would be trained" in planned
        assert f"{IMAGES} is missing. `supernet run` makes it first." in planned
        before = {path: path.read_bytes() for path in unpacked.folder.rglob("runs/**/scores.parquet")}
        said = unpacked.supernet("run", "--cores", "2")
        done = unpacked.jobs()
        assert (done.count("data"), done.count("train"), done.count("score")) == (1, 1, 1)
        assert {"truth", "pool", "pool_truth", "search"}.isdisjoint(done) and {"metrics", "effects"} <= set(done)
        new = "results/tiny/runs/nasbench201/learning_rate=0.2/seed0"
        assert f"  metrics: made without {new}/scores.parquet, {new}/run.json\n" in said
        assert "spaces.nasbench201.sweep.learning_rate: [0.1] → [0.1, 0.2]" in said
        assert f"{IMAGES}: has the content from which the results were made" in said
        assert "Done: " in said
        assert len(before) == 2 and {path: path.read_bytes() for path in before} == before

    def test_they_are_then_up_to_date_and_intact(self, unpacked: Clone) -> None:
        assert "Nothing to do" in unpacked.supernet("run")
        assert "data left out: 4 of these files" in unpacked.supernet("audit")

    def test_images_that_are_made_again_change_nothing(self, unpacked: Clone) -> None:
        (unpacked.folder / IMAGES).unlink()
        unpacked.snakemake(IMAGES)
        assert "Nothing to do" in unpacked.supernet("run")

    def test_other_images_change_everything_that_depends_on_them(self, unpacked: Clone) -> None:
        (unpacked.folder / IMAGES).unlink()
        unpacked.edit("(255 / 16)", "(240 / 16)", "scripts/data.py")
        unpacked.snakemake(IMAGES)
        said = unpacked.supernet("run", "--", "--dry-run")
        found = unpacked.planned(said)
        assert (found["train"], found["score"], found["truth"], found["search"]) == (3, 3, 1, 1)
        assert "data" not in found and "pool" not in found
        assert f"made with another content of {IMAGES}" in said


def test_a_copy_without_the_folder_of_snakemake_is_compared(finished: Clone, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    for name in ("results", "resources"):
        shutil.copytree(finished.folder / name, clone.folder / name)
    assert clone.planned(clone.supernet("run", "--", "--dry-run")) == {}
    clone.edit("baseline: {channels: 4, layers: 1, epochs: 1", "baseline: {channels: 4, layers: 1, epochs: 2")
    clone.edit("metrics: {top: 2, resamples: 100}", "metrics: {top: 2, resamples: 150}")
    said = clone.supernet("run", "--", "--dry-run")
    found = clone.planned(said)
    assert (found["train"], found["score"], found["metrics"]) == (2, 2, 1) and "truth" not in found
    assert "2 super-nets" in said and "spaces.nasbench201.baseline.epochs: 1 → 2" in said
    assert "metrics.resamples: 100 → 150" in said
