"""The schema of published tables, their files, and look-up in them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from table_metadata import WHOLE, about

from supernet.errors import UserError
from supernet.published.about import METADATA, read_about
from supernet.published.counts import exact
from supernet.published.schema import COLUMNS, RUNS, tabulate, write
from supernet.published.table import PublishedTable

SOURCE = Path("source.csv")
# Cells of NASBench-101.


def rows() -> pd.DataFrame:
    return tabulate(
        SOURCE,
        ["c", "a", "b"],
        ["C", "A", "B"],
        [0.3, 0.1, 0.2],
        valid_acc=[0.6, np.nan, 0.5],
        runs=[[0.3, 0.3], [0.1, np.nan], [0.2, 0.2]],
        parameters=[30, None, 20],
        uniform=np.array([True, False, True]),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tables" / "nasbench101.parquet"
    write(path, rows(), about())
    return path


def test_rows_are_sorted_and_have_every_column() -> None:
    table = rows()
    assert tuple(table.columns) == COLUMNS
    assert table["arch_id"].tolist() == ["a", "b", "c"] and table["encoding"].tolist() == ["A", "B", "C"]
    assert table["test_acc"].tolist() == [0.1, 0.2, 0.3]
    assert table["uniform"].tolist() == [False, True, True]
    assert table["parameters"].tolist() == [pd.NA, 20, 30]
    assert table[list(RUNS)].isna().sum(axis=1).tolist() == [2, 1, 1]
    assert table[RUNS[1]].tolist()[1:] == [0.2, 0.3]


def test_what_a_form_does_not_know_is_missing() -> None:
    table = tabulate(SOURCE, ["a"], ["A"], [0.5])
    assert table[["valid_acc", *RUNS]].isna().all(axis=None) and table["parameters"].isna().all()
    assert table["uniform"].all()


def test_a_form_without_what_another_has_gives_the_same_types() -> None:
    pd.testing.assert_series_equal(tabulate(SOURCE, ["a"], ["A"], [0.5]).dtypes, rows().dtypes)


@pytest.mark.parametrize("accuracy", [-0.001, 1.001, 94.37, np.nan])
def test_test_accuracies_are_fractions(accuracy: float) -> None:
    with pytest.raises(UserError, match=rf"source\.csv: b: found the test_acc {accuracy}; expected a fraction from 0"):
        tabulate(SOURCE, ["a", "b"], ["A", "B"], [0.5, accuracy])


def test_other_accuracies_are_fractions_if_known() -> None:
    with pytest.raises(UserError, match=r"source\.csv: a: found the valid_acc 2\.0"):
        tabulate(SOURCE, ["a"], ["A"], [0.5], valid_acc=[2.0])
    with pytest.raises(UserError, match=r"source\.csv: a: found the test_acc_run1 2\.0"):
        tabulate(SOURCE, ["a"], ["A"], [0.5], runs=[[0.5, 2.0]])


def test_repeated_architecture() -> None:
    with pytest.raises(UserError, match=r"source\.csv: 2 rows repeat an architecture, the first is b; expected each"):
        tabulate(SOURCE, ["b", "a", "b", "b"], ["B", "A", "B", "B"], [0.5] * 4)


@given(st.integers(0, 30_000))
def test_counts_come_back_from_single_precision_and_percent(count: int) -> None:
    assert exact(float(np.float32(100 * count / 30_000)) / 100, 30_000) == count / 30_000


def test_numbers_that_are_no_counts_stay() -> None:
    given_numbers = [0.12345, np.nan]
    np.testing.assert_array_equal(exact(given_numbers, 1_000), given_numbers)


def test_table_comes_back(path: Path) -> None:
    table = PublishedTable.load(path)
    pd.testing.assert_frame_equal(table.take(range(len(table))), rows())
    assert table.about == about() == read_about(path)
    assert (
        len(table) == 3 and table.test_acc.tolist() == [0.1, 0.2, 0.3] and table.uniform.tolist() == [False, True, True]
    )


@pytest.mark.parametrize(("repeated", "expected"), [(4, RUNS[:1]), (5, RUNS[:2]), (100, RUNS[:2])])
def test_runs_of_few_rows_are_not_used(tmp_path: Path, repeated: int, expected: tuple[str, ...]) -> None:
    names = [f"{number:03d}" for number in range(100)]
    runs = [[0.5, 0.6 if number < repeated else np.nan] for number in range(100)]
    write(tmp_path / "table.parquet", tabulate(SOURCE, names, names, [0.5] * 100, runs=runs), about(rows=100))
    assert PublishedTable.load(tmp_path / "table.parquet").runs == expected
    assert PublishedTable.load(tmp_path / "table.parquet", ["test_acc"]).runs == ()


def test_same_rows_give_the_same_bytes(path: Path, tmp_path: Path) -> None:
    write(tmp_path / "again.parquet", rows(), about())
    assert path.read_bytes() == (tmp_path / "again.parquet").read_bytes()


def test_only_columns_that_are_asked_for_are_loaded(path: Path) -> None:
    table = PublishedTable.load(path, ["test_acc"])
    assert table.data.to_pandas().columns.tolist() == ["arch_id", "test_acc"]


def test_unknown_column(path: Path) -> None:
    with pytest.raises(UserError, match="found the column 'accuracy'; a published table has arch_id, encoding, "):
        PublishedTable.load(path, ["accuracy"])


def test_look_up_keeps_the_order_that_was_asked_for(path: Path) -> None:
    table = PublishedTable.load(path)
    assert table.rows(["c", "a", "c"]).tolist() == [2, 0, 2]
    assert table.rows(pd.Series(["b"])).tolist() == [1]
    assert table.rows([]).tolist() == []
    assert table.take(table.rows(["c", "a"]))["encoding"].tolist() == ["C", "A"]


@given(st.lists(st.sampled_from([f"{number:02}" for number in range(40)])))
def test_look_up_is_that_of_a_dictionary(wanted: list[str]) -> None:
    known = [f"{number:02}" for number in range(40)]
    table = PublishedTable(SOURCE, about(), pa.table({"arch_id": known}))
    assert table.rows(wanted).tolist() == [known.index(name) for name in wanted]


def test_an_unknown_architecture_is_an_error_and_never_the_first_row(path: Path) -> None:
    with pytest.raises(UserError) as caught:
        PublishedTable.load(path).rows(["a", "x", "c", "y"])
    assert str(caught.value).startswith(
        f"{path}: no ground truth for x: 2 of 4 architectures are not in the table nasbench101 (form mirror: 3 of "
        "423624 architectures, 2 of them a uniform sample); choose architectures of the table"
    )


def test_extent_of_a_complete_table() -> None:
    assert about(rows=WHOLE, complete=True).extent() == "complete, 423624 architectures"


def test_files_that_are_no_published_tables(tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    with pytest.raises(UserError, match=r"other\.parquet: no such file; scripts/published\.py makes it"):
        read_about(other)
    other.write_text("no Parquet")
    with pytest.raises(UserError, match=r"other\.parquet: not a Parquet file"):
        read_about(other)
    rows().to_parquet(other)
    with pytest.raises(UserError, match=r"other\.parquet: has no metadata of a published table"):
        PublishedTable.load(other)


def test_metadata_of_another_version(tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    described = {**json.loads(about().model_dump_json()), "colour": "red"}
    pq.write_table(pa.table({"arch_id": ["a"]}).replace_schema_metadata({METADATA: json.dumps(described)}), other)
    with pytest.raises(UserError, match=r"its metadata have another version .*colour"):
        read_about(other)


# Of the process itself, and not of the one that it was forked from.
LOAD = """
import re, sys
from pathlib import Path
from supernet.published.table import PublishedTable
table = PublishedTable.load(Path(sys.argv[1]))
wanted = table.take(range(0, len(table), 2000))["arch_id"]
assert table.rows(wanted).tolist() == list(range(0, len(table), 2000))
print(len(table), re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_table_of_the_size_of_nasbench101_fits_in_a_third_of_a_gigabyte(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0)
    digits = numbers.bytes(16 * WHOLE).hex()
    names = [digits[32 * number : 32 * number + 32] for number in range(WHOLE)]
    accuracies = numbers.random((WHOLE, 3))
    table = tabulate(
        SOURCE,
        names,
        [f"I3M331O:{name[:6]}/10000/1001/010/10/1" for name in names],
        accuracies.mean(axis=1),
        valid_acc=accuracies[:, 0],
        runs=accuracies,
        parameters=numbers.integers(10**6, 10**7, WHOLE),
    )
    path = tmp_path / "table.parquet"
    write(path, table, about(rows=WHOLE, complete=True))
    found = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, check=True)
    count, kilobytes = map(int, re.findall(r"\d+", found.stdout))
    assert count == WHOLE and kilobytes < 333_000
