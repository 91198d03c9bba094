"""DARTS as trained by OnceNAS-Bench, Yang et al. and SWAP: their files, and files that are not theirs."""

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from published_formats import ONCENAS_COLUMNS, nas_benchmark_pickle, nas_benchmark_text, oncenas_csv, swap_csv

from supernet import spaces
from supernet.errors import UserError
from supernet.published.darts import mirror
from supernet.published.parsed import ParsedTable
from supernet.published.readers import read
from supernet.published.schema import COLUMNS, RUNS

SPACE = spaces.load("darts")
FIRST = "('sep_conv_3x3', 0), ('none', 1), ('skip_connect', 0), ('max_pool_3x3', 2), ('none', 0), ('dil_conv_5x5', 1)"
CELL = f"[{FIRST}, ('avg_pool_3x3', 3), ('sep_conv_5x5', 4)]"
MIRRORED = f"[{FIRST}, ('sep_conv_5x5', 4), ('avg_pool_3x3', 3)]"
SAME_INPUTS = f"[{FIRST}, ('sep_conv_5x5', 4), ('sep_conv_5x5', 4)]"


def genotype(normal: str, reduce: str | None = None) -> str:
    concat = "_concat=[2, 3, 4, 5]"
    return f"Genotype(normal={normal}, normal{concat}, reduce={reduce or normal}, reduce{concat})"


ONE, AGAIN, OTHER = genotype(CELL), genotype(CELL, MIRRORED), genotype(SAME_INPUTS)
BEST = "darts-oncenas545", "darts-oncenas545-10epochs", "darts-214", "darts-swap1000"


def oncenas(folder: Path, rows: Sequence[Any], table: str = "darts-oncenas545") -> ParsedTable:
    path = folder / "data-545.csv"
    path.write_bytes(rows if isinstance(rows, bytes) else oncenas_csv(rows))
    return read(table, "darts", "cifar10", "oncenas_csv", path)


def swap(folder: Path, rows: Any) -> ParsedTable:
    path = folder / "DARTS_archs_CIFAR10.csv"
    path.write_bytes(rows if isinstance(rows, bytes) else swap_csv(rows))
    return read("darts-swap1000", "darts", "cifar10", "swap_csv", path)


def benchmark(folder: Path, rows: Any, curves: Any) -> ParsedTable:
    genotypes, array = folder / "214genotypes.pkl", folder / "214_random_architectures.npy"
    genotypes.write_bytes(rows if isinstance(rows, bytes) else nas_benchmark_pickle(rows))
    if isinstance(curves, bytes):
        array.write_bytes(curves)
    else:
        np.save(array, curves, allow_pickle=True)
    return read("darts-214", "darts", "cifar10", "genotypes_and_curves", genotypes, array)


def curves(*last: float, best: float = 97.5, epochs: int = 600) -> Any:
    """Return curves whose best epoch is not the last one."""
    found = np.full((len(last), epochs), 50.0)
    found[:, -2], found[:, -1] = best, last
    return found


def test_oncenas(tmp_path: Path) -> None:
    rows = [(ONE, 3.262942, 79.76, 92.04, 92.03999747), (OTHER, 3.4, 80.5, 92.42, 92.41999719)]
    parsed = oncenas(tmp_path, rows)
    found = parsed.rows.set_index("encoding")
    assert tuple(parsed.rows.columns) == COLUMNS and (parsed.epochs, parsed.entries) == (50, 2)
    assert found.loc[ONE, ["test_acc", RUNS[0], "valid_acc", "parameters"]].tolist() == [
        0.9204,
        0.9204,
        0.9204,
        3262942,
    ]
    assert found.loc[OTHER, "test_acc"] == 0.9242 and found["uniform"].all()
    assert found[list(RUNS[1:])].isna().all(axis=None)
    for text, arch_id in found["arch_id"].items():
        assert SPACE.arch_id(SPACE.parse(text)) == arch_id
    assert parsed.truth.startswith("test accuracy after 50 epochs, trained by OnceNAS-Bench")
    early = oncenas(tmp_path, rows, "darts-oncenas545-10epochs")
    assert early.rows.set_index("encoding")["test_acc"].to_dict() == {ONE: 0.7976, OTHER: 0.805}
    assert early.truth.startswith("validation accuracy after 10 epochs, not a test accuracy") and early.epochs == 10
    assert early.rows["valid_acc"].isna().all()


