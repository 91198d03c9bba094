"""Table of random search on the baseline super-nets: found architectures, their ground truth, and the cost."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from supernet.config.artifacts import Kind
from supernet.errors import UserError
from supernet.metrics.expected_search import ExpectedSearch, expected_search
from supernet.paper import captions
from supernet.paper.costs import table_sentence
from supernet.paper.load import SEARCH_COLUMNS, Results, Search
from supernet.paper.names import ABSENT, SPACE_NAMES, architecture_names, count, number, percent
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame, main_selection

INPUTS: tuple[Kind, ...] = (
    "metrics",
    "spaces",
    "pools",
    "baseline_scores",
    "searches",
    "run_timings",
    "search_timings",
)
_COLUMNS = (
    "Space",
    "Seed",
    "Rank",
    "Architecture",
    "Score (%)",
    "Ground truth (%)",
    "Quantile",
    "Parameters (k)",
    "Multiply-adds (k)",
)
_EXPECTED = "mean over all draws"


def make(results: Results, out_stem: Path) -> None:
    """Write the table of found architectures; raises UserError if no search has run."""
    found = {(space, seed): one for space in results.spaces for seed, one in results.searches(space).items()}
    drawn = tuple(space for space in results.spaces if results.searches(space) or results.lost_searches(space))
    if not drawn:
        raise UserError(f"{results.folder}: found no random search; make it with `snakemake`, or leave this table out")
    text = [row for space in drawn for row in _space_text(results, space)]
    numbers = [row for (space, seed), search in found.items() for row in _numbers(results, space, seed, search)]
    table = Table(
        frame(text),
        frame(numbers, ["space", "seed"]),
        _caption(results, drawn, found),
        group="Space",
        left=frozenset({"Architecture"}),
    )
    write(table, out_stem)


def _space_text(results: Results, space: str) -> list[dict[str, str]]:
    """The rows of the searches of a space, then one row for each search on a super-net that diverged."""
    searches = results.searches(space)
    names = architecture_names(space, (text for one in searches.values() for text in one.found["encoding"]))
    rows = [
        row
        for seed, search in searches.items()
        for row in _text(space, seed, search, names, expected_of(results, space, seed))
    ]
    empty = dict.fromkeys(_COLUMNS, "")
    return rows + [
        {**empty, "Space": SPACE_NAMES[space], "Seed": str(seed), "Architecture": "super-net diverged"}
        for seed in results.lost_searches(space)
    ]


def expected_of(results: Results, space: str, seed: int) -> ExpectedSearch | None:
    """Return what searches of one baseline super-net find on average over all draws from its pool.

    None if the pool is not a random sample, is smaller than a search, or if a ground truth or a score is missing.
    """
    study, main = results.study, main_selection(results.study)
    scores = results.scores(space, "baseline", seed)
    scores = scores[(scores["bn_mode"] == main.bn_mode) & (scores["split"] == main.split)]
    table = results.pool(space, seed).merge(scores, on="arch_id")
    complete = bool(np.isfinite(table[["truth", "accuracy", "loss"]]).all(axis=None))
    if study.pool.law != "uniform" or len(table) < study.search.architectures or not complete:
        return None
    # The order of `supernet.search.random_search`.
    ranked = table.sort_values(["accuracy", "loss", "arch_id"], ascending=[False, True, True])
    return expected_search(ranked["truth"].to_numpy(), study.search.architectures, study.search.retrain)


def _text(
    space: str, seed: int, search: Search, names: dict[str, str], expected: ExpectedSearch | None
) -> list[dict[str, str]]:
    rows = []
    for row in _records(search.found):
        truth = row["truth"]
        rows.append(
            {
                "Space": SPACE_NAMES[space],
                "Seed": str(seed),
                "Rank": str(row["rank"]),
                "Architecture": names[row["encoding"]],
                "Score (%)": percent(row["score"]),
                "Ground truth (%)": "diverged" if pd.isna(truth) else percent(truth),
                "Quantile": ABSENT if pd.isna(truth) else number(row["truth_quantile"], 3),
                "Parameters (k)": count(round(row["parameters"] / 1e3)),
                "Multiply-adds (k)": count(round(row["macs"] / 1e3)),
            }
        )
    truths = search.found["truth"].dropna()
    means = {"mean": float(truths.mean())} | ({_EXPECTED: expected.kept} if expected else {})
    shared = {**dict.fromkeys(rows[0], ""), "Space": SPACE_NAMES[space], "Seed": str(seed)}
    return rows + [{**shared, "Architecture": name, "Ground truth (%)": percent(mean)} for name, mean in means.items()]


def _numbers(results: Results, space: str, seed: int, search: Search) -> list[dict[str, Any]]:
    expected = expected_of(results, space, seed)
    cost = {
        "expected_best": expected.best if expected else math.nan,
        "expected_best_sd": expected.best_sd if expected else math.nan,
        "expected_mean": expected.kept if expected else math.nan,
        "architectures": search.architectures,
        "images": search.images,
        "forward_passes": search.forward_passes,
    }
    rows = _records(search.found.drop(columns="encoding"))
    return [{"space": space, "seed": seed, **row, **cost} for row in rows]


def _records(found: pd.DataFrame) -> list[dict[str, Any]]:
    columns = [name for name in SEARCH_COLUMNS if name in found]
    return [dict(zip(columns, row, strict=True)) for row in found[columns].itertuples(index=False)]


def _costs(found: dict[tuple[str, int], Search]) -> list[str]:
    """One sentence per space; all seeds of a space cost the same unless a search was cut short."""
    costs: dict[str, list[str]] = {}
    for (space, _), search in found.items():
        words = (
            f"{count(search.architectures)} architectures scored, {count(search.images)} images, "
            f"{count(search.forward_passes)} forward passes"
        )
        if words not in costs.setdefault(space, []):
            costs[space].append(words)
    return [f"Cost of a search in {SPACE_NAMES[space]}: {' or '.join(words)}." for space, words in costs.items()]


def _pools(results: Results, spaces: tuple[str, ...]) -> list[str]:
    sentences = []
    for space in spaces:
        facts = results.facts[space]
        if not facts.pool:
            continue
        sentences.append(
            f"Pool of {SPACE_NAMES[space]}: mean {percent(facts.truth_mean)} %, best "
            f"{percent(facts.truth_max)} % of {count(facts.pool)} architectures."
        )
    return sentences


def _expected_sentence(results: Results) -> str:
    study = results.study
    if study.pool.law != "uniform":
        return ""
    return (
        f"The {_EXPECTED} is what all searches of {count(study.search.architectures)} architectures of the pool find "
        "on average, computed from the scores of the pool; it does not depend on the luck of one draw."
    )


def _caption(results: Results, spaces: tuple[str, ...], found: dict[tuple[str, int], Search]) -> Caption:
    search = results.study.search
    return Caption.of(
        f"Random search: the {search.retrain} best of {count(search.architectures)} random architectures, scored with "
        "the shared weights of a baseline super-net. Parameters and multiply-adds (of one image) are in thousands.",
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.finds_sentence(results, spaces)),
            captions.scores_sentence(results),
            captions.quantile_sentence(results, spaces),
            captions.paragraph(*_pools(results, spaces)),
            _expected_sentence(results),
            captions.paragraph(
                *_costs(found), "This excludes the training of the super-net and the stand-alone trainings."
            ),
            captions.paragraph(
                captions.lost_searches_sentence(results), captions.missing_sentence(results, spaces, "search")
            ),
            table_sentence(results, "search"),
        ),
    )
