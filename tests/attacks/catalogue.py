"""All attacks, and the promises of the threat model."""

import importlib
import pkgutil
import re
from collections.abc import Mapping
from pathlib import Path

import attacks
from attacks.attack import Attack, Verdict

PAGE = Path(__file__).resolve().parents[2] / "docs" / "understand" / "threat-model.md"
_ROW = re.compile(r"^\| ([A-Z]\d+) \|.*\| ([^|]+) \|$", re.MULTILINE)


def all_attacks() -> list[Attack]:
    """Return the attacks of all modules of this package, in the order of their names."""
    names = [one.name for one in pkgutil.iter_modules(attacks.__path__) if one.name != "__main__"]
    found = [getattr(importlib.import_module(f"attacks.{name}"), "attacks", None) for name in names]
    return [attack for function in found if callable(function) for attack in function()]


def short(found: list[Attack]) -> list[Attack]:
    """Return the first attack of each promise."""
    return list({attack.promise: attack for attack in reversed(found)}.values())[::-1]


def promises(page: Path = PAGE) -> Mapping[str, frozenset[Verdict]]:
    """Return the promised verdicts by the number of the promise, from the rows of the page's tables."""
    rows = _ROW.findall(page.read_text(encoding="utf-8"))
    return {number: frozenset(Verdict(word.strip()) for word in words.split(" or ")) for number, words in rows}
