"""Subsets of architectures on which every correlation is given too, in studies and for scores of other code bases."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from supernet.metrics.arrays import Floats
from supernet.spaces.base import Space
from supernet.spaces.nasbench101 import NASBench101

Mask = npt.NDArray[np.bool_]
WHOLE = "all"


def subsets(space: Space[Any], encodings: Sequence[str], truth: Floats) -> Mapping[str, Mask]:
    """Return which architectures (n,), in the order of `arch_id`, belong to each subset.

    - all
    - top_half: the better half by ground truth (n,); of equal ones, the first
    - regular: those that are not degenerate
    - unique: of architectures that compute the same function, the first; only in spaces that define `function_of`
    """
    top = np.zeros(len(truth), dtype=bool)
    top[np.argsort(-truth, kind="stable")[: -(-len(truth) // 2)]] = True
    found = {
        WHOLE: np.ones(len(truth), dtype=bool),
        "top_half": top,
        "regular": np.array([not _is_degenerate(space, text) for text in encodings], dtype=bool),
    }
    names = functions(space, encodings)
    if names is not None:
        found["unique"] = np.isin(np.arange(len(names)), np.unique(names, return_index=True)[1])
    return found


def functions(space: Space[Any], encodings: Sequence[str]) -> Sequence[str] | None:
    """Return names (n,) that are equal for architectures that compute the same function.

    Returns None if they are not looked for: isomorphic cells of NASBench-101 have one `arch_id` from the start, and
    equal functions hardly ever occur among a few thousand genotypes of DARTS.
    """
    if type(space).function_of is Space.function_of:
        return None
    return [space.function_of(space.parse(text)) for text in encodings]


def _is_degenerate(space: Space[Any], encoding: str) -> bool:
    if isinstance(space, NASBench101):
        # Without parsing, because the space has hundreds of thousands of cells: 3 and 1 are the convolutions.
        return not {"3", "1"} & set(encoding.partition(":")[0])
    return space.degenerate(space.parse(encoding))
