"""The set in which P>R takes its rank."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table_metadata import about

from supernet import spaces
from supernet.metrics.population import population_of
from supernet.published.schema import tabulate, write
from supernet.published.table import PublishedTable
from supernet.spaces.base import Space


def metadata(space: Space[Any], rows: int) -> Any:
    """Metadata of a published table of so many rows."""
    return about(table="nasbench101", space=space.name, size=space.size, rows=rows, uniform_rows=rows)


@pytest.mark.parametrize(("name", "size", "kind"), [("darts", 1, "listed"), ("nasbench201", 15_625, "table")])
def test_a_complete_table_can_be_a_part_of_its_space(tmp_path: Path, name: str, size: int, kind: str) -> None:
    space, path = spaces.load(name), tmp_path / "table.parquet"
    (arch,) = space.sample(np.random.default_rng(0), count=1)
    rows = tabulate(path, [space.arch_id(arch)], [space.format(arch)], [0.9])
    truth = "validation accuracy after 200 epochs"
    write(path, rows, about(table="t", space=name, size=size, rows=1, uniform_rows=1, complete=True, truth=truth))
    found = population_of(PublishedTable.load(path), space)
    assert (found.kind, found.truth.tolist()) == (kind, [0.9])
    assert found.source.startswith("published, validation accuracy after 200 epochs (t, ")


def test_a_sub_space_takes_its_rank_among_its_own(tmp_path: Path) -> None:
    space = spaces.load("nasbench101")
    archs = {space.arch_id(arch): arch for arch in space.sample(np.random.default_rng(0), count=300)}
    accuracy = np.random.default_rng(1).uniform(0.8, 0.9, len(archs))
    texts = [space.format(arch) for arch in archs.values()]
    rows = tabulate(tmp_path, list(archs), texts, accuracy, uniform=np.ones(len(archs), dtype=bool))
    write(tmp_path / "table.parquet", rows, metadata(space, len(archs)))
    found = PublishedTable.load(tmp_path / "table.parquet")
    own = spaces.load("nasbench101-constant-2")
    expected = sorted(one for one, text in zip(accuracy, texts, strict=True) if own.holds(text))
    assert sorted(population_of(found, own).truth) == expected and 0 < len(expected) < len(archs)
    assert len(population_of(found, space).truth) == len(archs)
