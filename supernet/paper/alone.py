"""Stand-alone networks with swept values beside super-nets with these values, for tables, figures and claim 1."""

from dataclasses import dataclass

import pandas as pd

from supernet.config.datasets import DATASETS
from supernet.metrics.alone import Alone, compare
from supernet.paper.load import Results
from supernet.paper.names import count
from supernet.paper.summary import Point, Summary, summary, sweep

METRIC = "s_kdt"


@dataclass(frozen=True, slots=True)
class Both:
    """A value of a factor: stand-alone networks, S-KdT of super-nets, and that minus the one at the best value alone.

    `alone` is None if no architecture is trained with all values. `contrast` is the row of contrasts.parquet; None for
    the best value, and if the two cannot be compared.
    """

    point: Point
    alone: Alone | None
    s_kdt: Summary
    contrast: "pd.Series[float] | None"


def spaces_of(results: Results, factor: str) -> tuple[str, ...]:
    """Return the measured spaces in which stand-alone networks are trained with values of a factor."""
    trained = set(results.study.standalone_spaces())
    return tuple(
        space for space in results.spaces if space in trained and factor in results.study.standalone_values(space)
    )


def compared(results: Results, space: str, factor: str) -> list[Alone]:
    """Compare the values of a factor on stand-alone networks of a space, in the order of a sweep."""
    rows = results.standalone(space)
    if rows is None:
        return []
    study = results.study
    values = [str(point.value) for point in sweep(study, space, factor)]
    baseline = str(getattr(study.spaces[space].baseline, factor))
    return compare(rows, factor, values, baseline, chance(results))


def chance(results: Results) -> float:
    """Return the accuracy of a guess, with which a training that diverged counts."""
    return 1 / DATASETS[results.study.data.name].classes


def contrasts_with(results: Results, space: str, factor: str) -> pd.DataFrame:
    """Return the differences of S-KdT between all values of a factor in a space."""
    table = results.contrasts
    return table[(table["space"] == space) & (table["factor"] == factor) & (table["metric"] == METRIC)]


def rows_by_value(contrasts: pd.DataFrame, other: str | None) -> dict[str, "pd.Series[float]"]:
    """Return the differences of all values from another one, by value."""
    return {str(row["value"]): row for _, row in contrasts[contrasts["other"] == other].iterrows()}


def both(results: Results, space: str, factor: str) -> list[Both]:
    """Return stand-alone networks and super-nets with each value of a factor, in the order of a sweep."""
    alone = {one.value: one for one in compared(results, space, factor)}
    best = next((value for value, one in alone.items() if one.is_best), None)
    against = rows_by_value(contrasts_with(results, space, factor), best)
    return [
        Both(
            point,
            alone.get(str(point.value)),
            summary(results, space, point.setting, METRIC),
            against.get(str(point.value)),
        )
        for point in sweep(results.study, space, factor)
    ]


def unshared_words(results: Results) -> str:
    """Name the reference `fidelity`; empty if the study has no section `standalone`."""
    section = results.study.standalone
    return "" if section is None else f"unshared networks, {section.epochs} epochs"


def unshared_sentence(results: Results) -> str:
    """Describe the reference `fidelity`; empty if the study has no section `standalone`."""
    section = results.study.standalone
    if section is None:
        return ""
    several = f", mean over {section.seeds} trainings" if section.seeds > 1 else ""
    return (
        "Unshared networks: stand-alone networks with all values of the super-net's baseline, but trained for "
        f"{section.epochs} epochs{several}; their accuracy is the score of {count(section.most)} architectures of the "
        "pool. A super-net differs from them by sharing weights."
    )
