"""Table of the factors: their spaces, baselines and swept values. It needs only the study file."""

from pathlib import Path
from typing import Any

from supernet.config.artifacts import Kind
from supernet.config.baselines import BASELINES, SWEEPS
from supernet.config.factors import FACTORS, Factor, beyond_the_paper, of_the_paper
from supernet.config.study import Study
from supernet.paper import captions
from supernet.paper.load import Results
from supernet.paper.names import ABSENT, SPACE_NAMES, value_name
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame
from supernet.spaces import KINDS

INPUTS: tuple[Kind, ...] = ()

GRID = "Grid (recalled, not published)"
SWEPT = "Swept here"


def make(results: Results, out_stem: Path) -> None:
    """Write the table of all factors, those beyond the paper last; spaces with equal entries share a row."""
    numbers = [_entry(results.study, factor, space) for factor in FACTORS.values() for space in _shown(results.study)]
    text = [row for factor in FACTORS.values() for row in _merged(results.study, factor)]
    table = Table(
        frame(text),
        frame(numbers),
        _caption(results.study),
        group="Group",
        left=frozenset({"Factor", "Baseline"}),
        widths={"Spaces": "1.2in", SWEPT: "1.25in", GRID: "1.9in"},
    )
    write(table, out_stem)


def _shown(study: Study) -> list[str]:
    """List the spaces of the paper, and others of the study."""
    return [space for space, kind in KINDS.items() if kind.of_the_paper or space in study.spaces]


def _merged(study: Study, factor: Factor) -> list[dict[str, str]]:
    """Rows of a factor, one per distinct (baseline, swept, grid)."""
    spaces_of: dict[tuple[str, str, str], list[str]] = {}
    for space in factor.spaces:
        entry = _entry(study, factor, space)
        if entry["status"] in {"in study", "not swept"}:
            spaces_of.setdefault((entry["baseline"], entry["swept"], entry["grid"]), []).append(space)
    rows = []
    for position, ((baseline, swept, grid), spaces) in enumerate(spaces_of.items()):
        names = "all" if spaces == _shown(study) else ", ".join(SPACE_NAMES[space] for space in spaces)
        shown = swept or "not swept"
        label = factor.label if position == 0 else ""
        cells = {"Spaces": names, "Baseline": baseline or ABSENT, SWEPT: shown, GRID: grid or ABSENT}
        rows.append({"Group": factor.group.capitalize(), "Factor": label, **cells})
    return rows


def _entry(study: Study, factor: Factor, space: str) -> dict[str, Any]:
    """One factor in one space; missing values of baseline, swept and grid are empty."""
    entry = {
        "group": factor.group,
        "factor": factor.name,
        "space": space,
        "status": _status(study, factor, space),
    }
    baseline = swept = grid = ""
    if space in factor.spaces:
        grid = f"{value_name(BASELINES[space][factor.name])} : {_values(SWEEPS[space][factor.name])}"
        if space in study.spaces:
            inside = study.spaces[space]
            baseline = value_name(getattr(inside.baseline, factor.name))
            swept = _values(inside.sweep.get(factor.name, ()))
    return {**entry, "baseline": baseline, "swept": swept, "grid": grid}


def _status(study: Study, factor: Factor, space: str) -> str:
    if space not in factor.spaces:
        return "not in this space"
    if space not in study.spaces:
        return "space not in study"
    return "in study" if factor.name in study.spaces[space].sweep else "not swept"


def _values(values: tuple[Any, ...]) -> str:
    return ", ".join(value_name(value) for value in values)


def _caption(study: Study) -> Caption:
    return Caption.of(
        f"The {len(of_the_paper())} factors (training heuristics) of the paper by group: the spaces that have them, "
        f"the baseline, and the values swept in study {study.study}. The last group contains {len(beyond_the_paper())} "
        "methods of later work.",
        (
            "The last column gives the defaults of a study file as baseline : values. They are recalled, not published "
            "numbers, and bracketed by public code; in the last group they are this project's choice, with the method "
            "off.",
            "A space that is not listed for a factor does not have it or is not part of the study.",
            captions.fidelity_sentence(study),
        ),
    )
