"""scripts/published.py: from a mirror and a source file to a table, with its provenance."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkouts import ROOT
from published_formats import nds_entry, nds_zip

from supernet import spaces
from supernet.errors import UserError
from supernet.provenance.hashes import digests
from supernet.published.about import read_about
from supernet.published.readers import read
from supernet.published.table import PublishedTable

GENOTYPE = {
    "normal": [["sep_conv_3x3", 0], ["none", 1]] * 4,
    "normal_concat": [2, 3, 4, 5],
    "reduce": [["max_pool_3x3", 0], ["skip_connect", 1]] * 4,
    "reduce_concat": [2, 3, 4, 5],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mirror with the archive of NDS, and a source file that names it."""
    path = tmp_path / "mirror" / "nds" / "data.zip"
    path.parent.mkdir(parents=True)
    files = {"DARTS_fix-w-d.json": [nds_entry(GENOTYPE, 5.0)], "DARTS.json": [nds_entry(GENOTYPE, 25.0)]}
    nds_zip(path, files)
    file = {
        "path": "nds/data.zip",
        "title": "networks",
        "licence": "MIT",
        "source": "a repository",
        "manual": "ask for it",
        "hash": digests(path, ["sha256"]),
        "size": path.stat().st_size,
    }
    table = {"title": "DARTS", "space": "darts", "dataset": "cifar10", "forms": {"nds_json": ["nds"]}}
    sources = {"files": {"nds": file}, "tables": {"darts-nds": table, "darts-nds-varied": table}, "datasets": {}}
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump(sources))
    return tmp_path


def run(folder: Path, table: str, mirror: Path | None) -> "subprocess.CompletedProcess[str]":
    arguments = {
        "--table": table,
        "--sources": folder / "sources.yaml",
        "--downloads": folder / "downloads",
        "--mirror": "" if mirror is None else mirror,
        "--lock": folder / "lock.json",
        "--output": folder / f"{table}.parquet",
    }
    command = [sys.executable, "scripts/published.py", *(str(part) for pair in arguments.items() for part in pair)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": _path()})


def _path() -> str:
    # The program needs this checkout, whatever is installed, and no mirror but the one it is given.
    return ":".join([str(ROOT), *filter(None, sys.path)])


@pytest.mark.parametrize(("table", "accuracy"), [("darts-nds", 0.95), ("darts-nds-varied", 0.75)])
def test_table_with_its_provenance(folder: Path, table: str, accuracy: float) -> None:
    done = run(folder, table, folder / "mirror")
    assert done.returncode == 0, done.stderr
    output = folder / f"{table}.parquet"
    made, about = PublishedTable.load(output), read_about(output)
    assert made.test_acc.tolist() == [accuracy]
    expected = digests(folder / "mirror" / "nds" / "data.zip", ["sha256"])["sha256"]
    (file,) = about.files
    assert (about.table, about.form, file.file, file.algorithm, file.digest) == (
        table,
        "nds_json",
        "data.zip",
        "sha256",
        expected,
    )
    assert str(folder / "mirror") in file.origin and file.licence == "MIT" and file.source == "a repository"
    assert (about.rows, about.size, about.complete, about.uniform_rows) == (1, 5_000, False, 1)
    assert f"{table}, form nds_json: 1 of 5000 architectures" in done.stdout


def test_without_any_form_the_error_says_what_to_do(folder: Path) -> None:
    done = run(folder, "darts-nds", None)
    assert done.returncode == 2 and not (folder / "darts-nds.parquet").exists()
    assert "ask for it" in done.stderr


def test_unknown_table(folder: Path) -> None:
    done = run(folder, "darts", folder / "mirror")
    assert done.returncode == 2 and "'darts'" in done.stderr and "darts-nds" in done.stderr


def test_every_form_of_the_sources_has_a_reader() -> None:
    """The reader is found, and stops at the file, which does not exist."""
    sources: Any = yaml.safe_load((ROOT / "workflow" / "sources.yaml").read_text())
    for name, table in sources["tables"].items():
        for form, of_form in table["forms"].items():
            with pytest.raises((UserError, FileNotFoundError), match=r"absent|nats_bench is not installed"):
                files = [Path("absent")] * (1 if isinstance(of_form, str) else len(of_form))
                read(name, table["space"], table["dataset"], form, *files)


def test_a_form_with_another_number_of_files() -> None:
    with pytest.raises(UserError, match="table one: forms: mirror_runs: found 1 files; its reader expects 2"):
        read("one", "nasbench201", "cifar10", "mirror_runs", Path("absent"))


def test_unknown_form() -> None:
    with pytest.raises(UserError, match="table darts-nds: found the form 'csv' of darts; there are readers for "):
        read("darts-nds", "darts", "cifar10", "csv", Path("absent"))


def test_genotype_of_this_test_is_one_of_the_space() -> None:
    spaces.load("darts").parse(json.loads(json.dumps(GENOTYPE)))
