"""Parts of the store: rows that several processes add, and which of them are used."""

import logging
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from checkouts import ROOT

from supernet.io.atomic import write_text
from supernet.io.parquet import write_rows
from supernet.provenance.record import read_record, record_path
from supernet.provenance.recorder import Recorder, note_config, note_input, recording
from supernet.training.store.parts import Columns, Parts

COLUMNS = Columns({"arch_id": "text", "seed": "integers"}, {"accuracy": "numbers", "diverged_at": "integers"})
A, B, C = ("a", 0), ("a", 1), ("b", 0)
ROWS = {C: (None, 7), A: (0.5, None), B: (math.nan, None)}
CONFIG = {"recipe": 1}
OTHER = "0" * 16
"""Start of the name of a file that is not a part of these tests."""


@pytest.fixture(autouse=True)
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Record what a test writes, below the folder of results of this test."""
    monkeypatch.setenv("SUPERNET_RESULTS", str(tmp_path))
    with recording(Recorder(ROOT / "scripts" / "truth.py")):
        yield


@pytest.fixture
def images(tmp_path: Path) -> Path:
    write_text(tmp_path / "images", "images")
    return tmp_path / "images"


def parts(folder: Path, **more: Any) -> Parts:
    found = Parts(folder / "store", COLUMNS, **more)
    found.refresh()
    return found


def added(folder: Path, images: Path, rows: dict[Any, Any]) -> Path:
    path = parts(folder).add(rows, CONFIG, [images])
    assert path is not None
    return path


def test_rows_of_all_parts_are_one_table(tmp_path: Path, images: Path) -> None:
    empty = parts(tmp_path)
    assert empty.missing([A, C]) == [A, C] and empty.get(*A) is None
    first, second = added(tmp_path, images, {A: ROWS[A]}), added(tmp_path, images, {B: ROWS[B], C: ROWS[C]})
    empty.refresh()
    assert empty.get(*A) == (0.5, None) and empty.get(*C) == (None, 7)
    accuracy, diverged_at = empty.get(*B) or ()
    assert math.isnan(accuracy) and diverged_at is None
    assert empty.missing([C, ("z", 0), A]) == [("z", 0)]
    assert empty.origins([A]) == [first] and empty.origins([C, A, B]) == sorted([first, second])
    frame = pd.read_parquet(second)
    assert frame["seed"].tolist() == [1, 0] and frame["diverged_at"].dropna().tolist() == [7]


def test_a_part_is_named_by_its_content_whatever_the_order_of_its_rows(tmp_path: Path, images: Path) -> None:
    path = added(tmp_path, images, ROWS)
    assert read_record(path)["made"]["sha256"].startswith(path.stem) and len(path.stem) == 16
    before = path.stat().st_mtime_ns
    assert added(tmp_path, images, dict(sorted(ROWS.items()))) == path
    assert path.stat().st_mtime_ns == before and len(list(path.parent.glob("*.parquet"))) == 1


def test_nothing_to_add_is_no_file(tmp_path: Path, images: Path) -> None:
    assert parts(tmp_path).add({}, CONFIG, [images]) is None
    assert not (tmp_path / "store").exists()


def test_a_record_names_what_the_rows_depend_on_alone(tmp_path: Path, images: Path) -> None:
    write_text(tmp_path / "pool", "pool")
    note_input(tmp_path / "pool")
    note_config({"shard": 3})
    made = read_record(added(tmp_path, images, ROWS))["made"]
    assert made["config"] == CONFIG
    assert [one["file"] for one in made["inputs"]] == ["results/images"]
    assert made["program"] == "scripts/truth.py" and "supernet/training/trainer.py" in made["modules"]
    write_text(tmp_path / "shard", "shard")
    made = read_record(tmp_path / "shard")["made"]
    assert made["config"] == {"shard": 3}
    assert [one["file"] for one in made["inputs"]] == ["results/images", "results/pool"]


def test_only_parts_whose_rows_are_used_are_inputs(tmp_path: Path, images: Path) -> None:
    first = added(tmp_path, images, {A: ROWS[A]})
    added(tmp_path, images, {B: ROWS[B]})
    parts(tmp_path).note_inputs([A])
    write_text(tmp_path / "shard", "shard")
    inputs = read_record(tmp_path / "shard")["made"]["inputs"]
    assert [one["file"] for one in inputs] == ["results/images", f"results/store/{first.name}"]
    assert inputs[1]["record"] == read_record(first)["digest"]


def renamed(path: Path) -> None:
    path.rename(path.with_name(f"{OTHER}.parquet"))
    record_path(path).rename(record_path(path.with_name(f"{OTHER}.parquet")))


def edited(path: Path) -> None:
    write_rows(path.with_name("forged"), [{"arch_id": "a", "seed": 0, "accuracy": 0.9, "diverged_at": 1}])
    path.with_name("forged").rename(path)


def forged(path: Path) -> None:
    """Another accuracy with a record that fits it, but not the name."""
    edited(path)
    with recording(Recorder(ROOT / "scripts" / "truth.py")):
        write_text(path, "")
        write_rows(path, [{"arch_id": "a", "seed": 0, "accuracy": 0.9, "diverged_at": 1}])


DAMAGE = {
    "no record": (lambda path: record_path(path).unlink(), "record missing"),
    "damaged record": (lambda path: record_path(path).write_text("{"), "record damaged"),
    "edited record": (
        lambda path: record_path(path).write_text(record_path(path).read_text().replace("truth.py", "other.py")),
        "its seal does not match",
    ),
    "moved": (renamed, r"its record is of .*results/store/[0-9a-f]{16}\.parquet"),
    "edited": (edited, "its content differs from its record"),
    "emptied": (lambda path: path.write_bytes(b""), "its content differs from its record"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "not a file"),
    "a FIFO": (lambda path: (path.unlink(), os.mkfifo(path)), "not a file"),
    "a device": (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "not a file"),
    "a link to itself": (lambda path: (path.unlink(), path.symlink_to(path.name)), "Too many levels of symbolic links"),
    "forged": (forged, r"its content has the name [0-9a-f]{16}\.parquet"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_part_is_not_used_and_named(
    tmp_path: Path, images: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    damage, message = DAMAGE[name]
    added(tmp_path, images, {C: ROWS[C]})
    path = added(tmp_path, images, {A: ROWS[A]})
    damage(path)
    found = parts(tmp_path)
    assert found.get(*A) is None and found.get(*C) == ROWS[C]
    assert re.search(rf"{message}.*delete it with its record", caplog.text) and f"{path.parent}/" in caplog.text
    caplog.clear()
    found.refresh()
    assert not caplog.text, "a warning is not repeated"
    if path.is_dir():
        path.rmdir()
    found.add({A: ROWS[A]}, CONFIG, [images])
    assert found.get(*A) == ROWS[A] and parts(tmp_path).get(*A) == ROWS[A]


def test_a_part_that_does_not_fit_is_not_used(tmp_path: Path, images: Path, caplog: pytest.LogCaptureFixture) -> None:
    added(tmp_path, images, ROWS)
    found = parts(tmp_path, unfit=lambda record: "" if record["made"]["config"] == CONFIG else "another recipe")
    assert found.missing(ROWS) == []
    found = parts(tmp_path, unfit=lambda record: "made of other images")
    assert found.missing([A]) == [A] and "made of other images" in caplog.text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"arch_id": "a", "seed": 0, "accuracy": 0.9, "diverged_at": 1}] * 2, "a row twice"),
        ([{"arch_id": "a", "seed": 0, "accuracy": 0.9}], "found no column diverged_at"),
        ([{"arch_id": "a", "seed": "0", "accuracy": 0.9, "diverged_at": 1}], "column seed: found values of type"),
    ],
)
def test_a_table_of_another_form_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: list[dict[str, Any]], message: str
) -> None:
    write_rows(tmp_path / "table", rows)
    name = read_record(tmp_path / "table")["made"]["sha256"][:16]
    write_rows(tmp_path / "store" / f"{name}.parquet", rows)
    assert parts(tmp_path).get(*A) is None
    assert message in caplog.text


def test_equal_rows_of_two_parts_are_fine_and_of_different_ones_the_first_by_name_is_used(
    tmp_path: Path, images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    both = {A: ROWS[A], B: ROWS[B]}
    added(tmp_path, images, both)
    added(tmp_path, images, {**both, C: ROWS[C]})
    assert parts(tmp_path).missing(ROWS) == [] and not caplog.text
    rows = [{A: ROWS[A], ("x", 0): (0.1, None)}, {A: (0.25, None), ("y", 0): (0.2, None)}]
    other = tmp_path / "other"
    paths = [added(other, images, one) for one in rows]
    first = paths.index(min(paths))
    found = parts(other)
    assert found.get(*A) == rows[first][A] and found.origins([A]) == [min(paths)]
    assert found.missing([("x", 0), ("y", 0)]) == []
    assert f"{max(paths)}: has other values than {min(paths).name} for ('a', 0)" in caplog.text


def test_other_files_of_the_folder_are_ignored(tmp_path: Path, images: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = added(tmp_path, images, ROWS)
    for name in ("recipe.json", f".{path.stem}-abcdefgh.parquet", "notes.parquet"):
        (path.parent / name).write_text("{}")
    assert parts(tmp_path).missing(ROWS) == [] and not caplog.text


def test_what_an_ended_process_has_left_goes_when_the_next_part_is_added(tmp_path: Path, images: Path) -> None:
    path = added(tmp_path, images, {A: ROWS[A]})
    left, written = (path.parent / f".{path.stem}-abcdefg{end}.parquet" for end in "hi")
    for one in (left, written):
        one.write_text("half")
    os.utime(left, (0, 0))  # of an unknown process: ended, since it is older than a day
    added(tmp_path, images, {B: ROWS[B]})
    assert not left.exists() and written.exists()


def test_processes_see_what_others_add(tmp_path: Path, images: Path) -> None:
    mine, other = parts(tmp_path), parts(tmp_path)
    other.add({A: ROWS[A]}, CONFIG, [images])
    assert mine.get(*A) is None
    mine.refresh()
    assert mine.get(*A) == ROWS[A]
    for path in (tmp_path / "store").iterdir():
        path.unlink()
    mine.refresh()
    assert mine.get(*A) is None


def test_neither_torch_nor_pandas_is_imported() -> None:
    code = "import sys, supernet.training.store.parts; print(sorted({'torch', 'pandas'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_values_of_another_kind_are_an_error(tmp_path: Path, images: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(TypeError, match="expected a column of integers"):
        added(tmp_path, images, {A: (0.5, 1.5)})
