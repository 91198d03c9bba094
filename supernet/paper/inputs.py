"""Inputs of tables and figures: the artifacts that their modules declare, and the modules that these import.

Each module of `paper/tables` and `paper/figures` declares `INPUTS`, a tuple of kinds of artifacts, or uses that of
another module: `INPUTS = _sweep.INPUTS`. It is read from the source text, because the workflow needs it whenever its
rules are parsed, and importing the modules would import matplotlib.
"""

import ast
from functools import cache
from pathlib import Path
from typing import get_args

from supernet.config.artifacts import Kind
from supernet.paper.catalogue import on_request
from supernet.paper.costs import table_runs
from supernet.pipeline.files import StudyFiles
from supernet.provenance.closure import Closure
from supernet.provenance.recorder import UNRECORDED

NAME = "INPUTS"
_OF_SYSTEMS = frozenset({"systems", "system_timings"})


def artifacts(files: StudyFiles, name: str, module: Path) -> list[str]:
    """Return the files from which `module` makes the table or figure `name`.

    If `rule all` excludes search systems, they are inputs only of tables and figures that it excludes too.
    """
    kinds = declared(module)
    if not files.plan.systems_in_all and name not in on_request(files.plan.study):
        kinds = tuple(kind for kind in kinds if kind not in _OF_SYSTEMS)
    return files.of(kinds, table_runs(files.plan.study, name))


def modules(closure: Closure, module: Path) -> list[str]:
    """Return a module and all modules that it imports, relative to the checkout; editing one outdates its results.

    Modules that import torch themselves are excluded, because drawing programs do not load them, as are modules that
    provenance records do not contain.
    """
    return [name for name in closure.files([module], torch=False) if name not in UNRECORDED]


@cache
def declared(module: Path) -> tuple[Kind, ...]:
    """Return the `INPUTS` of a module from its source; ValueError if it has none or one is not a `Kind`."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == NAME:
            return _checked(module, node.value)
    raise ValueError(f"{module}: expected a tuple {NAME} of kinds of artifacts")


def _checked(module: Path, value: ast.expr | None) -> tuple[Kind, ...]:
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.attr == NAME:
        return declared(module.with_name(f"{value.value.id}.py"))
    if value is None or not isinstance(found := ast.literal_eval(value), tuple) or set(found) - set(get_args(Kind)):
        raise ValueError(f"{module}: {NAME}: expected a tuple of {', '.join(get_args(Kind))}")
    return found
