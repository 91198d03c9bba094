"""Claim 2: epochs matter strongly, path sampling barely; low-fidelity estimates hurt.

All effects are those on S-KdT that were tested (`supernet.metrics.effects`: three seeds of the setting and of the
baseline), significant at 5 % after Holm's correction. A contrast of a numeric factor is the S-KdT of its larger value
minus that of the smaller one: more epochs against fewer, a network of more layers against one of fewer. The rule has
three parts. If a part says no, so does the rule; if all say yes, so does the rule; otherwise it is unknown:

- Epochs. Yes: a contrast is significantly positive and above `MARGIN`, and none is significantly negative. No: one is
  significantly negative, and none is significantly positive.
- Path sampling. Yes: the 95 % intervals of all effects lie within ± `MARGIN` (two one-sided tests at 2.5 % each; all
  must pass, so none is corrected). No: a significant effect has an interval that lies beyond the margin. The claim is
  about the paper's laws: effects of others do not count, and if the baseline's law is another one, the paper's laws are
  compared with the first of them that the study sweeps (`paper_laws`).
- Low fidelity: layers, train portion, batch size and channels. Yes: a contrast is significantly positive, and none is
  significantly negative. No: one is significantly negative, and none is significantly positive.

The power of a part is that of the contrast with the smallest error, and for path sampling, where all effects must pass,
of the effect with the largest one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import pandas as pd

from supernet.config.factors import LATER_LAWS, PathSampling
from supernet.metrics.effects import MARGIN
from supernet.metrics.power import FEWEST_SEEDS, LEVEL, Spread, seeds_for
from supernet.paper.claims.answer import Answer, SpaceAnswer, combined
from supernet.paper.names import number

EPOCHS, SAMPLING = "epochs", "path_sampling"
LOW_FIDELITY = ("layers", "train_portion", "batch_size", "channels")
"""Factors whose smaller value is the lower fidelity."""


@dataclass(frozen=True)
class Part:
    """A part of the rule: its answer, and the power that the study had for it, in words and as numbers by name."""

    name: str
    rows: pd.DataFrame
    answer: Answer
    power: str = ""
    missing: str = ""
    reach: float = float("nan")
    seeds: int | None = None


def answer(
    effects: pd.DataFrame, space: str, baseline: Mapping[str, float], laws: pd.DataFrame | None = None
) -> SpaceAnswer:
    """Apply the rule to the effects of a space on S-KdT, the rows of one metric of effects.parquet.

    `baseline` has the baseline's value of each numeric factor of the rule, `laws` the effects of the paper's laws on
    each other (`paper_laws`) if the baseline's law is beyond the paper.
    """
    own = effects[(effects["space"] == space) & ~effects["value"].isin(LATER_LAWS)]
    swept = own[own["factor"] == SAMPLING] if laws is None else laws
    known = own[(own["left_out"] == "") & own["tested"].astype(bool)]
    level = LEVEL / max(len(known), 1)
    parts = (
        _contrasted("epochs", contrasts(known, (EPOCHS,), baseline), MARGIN, own[own["factor"] == EPOCHS], level),
        _equal("path sampling", swept[(swept["left_out"] == "") & swept["tested"].astype(bool)], swept),
        _contrasted(
            "low fidelity",
            contrasts(known, LOW_FIDELITY, baseline),
            0.0,
            own[own["factor"].isin(LOW_FIDELITY)],
            level,
        ),
    )
    numbers = {part.name: float(max(part.rows["effect"], key=abs)) for part in parts if len(part.rows)}
    tested = pd.concat([part.rows for part in parts])
    numbers |= {"tested": float(len(tested)), "significant": float(_significant(tested).sum())}
    said = combined([part.answer for part in parts])
    undecided = said == "unknown"
    powers = {f"{part.name}, power": part.reach for part in parts if part.power}
    seeds = {f"{part.name}, seeds": float(part.seeds) for part in parts if undecided and part.seeds is not None}
    return SpaceAnswer(
        space,
        said,
        numbers,
        power=tuple(part.power for part in parts if part.power),
        missing=tuple(part.missing for part in parts if undecided and part.missing),
        power_numbers=powers | seeds,
    )


def paper_laws(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Return the effects of the paper's laws on S-KdT with the first of them in the place of the baseline.

    `contrasts` are the rows of contrasts.parquet of `path_sampling` in a space on S-KdT.
    """
    own = contrasts[~contrasts["value"].isin(LATER_LAWS) & ~contrasts["other"].isin(LATER_LAWS)]
    first = next((law for law in get_args(PathSampling) if law in set(own["other"])), None)
    return own[own["other"] == first].rename(columns={"difference": "effect"}).assign(left_out="")


