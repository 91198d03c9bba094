"""Table of stand-alone networks with swept values, beside super-nets with the same values."""

import math
from pathlib import Path
from typing import Any

from supernet.config.artifacts import Kind
from supernet.config.factors import FACTORS
from supernet.config.study import STANDALONE_FACTORS
from supernet.errors import UserError
from supernet.metrics.alone import Alone
from supernet.metrics.effects import FEWEST_SEEDS
from supernet.paper import captions
from supernet.paper.alone import METRIC, Both, both, chance, spaces_of
from supernet.paper.costs import table_sentence
from supernet.paper.load import Results
from supernet.paper.names import ABSENT, SPACE_NAMES, number, percent, value_name
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame, summary_row
from supernet.paper.tables._cells import summary_cell

INPUTS: tuple[Kind, ...] = ("metrics", "spaces", "standalone", "contrasts", "run_timings")

BEST = "best"


def make(results: Results, out_stem: Path) -> None:
    """Write the table, one row per space, factor and value; UserError if the study trains no such networks."""
    found = [
        (space, factor, one)
        for factor in STANDALONE_FACTORS
        for space in spaces_of(results, factor)
        for one in both(results, space, factor)
    ]
    if not found:
        raise UserError(
            f"study {results.study.study} trains no stand-alone networks with swept values: "
            "add a section `standalone`, and sweep learning_rate or batch_norm"
        )
    found.sort(key=lambda row: results.spaces.index(row[0]))
    table = Table(
        frame([_text(*row) for row in found]),
        frame([_numbers(*row) for row in found]),
        _caption(results),
        group="Space",
        left=frozenset({"Factor", "Value"}),
    )
    write(table, out_stem)


def _text(space: str, factor: str, one: Both) -> dict[str, str]:
    return {
        "Space": SPACE_NAMES[space],
        "Factor": FACTORS[factor].label,
        "Value": value_name(one.point.value) + " *" * one.point.is_baseline,
        "Alone: accuracy (%)": ABSENT if one.alone is None else _accuracy(one.alone),
        "Alone: minus best": ABSENT if one.alone is None else _difference(one.alone),
        "Trainings": ABSENT if one.alone is None else _trainings(one.alone),
        "Super-net: S-KdT": summary_cell(one.s_kdt, METRIC),
        "Super-net: minus that of the best alone": _contrast(one),
    }


def _accuracy(alone: Alone) -> str:
    interval = "" if math.isnan(alone.low) else f"\n[{percent(alone.low)}, {percent(alone.high)}]"
    return f"{percent(alone.mean)}{interval}"


def _difference(alone: Alone) -> str:
    return BEST if alone.is_best else f"{percent(alone.difference)}\n({_p(alone.p)})"


def _trainings(alone: Alone) -> str:
    return f"{alone.trainings} ({alone.diverged} diverged)" if alone.diverged else str(alone.trainings)


def _contrast(one: Both) -> str:
    if one.alone is not None and one.alone.is_best:
        return ABSENT
    if one.contrast is None:
        return "not compared"
    row = one.contrast
    interval = f"{number(row['difference'], 2)}\n[{number(row['low'], 2)}, {number(row['high'], 2)}]"
    return f"{interval}\n({_p(row['p_holm']) if row['tested'] else 'not tested'})"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {number(p, 3)}"


def _numbers(space: str, factor: str, one: Both) -> dict[str, Any]:
    numbers: dict[str, Any] = {"space": space, "factor": factor, "value": str(one.point.value)}
    numbers |= {"setting": one.point.setting, "baseline": one.point.is_baseline}
    if (alone := one.alone) is not None:
        numbers |= {"alone": alone.mean, "alone_low": alone.low, "alone_high": alone.high}
        numbers |= {"alone_difference": alone.difference, "alone_p": alone.p, "alone_best": alone.is_best}
        numbers |= {"architectures": alone.architectures, "trainings": alone.trainings}
        numbers |= {"trainings_diverged": alone.diverged}
    numbers |= {f"s_kdt_{name}": value for name, value in summary_row(one.s_kdt).items()}
    if one.contrast is not None:
        names = ("difference", "low", "high", "p_holm", "tested")
        numbers |= {f"contrast_{name}": one.contrast[name] for name in names}
    return numbers


def notes(results: Results, spaces: tuple[str, ...]) -> tuple[str, ...]:
    """Return the notes that this table and the figure of the same name share."""
    section, split = results.study.standalone, captions.SPLITS[results.study.scoring.ranked_on]
    assert section is not None  # `make` raises an error otherwise
    several = f", {section.seeds} trainings of each" if section.seeds > 1 else ""
    return (
        captions.study_sentence(results),
        captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
        f"Stand-alone networks have the size and all other values of the super-net's baseline, are trained for "
        f"{section.epochs} epochs, and are {section.architectures} architectures of the pool in the order of the draw"
        f"{several}. Their accuracy is that on {split}, with tracked batch-norm statistics or, where none are tracked, "
        "with those of each batch. Intervals are of Student's t over architectures; all values have the same "
        "architectures, so differences vary less.",
        f"A training that diverged counts with the accuracy of a guess, {percent(chance(results))} %.",
        "The best value alone has the highest mean accuracy. P-values of differences from it are those of paired "
        "t-tests over architectures after Bonferroni's correction for all pairs of values. Differences of S-KdT are "
        "paired by seed, with intervals that cover architectures and seeds; their p-values have Holm's correction for "
        f"the values of the factor, and are given with {FEWEST_SEEDS} or more seeds.",
        captions.scores_sentence(results),
        captions.paragraph(captions.threshold_sentence(results, spaces), captions.effects_sentence(results)),
    )


def _caption(results: Results) -> Caption:
    spaces = tuple(
        space for space in results.spaces if any(space in spaces_of(results, one) for one in STANDALONE_FACTORS)
    )
    return Caption.of(
        captions.paragraph(
            "Stand-alone networks of the super-net's size with swept values of a factor, and super-nets with the same "
            "values.",
            "Alone: mean accuracy and its 95 % interval over architectures, and the difference from the best value.",
            "Super-net: S-KdT, mean ± standard deviation over seeds, and the difference from the S-KdT at the value "
            "that is best alone; an asterisk marks the baseline.",
        ),
        (*notes(results, spaces), captions.missing_sentence(results, spaces), table_sentence(results, "standalone")),
    )
