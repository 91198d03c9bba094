"""What is fuzzed: a reader, and how its inputs are drawn."""

import importlib
import pkgutil
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fuzz


@dataclass(frozen=True)
class Target:
    """A reader of files. Every input is either read or refused with a UserError."""

    name: str
    draw: Callable[[random.Random], bytes]
    """Draws the content of a file."""
    read: Callable[[Path], object]
    """Reads the file as the project does."""
    file: str = "input"
    """Name of the file, for readers that look at it."""


def all_targets() -> list[Target]:
    """Return the targets of all modules of this package, in the order of their names."""
    names = [one.name for one in pkgutil.iter_modules(fuzz.__path__) if one.name != "__main__"]
    found = [getattr(importlib.import_module(f"fuzz.{name}"), "targets", None) for name in names]
    return [target for function in found if callable(function) for target in function()]