def contrasts(effects: pd.DataFrame, factors: tuple[str, ...], baseline: Mapping[str, float]) -> pd.DataFrame:
    """Return the effects of numeric factors as larger value minus smaller value: `effect`, `low` and `high` change."""
    rows = effects[effects["factor"].isin(factors)]
    smaller = rows["value"].astype(float) < rows["factor"].map(baseline).astype(float)
    turned = {"effect": -rows["effect"], "low": -rows["high"], "high": -rows["low"]}
    return rows.assign(**{name: rows[name].where(~smaller, values) for name, values in turned.items()})


def _contrasted(name: str, rows: pd.DataFrame, least: float, swept: pd.DataFrame, level: float) -> Part:
    """Return a part that asks whether more is better, with the power of tests at `level`."""
    said = _direction(rows, least)
    if rows.empty:
        return Part(name, rows, said, missing=_untested(name, swept))
    smallest = float(rows["smallest"].min())
    power = f"{name}: finds a difference of {smallest:.2f}"
    if said != "unknown":
        return Part(name, rows, said, power, reach=smallest)
    if _significant(rows).any():
        both = len(set(rows.loc[_significant(rows), "effect"] > 0)) == 2
        missing = f"{name}: nothing, significant {'in both directions' if both else f'but not above {least}'}"
        return Part(name, rows, said, power, missing, smallest)
    if smallest <= MARGIN:
        missing = f"{name}: nothing, a difference of {MARGIN} would have been found"
        return Part(name, rows, said, power, missing, smallest)
    found = _seeds(rows, lambda spread: spread.detectable(level))
    seeds = min((one for one in found if one is not None), default=None)
    return Part(name, rows, said, power, _needed(name, seeds, f"a difference of {MARGIN}"), smallest, seeds)


def _equal(name: str, rows: pd.DataFrame, swept: pd.DataFrame) -> Part:
    """Return the part that asks whether all effects are within the margin."""
    said = _barely(rows)
    if rows.empty:
        return Part(name, rows, said, missing=_untested(name, swept))
    reach = max(spread.equivalence() for spread in _spreads(rows))
    power = f"{name}: shows equality within ±{reach:.2f}"
    if said != "unknown":
        return Part(name, rows, said, power, reach=reach)
    if reach <= MARGIN:
        largest = float(max(rows["effect"], key=abs))
        return Part(
            name, rows, said, power, f"{name}: nothing, an effect of {number(largest, 2)} is near the margin", reach
        )
    found = _seeds(rows, Spread.equivalence)
    seeds = None if None in found else max(one for one in found if one is not None)
    return Part(name, rows, said, power, _needed(name, seeds, f"equality within ±{MARGIN}"), reach, seeds)


def _direction(rows: pd.DataFrame, least: float) -> Answer:
    """Return whether more is better: yes also needs one significant contrast above `least`."""
    found = rows[_significant(rows)]
    better, worse = bool((found["effect"] > 0).any()), bool((found["effect"] < 0).any())
    if worse and not better:
        return "no"
    return "yes" if not worse and bool((found["effect"] > least).any()) else "unknown"


def _barely(rows: pd.DataFrame) -> Answer:
    beyond = rows[_significant(rows) & ((rows["low"] > MARGIN) | (rows["high"] < -MARGIN))]
    if len(beyond):
        return "no"
    within = len(rows) and bool(((rows["low"] > -MARGIN) & (rows["high"] < MARGIN)).all())
    return "yes" if within else "unknown"


def _significant(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["p_holm"] < LEVEL


def _spreads(rows: pd.DataFrame) -> Sequence[Spread]:
    values = rows[["sd", "pool_error", "common"]].itertuples(index=False)
    return [Spread(float(sd), float(error), int(seeds)) for sd, error, seeds in values]


def _seeds(rows: pd.DataFrame, reach: Callable[[Spread], float]) -> Sequence[int | None]:
    return [seeds_for(MARGIN, one.sd, one.pool_error, reach) for one in _spreads(rows)]


def _needed(name: str, seeds: int | None, aim: str) -> str:
    if seeds is None:
        return f"{name}: more architectures for {aim}; more seeds are not enough"
    return f"{name}: about {seeds} seeds for {aim}"


def _untested(name: str, swept: pd.DataFrame) -> str:
    """Say why no effect of a part is tested; `swept` has its rows of effects.parquet."""
    if swept.empty:
        return f"{name}: not swept"
    few = swept[swept["left_out"].isin(["", "seeds"])]
    if few.empty:
        return f"{name}: effects that can be compared with the baseline"
    # Where the whole space is scored, effects of too few seeds are left out, without their number.
    known = int(few["common"].max())
    return f"{name}: {FEWEST_SEEDS} common seeds of setting and baseline" + (f" (has {known})" if known else "")


def baseline_values(baseline: object) -> dict[str, float]:
    """Return the values of the numeric factors of the rule in a baseline setting."""
    values = {name: getattr(baseline, name) for name in (EPOCHS, *LOW_FIDELITY)}
    return {name: float(value) for name, value in values.items() if value is not None}
