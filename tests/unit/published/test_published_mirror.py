"""Parquet files of a mirror: NASBench-101, NASBench-201, NAS-Bench-Macro."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supernet import spaces
from supernet.errors import UserError
from supernet.published.macro import mirror as macro
from supernet.published.nasbench101 import mirror as nasbench101
from supernet.published.nasbench201 import mirror as nasbench201
from supernet.published.parsed import ParsedTable
from supernet.published.schema import COLUMNS, RUNS
from supernet.spaces.nasbench101.encoding import Cell, parse
from supernet.spaces.nasbench201.encoding import EDGES, OPERATIONS

NASBENCH101, NASBENCH201 = spaces.load("nasbench101"), spaces.load("nasbench201")


def cell_row(text: str, sampled: bool = True) -> dict[str, Any]:
    """Return a row of NASBench-101 whose cell is written as in `text`, pruned or not."""
    letters, triangle = text.split(":")
    bits = triangle.replace("/", "")
    return {
        "module_hash": bytes.fromhex(NASBENCH101.arch_id(parse(text))),
        "num_vertices": np.uint8(len(letters)),
        "adjacency_upper_bits": np.uint32(sum(1 << place for place, bit in enumerate(bits) if bit == "1")),
        "operations": letters,
        "trainable_parameters": np.int32(227_274),
        **{f"valid_correct_{run}": np.uint16(9000 + run) for run in range(3)},
        **{f"test_correct_{run}": np.uint16(8000 + 10 * run) for run in range(3)},
        "sampled_full": sampled,
    }


def edge_row(operations: list[int], **accuracies: float) -> dict[str, Any]:
    """Return a row of NASBench-201, with single-precision accuracies in percent."""
    columns = [
        f"{name}_acc"
        for name in (
            "cifar10_test",
            "cifar10valid_valid",
            "cifar10valid_test",
            "cifar100_valid",
            "cifar100_test",
            "imagenet16_120_valid",
            "imagenet16_120_test",
        )
    ]
    return {
        **{f"op_e{i}{j}": np.uint8(number) for (i, j), number in zip(EDGES, operations, strict=True)},
        **{name: np.float32(accuracies.get(name, 1.0)) for name in columns},
    }


def parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "table.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


def read_cells(folder: Path, *rows: dict[str, Any]) -> ParsedTable:
    return nasbench101.read(parquet(folder, list(rows)))


def test_nasbench101_rows(tmp_path: Path) -> None:
    parsed = read_cells(tmp_path, cell_row("I3M331O:100110/10000/1001/010/10/1"), cell_row("IO:1", sampled=False))
    rows = parsed.rows.set_index("encoding")
    assert tuple(parsed.rows.columns) == COLUMNS and parsed.entries == 2
    assert dict(rows["uniform"]) == {"I3M331O:100110/10000/1001/010/10/1": True, "IO:1": False}
    for text, row in rows.iterrows():
        assert row["arch_id"] == NASBENCH101.arch_id(parse(str(text)))
        assert [row[name] for name in RUNS] == [8000 / 9984, 8010 / 9984, 8020 / 9984]
        assert (row["test_acc"], row["valid_acc"], row["parameters"]) == (8010 / 9984, 9001 / 9984, 227_274)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_nasbench101_texts_are_those_of_the_space(tmp_path: Path, seed: int) -> None:
    drawn: list[Cell] = NASBENCH101.sample(np.random.default_rng(seed), count=8)
    texts = {NASBENCH101.arch_id(cell): NASBENCH101.format(cell) for cell in drawn}
    rows = read_cells(tmp_path, *map(cell_row, texts.values())).rows
    assert dict(zip(rows["arch_id"], rows["encoding"], strict=True)) == texts


def test_nasbench101_cells_are_pruned(tmp_path: Path) -> None:
    """The vertex with the 1x1 convolution has an input but leads nowhere; the one with the pooling has no input."""
    written = ["I31O:111/00/0", "I3MO:101/01/1"]
    rows = read_cells(tmp_path, *map(cell_row, written)).rows
    assert set(rows["encoding"]) == {NASBENCH101.format(parse(text)) for text in written}
    assert set(rows["encoding"]).isdisjoint(written)


def test_nasbench101_invalid_cell(tmp_path: Path) -> None:
    row = cell_row("IO:1")
    with pytest.raises(UserError, match="there is no path from input to output"):
        read_cells(tmp_path, {**row, "adjacency_upper_bits": np.uint32(0)})


@pytest.mark.parametrize(
    ("dataset", "test", "valid", "images"),
    [
        ("cifar10", "cifar10_test_acc", "cifar10valid_valid_acc", 10_000),
        ("cifar100", "cifar100_test_acc", "cifar100_valid_acc", 5_000),
        ("imagenet16-120", "imagenet16_120_test_acc", "imagenet16_120_valid_acc", 3_000),
    ],
)
def test_nasbench201_data_sets(tmp_path: Path, dataset: str, test: str, valid: str, images: int) -> None:
    """Two of three runs with one correct image more than the third: no number of single precision."""
    exact = (images // 2 + 2 / 3) / images
    row = edge_row([3, 3, 4, 1, 3, 1], **{test: 100 * exact, valid: 25.0})
    parsed = nasbench201.read(parquet(tmp_path, [row, edge_row([0] * 6)]), dataset)
    rows = parsed.rows.set_index("arch_id")
    # The string of the query example in the benchmark's own documentation.
    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    assert rows.loc[text, "encoding"] == text
    assert rows.loc[text, "test_acc"] == pytest.approx(exact, rel=1e-15)
    assert rows.loc[text, "valid_acc"] == 0.25
    assert rows["parameters"].isna().all() and rows[list(RUNS)].isna().all(axis=None) and rows["uniform"].all()
    assert parsed.epochs == 200


def test_nasbench201_every_operation_number(tmp_path: Path) -> None:
    numbers = [[number] * 6 for number in range(len(OPERATIONS))]
    rows = nasbench201.read(
        parquet(tmp_path, [edge_row(row, cifar10_test_acc=90.0) for row in numbers]), "cifar10"
    ).rows
    assert set(rows["encoding"]) == {NASBENCH201.format(NASBENCH201.decode(row, "nats")) for row in numbers}


def test_nasbench201_unknown_data_set(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found the data set 'svhn'; expected one of cifar10, cifar100, imagenet16-120"):
        nasbench201.read(parquet(tmp_path, [edge_row([0] * 6)]), "svhn")


def chain_row(chain: str) -> dict[str, Any]:
    runs = {f"test_acc_{run}": float(np.float32(89.47 + run)) for run in range(3)}
    return {"arch": chain, **runs, "mean_acc": 90.47, "params": 890_666, "flops": 47_327_744}


def test_macro_rows(tmp_path: Path) -> None:
    parsed = macro.read(parquet(tmp_path, [chain_row("22221111"), chain_row("00000000")]))
    rows = parsed.rows
    assert rows["arch_id"].tolist() == rows["encoding"].tolist() == ["00000000", "22221111"]
    assert rows.loc[0, list(RUNS)].tolist() == [0.8947, 0.9047, 0.9147]
    assert rows.loc[0, "test_acc"] == 0.9047 and rows.loc[0, "parameters"] == 890_666
    assert rows["valid_acc"].isna().all() and parsed.epochs == 50


def test_macro_architecture_that_is_not_a_chain(tmp_path: Path) -> None:
    expected = r"table\.parquet: macro: found the architecture '22220003'; expected eight digits from 0 to 2"
    with pytest.raises(UserError, match=expected):
        macro.read(parquet(tmp_path, [chain_row("22220003")]))


@pytest.mark.parametrize(
    ("read", "row"),
    [
        (nasbench101.read, cell_row("IO:1")),
        (lambda path: nasbench201.read(path, "cifar10"), edge_row([0] * 6)),
        (macro.read, chain_row("00000000")),
    ],
    ids=["nasbench101", "nasbench201", "macro"],
)
class TestFilesThatAreNotTheMirrors:
    def test_missing_column(self, tmp_path: Path, read: Any, row: dict[str, Any]) -> None:
        path = parquet(tmp_path, [dict(list(row.items())[1:])])
        with pytest.raises(UserError, match=f"table.parquet: found no column {next(iter(row))} among "):
            read(path)

    def test_no_parquet(self, tmp_path: Path, read: Any, row: dict[str, Any]) -> None:
        path = tmp_path / "table.parquet"
        path.write_text("no Parquet")
        with pytest.raises(UserError, match=r"table\.parquet: not a Parquet file, or a damaged one"):
            read(path)

    def test_repeated_row(self, tmp_path: Path, read: Any, row: dict[str, Any]) -> None:
        with pytest.raises(UserError, match=r"table\.parquet: 1 rows repeat an architecture, the first is .*each once"):
            read(parquet(tmp_path, [row, row]))


TWO = [[3, 3, 3, 3, 3, 3], [1, 0, 2, 3, 4, 1], [2, 2, 2, 2, 2, 2]]
"""Three architectures of NASBench-201, as numbers of operations; the last has no single trainings."""


def with_runs(folder: Path, dataset: str = "cifar10", **changed: Any) -> ParsedTable:
    """Read means 90, 80 and 70 percent, and runs of the first two architectures, changed as given."""
    means = [
        edge_row(operations, cifar10_test_acc=mean) for operations, mean in zip(TWO, (90.0, 80.0, 70.0), strict=True)
    ]
    texts = [NASBENCH201.format(NASBENCH201.decode(operations, "nats")) for operations in TWO]
    runs = folder / "runs.parquet"
    pd.DataFrame({"arch_str": texts[:2], "seed_a": [89.9, 80.2], "seed_b": [90.1, 79.8]} | changed).to_parquet(runs)
    return nasbench201.read_with_runs(parquet(folder, means), runs, dataset)


def test_nasbench201_with_two_runs_of_some_architectures(tmp_path: Path) -> None:
    parsed = with_runs(tmp_path)
    assert tuple(parsed.rows.columns) == COLUMNS and "two trainings of 2 architectures" in parsed.truth
    rows = parsed.rows.set_index("test_acc").sort_index()
    assert rows.loc[0.9, list(RUNS[:2])].tolist() == [0.899, 0.901]
    assert rows.loc[0.8, list(RUNS[:2])].tolist() == [0.802, 0.798]
    assert rows.loc[0.7, list(RUNS)].isna().all() and rows[RUNS[2]].isna().all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed_b": [90.3, 79.8]}, r"nor_conv_3x3~2\|: the mean of both runs is 0.10% off that of .*table.parquet"),
        ({"seed_b": [np.nan, 79.8]}, "column seed_b: 1 values are missing|is not from 0 to 100"),
        ({"seed_a": [189.9, 80.2], "seed_b": [-9.9, 79.8]}, "is not from 0 to 100 percent"),
        ({"arch_str": ["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"] * 2}, "an architecture is repeated"),
        (
            {"arch_str": [f"|none~0|+|none~0|none~1|+|none~0|none~1|{last}~2|" for last in ("none", "skip_connect")]},
            "which .*table.parquet does not have",
        ),
        ({"arch_str": ["a", "b"]}, "a"),
        ({"dataset": "cifar100"}, "found the data set 'cifar100'"),
    ],
)
def test_nasbench201_runs_that_do_not_fit(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        with_runs(tmp_path, **changed)
