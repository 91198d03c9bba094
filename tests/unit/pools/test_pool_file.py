"""Pool files: refusals when a pool is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from supernet import spaces
from supernet.errors import UserError
from supernet.pools.draw import draw_pool, draw_published, stratified
from supernet.pools.file import best_of, read_pool, read_truths

SPACE = spaces.load("nasbench201")
TEXTS = [SPACE.format(SPACE.architecture(number)) for number in range(3)]
READERS: list[Callable[..., Any]] = [read_pool, read_truths, best_of]


def pool(path: Path, ids: list[Any], encodings: list[Any]) -> Path:
    pd.DataFrame({"arch_id": ids, "encoding": encodings, "truth": [0.5] * len(ids)}).to_parquet(path / "pool.parquet")
    return path / "pool.parquet"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("ids", "encodings", "message"),
    [
        ([], [], "the pool is empty; expected at least one architecture"),
        (TEXTS[:1] * 2, TEXTS[:1] * 2, "row 1: '.*' occurs twice; expected different architectures"),
        (TEXTS[:2], TEXTS[1::-1], r"row 0: found the arch_id '\|avg_pool.*has '"),
        (["a", *TEXTS[1:]], TEXTS, "row 0: found the arch_id 'a'"),
        ([TEXTS[0], None], [TEXTS[0], TEXTS[1]], "row 1: found the arch_id None"),
        (["a"], ["|nor_conv_3x3~0|"], "row 0: NASBench-201: found 1 nodes"),
        (["a"], [None], "row 0: NASBench-201: found None"),
    ],
)
def test_a_pool_that_is_not_valid_is_refused(
    tmp_path: Path, reader: Callable[..., Any], ids: list[Any], encodings: list[Any], message: str
) -> None:
    with pytest.raises(UserError, match=rf"pool.parquet: {message}"):
        reader(pool(tmp_path, ids, encodings), SPACE)


def test_isomorphic_cells_are_one_architecture(tmp_path: Path) -> None:
    """Two encodings of NASBench-101 with one hash."""
    space = spaces.load("nasbench101")
    cells = [space.parse(text) for text in ("I3MO:110/01/1", "IM3O:110/01/1")]
    assert cells[0] != cells[1] and len({space.arch_id(cell) for cell in cells}) == 1
    ids = [space.arch_id(cell) for cell in cells]
    with pytest.raises(UserError, match="occurs twice"):
        read_pool(pool(tmp_path, ids, [space.format(cell) for cell in cells]), space)


def test_a_pool_of_a_sub_space_has_its_architectures_only(tmp_path: Path) -> None:
    space, sub = spaces.load("nasbench101"), spaces.load("nasbench101-constant-2")
    cells = [space.parse(text) for text in ("I3MO:110/01/1", "I3O:10/1")]
    ids, texts = [space.arch_id(cell) for cell in cells], [space.format(cell) for cell in cells]
    path = pool(tmp_path, ids, texts)
    assert len(read_pool(path, space)) == 2
    with pytest.raises(UserError, match="row 1: I3O:10/1 is not in nasbench101-constant-2"):
        read_pool(path, sub)


@pytest.mark.parametrize("size", [0, -5])
def test_a_pool_without_architectures_is_not_drawn(size: int) -> None:
    table: Any = None
    with pytest.raises(UserError, match=f"pool.size: found {size}; expected 1 or more"):
        draw_pool(SPACE, size, np.random.default_rng(0))
    with pytest.raises(UserError, match=f"pool.size: found {size}; expected 1 or more"):
        draw_published(table, SPACE, size, np.random.default_rng(0))
    with pytest.raises(UserError, match=f"pool.size: found {size}; expected 1 or more"):
        stratified(table, SPACE, size)
