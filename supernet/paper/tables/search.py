"""Table of random search on the baseline super-nets: found architectures, their ground truth, and the cost."""

from pathlib import Path
from typing import Any

import pandas as pd

from supernet.config.artifacts import Kind
from supernet.errors import UserError
from supernet.paper import captions
from supernet.paper.costs import table_sentence
from supernet.paper.load import Results, Search
from supernet.paper.names import ABSENT, SPACE_NAMES, count, number, percent
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame

INPUTS: tuple[Kind, ...] = ("metrics", "spaces", "searches", "run_timings", "search_timings")

PREFIX = 8
"""Number of printed characters of an arch_id; the CSV file has all of them."""


def make(results: Results, out_stem: Path) -> None:
    """Write the table of found architectures; raises UserError if there is no finished search."""
    found = {(space, seed): one for space in results.spaces for seed, one in results.searches(space).items()}
    if not found:
        raise UserError(f"{results.folder}: found no random search; make it with `snakemake`, or leave this table out")
    drawn = tuple(dict.fromkeys(space for space, _ in found))
    text = [row for (space, seed), search in found.items() for row in _text(space, seed, search)]
    numbers = [row for (space, seed), search in found.items() for row in _numbers(space, seed, search)]
    table = Table(
        frame(text),
        frame(numbers),
        _caption(results, drawn, found),
        group="Space",
        left=frozenset({"Architecture"}),
    )
    write(table, out_stem)


def _text(space: str, seed: int, search: Search) -> list[dict[str, str]]:
    rows = []
    for row in _records(search.found):
        truth = row["truth"]
        rows.append(
            {
                "Space": SPACE_NAMES[space],
                "Seed": str(seed),
                "Rank": str(row["rank"]),
                "Architecture": str(row["arch_id"])[:PREFIX],
                "Score (%)": percent(row["score"]),
                "Ground truth (%)": "diverged" if pd.isna(truth) else percent(truth),
                "Quantile": ABSENT if pd.isna(truth) else number(row["truth_quantile"], 3),
                "Parameters (k)": count(round(row["parameters"] / 1e3)),
                "Multiply-adds (k)": count(round(row["macs"] / 1e3)),
            }
        )
    truths = search.found["truth"].dropna()
    mean = {"Architecture": "mean", "Ground truth (%)": percent(float(truths.mean()))}
    return [*rows, {**dict.fromkeys(rows[0], ""), "Space": SPACE_NAMES[space], "Seed": str(seed), **mean}]


def _numbers(space: str, seed: int, search: Search) -> list[dict[str, Any]]:
    cost = {
        "architectures": search.architectures,
        "images": search.images,
        "forward_passes": search.forward_passes,
    }
    return [{"space": space, "seed": seed, **row, **cost} for row in _records(search.found)]


def _records(found: pd.DataFrame) -> list[dict[str, Any]]:
    columns = ["rank", "arch_id", "score", "truth", "truth_quantile", "parameters", "macs"]
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
        sentences.append(
            f"Pool of {SPACE_NAMES[space]}: mean {percent(facts.truth_mean)} %, best "
            f"{percent(facts.truth_max)} % of {count(facts.pool)} architectures."
        )
    return sentences


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
            captions.paragraph(
                *_costs(found), "This excludes the training of the super-net and the stand-alone trainings."
            ),
            captions.paragraph(
                captions.lost_searches_sentence(results), captions.missing_sentence(results, spaces, "search")
            ),
            table_sentence(results, "search"),
        ),
    )
