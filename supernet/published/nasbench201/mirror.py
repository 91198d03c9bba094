"""NASBench-201, Parquet files of a mirror: accuracies in percent after 200 epochs on three data sets.

Columns: `op_eIJ`, the number of the operation on the edge from node I to node J (0 none, 1 skip_connect,
2 nor_conv_1x1, 3 nor_conv_3x3, 4 avg_pool_3x3), and accuracies. `cifar10_test_acc` belongs to the training on
all training images.

A second file has two single trainings of some architectures on CIFAR-10: `arch_str`, `seed_a` and `seed_b` in percent.
The first was published by tiga1231/nasbench-vis. The second is derived, 2 x mean - `seed_a`, where that is a number of
correct images: in an architecture with three trainings it would be no training, but a third of these pass too.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from supernet import spaces
from supernet.errors import UserError
from supernet.published.counts import exact
from supernet.published.formats.parquet_table import read_parquet
from supernet.published.nasbench201.facts import EPOCHS, IMAGES, dataset
from supernet.published.parsed import ParsedTable
from supernet.published.schema import COLUMNS, RUNS, tabulate
from supernet.spaces.nasbench201.encoding import EDGES

_RUNS = ("seed_a", "seed_b")
_ROUNDING = 1e-6
"""Accuracies of the first file have single precision."""


def read(path: Path, dataset_name: str) -> ParsedTable:
    """Read one data set; UserError if a column is missing or an operation is not in the space."""
    facts, space = dataset(dataset_name), spaces.load("nasbench201")
    edges = [f"op_e{source}{target}" for source, target in EDGES]
    accuracies = dict.fromkeys((facts.mirror_test, facts.mirror_valid), "numbers")
    table = read_parquet(path, {**dict.fromkeys(edges, "integers"), **accuracies})
    texts = [space.format(space.decode(operations, "nats")) for operations in table[edges].to_numpy().tolist()]
    rows = tabulate(
        path,
        texts,
        texts,
        exact(table[facts.mirror_test].astype("float64") / 100, facts.test_images),
        valid_acc=exact(table[facts.mirror_valid].astype("float64") / 100, facts.valid_images),
    )
    return ParsedTable(rows, facts.truth, EPOCHS, len(rows))


def read_with_runs(path: Path, runs: Path, dataset_name: str) -> ParsedTable:
    """Read CIFAR-10 with runs 0 and 1 of the architectures in the file `runs`; the others have none.

    Raises UserError as `read` does, for another data set, and if two runs do not have the mean of the first file.
    """
    if dataset_name != "cifar10":
        raise UserError(f"{runs}: has trainings on CIFAR-10; found the data set {dataset_name!r}: correct the sources")
    parsed = read(path, dataset_name)
    rows = parsed.rows.set_index("arch_id")
    single = _single(runs)
    if len(unknown := single.index.difference(rows.index)):
        raise UserError(f"{runs}: found {unknown[0]}, which {path} does not have; fetch both files again")
    for run, name in enumerate(_RUNS):
        rows.loc[single.index, RUNS[run]] = single[name]
    apart = (rows[list(RUNS[:2])].mean(axis=1) - rows["test_acc"]).loc[single.index].abs()
    if len(apart) and apart.max() > _ROUNDING:
        raise UserError(
            f"{runs}: {apart.idxmax()}: the mean of both runs is {apart.max():.2%} off that of {path}; expected the "
            "same: fetch both files again"
        )
    words = f"{parsed.truth}; two trainings of {len(single)} architectures, the second derived from their mean"
    return replace(parsed, rows=rows.reset_index()[list(COLUMNS)], truth=words)


def _single(path: Path) -> pd.DataFrame:
    """Return the accuracies `seed_a` and `seed_b`, fractions, by arch_id."""
    space = spaces.load("nasbench201")
    table = read_parquet(path, {"arch_str": "text", **dict.fromkeys(_RUNS, "numbers")})
    names = [space.arch_id(space.parse(text)) for text in table["arch_str"]]
    if len(set(names)) != len(names):
        raise UserError(f"{path}: column arch_str: an architecture is repeated; expected each once: fetch it again")
    test = exact(table[list(_RUNS)].to_numpy(dtype="float64") / 100, IMAGES)
    if not ((test >= 0) & (test <= 1)).all():
        raise UserError(f"{path}: found an accuracy that is not from 0 to 100 percent; fetch the file again")
    return pd.DataFrame(test, index=names, columns=list(_RUNS))
