"""Table of the best value of each factor in each space, and the significance of its effect."""

from pathlib import Path
from typing import Any

import pandas as pd

from supernet.config.artifacts import Kind
from supernet.config.factors import FACTORS
from supernet.metrics.effects import MARGIN
from supernet.metrics.interval import Estimate
from supernet.metrics.power import FEWEST_SEEDS
from supernet.paper import captions
from supernet.paper.costs import table_sentence
from supernet.paper.load import Results
from supernet.paper.names import ABSENT, SPACE_NAMES, number, value_name
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import Point, frame, point_pool, summary, summary_row, sweep
from supernet.paper.tables._cells import estimate_cell, summary_cell

INPUTS: tuple[Kind, ...] = ("metrics", "spaces", "effects", "run_timings")

METRIC = "s_kdt"


def make(results: Results, out_stem: Path) -> None:
    """Write the table, with one row per space and swept factor."""
    text: list[dict[str, str]] = []
    numbers: list[dict[str, Any]] = []
    for space in results.spaces:
        for factor in results.study.factors():
            if factor in results.study.spaces[space].sweep:
                best = _best(results, space, factor)
                text.append(_text(results, space, factor, best))
                numbers.append(_numbers(results, space, factor, best))
    table = Table(
        frame(text, ["Space", "Factor", "Baseline", "Best", "S-KdT", "Effect", "Outcome", "Smallest"]),
        frame(numbers, ["space", "factor", "setting"]),
        _caption(results),
        group="Space",
        left=frozenset({"Factor", "Baseline", "Best", "Outcome"}),
    )
    write(table, out_stem)


def _best(results: Results, space: str, factor: str) -> Point | None:
    """Point with the highest mean S-KdT on the baseline's pool, preferring the baseline; None if none has an S-KdT."""
    main = results.study.main_pool(space).own_space
    points = [
        point
        for point in sweep(results.study, space, factor)
        if point_pool(results.study, space, point).own_space == main
        and summary(results, space, point.setting, METRIC).seeds
    ]
    return max(
        points, key=lambda one: (summary(results, space, one.setting, METRIC).mean, one.is_baseline), default=None
    )


def _text(results: Results, space: str, factor: str, best: Point | None) -> dict[str, str]:
    baseline = getattr(results.study.spaces[space].baseline, factor)
    start = {
        "Space": SPACE_NAMES[space],
        "Factor": FACTORS[factor].label,
        "Baseline": value_name(baseline),
    }
    if best is None:
        return start | {"Best": ABSENT, "S-KdT": ABSENT, "Effect": ABSENT, "Outcome": ABSENT, "Smallest": ABSENT}
    effect = _effect(results, space, best)
    return start | {
        "Best": "baseline" if best.is_baseline else value_name(best.value),
        "S-KdT": summary_cell(summary(results, space, best.setting, METRIC), METRIC),
        "Effect": ABSENT if effect is None else estimate_cell(_estimate(effect)),
        "Outcome": ABSENT if effect is None else _outcome(effect),
        "Smallest": ABSENT if effect is None else number(effect["smallest"], 2),
    }


def _outcome(effect: "pd.Series[Any]") -> str:
    """Say what the tests of an effect found; one of fewer than three seeds is not tested."""
    return str(effect["outcome"]).replace("within", f"within ±{effect['margin']:g}") or "not tested"


def _numbers(results: Results, space: str, factor: str, best: Point | None) -> dict[str, Any]:
    start: dict[str, Any] = {"space": space, "factor": factor, "setting": "" if best is None else best.setting}
    if best is None:
        return start
    start |= summary_row(summary(results, space, best.setting, METRIC))
    effect = _effect(results, space, best)
    if effect is None:
        return start
    names = ("effect", "low", "high", "p_holm", "smallest", "outcome", "margin")
    return start | {f"effect_{name}": effect[name] for name in names}


def _effect(results: Results, space: str, best: Point) -> "pd.Series[Any] | None":
    """The effect of a setting; None for the baseline and for missing effects."""
    table = results.effects
    rows = table[(table["space"] == space) & (table["setting"] == best.setting) & (table["metric"] == METRIC)]
    rows = rows[rows["left_out"] == ""]
    return None if rows.empty else rows.iloc[0]


def _estimate(effect: "pd.Series[Any]") -> Estimate:
    return Estimate(float(effect["effect"]), float(effect["low"]), float(effect["high"]))


def _caption(results: Results) -> Caption:
    spaces = results.spaces
    return Caption.of(
        captions.paragraph(
            "For each space and factor, the value with the highest mean S-KdT, and its effect against the baseline.",
            "All other factors are at the baseline.",
            "Brackets contain 95 % intervals.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            "The best of several values is biased upwards. An effect is significant if it differs from zero at 5 % "
            "after Holm's correction for all tested settings of its space (figure effects), and barely different if "
            f"its interval is within ±{MARGIN}. Smallest: the effect that its test finds with a power of 80 %.",
            f"Effects of fewer than {FEWEST_SEEDS} seeds are not tested, and their intervals cover only the choice of "
            "architectures.",
            captions.scores_sentence(results),
            captions.paragraph(captions.threshold_sentence(results, spaces), captions.effects_sentence(results)),
            captions.missing_sentence(results, spaces),
            table_sentence(results, "best_settings"),
        ),
    )
