"""The source file of the project, and errors for mistakes in it."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from checkouts import ROOT
from mirror import mirror
from published_formats import nas_benchmark_pickle, swap_csv

from supernet.config.datasets import DATASETS, PUBLISHED, TABLES
from supernet.data.readers import READERS
from supernet.download.sources import Sources, load_sources
from supernet.errors import UserError
from supernet.provenance.hashes import digests

PATH = ROOT / "workflow" / "sources.yaml"
FULL_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")

__all__ = ["mirror"]


@pytest.fixture(scope="module")
def sources() -> Sources:
    return load_sources(PATH)


# The project's sources


def test_tables_and_data_sets_are_those_that_were_published(sources: Sources) -> None:
    for space, tables in TABLES.items():
        assert {name for name, table in sources.tables.items() if table.space == space} == set(tables)
        assert {sources.table(name).dataset for name in PUBLISHED[space]} <= {"cifar10"}
    assert list(sources.datasets) == ["cifar10", "cifar10-jpeg", "cifar10-first4000", "cifar100", "svhn"]
    assert [form.form for form in sources.table("nasbench101").forms] == ["tfrecord", "nasgraph_csv", "mirror"]
    assert sources.table("nasbench101").forms[0].file == "nasbench101-tfrecord"
    (jpeg,) = sources.forms(sources.dataset("cifar10-jpeg")).values()
    assert [file.name for file in jpeg] == ["cifar10-jpeg-train.parquet", "cifar10-jpeg-test.parquet"]


def test_only_a_file_without_a_public_hash_is_trusted_on_first_use(sources: Sources) -> None:
    assert [name for name, file in sources.files.items() if not file.hash.given] == ["nds"]


def test_every_file_is_of_use(sources: Sources) -> None:
    published = [*sources.tables.values(), *sources.datasets.values()]
    used = {name for one in published for form in one.forms for name in form.files}
    assert used == set(sources.files)


def test_every_form_of_images_has_a_reader_and_every_data_set_a_source(sources: Sources) -> None:
    forms = {form.form for dataset in sources.datasets.values() for form in dataset.forms}
    assert forms <= set(READERS) and set(sources.datasets) == set(DATASETS) - {"digits"}


def test_addresses_are_encrypted_or_pinned_and_name_full_commits(sources: Sources) -> None:
    for name, file in sources.files.items():
        for url in file.urls:
            assert url.startswith("https://") or file.hash.sha256, name
            assert "github" not in url or FULL_COMMIT.search(url), name
            # A blob that is requested by its content hash is the expected one.
            assert "/git/blobs/" not in url or url.endswith(f"/{file.hash.git_blob}"), name


@pytest.mark.benchmarks
def test_pins_are_those_of_the_mirrors_files(sources: Sources, mirror: Path) -> None:
    files = [file for file in sources.files.values() if (mirror / file.path).exists()]
    assert len(files) >= 3
    for file in files:
        assert digests(mirror / file.path, file.hash.given) == file.hash.given
        assert (mirror / file.path).stat().st_size <= file.limit


@pytest.mark.benchmarks
def test_the_pin_of_nas_bench_macro_is_that_of_its_numbers(sources: Sources, mirror: Path) -> None:
    """The mirror's table has the numbers of the official JSON file in its order, so they reproduce its bytes."""
    official = {}
    for row in pq.read_table(mirror / sources.file("macro-mirror").path).to_pylist():
        runs = [row[f"test_acc_{run}"] for run in range(3)]
        spread = {"mean_acc": row["mean_acc"], "std": float(np.std(runs))}
        official[row["arch"]] = {"test_acc": runs, **spread, "params": row["params"], "flops": row["flops"]}
    content = json.dumps(official).encode()
    file = sources.file("macro-json")
    assert hashlib.sha256(content).hexdigest() == file.hash.sha256
    assert hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.hash.git_blob
    assert len(content) == file.size


@pytest.mark.benchmarks
def test_the_pins_of_darts_are_those_of_its_numbers(sources: Sources, mirror: Path) -> None:
    """Two of the official files follow from the mirror's tables; the others have columns that these lack."""
    swap, random = (pd.read_parquet(mirror / "benchmarks" / f"darts_{name}.parquet") for name in ("swap1000", "214"))
    made = {
        "darts-swap-csv": swap_csv(zip(swap["genotype"], swap["cifar10_valid_acc"].tolist(), strict=True)),
        "darts-214-genotypes": nas_benchmark_pickle(zip(random["genotype"], random["listed"].tolist(), strict=True)),
    }
    for name, content in made.items():
        file = sources.file(name)
        assert hashlib.sha256(content).hexdigest() == file.hash.sha256
        assert hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.hash.git_blob
        assert len(content) == file.size


