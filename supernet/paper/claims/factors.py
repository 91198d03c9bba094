"""Claim 2: epochs matter strongly, path sampling barely; low-fidelity estimates hurt.

All effects are those on S-KdT that were tested (`supernet.metrics.effects`: three seeds of the setting and of the
baseline), significant at 5 % after Holm's correction. A contrast of a numeric factor is the S-KdT of its larger value
minus that of the smaller one: more epochs against fewer, a network of more layers against one of fewer. The rule has
three parts. If a part says no, so does the rule; if all say yes, so does the rule; otherwise it is unknown:

- Epochs. Yes: a contrast is significantly positive and above `MARGIN`, and none is significantly negative. No: one is
  significantly negative, and none is significantly positive.
- Path sampling. Yes: the 95 % intervals of all effects lie within ± `MARGIN` (two one-sided tests at 2.5 % each; all
  must pass, so none is corrected). No: a significant effect has an interval that lies beyond the margin.
- Low fidelity: layers, train portion, batch size and channels. Yes: a contrast is significantly positive, and none is
  significantly negative. No: one is significantly negative, and none is significantly positive.
"""

from collections.abc import Mapping

import pandas as pd

from supernet.metrics.effects import LEVEL
from supernet.paper.claims.answer import Answer, SpaceAnswer, combined

EPOCHS, SAMPLING = "epochs", "path_sampling"
LOW_FIDELITY = ("layers", "train_portion", "batch_size", "channels")
"""Factors whose smaller value is the lower fidelity."""
MARGIN = 0.1
"""S-KdT that counts as barely different. This project's choice, fixed before results were looked at."""


def answer(effects: pd.DataFrame, space: str, baseline: Mapping[str, float]) -> SpaceAnswer:
    """Apply the rule to the effects of a space on S-KdT, the rows of one metric of effects.parquet.

    `baseline` has the baseline's value of each numeric factor of the rule.
    """
    own = effects[(effects["space"] == space) & (effects["left_out"] == "")]
    own = own[own["tested"].astype(bool)]
    epochs, low = contrasts(own, (EPOCHS,), baseline), contrasts(own, LOW_FIDELITY, baseline)
    paths = own[own["factor"] == SAMPLING]
    named = (("epochs", epochs), ("path sampling", paths), ("low fidelity", low))
    numbers = {words: float(max(rows["effect"], key=abs)) for words, rows in named if len(rows)}
    tested = pd.concat([epochs, paths, low])
    numbers |= {"tested": float(len(tested)), "significant": float(_significant(tested).sum())}
    if len(tested):
        numbers["smallest detectable"] = float(tested["smallest"].median())
    parts = (_direction(epochs, MARGIN), _barely(paths), _direction(low, 0.0))
    return SpaceAnswer(space, combined(parts), numbers)


def contrasts(effects: pd.DataFrame, factors: tuple[str, ...], baseline: Mapping[str, float]) -> pd.DataFrame:
    """Return the effects of numeric factors as larger value minus smaller value: `effect`, `low` and `high` change."""
    rows = effects[effects["factor"].isin(factors)]
    smaller = rows["value"].astype(float) < rows["factor"].map(baseline).astype(float)
    turned = {"effect": -rows["effect"], "low": -rows["high"], "high": -rows["low"]}
    return rows.assign(**{name: rows[name].where(~smaller, values) for name, values in turned.items()})


def _significant(rows: pd.DataFrame) -> "pd.Series[bool]":
    return rows["p_holm"] < LEVEL


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


def baseline_values(baseline: object) -> dict[str, float]:
    """Return the values of the numeric factors of the rule in a baseline setting."""
    return {name: float(getattr(baseline, name)) for name in (EPOCHS, *LOW_FIDELITY)}
