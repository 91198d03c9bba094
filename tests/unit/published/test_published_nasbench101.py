"""NASBench-101: the official file, NASGraph's CSV file, the enumeration of its cells."""

import base64
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from published_formats import nasbench101_record, tfrecord
from relabelling import labellings

from supernet import spaces
from supernet.errors import UserError
from supernet.published.nasbench101 import cells as enumeration
from supernet.published.nasbench101 import nasgraph, official
from supernet.published.nasbench101.cells import cells, encodings
from supernet.published.nasbench101.facts import TRUTH
from supernet.published.schema import COLUMNS, RUNS
from supernet.spaces.nasbench101.encoding import (
    INPUT,
    OPERATIONS,
    OUTPUT,
    Cell,
    format_cell,
    module_hash,
    parse,
)

SPACE = spaces.load("nasbench101")
# Correct images of 9 984, of which the quotients differ in single and double precision.
COUNTS = {"IO:1": ((9227, 9231, 9290), (9197, 9176, 9201)), "I3O:10/1": ((9000, 9001, 9002), (8999, 1000, 9000))}
HEADER = "file id,module_hash,trainable params,train accuracy,validation accuracy,test accuracy"


def trainings(text: str, valid: tuple[int, ...], test: tuple[int, ...], **changes: Any) -> list[bytes]:
    cell = parse(text)
    return [
        nasbench101_record(module_hash(cell), cell.matrix, cell.operations, 227_274, *counts, **changes)
        for counts in zip(valid, test, strict=True)
    ]


def official_file(folder: Path, records: list[bytes]) -> Path:
    path = folder / "nasbench_only108.tfrecord"
    path.write_bytes(tfrecord(records))
    return path


def csv_file(folder: Path, *lines: str) -> Path:
    path = folder / "nasbench_only108.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def all_records() -> list[bytes]:
    runs = [trainings(text, valid, test) for text, (valid, test) in COUNTS.items()]
    # In any order: the first runs of all cells, then the second ones.
    return [record for run in zip(*runs, strict=True) for record in run]


def test_official_file_gives_exact_fractions_in_the_schema(tmp_path: Path) -> None:
    parsed = official.read(official_file(tmp_path, all_records()))
    rows = parsed.rows.set_index("encoding")
    assert (parsed.truth, parsed.epochs, parsed.entries) == (TRUTH, 108, 2)
    assert tuple(parsed.rows.columns) == COLUMNS and parsed.rows["arch_id"].is_monotonic_increasing
    for text, (valid, test) in COUNTS.items():
        row = rows.loc[text]
        assert row["arch_id"] == module_hash(parse(text))
        assert [row[name] for name in RUNS] == [count / 9984 for count in test]
        assert row["test_acc"] == sum(test) / (3 * 9984)
        assert row["valid_acc"] == sum(valid) / (3 * 9984)
        assert row["parameters"] == 227_274 and row["uniform"]


def test_trainings_of_other_lengths_are_passed_over(tmp_path: Path) -> None:
    short = trainings("I1O:10/1", (1, 2, 3), (4, 5, 6), epochs=36)
    parsed = official.read(official_file(tmp_path, [*short, *all_records()]))
    assert set(parsed.rows["encoding"]) == set(COUNTS)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "found no training of 108 epochs"),
        (all_records()[:-1], r"1 cells have fewer than 3 trainings, the first is \w{32}; the file is incomplete"),
        ([*all_records(), all_records()[0]], r"byte \d\d+: found a fourth training of the cell"),
        ([b"not JSON"], "byte 0: found another record than one of NASBench-101"),
        ([b'["too", "short"]'], "byte 0: found another record than one of NASBench-101"),
        ([json.dumps(["hash", 108, "01", "a", "?"]).encode()], "byte 0: found another record than one of NASBench-101"),
        (
            [json.dumps(["hash", 108, "01", "a", base64.b64encode(b"\xff").decode()]).encode()],
            "byte 0: found another record than one of NASBench-101",
        ),
        ([json.dumps(["hash", 108, "01", "a", ""]).encode()], "byte 0: found another record than one of NASBench-101"),
        (
            [nasbench101_record("hash", [["x"]], (INPUT, OUTPUT), 1, 1, 1)],
            "byte 0: found invalid literal for int",
        ),
        (
            [nasbench101_record("hash", [[0, 1], [1, 0]], (INPUT, OUTPUT), 1, 1, 1)],
            "byte 0: found NASBench-101 cell: .* not upper triangular",
        ),
    ],
)
def test_files_that_are_not_the_official_one(tmp_path: Path, records: list[bytes], message: str) -> None:
    path = official_file(tmp_path, records)
    with pytest.raises(UserError, match=message) as caught:
        official.read(path)
    assert str(path) in str(caught.value)


