"""How search systems are named, grouped and compared with choosing at random."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet.config.factors import SPACES
from supernet.config.searches import RELAXED, WITHOUT_RELAXATION
from supernet.errors import UserError
from supernet.paper import captions
from supernet.paper.load import Results
from supernet.paper.names import SPACE_NAMES, count
from supernet.spaces import KINDS, load

SYSTEM_NAMES = MappingProxyType(
    {
        "random_search": "random search",
        "random_nas": "Random-NAS",
        "spos": "SPOS",
        "fairnas": "FairNAS",
        "enas": "ENAS",
        "nao": "NAO",
        "darts_1st": "DARTS (1st order)",
        "darts_2nd": "DARTS (2nd order)",
        "snas": "SNAS",
        "gdas": "GDAS",
        "fbnet": "FBNet",
        "proxylessnas": "ProxylessNAS",
        "pc_darts": "PC-DARTS",
        "robust_darts": "RobustDARTS",
        "xnas": "XNAS",
        "gaea": "GAEA",
    }
)
STATUS_NAMES = MappingProxyType(
    {
        "diverged": "super-net diverged",
        "unlisted": "not in the table",
        "truth_diverged": "diverged",
    }
)
"""What stands in place of a ground truth."""
_PREFIX = 8


def short_architecture(space: str, encoding: object) -> str:
    """The operations of NASBench-201 by number, edge by edge; else the first characters of the arch_id."""
    if not isinstance(encoding, str):
        return ""
    known = load(space)
    arch = known.parse(encoding)
    return "".join(map(str, known.choices_of(arch))) if space == "nasbench201" else known.arch_id(arch)[:_PREFIX]


def at_random(truths: npt.NDArray[np.float64], draws: int) -> float:
    """The expected best ground truth of `draws` architectures of a pool (n,), drawn alike and without replacement.

    The average over all subsets of that size.
    """
    ordered = np.sort(truths)
    # The k-th smallest is the best of a subset with the probability that all others are below it.
    share, total = draws / len(ordered), 0.0
    for place in range(len(ordered) - 1, draws - 2, -1):
        total += share * ordered[place]
        share *= (place - draws + 1) / place if place else 0.0
    return float(total)


def truth_and_quantile_sentences(found: Mapping[str, pd.DataFrame]) -> str:
    """Where ground truth and quantiles of each space's finds are from."""
    first = {space: rows.iloc[0] for space, rows in found.items()}
    sources = captions.merged({space: str(row["source"]) for space, row in first.items()})
    sets = captions.merged(
        {space: captions.QUANTILE_SETS[row["kind"]].format(count(row["population"])) for space, row in first.items()}
    )
    return (
        f"Ground truth: {sources}; what a published table does not list has none. Quantile: r/N, r being the rank from "
        f"the top by ground truth in {sets}; small is good."
    )


def relaxed_sentence(spaces: tuple[str, ...]) -> str:
    """What a relaxed super-net relaxes in each space, and where there is none."""
    what = {
        "nasbench201": "in NASBench-201 a relaxed super-net has all operations on each of the six edges",
        "darts": "in DARTS-NDS all operations on each of the 14 edges of both cells, whose four nodes are all "
        "concatenated; two edges of each node are kept at the end",
    }
    said = "; ".join(what[space] for space in spaces if space in what)
    lacking = [
        f"In {SPACE_NAMES[space]} systems of this kind are not defined: {KINDS[space].unrelaxed}."
        for space in spaces
        if space in WITHOUT_RELAXATION
    ]
    return " ".join([*([f"Relaxation: {said}."] if said else []), *lacking])


def found_by_space(results: Results) -> dict[str, pd.DataFrame]:
    """The finds of each space of the study that has search systems; UserError where none has."""
    found = {
        space: rows
        for space in SPACES
        if space in results.study.spaces and (rows := results.systems(space)) is not None
    }
    if not found:
        raise UserError("the study has no section `searches`: add it, or leave this table or figure out")
    return found


def is_relaxed(system: str) -> bool:
    """Whether a system trains a relaxed super-net."""
    return system in RELAXED


def skips(space: str, found: pd.DataFrame) -> pd.Series:
    """How many edges of each found architecture are skip connections; in DARTS of both cells."""
    known = load(space)
    number = known.operations.index("skip_connect")
    places = slice(None) if space == "nasbench201" else slice(1, None, 2)
    return found["encoding"].map(
        lambda text: known.choices_of(known.parse(text))[places].count(number) if isinstance(text, str) else None
    )
