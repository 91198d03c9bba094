"""The tutorial, word for word: its blocks are carried out in their order in a copy of the checkout."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from checkouts import copy_checkout

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
STUDY = Path("workflow", "studies", "tutorial.yaml")
RUNS = Path("results", "tutorial", "runs", "nasbench201")


def lesson(title: str) -> str:
    """The part of the page under the heading that starts so."""
    (found,) = [part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE) if part.startswith(title)]
    return found


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Language and content of the fenced blocks."""
    yield from re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def changed(text: str) -> list[str]:
    """Files that the lesson's changes touch."""
    changes = [content for language, content in blocks(text) if language == "diff"]
    return [name for content in changes for name in re.findall(r"\+\+\+ b/(.+)", content)]


class Reader:
    """Does what the page says in a checkout."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.said = ""

    def follow(self, title: str) -> None:
        """All blocks of a lesson, in their order."""
        for language, content in blocks(lesson(title)):
            getattr(self, f"_{language}")(content)

    def made(self, name: str | Path) -> Path:
        return self.checkout / name

    def _yaml(self, content: str) -> None:
        self.made(STUDY).write_text(content, encoding="utf-8")

    def _diff(self, content: str) -> None:
        self._run(["git", "apply", "--whitespace=nowarn", "-"], content)

    def _python(self, content: str) -> None:
        self._run([sys.executable, "-c", content])

    def _sh(self, content: str) -> None:
        program, *arguments = shlex.split(content)
        assert program == ".venv/bin/snakemake"
        self._run([sys.executable, "-m", "snakemake", *arguments])

    def _run(self, command: list[str], text: str | None = None) -> None:
        ran = subprocess.run(command, cwd=self.checkout, input=text, capture_output=True, text=True)
        self.said = ran.stdout + ran.stderr
        assert ran.returncode == 0, f"{command}: {self.said[-3000:]}"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    found = Reader(copy_checkout(tmp_path_factory.mktemp("tutorial")))
    found.follow("A study to play with")
    return found


def trained(reader: Reader) -> set[str]:
    """The runs that the last command trained."""
    return set(re.findall(r"Super-net of (\S+, \S+), seed 0: training", reader.said))


def python(reader: Reader, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(reader.checkout)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=reader.checkout, capture_output=True, text=True, env=environment)


def points(reader: Reader, factor: str) -> set[str]:
    """The values that the figure of a factor shows."""
    drawn = pd.read_csv(reader.made(f"results/tutorial/figures/{factor}.csv"), dtype=str)
    return {value for value in drawn["value"] if re.fullmatch(r"[\d.]+", value)}


def test_lessons_1_to_3(reader: Reader) -> None:
    """One test: each lesson starts where the one before has ended."""
    assert trained(reader) == {"nasbench201, baseline", "nasbench201, learning_rate=0.1"}
    assert points(reader, "learning_rate") == {"0.025", "0.1"}

    reader.follow("1. Add a value")
    assert trained(reader) == {"nasbench201, learning_rate=0.2"}
    assert points(reader, "learning_rate") == {"0.025", "0.1", "0.2"}

    reader.follow("2. Add a heuristic")
    assert len(trained(reader)) == 4, "the config of every run has the new key"
    baseline, smoothed = (
        pd.read_parquet(reader.made(RUNS / name / "seed0" / "curve.parquet"))
        for name in ("baseline", "label_smoothing=0.3")
    )
    # A smoothed target has an entropy of its own; both trainings start from the same weights.
    assert smoothed["loss"].iloc[0] > baseline["loss"].iloc[0]
    assert smoothed["learning_rate"].tolist() == baseline["learning_rate"].tolist()
    table = reader.made("results/tutorial/tables/label_smoothing.md").read_text(encoding="utf-8")
    assert "Label smoothing" in table and points(reader, "label_smoothing") == {"0.0", "0.3"}
    assert reader.made("results/tutorial/figures/label_smoothing.png").stat().st_size > 10_000

    # What declares the factor also validates it.
    wrong = reader.made(STUDY).read_text(encoding="utf-8").replace("[0.3]", "[1.5]")
    reader.made("wrong/tutorial.yaml").parent.mkdir()
    reader.made("wrong/tutorial.yaml").write_text(wrong, encoding="utf-8")
    refused = python(reader, "-m", "snakemake", "-n", "--cores", "1", "--config", "study=wrong/tutorial.yaml")
    assert refused.returncode != 0 and "label_smoothing" in refused.stderr and "less than 1" in refused.stderr

    reader.follow("3. Use your own")
    pool = pd.read_parquet(reader.made("results/tutorial/pools/nasbench201.parquet"))
    assert len(pool) == 6 and pool["truth"].between(0, 1).all()
    audit = python(reader, "scripts/audit.py", "--study", "tutorial", "results/tutorial/pools/nasbench201.parquet")
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_a_heuristic_touches_two_files_of_the_project() -> None:
    assert changed(lesson("2. Add a heuristic")) == ["supernet/setting.py", "supernet/train.py", str(STUDY)]
