"""The real tables of a mirror, against numbers published elsewhere."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mirror import mirror
from published_formats import nas_benchmark_pickle, nasbench101_record, oncenas_csv, swap_csv, tfrecord
from scipy import stats

from supernet import spaces
from supernet.published.macro import mirror as macro
from supernet.published.nasbench101 import mirror as nasbench101
from supernet.published.nasbench101 import official
from supernet.published.nasbench101.cells import SIZE, cells
from supernet.published.nasbench201 import mirror as nasbench201
from supernet.published.nasbench201 import short
from supernet.published.parsed import ParsedTable
from supernet.published.readers import read
from supernet.published.schema import COLUMNS, RUNS
from supernet.spaces.nasbench101.encoding import format_cell, parse

__all__ = ["mirror"]

pytestmark = pytest.mark.benchmarks


@pytest.fixture(scope="module")
def nasbench101_rows(mirror: Path) -> pd.DataFrame:
    return nasbench101.read(mirror / "benchmarks" / "nasbench101.parquet").rows


def test_nasbench101_counts(nasbench101_rows: pd.DataFrame) -> None:
    assert len(nasbench101_rows) == 151_644 and nasbench101_rows["uniform"].sum() == 28_963
    assert tuple(nasbench101_rows.columns) == COLUMNS
    assert nasbench101_rows["arch_id"].is_monotonic_increasing and nasbench101_rows["arch_id"].is_unique


def test_nasbench101_means_are_those_of_the_runs(nasbench101_rows: pd.DataFrame) -> None:
    runs = nasbench101_rows[list(RUNS)].to_numpy()
    np.testing.assert_allclose(nasbench101_rows["test_acc"], runs.mean(axis=1), rtol=1e-14)
    counts = runs * 9_984
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)


def test_nasbench101_row_that_others_print(nasbench101_rows: pd.DataFrame) -> None:
    """The example in the comments of NASGraph's `extract_nasbench.py`."""
    row = nasbench101_rows.set_index("encoding").loc["I3M331O:100110/10000/1001/010/10/1"]
    assert row[list(RUNS)].tolist() == pytest.approx([0.9211738705635071, 0.9190705418586731, 0.9215745329856873])
    assert row["valid_acc"] == pytest.approx((0.9241786599159241 + 0.9245793223381042 + 0.9304887652397156) / 3)
    assert row["parameters"] == 8_555_530


def test_nasbench101_hashes_are_those_of_the_encodings(nasbench101_rows: pd.DataFrame) -> None:
    space = spaces.load("nasbench101")
    for row in nasbench101_rows.sample(2_000, random_state=0).itertuples():
        cell = space.parse(row.encoding)
        assert space.arch_id(cell) == row.arch_id and space.format(cell) == row.encoding


def test_nasbench101_enumeration_has_every_row_in_its_own_labelling(nasbench101_rows: pd.DataFrame) -> None:
    """423 624 cells, as the benchmark counts; the labelling is what the parameters depend on."""
    enumerated = {format_cell(cell) for cell in cells()}
    assert len(enumerated) == SIZE == 423_624
    assert set(nasbench101_rows["encoding"]) <= enumerated


def test_nasbench101_rows_in_the_official_format(nasbench101_rows: pd.DataFrame, tmp_path: Path) -> None:
    chosen = nasbench101_rows.sample(40, random_state=1).sort_values("arch_id", ignore_index=True)
    records = []
    for row in chosen.itertuples():
        cell = parse(row.encoding)
        valid = round(row.valid_acc * 3 * 9_984)
        # The schema has the mean of the validation accuracies alone: any three counts of that sum.
        shares = [valid // 3, valid // 3, valid - 2 * (valid // 3)]
        tests = [round(row.test_acc_run0 * 9_984), round(row.test_acc_run1 * 9_984), round(row.test_acc_run2 * 9_984)]
        records += [
            nasbench101_record(row.arch_id, cell.matrix, cell.operations, row.parameters, *counts)
            for counts in zip(shares, tests, strict=True)
        ]
    path = tmp_path / "nasbench_only108.tfrecord"
    path.write_bytes(tfrecord(records))
    pd.testing.assert_frame_equal(official.read(path).rows, chosen.assign(uniform=True))


@pytest.mark.parametrize(("dataset", "best"), [("cifar10", 0.9437), ("cifar100", 0.7351), ("imagenet16-120", 0.4731)])
def test_nasbench201_best_accuracies(mirror: Path, dataset: str, best: float) -> None:
    """The optima that the benchmark's paper prints (Dong & Yang 2020, the row `optimal` of the table of results)."""
    rows = nasbench201.read(mirror / "benchmarks" / "nasbench201.parquet", dataset).rows
    space = spaces.load("nasbench201")
    assert len(rows) == space.size and rows["uniform"].all()
    assert all(space.format(space.parse(text)) == text for text in rows["encoding"])
    assert round(rows["test_acc"].max(), 4) == best


def test_nasbench201_best_architecture(mirror: Path) -> None:
    path = mirror / "benchmarks" / "nasbench201.parquet"
    rows = nasbench201.read(path, "cifar10").rows
    numbers = pd.read_parquet(path, columns=["arch_index", "arch_str"]).set_index("arch_index")["arch_str"]
    # It shares its accuracy with another one.
    best = rows.loc[rows["test_acc"] == rows["test_acc"].max(), "arch_id"]
    assert numbers[6_111] in set(best) and len(best) == 2
    assert rows["test_acc"].max() == pytest.approx(0.943733, abs=5e-7)


def test_nasbench201_accuracies_are_counts(mirror: Path) -> None:
    """Counts of 10 000 images in one, two or three runs, although the file has them in single precision."""
    rows = nasbench201.read(mirror / "benchmarks" / "nasbench201.parquet", "cifar10").rows
    counts = rows["test_acc"] * 60_000
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)


