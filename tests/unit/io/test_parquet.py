"""Tables of training programs: equal to what pandas writes and reads, without pandas."""

import contextlib
import math
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from checkouts import ROOT

from supernet import spaces
from supernet.errors import UserError
from supernet.io.parquet import parquet_bytes, read_columns, read_table, write_rows
from supernet.pools.file import best_of, read_pool, read_truths

ROWS = [
    {"arch_id": "b", "split": "test", "accuracy": 0.25, "step": 3},
    {"arch_id": "a", "split": "test", "accuracy": math.nan, "step": 4},
    {"arch_id": "ä→", "split": "", "accuracy": 1, "step": -(2**62)},
]
CELLS = [f"|{op}~0|+|none~0|none~1|+|{op}~0|none~1|none~2|" for op in ("skip_connect", "nor_conv_3x3", "avg_pool_3x3")]


def test_rows_are_those_of_pandas(tmp_path: Path) -> None:
    write_rows(tmp_path / "ours.parquet", ROWS)
    pd.DataFrame(ROWS).to_parquet(tmp_path / "theirs.parquet", index=False)
    ours, theirs = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("ours", "theirs"))
    pd.testing.assert_frame_equal(ours, theirs)
    write_rows(tmp_path / "again.parquet", ROWS)
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "ours.parquet").read_bytes()


def test_columns_with_nulls_are_those_of_pandas(tmp_path: Path) -> None:
    columns = {
        "text": ("text", ["b", None, "", "ä→", *"abcdefgh"]),
        "integers": ("integers", [None, 2**62, -3, *range(9)]),
        "numbers": ("numbers", [0.25, math.nan, None, *range(9)]),
        "nulls": ("integers", [None] * 12),
    }
    (tmp_path / "ours.parquet").write_bytes(parquet_bytes(columns))
    ours = pd.read_parquet(tmp_path / "ours.parquet", dtype_backend="pyarrow")
    assert [str(kind) for kind in ours.dtypes] == [
        "string[pyarrow]",
        "int64[pyarrow]",
        "double[pyarrow]",
        "int64[pyarrow]",
    ]
    for name, (kind, values) in columns.items():
        (found,) = read_columns(tmp_path / "ours.parquet", **{name: kind})
        assert repr(found) == repr([float(v) if kind == "numbers" and v is not None else v for v in values])
    assert parquet_bytes(columns) == (tmp_path / "ours.parquet").read_bytes()
    (tmp_path / "empty.parquet").write_bytes(parquet_bytes({name: (kind, []) for name, (kind, _) in columns.items()}))
    assert read_columns(tmp_path / "empty.parquet", text="text", nulls="integers") == [[], []]
    with pytest.raises(TypeError, match="expected a column of integers"):
        parquet_bytes({"step": ("integers", [1, 0.5])})


def test_columns_come_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    pd.DataFrame(ROWS).to_parquet(tmp_path / "table.parquet")
    accuracies, ids = read_columns(tmp_path / "table.parquet", accuracy="numbers", arch_id="text")
    assert accuracies == [0.25, None, 1] and ids == ["b", "a", "ä→"]
    with pytest.raises(UserError, match=r"table\.parquet: found no column truth, encoding among arch_id, split"):
        read_columns(tmp_path / "table.parquet", truth="numbers", encoding="text")


def test_a_pool_in_its_order_and_its_best(tmp_path: Path) -> None:
    space = spaces.load("nasbench201")
    file = tmp_path / "pool.parquet"
    pool = pd.DataFrame({"arch_id": CELLS, "encoding": CELLS, "truth": [0.9, 0.9, None]})
    pool.to_parquet(file)
    assert read_pool(file, space) == [(cell, space.parse(cell)) for cell in CELLS]
    assert best_of(file, space) == space.parse(min(CELLS[:2])), "of equals the first arch_id"
    first = min(CELLS[:2])
    write_rows(file, [dict(row, truth=math.nan) if row["arch_id"] == first else row for row in pool.to_dict("records")])
    assert best_of(file, space) == space.parse(max(CELLS[:2]))
    pool.assign(truth=[None, None, None]).astype({"truth": float}).to_parquet(file)
    assert best_of(file, space) == space.parse(CELLS[2]), "without any ground truth the first arch_id"


DAMAGE: dict[str, tuple[dict[str, list[object]], str]] = {
    "twice": ({"arch_id": CELLS[:1] * 2, "encoding": CELLS[:1] * 2, "truth": [0.9] * 2}, "occurs twice"),
    "another id": ({"arch_id": CELLS[:2], "encoding": CELLS[1:], "truth": [0.9] * 2}, "found the arch_id"),
    "another space": ({"arch_id": ["IO:1"], "encoding": ["IO:1"], "truth": [0.9]}, "NASBench-201: found"),
    "percent": ({"arch_id": CELLS, "encoding": CELLS, "truth": [90.0] * 3}, r"row 0: found the ground truth 90\.0"),
    "text": ({"arch_id": CELLS, "encoding": CELLS, "truth": ["90"] * 3}, "column truth: found values of type"),
    "numbers": ({"arch_id": [1], "encoding": [2], "truth": [0.9]}, "column arch_id: found values of type int64"),
}


@pytest.mark.parametrize(("columns", "message"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_pool_of_something_else_is_refused(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    file, space = tmp_path / "pool.parquet", spaces.load("nasbench201")
    pd.DataFrame(columns).to_parquet(file)
    with pytest.raises(UserError, match=rf"pool\.parquet: .*{message}"):
        read_truths(file, space)
        read_pool(file, space)


@pytest.mark.parametrize("position", range(4, 1200, 37))
def test_a_damaged_file_is_an_error_or_reads(tmp_path: Path, position: int) -> None:
    file, space = tmp_path / "pool.parquet", spaces.load("nasbench201")
    pd.DataFrame({"arch_id": CELLS, "encoding": CELLS, "truth": [0.9, 0.8, 0.7]}).to_parquet(file, index=False)
    content = bytearray(file.read_bytes())
    content[position % len(content)] ^= 0xFF
    file.write_bytes(content)
    with contextlib.suppress(UserError):
        read_truths(file, space)
        read_table(file, "truth")


@pytest.mark.parametrize("values", [[None, 1.0], ["a", 1.0], [b"a", b"b"], [True, False]])
def test_a_column_of_anything_else_is_refused(tmp_path: Path, values: list[object]) -> None:
    with pytest.raises(TypeError, match="found"):
        write_rows(tmp_path / "table.parquet", [{"column": value} for value in values])
    assert not list(tmp_path.iterdir())


def test_programs_that_train_do_not_import_pandas(tmp_path: Path) -> None:
    program = (
        "import sys, supernet.training.run, scripts.score, scripts.proxies; from supernet.io import parquet; "
        f"parquet.write_rows({str(tmp_path / 'rows.parquet')!r}, {[ROWS[0]]}); "
        f"parquet.read_columns({str(tmp_path / 'rows.parquet')!r}, step='integers'); print('pandas' in sys.modules)"
    )
    root = ROOT
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
