"""What differs between the config in the record of a result and the one that the study gives now, in words.

Configs are compared as nested mappings of any program. A key that one of them lacks has the default of the program's
model, so that a config that leaves defaults out equals one that has them.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined, to_jsonable_python

from supernet.config.base import Model
from supernet.config.jobs import (
    FeaturesJob,
    LandscapeJob,
    ProxiesJob,
    ScoringJob,
    SearchJob,
    StandaloneJob,
    SystemsJob,
    TruthJob,
)
from supernet.config.study import Run, Study

Key = tuple[str, ...]
"""The keys of a value in nested mappings, from the outermost one."""

SHOWN = 4
"""Changed keys that one cause names; further ones are counted."""
_WIDTH = 60
"""Characters of a value that are printed."""


class _Absent:
    """The value of a key that a config lacks and that has no default."""

    def __repr__(self) -> str:
        return "not set"


ABSENT = _Absent()


class _Trainings(Model):
    """The outer keys of the config of scripts/truth.py."""

    job: TruthJob


class _Drawing(Model):
    """The outer keys of the config of a table or a figure."""

    study: Study


_MODELS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "scripts/train.py": Run,
        "scripts/score.py": ScoringJob,
        "scripts/truth.py": _Trainings,
        "scripts/search.py": SearchJob,
        "scripts/systems.py": SystemsJob,
        "scripts/proxies.py": ProxiesJob,
        "scripts/landscape.py": LandscapeJob,
        "scripts/features.py": FeaturesJob,
        "scripts/standalone.py": StandaloneJob,
        "scripts/metrics.py": Study,
        "scripts/effects.py": Study,
        "scripts/table.py": _Drawing,
        "scripts/figure.py": _Drawing,
    }
)
"""The model whose defaults the keys of a program's config have; configs of other programs have no defaults."""
_OTHER_NAMES = MappingProxyType({"setting": "baseline", "study_seed": "seed", "widths": "nasbench101_widths"})
"""Keys of configs that have another name in the study file."""


def config_changes(program: str, old: Mapping[str, Any], new: Mapping[str, Any], study: Mapping[str, Any]) -> str:
    """Return `key: old → new` for each value that differs, at most `SHOWN` of them; an empty text if none differs.

    `program` is the script of the record, as `scripts/train.py`. `study` has all values of the study file; a key has
    its path in that file where it can be derived.
    """
    model = _MODELS.get(program)
    lines = (
        f"{_study_key(key, now, new, study)}: {_short(before)} → {_short(now)}"
        for key, before, now in _differences(old, new, lambda key: _default(model, key))
    )
    # Some configs have a section twice: that of the super-net and that of a stand-alone training.
    found = list(dict.fromkeys(lines))
    more = f"; and {len(found) - SHOWN} more keys" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def with_defaults(program: str, config: Any) -> Any:
    """Return the config in the record of a program, with the defaults of keys that did not exist when it was made."""
    model = _MODELS.get(program)
    if model is None:
        return config
    try:
        return model.model_validate_json(json.dumps(config)).model_dump(mode="json")
    except ValidationError:
        return config


def _differences(old: Any, new: Any, default: Callable[[Key], Any], key: Key = ()) -> Iterator[tuple[Key, Any, Any]]:
    """Yield (key, old value, new value) of all values that differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*old, *new]):
            here = (*key, str(name))
            before, now = (one[name] if name in one else default(here) for one in (old, new))
            yield from _differences(before, now, default, here)
    elif old != new:
        yield key, old, new


def _default(model: type[BaseModel] | None, key: Key) -> Any:
    """Return the default of a key of a model as a JSON value; ABSENT if it has none."""
    *outer, last = key
    found: Any = model
    for name in outer:
        found = _inner(found, name)
    field = next((one.model_fields[last] for one in _models(found) if last in one.model_fields), None)
    value = PydanticUndefined if field is None else field.get_default(call_default_factory=True)
    return ABSENT if value is PydanticUndefined else to_jsonable_python(value)


def _inner(annotation: Any, name: str) -> Any:
    """Return the type of the value of a key in a value of the type `annotation`; None if that is not a mapping."""
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return next((one.model_fields[name].annotation for one in _models(annotation) if name in one.model_fields), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models among the types that a type allows."""
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from _models(one)


def _study_key(key: Key, value: Any, config: Mapping[str, Any], study: Mapping[str, Any]) -> str:
    """Return the path of a key in the study file: the one that ends alike and has the same value; else the key itself.

    Of several, the one with the longest common end is taken, if it is the only one.
    """
    # Landmarks are drawn like pools, but another key has their number.
    names = {**_OTHER_NAMES, "size": "landmarks"} if config.get("landmarks") else _OTHER_NAMES
    wanted = tuple(names.get(name, name) for name in key)
    space = _space(config)
    lengths: dict[Key, int] = {
        one: _common_end(one, wanted) for one, found in _values(study, space) if value is ABSENT or found == value
    }
    longest = max(lengths.values(), default=0)
    best = [one for one, length in lengths.items() if length == longest]
    return ".".join(best[0] if longest and len(best) == 1 else key)


def _space(config: Mapping[str, Any]) -> str | None:
    """Return the space of a job; None for a job of all spaces."""
    if isinstance(config.get("space"), str):
        return str(config["space"])
    inner = (one for one in config.values() if isinstance(one, Mapping) and isinstance(one.get("space"), str))
    return next((str(one["space"]) for one in inner), None)


def _values(study: Mapping[str, Any], space: str | None) -> Iterator[tuple[Key, Any]]:
    """Yield (key, value) of all values of a study, of the sections of spaces only that of `space` if it is given."""
    todo: list[tuple[Key, Any]] = [((str(name),), value) for name, value in study.items()]
    for key, value in todo:
        if key[0] == "spaces" and len(key) > 1 and space not in (None, key[1]):
            continue
        yield key, value
        if isinstance(value, Mapping):
            todo += [((*key, str(name)), inner) for name, inner in value.items()]


def _common_end(one: Key, other: Key) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((length for length, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _short(value: Any) -> str:
    text = _flow(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _flow(value: Any) -> str:
    """Format a JSON value on one line, as in a study file: names without quotes."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_flow(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return str(value) if isinstance(value, str | _Absent) else json.dumps(value, ensure_ascii=False)