def test_macro_table(mirror: Path) -> None:
    path = mirror / "benchmarks" / "nasbench_macro.parquet"
    rows = macro.read(path).rows.set_index("arch_id")
    assert len(rows) == 3**8
    means = pd.read_parquet(path).set_index("arch")["mean_acc"] / 100
    np.testing.assert_allclose(rows["test_acc"], means[rows.index], atol=1e-7)
    # The second stage is the third to fifth layer: the position of its identity makes no difference.
    assert rows.loc["00102000", "test_acc"] == rows.loc["00120000", "test_acc"]


def test_nasbench201_single_trainings(mirror: Path) -> None:
    """The figures that came with the file: 5 955 architectures, tau .897; .778 and .244 points above 90 %."""
    folder = mirror / "benchmarks"
    means, two = folder / "nasbench201.parquet", folder / "nasbench201_two_seeds.parquet"
    rows = nasbench201.read_with_runs(means, two, "cifar10").rows
    pd.testing.assert_frame_equal(rows.drop(columns=list(RUNS)), without_runs(means))
    runs = rows.loc[rows[RUNS[0]].notna(), [*RUNS, "test_acc"]]
    assert len(runs) == 5_955 and runs[RUNS[1]].notna().all() and runs[RUNS[2]].isna().all()
    first, second = runs[RUNS[0]].to_numpy(), runs[RUNS[1]].to_numpy()
    assert stats.kendalltau(first, second).statistic == pytest.approx(0.897, abs=2e-3)
    good = runs["test_acc"] > 0.9
    assert stats.kendalltau(first[good], second[good]).statistic == pytest.approx(0.778, abs=2e-3)
    assert ((first - second)[good] / np.sqrt(2)).std() == pytest.approx(0.00244, abs=5e-6)
    # A mean with half a count is one of two trainings, so that the derived training is real: the same tau.
    certain = np.round(runs["test_acc"] * 20_000) % 2 == 1
    assert certain.sum() == 2_862
    assert stats.kendalltau(first[certain], second[certain]).statistic == pytest.approx(0.897, abs=2e-3)


def test_nasbench201_after_12_epochs(mirror: Path) -> None:
    """Tau with the accuracies after 200 epochs is .700, as stated with the file; accuracies are counts of images."""
    path = mirror / "benchmarks" / "nasbench201_12epochs.parquet"
    long = nasbench201.read(mirror / "benchmarks" / "nasbench201.parquet", "cifar10").rows
    for name, images, best in (
        ("cifar10", 10_000, 0.8916),
        ("cifar100", 5_000, 0.6118),
        ("imagenet16-120", 3_000, 0.3827),
    ):
        rows = short.read_mirror(path, name).rows
        assert rows["arch_id"].equals(long["arch_id"]) and round(rows["test_acc"].max(), 4) == best
        counts = rows["test_acc"] * images
        np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
        assert rows[RUNS[0]].equals(rows["test_acc"].rename(RUNS[0])) and rows[RUNS[1]].isna().all()
    tau = stats.kendalltau(short.read_mirror(path, "cifar10").rows["test_acc"], long["test_acc"]).statistic
    assert tau == pytest.approx(0.700, abs=5e-4)


def without_runs(path: Path) -> pd.DataFrame:
    return nasbench201.read(path, "cifar10").rows.drop(columns=list(RUNS))


