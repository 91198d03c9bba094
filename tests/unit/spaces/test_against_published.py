"""Cells, networks and samples against the published tables."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from mirror import mirror  # noqa: F401
from scipy.stats import chi2_contingency, kendalltau
from tiny import copy_weights, origins, random_images, standalone, supernet

from supernet.nn.norm import statistics
from supernet.spaces.darts import Darts
from supernet.spaces.nasbench101 import NASBench101
from supernet.spaces.nasbench101.encoding import CONV1X1, CONV3X3, INPUT, MAXPOOL3X3, OUTPUT, Cell
from supernet.spaces.nasbench101.sampling import random_a, random_nas
from supernet.spaces.nasbench201 import NASBench201

pytestmark = pytest.mark.benchmarks

DARTS = Darts()
EVEN = range(0, 8, 2)
LETTERS = {"I": INPUT, "3": CONV3X3, "1": CONV1X1, "M": MAXPOOL3X3, "O": OUTPUT}
UPPER = {size: np.triu_indices(size, 1) for size in range(2, 8)}


@pytest.fixture(scope="module")
def nasbench101(mirror: Path) -> pd.DataFrame:  # noqa: F811
    return pd.read_parquet(mirror / "benchmarks" / "nasbench101.parquet")


@pytest.fixture(scope="module")
def nasbench201(mirror: Path) -> pd.DataFrame:  # noqa: F811
    return pd.read_parquet(mirror / "benchmarks" / "nasbench201.parquet")


def cell_of_row(row: Any) -> Cell:
    size = len(row.operations)
    matrix = np.zeros((size, size), dtype=int)
    matrix[UPPER[size]] = row.adjacency_upper_bits >> np.arange(size * (size - 1) // 2) & 1
    return Cell.build(matrix.tolist(), [LETTERS[letter] for letter in row.operations])


def test_hash_and_parameters_of_every_published_nasbench101_cell(nasbench101: pd.DataFrame) -> None:
    space = NASBench101()
    assert len(nasbench101) == 151_644
    for row in nasbench101.itertuples():
        cell = cell_of_row(row)
        found = (cell.vertices, space.arch_id(cell), space.cost(cell).parameters)
        assert found == (row.num_vertices, row.module_hash.hex(), row.trainable_parameters), space.format(cell)


def test_nasbench101_networks_have_the_published_parameters(nasbench101: pd.DataFrame) -> None:
    """200 random networks, the ten smallest and the ten largest, are built at the benchmark's size."""
    by_size = nasbench101.sort_values("trainable_parameters")
    sample = nasbench101.sample(200, random_state=0)
    for row in pd.concat([by_size.head(10), by_size.tail(10), sample]).itertuples():
        with torch.device("meta"):
            network = NASBench101().build_standalone(cell_of_row(row))
        assert sum(parameter.numel() for parameter in network.parameters()) == row.trainable_parameters


def test_random_a_looks_like_the_published_uniform_sample(nasbench101: pd.DataFrame) -> None:
    def features(cell: Cell) -> tuple[int, int, int]:
        return cell.vertices, cell.edges, cell.operations.count(CONV3X3)

    uniform = nasbench101[nasbench101.sampled_full]
    theirs = Counter(features(cell_of_row(row)) for row in uniform[:6_000].itertuples())
    ours = Counter(features(cell) for cell in random_a(np.random.default_rng(5), 6_000))
    other = Counter(features(cell) for cell in random_nas(np.random.default_rng(5), 6_000))
    assert homogeneity(theirs, ours) > 0.01
    assert homogeneity(theirs, other) < 1e-12


def homogeneity(one: Counter[Any], two: Counter[Any]) -> float:
    """Return the p-value of a chi-square test that both samples have one law, over sufficiently frequent classes."""
    frequent = [key for key in sorted(one | two) if one[key] + two[key] >= 20]
    return float(chi2_contingency([[one[key] for key in frequent], [two[key] for key in frequent]]).pvalue)


