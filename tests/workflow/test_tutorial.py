"""The tutorial, word for word: its blocks run in order in a copy of the checkout."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import ROOT, copy_checkout

PAGE = (ROOT / "docs" / "start" / "tutorial.md").read_text(encoding="utf-8")
STUDY = Path("workflow", "studies", "tutorial.yaml")
RUNS = Path("results", "tutorial", "runs", "nasbench201")


def lesson(title: str) -> str:
    """Return the part of the page under the heading that starts with this text."""
    (found,) = [part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE) if part.startswith(title)]
    return found


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Return language and content of the fenced blocks."""
    yield from re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def changed(text: str) -> list[str]:
    """Return the files that the lesson changes."""
    changes = [content for language, content in blocks(text) if language == "diff"]
    return [name for content in changes for name in re.findall(r"\+\+\+ b/(.+)", content)]


class Reader:
    """Follows the instructions of the page in a checkout."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.said = ""

    def follow(self, title: str) -> None:
        """Run all blocks of a lesson in order."""
        for language, content in blocks(lesson(title)):
            getattr(self, f"_{language}")(content)

    def made(self, name: str | Path) -> Path:
        return self.checkout / name

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the checkout, from which a user's package is installed."""
        return self._call([sys.executable, *arguments])

    def _yaml(self, content: str) -> None:
        name = yaml.safe_load(content)["study"]
        self.made(f"workflow/studies/{name}.yaml").write_text(content, encoding="utf-8")

    def _diff(self, content: str) -> None:
        self._run(["git", "apply", "--whitespace=nowarn", "-"], content)

    def _python(self, content: str) -> None:
        if named := re.match(r"# (\S+\.py)\n", content):
            file = self.made(named[1])
            file.parent.mkdir(exist_ok=True)
            file.write_text(content, encoding="utf-8")
        else:
            self._run([sys.executable, "-c", content])

    def _sh(self, content: str) -> None:
        program, *arguments = shlex.split(content)
        modules = {".venv/bin/snakemake": ["-m", "snakemake"], ".venv/bin/supernet": ["-m", "supernet"]}
        started = {**modules, ".venv/bin/python": []}[program]
        self._run([sys.executable, *started, *arguments])

    def _run(self, command: list[str], text: str | None = None) -> None:
        ran = self._call(command, text)
        self.said = ran.stdout + ran.stderr
        assert ran.returncode == 0, f"{command}: {self.said[-3000:]}"

    def _call(self, command: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(self.checkout)}
        return subprocess.run(command, cwd=self.checkout, input=text, capture_output=True, text=True, env=environment)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(copy_checkout(tmp_path / "checkout"))


def trained(reader: Reader) -> set[str]:
    """Return the runs that the last command trained."""
    return set(re.findall(r"Super-net of (\S+, \S+), seed 0: training", reader.said))


def points(reader: Reader, factor: str) -> set[str]:
    """Return the values that the figure of a factor shows."""
    drawn = pd.read_csv(reader.made(f"results/tutorial/figures/{factor}.csv"), dtype=str)
    return {value for value in drawn["value"] if re.fullmatch(r"[\d.]+", value)}


def test_a_value_and_a_heuristic(reader: Reader) -> None:
    """One test, because lesson 2 starts where lesson 1 ends."""
    reader.follow("A study to play with")
    assert trained(reader) == {"nasbench201, baseline", "nasbench201, learning_rate=0.1"}
    assert points(reader, "learning_rate") == {"0.025", "0.1"}

    reader.follow("1. Add a value")
    assert trained(reader) == {"nasbench201, learning_rate=0.2"}
    assert points(reader, "learning_rate") == {"0.025", "0.1", "0.2"}

    reader.follow("2. Add a heuristic")
    assert trained(reader) == {"nasbench201, label_smoothing=0.3"}, "a key at its default changes no run"
    baseline, smoothed = (
        pd.read_parquet(reader.made(RUNS / name / "seed0" / "curve.parquet"))
        for name in ("baseline", "label_smoothing=0.3")
    )
    # A smoothed target has a different entropy; both trainings start from the same weights.
    assert smoothed["loss"].iloc[0] > baseline["loss"].iloc[0]
    assert smoothed["learning_rate"].tolist() == baseline["learning_rate"].tolist()
    table = reader.made("results/tutorial/tables/label_smoothing.md").read_text(encoding="utf-8")
    assert "Label smoothing" in table and points(reader, "label_smoothing") == {"0.0", "0.3"}
    assert reader.made("results/tutorial/figures/label_smoothing.png").stat().st_size > 10_000

    # The declaration of the factor also validates it.
    wrong = reader.made(STUDY).read_text(encoding="utf-8").replace("[0.3]", "[1.5]")
    reader.made("wrong/tutorial.yaml").parent.mkdir()
    reader.made("wrong/tutorial.yaml").write_text(wrong, encoding="utf-8")
    refused = reader.python("-m", "snakemake", "-n", "--cores", "1", "--config", "study=wrong/tutorial.yaml")
    assert refused.returncode != 0 and "label_smoothing" in refused.stderr and "less than 1" in refused.stderr