# Mistakes


def written(tmp_path: Path, **changes: Any) -> Path:
    """Write a source file with one valid file, of which some keys are changed; None removes a key."""
    file = {"path": "a/b.csv", "title": "t", "licence": "l", "source": "s", "urls": ["https://host/b"], "max_size": 9}
    file = {key: value for key, value in (file | changes).items() if value is not None}
    table = {"title": "t", "space": "s", "dataset": "d", "forms": {"csv": "good"}}
    text = yaml.safe_dump({"files": {"good": file}, "tables": {"t": table}, "datasets": {}}, sort_keys=False)
    (tmp_path / "sources.yaml").write_text(text)
    return tmp_path / "sources.yaml"


def message(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_sources(path)
    return str(caught.value)


def line(path: Path, text: str) -> int:
    """Return the number of the line with this text."""
    return next(number for number, one in enumerate(path.read_text().splitlines(), 1) if text in one)


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"pat": "x"}, "pat", "unknown key; did you mean 'path'?"),
        ({"title": ""}, "title", "String should have at least 1 character"),
        ({"path": "../b.csv"}, "path", "should be a relative path"),
        ({"path": "/b.csv"}, "path", "should be a relative path"),
        ({"path": "a//b.csv"}, "path", "should be a relative path"),
        ({"path": "a\\b.csv"}, "path", "should be a relative path"),
        ({"path": "C:b.csv"}, "path", "should be a relative path"),
        ({"path": ".hidden"}, "path", "should be a relative path"),
        ({"urls": ["ftp://host/b"]}, "urls.0", "should be an http or https address"),
        ({"urls": ["https:///b"]}, "urls.0", "should be an http or https address"),
        ({"urls": "https://host/b"}, "urls", "should be a list"),
        ({"hash": {"sha256": "12"}}, "hash.sha256", "String should match pattern"),
        ({"hash": {"sha1": "12"}}, "hash.sha1", "unknown key; did you mean 'sha256'?"),
        ({"size": 0}, "size", "should be greater than 0"),
        ({"size": "9"}, "size", "should be an integer"),
        ({"size": 9}, "max_size", "if and only if `size` is not"),
        ({"headers": {"other": {"A": "b"}}}, "headers.other", "no address of this file is on this host"),
    ],
)
def test_a_mistake_in_a_file_names_its_line_and_key(
    tmp_path: Path, changes: dict[str, Any], key: str, expected: str
) -> None:
    path = written(tmp_path, **changes)
    found = message(path)
    assert f": files.good.{key}: found " in found and expected in found
    if "." not in key:
        assert found.startswith(f"{path}:{line(path, f'    {key}:')}: ")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({"title": None}, "files.good.title: nothing; this key is required"),
        ({"urls": None}, "should say how to get the file by hand"),
        ({"max_size": None}, "should be given if and only if `size` is not"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, missing: dict[str, None], expected: str) -> None:
    path = written(tmp_path, **missing)
    assert expected in message(path) and message(path).startswith(f"{path}:{line(path, 'good:')}: ")


def test_two_files_with_one_path(tmp_path: Path) -> None:
    path = written(tmp_path)
    content = yaml.safe_load(path.read_text())
    content["files"]["other"] = content["files"]["good"]
    path.write_text(json.dumps(content, indent=1))
    assert "files.other.path: found 'a/b.csv'; `good` has this path too" in message(path)


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        ({"csv": "god"}, "tables.t.forms.csv: found 'god'; no such file under `files`; did you mean 'good'?"),
        ({"csv": ["good", "god"]}, "tables.t.forms.csv: found 'god'; no such file"),
        ({"csv": []}, "tables.t.forms"),
        ({}, "tables.t.forms: found {}; should not be empty"),
        (["good"], "tables.t.forms: found ['good']; should be a mapping"),
    ],
)
def test_a_form_that_is_none(tmp_path: Path, forms: Any, expected: str) -> None:
    path = written(tmp_path)
    content = yaml.safe_load(path.read_text())
    content["tables"]["t"]["forms"] = forms
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    assert expected in message(path)


def test_names_that_are_none(sources: Sources) -> None:
    for look_up, kind in ((sources.table, "table"), (sources.dataset, "data set"), (sources.file, "file")):
        with pytest.raises(UserError, match=f"found the {kind} 'cifar1'; no such {kind} in the sources;"):
            look_up("cifar1")
