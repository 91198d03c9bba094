"""Finds tables and figures by name; their modules are imported at first use."""

import importlib
import logging
import pkgutil
from pathlib import Path
from types import ModuleType

from supernet.config.factors import FACTORS
from supernet.config.study import Study
from supernet.errors import UserError
from supernet.paper import figures, tables
from supernet.paper.load import Results

_LOG = logging.getLogger(__name__)
_OF_ANY_FACTOR = "factor"
_SWEEP = "_sweep"


def table_names(study: Study) -> tuple[str, ...]:
    """Return the tables of a study: those with a module whose subject the study has, then one per swept factor."""
    absent = {_OF_ANY_FACTOR} | ({"search_systems"} if study.searches is None else set())
    absent |= set() if has_standalone(study) else {"standalone"}
    own = tuple(name for name in _modules(list(tables.__path__)) if name not in absent)
    return own + tuple(study.factors())


def figure_names(study: Study) -> tuple[str, ...]:
    """Return the figures of a study: those with a module whose subject the study has, then other swept factors."""
    swept = study.factors()
    absent = {*FACTORS} - {*swept} | ({"landscape"} if study.landscape is None else set())
    absent |= set() if swept else {"effects"}
    absent |= set() if any(space.cumulative for space in study.spaces.values()) else {"cumulative"}
    absent |= {"search_systems"} if study.searches is None else set()
    absent |= set() if has_standalone(study) else {"standalone"}
    own = tuple(name for name in _modules(list(figures.__path__)) if name not in absent)
    return own + tuple(factor for factor in swept if factor not in own)


def has_standalone(study: Study) -> bool:
    """Return whether stand-alone networks are trained with values that a space sweeps."""
    return any(study.standalone_values(space) for space in study.standalone_spaces())


def on_request(study: Study) -> frozenset[str]:
    """Return the tables and figures that the target `all` does not make: search systems, if the study excludes them."""
    return frozenset() if study.searches is None or study.searches.in_all else frozenset({"search_systems"})


def table_module(name: str) -> Path:
    """Return the module that makes a table."""
    return _folder(tables) / f"{_OF_ANY_FACTOR if name in FACTORS else name}.py"


def figure_module(name: str) -> Path:
    """Return the module that draws a figure."""
    return _folder(figures) / f"{name if name in _modules(list(figures.__path__)) else _SWEEP}.py"


def heading(name: str) -> str:
    """Return the heading of a table or figure: a factor's label, else its name in words."""
    if name in FACTORS:
        return FACTORS[name].label
    return {"kdt_vs_skdt": "KdT and S-KdT", "standalone": "stand-alone networks"}.get(name, name.replace("_", " "))


def section(name: str) -> str:
    """Return the section of a table or figure in a report: `Factors` if it shows one factor, else `Study`."""
    return "Factors" if name in FACTORS else "Study"


def make_table(name: str, results: Results, out_stem: Path) -> None:
    """Write a table by its name or by a factor's name; raises UserError for an unknown name."""
    if name in FACTORS:
        importlib.import_module(f"{tables.__name__}.{_OF_ANY_FACTOR}").make(results, name, out_stem)
    elif name in table_names(results.study):
        importlib.import_module(f"{tables.__name__}.{name}").make(results, out_stem)
    else:
        raise UserError(f"{name}: no such table; expected one of {', '.join(table_names(results.study))}")
    _LOG.info("table %s of study %s written to %s", name, results.study.study, out_stem)


def make_figure(name: str, results: Results, out_stem: Path) -> None:
    """Draw a figure by its name; raises UserError if the study has no such figure."""
    known = figure_names(results.study)
    if name not in known:
        raise UserError(f"{name}: no such figure in this study; expected one of {', '.join(known)}")
    if name in _modules(list(figures.__path__)):
        importlib.import_module(f"{figures.__name__}.{name}").make(results, out_stem)
    else:
        importlib.import_module(f"{figures.__name__}.{_SWEEP}").make(results, name, out_stem)
    _LOG.info("figure %s of study %s written to %s", name, results.study.study, out_stem)


def _modules(path: list[str]) -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_")))


def _folder(package: ModuleType) -> Path:
    return Path(next(iter(package.__path__)))