@pytest.fixture(scope="module")
def nasbench201_costs(nasbench201: pd.DataFrame) -> dict[str, list[int]]:
    """Return parameters, multiply-adds, and those of convolutions that the image reaches (`fed`), per row."""
    space = NASBench201()
    cells = [space.parse(text) for text in nasbench201.arch_str]
    costs = [space.cost(cell) for cell in cells]
    return {
        "parameters": [cost.parameters for cost in costs],
        "macs": [cost.macs for cost in costs],
        "fed": [space.cost(cell, zero_in_zero_out=True).macs for cell in cells],
    }


def test_nasbench201_table_has_each_cell_once(nasbench201: pd.DataFrame) -> None:
    space = NASBench201()
    cells = [space.parse(text) for text in nasbench201.arch_str]
    columns = nasbench201[["op_e01", "op_e02", "op_e12", "op_e03", "op_e13", "op_e23"]].to_numpy().tolist()
    # The table's numbers of operations equal ours.
    assert cells == [space.decode(row, "nats") for row in columns]
    # The table is in the order of the benchmark.
    assert [space.index(cell) for cell in cells] == list(range(space.size))
    assert [space.architecture(number) for number in range(space.size)] == cells
    assert len(set(cells)) == space.size == len(nasbench201)


@pytest.mark.parametrize(("score", "tau"), [("parameters", 0.5778), ("macs", 0.6133), ("fed", 0.6540)])
def test_cost_ranks_the_whole_of_nasbench201(
    nasbench201: pd.DataFrame, nasbench201_costs: dict[str, list[int]], score: str, tau: float
) -> None:
    """The reference for a super-net: tau of a cost with the test accuracy after 200 epochs on CIFAR-10."""
    found = kendalltau(nasbench201_costs[score], nasbench201.cifar10_test_acc).statistic
    assert found == pytest.approx(tau, abs=5e-5)


def test_nasbench201_costs_are_bounded_by_the_published_extremes(nasbench201_costs: dict[str, list[int]]) -> None:
    parameters, macs = nasbench201_costs["parameters"], nasbench201_costs["macs"]
    # Published: .073306 and 1.531546 M parameters, 7.78305 and 220.11969 M operations with the ten biases.
    assert (min(parameters), max(parameters)) == (73_306, 1_531_546)
    assert (min(macs), max(macs)) == (7_783_050 - 10, 220_119_690 - 10)


@pytest.mark.parametrize("table", ["oncenas545", "214", "swap1000"])
def test_published_darts_genotypes_concatenate_all_nodes(mirror: Path, table: str) -> None:  # noqa: F811
    texts = pd.read_parquet(mirror / "benchmarks" / f"darts_{table}.parquet")["genotype"].tolist()
    assert Darts("all").undrawn(texts) == []
    # The default draws few such genotypes: those in which no node is the input of another.
    assert len(DARTS.undrawn(texts)) > len(texts) / 2


@pytest.mark.parametrize("batch_norm", ["affine+tracking", "none"])
@pytest.mark.parametrize("table", ["oncenas545", "214", "swap1000"])
def test_published_darts_genotypes_compute_the_same_alone_and_in_the_supernet(
    mirror: Path,  # noqa: F811
    table: str,
    batch_norm: str,
) -> None:
    """Genotypes with `none`, equal inputs and equal edges among them; in the super-net, equal edges share weights."""
    texts = pd.read_parquet(mirror / "benchmarks" / f"darts_{table}.parquet")["genotype"]
    drawn = [DARTS.parse(text) for text in texts.sample(12, random_state=0)]
    edges = [cell.edges[place : place + 2] for arch in drawn for cell in (arch.normal, arch.reduce) for place in EVEN]
    assert any("none" in (one[0], two[0]) for one, two in edges) == (table != "214")
    assert any(one == two for one, two in edges) == (table == "swap1000")
    shared, images = supernet(DARTS, batch_norm).eval(), random_images(2)
    with statistics(shared, "tracked" if "tracking" in batch_norm else "batch"), torch.no_grad():
        for arch in drawn:
            own = standalone(DARTS, arch, batch_norm).eval()
            copy_weights(shared, own, origins(DARTS, shared, own, arch))
            with statistics(own, "tracked" if "tracking" in batch_norm else "batch"):
                torch.testing.assert_close(own(images, arch), shared(images, arch), rtol=0, atol=1e-12)
