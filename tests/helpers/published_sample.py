"""A small published table with known contents."""

from pathlib import Path

import numpy as np
from table_metadata import about

from supernet.published.schema import tabulate, write
from supernet.published.table import PublishedTable
from supernet.spaces.nasbench201 import NASBench201

SPACE = NASBench201()
COUNT = 60


def sixty_architectures(tmp_path: Path) -> PublishedTable:
    """Write a table of sixty architectures of NASBench-201, two runs each; a third is outside the uniform sample."""
    archs = list(
        {SPACE.arch_id(arch): arch for arch in SPACE.sample(np.random.default_rng(0), count=2 * COUNT)}.items()
    )
    ids, members = zip(*archs[:COUNT], strict=True)
    runs = np.random.default_rng(1).integers(5_000, 9_000, size=(COUNT, 2)) / 10_000
    uniform = np.arange(COUNT) % 3 > 0
    rows = tabulate(tmp_path, ids, [SPACE.format(arch) for arch in members], runs.mean(1), runs=runs, uniform=uniform)
    path = tmp_path / "nasbench201.parquet"
    write(
        path,
        rows,
        about(table="nasbench201", space="nasbench201", size=SPACE.size, rows=COUNT, uniform_rows=int(uniform.sum())),
    )
    return PublishedTable.load(path)
