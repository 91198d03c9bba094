"""Answers of the rules in single spaces, and the verdict that follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Answer = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class SpaceAnswer:
    """The answer of a claim's rule in one space, and the numbers behind it by name."""

    space: str
    answer: Answer
    numbers: dict[str, float] = field(default_factory=dict)
    power: tuple[str, ...] = ()
    """Lines that say which differences this study would have found, with a power of 80 %."""
    missing: tuple[str, ...] = ()
    """Lines that say what an undecided answer needs."""


def verdict(of_spaces: Sequence[SpaceAnswer]) -> str:
    """Combine the answers of all spaces: reproduced, not reproduced or undecided.

    A claim is reproduced if every space answers yes, not reproduced if any space answers no, and undecided otherwise.
    """
    answers = {one.answer for one in of_spaces}
    if "no" in answers:
        return "not reproduced"
    return "reproduced" if answers == {"yes"} else "undecided"


def combined(parts: Sequence[Answer]) -> Answer:
    """Combine the answers of the parts of a rule: no if one is no, yes if all are yes, else unknown."""
    if "no" in parts:
        return "no"
    return "yes" if parts and set(parts) == {"yes"} else "unknown"


def csv_rows(of_space: SpaceAnswer) -> list[dict[str, Any]]:
    """Return rows of a CSV file: space, answer, missing, quantity, value."""
    rows = [{"quantity": name, "value": value} for name, value in of_space.numbers.items()] or [
        {"quantity": "", "value": float("nan")}
    ]
    start = {"space": of_space.space, "answer": of_space.answer, "missing": "; ".join(of_space.missing)}
    return [{**start, **row} for row in rows]