def test_a_data_set(reader: Reader) -> None:
    reader.follow("3. Use your own")
    assert "intact" in reader.said
    # The images have only noise and a brighter half: wrongly read labels or pixels give an accuracy of one half.
    scores = pd.read_parquet(reader.made("results/halves/runs/nasbench201/baseline/seed0/scores.parquet"))
    pool = pd.read_parquet(reader.made("results/halves/pools/nasbench201.parquet"))
    assert len(pool) == scores["arch_id"].nunique() == 6
    assert scores["accuracy"].max() > 0.9 and pool["truth"].max() > 0.9
    table = reader.made("results/halves/tables/correlations.md").read_text(encoding="utf-8")
    assert "Images whose right half may be brighter (halves)" in table

    changed_file = reader.made("resources/downloads/halves.safetensors")
    changed_file.write_bytes(changed_file.read_bytes()[:-1] + b"\1")
    audit = reader.python("-m", "supernet", "audit", "--study", "halves", "results/halves/metrics.parquet")
    assert audit.returncode == 1 and "halves.safetensors" in audit.stdout


def test_a_space(reader: Reader) -> None:
    reader.follow("4. Add a space")
    assert trained(reader) == {"toy, baseline", "toy, path_sampling=fairnas"}
    pool = pd.read_parquet(reader.made("results/toy/pools/toy.parquet"))
    assert pool["arch_id"].nunique() == 8 and pool["truth"].between(0.1, 1).all()
    for setting in ("baseline", "path_sampling=fairnas"):
        scores = pd.read_parquet(reader.made(f"results/toy/runs/toy/{setting}/seed0/scores.parquet"))
        assert set(scores["arch_id"]) == set(pool["arch_id"])
        assert scores["accuracy"].max() > 0.3, "ten classes: something is learnt"
    metrics = pd.read_parquet(reader.made("results/toy/metrics.parquet"))
    assert metrics.loc[metrics["metric"] == "kdt", "estimate"].between(-1, 1).all()
    drawn = pd.read_csv(reader.made("results/toy/figures/path_sampling.csv"))
    assert {"random_a", "fairnas"} <= set(drawn["value"])
    assert "Toy" in reader.made("results/toy/tables/path_sampling.md").read_text(encoding="utf-8")

    # The facts in the class of the space apply to study files.
    for wrong, message in (
        ("ofa_kernel: [crop]", "toy does not have this factor"),
        ("path_sampling: [random_nas]", "law"),
    ):
        text = reader.made("workflow/studies/toy.yaml").read_text(encoding="utf-8")
        reader.made("wrong/toy.yaml").parent.mkdir(exist_ok=True)
        reader.made("wrong/toy.yaml").write_text(text.replace("path_sampling: [fairnas]", wrong), encoding="utf-8")
        refused = reader.python("-m", "snakemake", "-n", "--cores", "1", "--config", "study=wrong/toy.yaml")
        assert refused.returncode != 0 and message in refused.stderr


def test_a_space_is_a_folder_and_a_name_in_a_table() -> None:
    assert changed(lesson("4. Add a space")) == ["supernet/spaces/__init__.py"]


def test_a_data_set_is_an_entry_in_two_tables() -> None:
    assert changed(lesson("3. Use your own")) == ["workflow/sources.yaml", "supernet/config/datasets.py"]


def test_a_heuristic_touches_two_files_of_the_project() -> None:
    assert changed(lesson("2. Add a heuristic")) == [
        "supernet/config/factors.py",
        "supernet/training/trainer.py",
        str(STUDY),
    ]