def darts(mirror: Path, table: str) -> ParsedTable:
    file = table.removesuffix("-10epochs").replace("-", "_")
    return read(table, "darts", "cifar10", "mirror", mirror / "benchmarks" / f"{file}.parquet")


@pytest.mark.parametrize(
    ("table", "entries", "architectures", "lowest", "median", "highest"),
    [
        ("darts-oncenas545", 545, 526, 0.547, 0.918, 0.944),
        ("darts-214", 214, 214, 0.9603, 0.970, 0.9741),
        ("darts-swap1000", 1_000, 1_000, 0.102, 0.803, 0.866),
    ],
)
def test_darts_counts_and_ranges(
    mirror: Path, table: str, entries: int, architectures: int, lowest: float, median: float, highest: float
) -> None:
    """Numbers of the repositories that publish the files, computed from their entries; 19 of them repeat a genotype."""
    parsed, space = darts(mirror, table), spaces.load("darts")
    accuracy = parsed.rows["test_acc"]
    assert (parsed.entries, len(parsed.rows)) == (entries, architectures)
    assert space.published_size(table) == architectures
    found = [accuracy.min(), accuracy.median(), accuracy.max()]
    assert found == pytest.approx([lowest, median, highest], abs=1e-3)
    counts = parsed.rows["test_acc_run0"] * 10_000
    np.testing.assert_allclose(counts, counts.round(), atol=1e-9)


def test_early_accuracies_of_darts_rank_as_published(mirror: Path) -> None:
    """Tau .645, computed from all 545 entries of the file; here repeated genotypes are one architecture."""
    early, late = (darts(mirror, f"darts-oncenas545{suffix}").rows for suffix in ("-10epochs", ""))
    assert early["arch_id"].tolist() == late["arch_id"].tolist()
    assert stats.kendalltau(early["test_acc"], late["test_acc"]).statistic == pytest.approx(0.645, abs=0.01)
    # The validation accuracies after 50 epochs are of the test images: at most two images are counted differently.
    assert (late["valid_acc"] - late["test_acc"]).abs().max() < 2.5e-4


def test_parameters_of_darts_are_those_of_our_networks(mirror: Path) -> None:
    """The networks of OnceNAS-Bench have 36 channels, 20 cells and no auxiliary head; all nodes are concatenated."""
    rows, space = darts(mirror, "darts-oncenas545").rows, spaces.load("darts")
    parsed = [space.parse(text) for text in rows["encoding"]]
    assert [space.cost(arch).parameters for arch in parsed] == rows["parameters"].tolist()
    assert any(operation == "none" for arch in parsed for operation, _ in arch.normal.edges)


def test_swap_in_the_official_form(mirror: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(mirror / "benchmarks" / "darts_swap1000.parquet")
    path = tmp_path / "DARTS_archs_CIFAR10.csv"
    path.write_bytes(swap_csv(zip(table["genotype"], table["cifar10_valid_acc"].tolist(), strict=True)))
    official = read("darts-swap1000", "darts", "cifar10", "swap_csv", path)
    pd.testing.assert_frame_equal(official.rows, darts(mirror, "darts-swap1000").rows, check_exact=True)


@pytest.mark.parametrize("table", ["darts-oncenas545", "darts-oncenas545-10epochs"])
def test_oncenas_in_the_official_form(mirror: Path, tmp_path: Path, table: str) -> None:
    columns = ["genotype", "params", "valid_acc10", "valid_acc50", "test_acc50"]
    rows = pd.read_parquet(mirror / "benchmarks" / "darts_oncenas545.parquet")[columns]
    path = tmp_path / "data-545.csv"
    path.write_bytes(oncenas_csv(rows.itertuples(index=False, name=None)))
    official = read(table, "darts", "cifar10", "oncenas_csv", path)
    pd.testing.assert_frame_equal(official.rows, darts(mirror, table).rows, check_exact=True)


def test_the_214_in_the_official_form(mirror: Path, tmp_path: Path) -> None:
    """The mirror has the best and the last accuracy, and no others of the curves."""
    table = pd.read_parquet(mirror / "benchmarks" / "darts_214.parquet")
    genotypes, curves = tmp_path / "214genotypes.pkl", tmp_path / "214_random_architectures.npy"
    genotypes.write_bytes(nas_benchmark_pickle(zip(table["genotype"], table["listed"].tolist(), strict=True)))
    accuracies = np.repeat(table["listed"].to_numpy()[:, None], 600, axis=1)
    accuracies[:, -1] = table["cifar10_test_acc"]
    np.save(curves, accuracies)
    official = read("darts-214", "darts", "cifar10", "genotypes_and_curves", genotypes, curves)
    pd.testing.assert_frame_equal(official.rows, darts(mirror, "darts-214").rows, check_exact=True)
