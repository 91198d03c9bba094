"""Table of search systems: found architectures, their ground truth, and the cost of the search."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from supernet.config.artifacts import Kind
from supernet.config.searches import Searches
from supernet.errors import UserError
from supernet.metrics.definitions import truth_rank
from supernet.paper import captions
from supernet.paper.costs import table_sentence
from supernet.paper.load import Results
from supernet.paper.names import ABSENT, SPACE_NAMES, architecture_names, count, number, percent
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame
from supernet.paper.systems import (
    STATUS_NAMES,
    SYSTEM_NAMES,
    at_random,
    found_by_space,
    pools_of,
    relaxed_sentence,
    skips,
    too_short,
    training_sentence,
    training_shares,
    truth_and_quantile_sentences,
)

INPUTS: tuple[Kind, ...] = ("pools", "systems")

_HAS_SKIPS = ("nasbench201", "darts")


def make(results: Results, out_stem: Path) -> None:
    """Write the table; raises UserError if the study has no search systems."""
    found = found_by_space(results)
    published_numbers = results.published_numbers("search_systems")
    text: list[dict[str, str]] = []
    numbers: list[dict[str, Any]] = []
    for space, rows in found.items():
        if space in _HAS_SKIPS:
            rows = rows.assign(skips=skips(space, rows))
        text += [
            line | {"Published": published_numbers.cell({"": f"{space} random"})}
            for line in _random_choice(results, space)
        ]
        names = architecture_names(space, rows["encoding"])
        rows = rows.assign(
            name=[names.get(text, "") for text in rows["encoding"]],
            training=training_shares(rows),
            too_short=too_short(rows),
            best_mean=_best_means(rows),
        )
        for system, own in rows[rows["rank"] == 1].groupby("system", sort=False):
            text += _text(space, str(system), own, published_numbers.cell({"": f"{space} {system}"}))
        numbers += [{"space": space, **_plain(row)} for row in rows.drop(columns="name").to_dict("records")]
    table = Table(
        frame(text),
        frame(numbers),
        _caption(results, found, published_numbers.notes(f"{row['space']} {row['system']}" for row in numbers)),
        group="Space",
        left=frozenset({"System", "Architecture"}),
    )
    write(table, out_stem)


def _best_means(rows: pd.DataFrame) -> pd.Series:
    """Return, for each row, the mean ground truth of all architectures of its search; nan for a search of one."""
    searches = rows.groupby(["system", "seed"], sort=False)["truth"]
    means: pd.Series = searches.transform("mean").where(searches.transform("size") > 1)
    return means


def _random_choice(results: Results, space: str) -> list[dict[str, str]]:
    """Random choice without a super-net: the expected best of one and of K architectures of the pool.

    Nothing if no architecture of the pool has a ground truth.
    """
    truths = results.pool(space)["truth"].dropna().to_numpy()
    lines = []
    for draws in sorted({min(1, len(truths)), min(results.study.metrics.top, len(truths))} - {0}):
        truth = at_random(truths, draws)
        words = "one at random" if draws == 1 else f"best of {draws} at random"
        lines.append(
            {
                "Space": SPACE_NAMES[space],
                "System": f"{words}, no super-net",
                "Seed": "",
                "Architecture": "",
                "Ground truth (%)": percent(truth),
                "Mean of the best (%)": "",
                "Quantile": number(truth_rank(truth, truths) / len(truths), 3),
                "Skips": "",
                "Training": "",
                "Multiply-adds (G)": "0",
                "Images (k)": "0",
                "Passes (k)": "0",
                "Scored": "0",
                "Minutes": ABSENT,
                "Memory (MB)": ABSENT,
            }
        )
    return lines


def _text(space: str, system: str, own: pd.DataFrame, published: str) -> list[dict[str, str]]:
    lines = [_line(space, row) | {"Published": ""} for row in own.to_dict("records")]
    truths = own["truth"].dropna()
    mean = {"Space": SPACE_NAMES[space], "System": SYSTEM_NAMES[system], "Seed": "mean", "Published": published}
    if len(own) == 1:
        return [lines[0] | {"Published": published}]
    spread = f" ± {percent(float(truths.std()))}" if len(truths) > 1 else ""
    mean["Ground truth (%)"] = f"{percent(float(truths.mean()))}{spread}" if len(truths) else ABSENT
    means = own["best_mean"].dropna()
    mean["Mean of the best (%)"] = percent(float(means.mean())) if len(means) else ABSENT
    mean["Quantile"] = number(float(own["truth_quantile"].mean()), 3)
    mean["Minutes"] = number(float(own["seconds"].mean()) / 60, 1)
    return [*lines, {**dict.fromkeys(lines[0], ""), **mean}]


def _line(space: str, row: dict[Any, Any]) -> dict[str, str]:
    has_skips = not math.isnan(row.get("skips", math.nan))
    return {
        "Space": SPACE_NAMES[space],
        "System": SYSTEM_NAMES[row["system"]],
        "Seed": str(row["seed"]),
        "Architecture": row["name"],
        "Ground truth (%)": STATUS_NAMES.get(row["status"], percent(row["truth"])),
        "Mean of the best (%)": percent(row["best_mean"]),
        "Quantile": number(row["truth_quantile"], 3),
        "Skips": str(int(row["skips"])) if has_skips else ABSENT,
        "Training": f"{100 * row['training']:.0f} %{', too short' if row['too_short'] else ''}",
        "Multiply-adds (G)": number(row["multiply_adds"] / 1e9, 1),
        "Images (k)": count(round(row["images"] / 1e3)),
        "Passes (k)": f"{row['forward_passes'] / 1e3:.1f} + {row['backward_passes'] / 1e3:.1f}",
        "Scored": count(row["architectures"]),
        "Minutes": number(row["seconds"] / 60, 1),
        "Memory (MB)": ABSENT if math.isnan(row["peak_bytes"]) else count(round(row["peak_bytes"] / 1e6)),
    }


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): None if value is pd.NA else value for name, value in row.items()}


def _lost(found: dict[str, pd.DataFrame]) -> list[str]:
    """Count choices that form no architecture, and better-scored architectures without ground truth."""
    sentences = []
    for space, rows in found.items():
        for column, words in (
            ("invalid", "choices that form no architecture"),
            ("passed_over", "architectures with better scores that lack a ground truth"),
        ):
            sums = rows[rows["rank"] == 1].groupby("system", sort=False)[column].sum()
            if (several := sums[sums > 0]).size:
                listed = ", ".join(f"{SYSTEM_NAMES[str(name)]} {count(int(value))}" for name, value in several.items())
                sentences.append(f"{SPACE_NAMES[space]}, {words}: {listed}.")
    return sentences


def _budget(searches: Searches) -> str:
    if searches.images is not None:
        return f"{count(searches.images)} images in forward passes"
    if searches.multiply_adds is not None:
        return f"{searches.multiply_adds / 1e9:g} G multiply-adds"
    if searches.trainings is not None:
        return f"{searches.trainings:g} times the multiply-adds of the baseline's training"
    return f"{searches.seconds:g} seconds of wall time"


def _caption(results: Results, found: dict[str, pd.DataFrame], published: tuple[str, ...]) -> Caption:
    searches = results.study.searches
    if searches is None:
        raise UserError("the study has no section `searches`")
    operations = (
        "NASBench-201 architectures: the operations of the six edges by number (0 none, 1 skip connection, 2 and 3 "
        "convolutions, 4 average pooling)."
    )
    return Caption.of(
        captions.paragraph(
            f"Search systems with the same budget of {_budget(searches)}, each with its own super-net at the baseline "
            "of its space.",
            "Passes are forward + backward passes of mini-batches; scored architectures are evaluated with shared "
            "weights.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(
                truth_and_quantile_sentences(found), captions.lost_truth_sentence(pools_of(results, found))
            ),
            relaxed_sentence(tuple(found)),
            f"Mean of the best: of the up to {searches.finds} best-scored architectures of a search; a relaxed "
            "super-net proposes one. The best are ranked by their scores on the whole scoring split.",
            training_sentence(),
            "Multiply-adds of the executed layers; a backward pass counts as two forward passes. Minutes and peak "
            "memory are those of the search alone.",
            "Rows without a super-net: the expected best of that many random architectures of the pool, whose only "
            "cost is their stand-alone training.",
            operations if "nasbench201" in found else "",
            *_lost(found),
            *published,
            table_sentence(results, "search_systems"),
        ),
    )
