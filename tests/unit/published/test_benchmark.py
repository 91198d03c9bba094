"""Access to published tables as in the library of NATS-Bench: numbers of architectures, accuracies by data set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mirror import mirror  # noqa: F401
from table_metadata import about

from supernet import spaces
from supernet.errors import UserError
from supernet.published.benchmark import Benchmark
from supernet.published.nasbench201.mirror import read
from supernet.published.schema import tabulate, write

SPACE = spaces.load("nasbench201")
TEXTS = [SPACE.format(SPACE.architecture(number)) for number in (6111, 0)]


def table(folder: Path, name: str, dataset: str, accuracies: list[float], **columns: Any) -> Path:
    rows = tabulate(Path("source"), TEXTS, TEXTS, accuracies, **columns)
    path = folder / f"{name}.parquet"
    write(path, rows, about(table=name, space="nasbench201", dataset=dataset, rows=2, size=15_625, uniform_rows=2))
    return path


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    runs = [[0.9, 0.92, np.nan], [0.5, 0.5, 0.5]]
    whole = {"valid_acc": [0.89, 0.4], "runs": runs, "parameters": [1_000_000, None]}
    return Benchmark.load(
        table(tmp_path, "nasbench201", "cifar10", [0.91, 0.5], **whole),
        table(tmp_path, "nasbench201-cifar100", "cifar100", [0.7, 0.3]),
    )


def test_accuracies_of_an_architecture_by_data_set(benchmark: Benchmark) -> None:
    assert benchmark.datasets == ("cifar10", "cifar100")
    found = benchmark.query(6111, "cifar10")
    assert found == (0.91, 0.89, (0.9, 0.92), 1_000_000)
    # Values that a table does not have.
    assert benchmark.query(0, "cifar10").parameters is None
    assert benchmark.query(0, "cifar100") == (0.3, None, (), None)


def test_an_architecture_is_a_number_a_text_or_a_cell(benchmark: Benchmark) -> None:
    for source in (6111, np.int64(6111), TEXTS[0], SPACE.parse(TEXTS[0])):
        assert benchmark.query(source, "cifar100").test_acc == 0.7
        assert benchmark.index(source) == 6111
    assert benchmark.architecture(0) == TEXTS[1]


def test_what_is_not_in_the_benchmark_is_named(benchmark: Benchmark) -> None:
    with pytest.raises(UserError, match="found the data set 'svhn'; expected one of cifar10, cifar100"):
        benchmark.query(0, "svhn")
    with pytest.raises(UserError, match="expected an integer from 0 to 15624"):
        benchmark.query(15_625, "cifar10")
    with pytest.raises(UserError, match="found numbers in"):
        benchmark.query((4, 0, 3, 1, 4, 3), "cifar10")
    with pytest.raises(UserError, match=r"no ground truth for .*: 1 of 1 architectures are not in the table"):
        benchmark.query(1, "cifar10")


def test_tables_of_one_space_and_different_data_sets_are_expected(tmp_path: Path, benchmark: Benchmark) -> None:
    with pytest.raises(UserError, match="found no table"):
        Benchmark.load()
    first = benchmark.tables["cifar10"].path
    with pytest.raises(UserError, match="found a second table of cifar10; expected one per data set"):
        Benchmark.load(first, table(tmp_path, "again", "cifar10", [0.9, 0.5]))
    other = tmp_path / "nasbench101.parquet"
    write(other, tabulate(Path("source"), ["a"], ["IO:1"], [0.5]), about(rows=1))
    with pytest.raises(UserError, match="found a table of nasbench101; expected one of nasbench201"):
        Benchmark.load(first, other)


@pytest.mark.benchmarks
def test_the_published_accuracies_of_the_best_cell(mirror: Path, tmp_path: Path) -> None:  # noqa: F811
    """Dong & Yang 2020, Tab. 5, "optimal": 94.37, 73.51 and 47.31 %, each the best cell of its data set."""
    paths = []
    for dataset in ("cifar10", "cifar100", "imagenet16-120"):
        parsed = read(mirror / "benchmarks" / "nasbench201.parquet", dataset)
        paths.append(tmp_path / f"{dataset}.parquet")
        write(paths[-1], parsed.rows, about(space="nasbench201", dataset=dataset, rows=15_625))
    benchmark = Benchmark.load(*paths)
    for dataset, best in (("cifar10", 0.9437), ("cifar100", 0.7351), ("imagenet16-120", 0.4731)):
        assert benchmark.tables[dataset].test_acc.max() == pytest.approx(best, abs=5e-5)
    assert benchmark.query(6111, "cifar10").test_acc == pytest.approx(0.9437, abs=5e-5)