def test_trainings_of_one_genotype_are_its_runs(tmp_path: Path) -> None:
    """The mean of 93.78, 93.65, 93.64 and 93.45 has a fourth digit, which an image of one training does not have."""
    tests = (93.78, 93.65, 93.64, 93.45)
    rows = [
        (ONE if place % 2 else AGAIN, 3.0 + place * 1e-6, 80.0, 90.0 + place, test) for place, test in enumerate(tests)
    ]
    parsed = oncenas(tmp_path, [*rows, (OTHER, 2.0, 80.0, 90.0, 91.0)])
    found = parsed.rows.set_index("encoding")
    assert (len(found), parsed.entries) == (2, 5)
    assert found.loc[ONE, "test_acc"] == 37452 / 40_000 and found.loc[ONE, "valid_acc"] == 0.915
    assert found.loc[ONE, list(RUNS)].tolist() == [0.9378, 0.9365, 0.9364]
    assert pd.isna(found.loc[ONE, "parameters"]) and found.loc[OTHER, "parameters"] == 2_000_000


def test_parameters_are_left_out_if_millions_are_rounded(tmp_path: Path) -> None:
    (parameters,) = oncenas(tmp_path, [(ONE, 3.2629425, 79.0, 92.0, 92.0)]).rows["parameters"]
    assert pd.isna(parameters)


def test_swap(tmp_path: Path) -> None:
    """The file has single precision."""
    parsed = swap(tmp_path, [(ONE, 85.23999786376953), (OTHER, 10.219999313354492)])
    found = parsed.rows.set_index("encoding")
    assert found["test_acc"].to_dict() == {ONE: 0.8524, OTHER: 0.1022}
    assert found["valid_acc"].isna().all() and found["parameters"].isna().all()
    assert parsed.truth.startswith("validation accuracy after 200 epochs, not a test accuracy") and parsed.epochs == 200


def test_genotypes_with_curves(tmp_path: Path) -> None:
    parsed = benchmark(tmp_path, [(ONE, 97.5), (OTHER, 97.5)], curves(97.02, 96.76))
    found = parsed.rows.set_index("encoding")
    assert found["test_acc"].to_dict() == {ONE: 0.9702, OTHER: 0.9676} and parsed.epochs == 600
    assert "after the last of 600 epochs" in parsed.truth


@pytest.mark.parametrize("table", BEST)
def test_forms_give_equal_rows(tmp_path: Path, table: str) -> None:
    path = tmp_path / "table.parquet"
    columns = {"genotype": [ONE, AGAIN, OTHER], "params": [3.0, 3.0, 2.5], "valid_acc10": [80.1, 80.3, 70.0]}
    columns |= {"valid_acc50": [90.0, 91.0, 92.5], "test_acc50": [90.01, 91.0, 92.5]}
    columns |= {"cifar10_test_acc": [97.0, 96.5, 96.0], "cifar10_valid_acc": np.float32([85.01, 80.0, 10.22]).tolist()}
    made = pd.DataFrame(columns)
    made.to_parquet(path)
    texts = made["genotype"]
    if table == "darts-214":
        pairs = zip(texts, [97.5] * 3, strict=True)
        official = benchmark(tmp_path, pairs, curves(*made["cifar10_test_acc"]))
    elif table == "darts-swap1000":
        official = swap(tmp_path, zip(texts, made["cifar10_valid_acc"].tolist(), strict=True))
    else:
        names = ["genotype", "params", "valid_acc10", "valid_acc50", "test_acc50"]
        official = oncenas(tmp_path, made[names].to_numpy().tolist(), table)
    mirrored = read(table, "darts", "cifar10", "mirror", path)
    pd.testing.assert_frame_equal(official.rows, mirrored.rows, check_exact=True)
    assert (official.truth, official.epochs, official.entries) == (mirrored.truth, mirrored.epochs, 3)
    assert official.rows["test_acc_run1"].notna().sum() == 1


# Files that are not theirs