def test_csv_file_agrees_with_the_official_one_to_the_last_bit(tmp_path: Path) -> None:
    expected = official.read(official_file(tmp_path, all_records())).rows
    lines = [HEADER]
    for number, (text, counts) in enumerate(COUNTS.items()):
        # As NASGraph does it: the mean of three quotients in single precision.
        means = [sum(float(np.float32(count / 9984)) for count in runs) / 3 for runs in counts]
        lines.append(f"{number},{module_hash(parse(text))},227274,1.0,{means[0]!r},{means[1]!r}")
    parsed = nasgraph.read(csv_file(tmp_path, *lines))
    assert parsed.entries == 2
    known = [name for name in COLUMNS if name not in RUNS]
    pd.testing.assert_frame_equal(parsed.rows[known], expected[known])
    assert parsed.rows[list(RUNS)].isna().all(axis=None)


def test_csv_file_with_another_header(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER.replace("module_hash", "hash"), "0,a,1,1.0,1.0,1.0")
    with pytest.raises(UserError, match=r"csv:1: found the columns file id, hash, .* expected file id, module_hash, "):
        nasgraph.read(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "cannot be read as CSV: No columns"),
        ([HEADER, "0,a,1,1.0,1.0,much"], "cannot be read as CSV: .*much"),
        ([HEADER, "0,a,many,1.0,1.0,1.0"], "cannot be read as CSV: .*many"),
    ],
)
def test_csv_files_that_are_not_whole(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        nasgraph.read(csv_file(tmp_path, *lines))


def test_csv_file_with_a_hash_that_no_cell_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "cells", lambda: cells(max_vertices=3))
    path = csv_file(tmp_path, HEADER, f"0,{module_hash(parse('IO:1'))},1,1,1,1", f"1,{'0' * 32},1,1,1,1")
    with pytest.raises(UserError, match=r"csv:3: found the module_hash '0{32}', which no cell of the space has"):
        nasgraph.read(path)


def first_of_each_class(vertices: int) -> list[Cell]:
    """The documented procedure of the benchmark: all matrices by their bits, all labellings, the first of each hash."""
    seen: dict[str, Cell] = {}
    pairs = [(i, j) for j in range(vertices) for i in range(j)]
    for bits in range(2 ** len(pairs)):
        edges = {pair for number, pair in enumerate(pairs) if bits >> number & 1}
        matrix = tuple(tuple(int((i, j) in edges) for j in range(vertices)) for i in range(vertices))
        fed = {j for _, j in edges} | {0}
        used = {i for i, _ in edges} | {vertices - 1}
        if len(fed & used) < vertices or len(edges) > 9:
            continue
        for interior in itertools.product(OPERATIONS, repeat=vertices - 2):
            cell = Cell(matrix, (INPUT, *interior, OUTPUT))
            seen.setdefault(module_hash(cell), cell)
    return list(seen.values())


def test_enumeration_is_the_benchmarks_own_order_and_labelling() -> None:
    assert list(cells(5)) == [cell for vertices in range(2, 6) for cell in first_of_each_class(vertices)]


def test_enumeration_has_each_labelled_graph_in_one_class() -> None:
    """Burnside's view: the classes' labellings add up to all pruned labelled graphs."""
    drawn = 0
    pairs = list(itertools.combinations(range(5), 2))
    for bits in itertools.product((0, 1), repeat=len(pairs)):
        edges = {pair for pair, bit in zip(pairs, bits, strict=True) if bit}
        fed, used = {j for _, j in edges} | {0}, {i for i, _ in edges} | {4}
        drawn += (len(fed & used) == 5 and len(edges) <= 9) * len(OPERATIONS) ** 3
    assert sum(labellings(cell) for cell in cells(5) if cell.vertices == 5) == drawn


def test_encodings_of_known_and_unknown_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "cells", lambda: cells(max_vertices=4))
    text = "I1MO:101/10/1"
    assert encodings([module_hash(parse(text)), "0" * 32]) == {module_hash(parse(text)): format_cell(parse(text))}
