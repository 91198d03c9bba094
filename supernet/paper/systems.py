"""Names and groups of search systems, and their comparison with random choice."""

import math
from collections.abc import Iterable, Mapping
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
"""Printed instead of a missing ground truth."""


WELL_TRAINED = 0.5
"""Least training of a search that counts for claim 4, as a share of the training of the baseline's super-net. This
project's choice, fixed before results were looked at."""
TOO_SHORT = "too short for a verdict"


def training_shares(found: pd.DataFrame) -> pd.Series:
    """Divide the training of found architectures' super-nets (`trained`) by that of the baseline's super-net.

    Both count images of training passes times the operations that a pass trains at each position: one on a path.
    """
    shares: pd.Series = found["trained"] / found["baseline_trained"]
    return shares


def too_short(found: pd.DataFrame) -> pd.Series:
    """Return which searches trained less than `WELL_TRAINED`, without those that ended before their budget did."""
    ended_early = found["status"].isin(["diverged", "stopped_early"])
    short: pd.Series = (training_shares(found) < WELL_TRAINED) & ~ended_early
    return short


def training_sentence() -> str:
    """Define the training of a search and the mark of searches that are too short."""
    return (
        "Training: images of training passes, times the operations that a pass trains at a position, as a share of "
        f"those of the baseline's super-net. A search below {100 * WELL_TRAINED:.0f} % is {TOO_SHORT}: its super-net "
        "is not well trained."
    )


def at_random(truths: npt.NDArray[np.float64], draws: int) -> float:
    """Return the expected best ground truth of `draws` architectures of a pool (n,), drawn uniformly.

    Draws are without replacement: this is the average over all subsets of that size.
    """
    ordered = np.sort(truths)
    # The k-th smallest value is the best of a subset if all other members are below it.
    share, total = draws / len(ordered), 0.0
    for place in range(len(ordered) - 1, draws - 2, -1):
        total += share * ordered[place]
        share *= (place - draws + 1) / place if place else 0.0
    return float(total)


def truth_and_quantile_sentences(found: Mapping[str, pd.DataFrame]) -> str:
    """State the source of ground truth and quantiles of the found architectures, for each space."""
    first = {space: rows.iloc[0] for space, rows in found.items()}
    sources = captions.merged({space: str(row["source"]) for space, row in first.items()})
    sets = captions.merged(
        {space: captions.QUANTILE_SETS[row["kind"]].format(count(row["population"])) for space, row in first.items()}
    )
    return (
        f"Ground truth: {sources}; architectures that a published table does not list have none. Quantile: r/N, where "
        f"r is the rank from the top by ground truth in {sets}; smaller is better."
    )


def relaxed_sentence(spaces: tuple[str, ...]) -> str:
    """Describe the relaxation of each space, and name the spaces without one."""
    what = {
        "nasbench201": "a relaxed super-net of NASBench-201 has all operations on each of the six edges",
        "darts": "a relaxed super-net of DARTS has all operations on each of the 14 edges of both cells and "
        "concatenates all four nodes; two edges per node are kept at the end",
    }
    relaxed = "; ".join(what[space] for space in spaces if space in what)
    lacking = [
        f"Relaxed systems are not defined in {SPACE_NAMES[space]}: {KINDS[space].unrelaxed}."
        for space in spaces
        if space in WITHOUT_RELAXATION
    ]
    return " ".join([*([f"Relaxation: {relaxed}."] if relaxed else []), *lacking])


def found_by_space(results: Results) -> dict[str, pd.DataFrame]:
    """Return the found architectures of each space with search systems; raises UserError if there are none."""
    found = {
        space: rows
        for space in SPACES
        if space in results.study.spaces and (rows := results.systems(space)) is not None
    }
    if not found:
        raise UserError("the study has no section `searches`: add it, or leave this table or figure out")
    return found


def pools_of(results: Results, spaces: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Count the architectures of each pool without a ground truth, and all: the argument of `lost_truth_sentence`."""
    truths = {space: results.pool(space)["truth"] for space in spaces}
    return {space: (int(one.isna().sum()), len(one)) for space, one in truths.items()}


def is_relaxed(system: str) -> bool:
    """Return whether a system trains a relaxed super-net."""
    return system in RELAXED


def skips(space: str, found: pd.DataFrame) -> pd.Series:
    """Count the skip connections of each found architecture, nan without one; in DARTS, over both cells."""
    known = load(space)
    number = known.operations.index("skip_connect")
    places = slice(None) if space == "nasbench201" else slice(1, None, 2)
    return found["encoding"].map(
        lambda text: known.choices_of(known.parse(text))[places].count(number) if isinstance(text, str) else math.nan
    )