GOOD = (ONE, 3.0, 80.0, 90.0, 90.0)
BAD_GENOTYPE = ONE.replace("dil_conv_5x5", "dil_conv_9x9")
CODE = "Genotype(normal=__import__('os').system('true'), reduce=[])"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            [GOOD, (BAD_GENOTYPE, *GOOD[1:])],
            "data-545.csv: row 2: DARTS: edge 5: found 'dil_conv_9x9'; expected one of",
        ),
        ([(CODE, *GOOD[1:])], "row 1: DARTS: .* is not a genotype"),
        (oncenas_csv([GOOD]).replace(b",valid_acc50", b""), "data-545.csv:1: found the columns weights_index, "),
        (oncenas_csv([GOOD]).replace(b"valid_acc50,test_acc50", b"test_acc50,valid_acc50"), "found the columns"),
        (oncenas_csv([(*GOOD[:4], "high")]), "cannot be read as CSV"),
        ([(*GOOD[:4], 190.0)], "found the test_acc 1.9; expected a fraction"),
        ([(*GOOD[:4], float("nan"))], "found the test_acc nan; expected a fraction"),
        (f"{ONCENAS_COLUMNS}\n".encode(), "found no training"),
        (b"", "cannot be read as CSV"),
        (b"<html>\xff", "cannot be read as CSV"),
    ],
)
def test_files_that_are_not_of_oncenas(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        oncenas(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([(BAD_GENOTYPE, 85.0)], "CIFAR10.csv: row 1: DARTS: edge 5: found 'dil_conv_9x9'"),
        ([("", 85.0)], "row 1: DARTS: "),
        (swap_csv([(ONE, 85.0)]).replace(b",85.0", b",85.0,1"), "CIFAR10.csv:1: found 3 columns; expected 2 without a"),
        (swap_csv([(ONE, 85.0)]).replace(b",85.0", b""), "CIFAR10.csv:1: found 1 columns; expected 2"),
        (b"genotype,accuracy\r\n" + swap_csv([(ONE, 85.0)]), "cannot be read as CSV"),
        ([(ONE, 185.0)], "found the test_acc 1.85"),
        (b"", "cannot be read as CSV"),
    ],
)
def test_files_that_are_not_of_swap(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        swap(tmp_path, content)


class Harmful:
    """An object whose pickle calls a function."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return print, ("called",)


HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 600000000000), }".ljust(117) + "\n"
HUGE = b"\x93NUMPY\x01\x00" + len(HEADER).to_bytes(2, "little") + HEADER.encode()
OTHER_ARRAY = r"architectures\.npy: found another file than a NumPy array of 1 x 600 numbers in double precision"
TEXT = nas_benchmark_text(ONE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([(TEXT, Harmful())]), "214genotypes.pkl: refers to builtins.print, which is not expected there"),
        (pickle.dumps([(TEXT, np.zeros(3))]), r"refers to numpy\._?core\.multiarray\._reconstruct"),
        (b"no pickle", "214genotypes.pkl: not a pickle"),
        (pickle.dumps({}), "found no list of genotypes"),
        (pickle.dumps([]), "found no list of genotypes"),
        (pickle.dumps([TEXT]), r"entry 0 \(from 0\): found no pair"),
        (pickle.dumps([(TEXT, "97")]), "expected a text that starts with GENOTYPE="),
        (pickle.dumps([(ONE, 97.5)]), "expected a text that starts with GENOTYPE="),
        (pickle.dumps([(f"GENOTYPE={ONE}", 97.5)]), "as the cell normal; expected a list of edges per node"),
        (pickle.dumps([("GENOTYPE=1", 97.5)]), "not a call with keywords"),
        ([(BAD_GENOTYPE, 97.5)], r"entry 0 \(from 0\): DARTS: edge 5: found 'dil_conv_9x9'"),
        ([(ONE, 97.6)], r"found the best accuracy 97\.6, but 97\.5 in .*architectures\.npy"),
    ],
)
def test_pickles_that_are_not_of_the_214(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        benchmark(tmp_path, content, curves(97.0))
    assert "called" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (curves(97.0, 96.0), OTHER_ARRAY),
        (curves(97.0, epochs=599), OTHER_ARRAY),
        (curves(97.0).astype(np.float32), OTHER_ARRAY),
        (np.asfortranarray(curves(97.0, 97.0).T), OTHER_ARRAY),
        (np.array([[Harmful()] * 600]), OTHER_ARRAY),
        (b"no array", OTHER_ARRAY),
        (b"", OTHER_ARRAY),
        (HUGE, OTHER_ARRAY),
        (curves(float("nan")), "found the best accuracy"),
    ],
)
def test_arrays_that_are_not_of_the_214(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        benchmark(tmp_path, [(ONE, 97.5)], content)
    assert "called" not in capsys.readouterr().out


def test_a_form_of_two_files_needs_both(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="darts-214: forms: genotypes_and_curves: found 1 files; its reader expects 2"):
        read("darts-214", "darts", "cifar10", "genotypes_and_curves", tmp_path / "214genotypes.pkl")


def test_tables_of_nds_have_no_form_of_a_mirror(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="DARTS: found the table 'darts-nds'; expected one of darts-oncenas545, "):
        mirror.read(tmp_path / "absent.parquet", "darts-nds")


def test_a_mirrors_file_without_a_column(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pd.DataFrame({"genotype": [ONE]}).to_parquet(path)
    with pytest.raises(UserError, match=r"table\.parquet: found no column cifar10_valid_acc among genotype"):
        mirror.read(path, "darts-swap1000")
