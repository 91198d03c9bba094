"""Conversion of pydantic errors to messages with file, line, key path, found value and allowed values."""

import difflib
import math
from collections.abc import Iterable, Sequence
from types import NoneType
from typing import Any, Protocol, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from supernet.config.yamlfile import Key
from supernet.errors import UserError

_Model = TypeVar("_Model", bound=BaseModel)
_EXPECTED = {
    "missing": "this key is required",
    "model_type": "should be a mapping of keys to values",
    "dict_type": "should be a mapping of keys to values",
    "tuple_type": "should be a list",
    "too_short": "should not be empty",
    "finite_number": "should be a finite number",
    "int_type": "should be an integer",
    "float_type": "should be a number",
    "string_type": "should be text",
    "bool_type": "should be true or false",
}


class Source(Protocol):
    """A file, or several merged ones, that knows where each value is written: a `YamlFile` or a `StudyFile`."""

    @property
    def data(self) -> dict[str, Any]: ...
    def has(self, key: Key) -> bool: ...
    def place(self, key: Key) -> tuple[int, int]: ...
    def error(self, key: Key, message: str) -> UserError: ...


def validate(model: type[_Model], file: Source, context: Any = None, others: Sequence[str] = ()) -> _Model:
    """Validate a file against a model; UserError with all findings, one per line, in the order of the file.

    `context` is passed to the model's validators. `others` are keys of the file that are not part of the model and that
    its reader has already removed: messages offer them.
    """
    try:
        return model.model_validate(file.data, context=context)
    except ValidationError as error:
        errors = [dict(one) for one in error.errors(include_url=False)]
        findings = [_finding(model, file, one, others) for one in errors if not _is_echo(one)]
        lines = [message for _, message in sorted(findings, key=lambda finding: finding[0])]
        raise UserError("\n".join(dict.fromkeys(lines))) from None


def read_as(text: str) -> str:
    """Return what Snakemake's command line or YAML reads a text as: `a number`, `true or false`; empty if as text."""
    for parse in (int, float):
        try:
            parse(text)
        except ValueError:
            continue
        return "a number"
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return "not a plain text"
    if isinstance(value, bool):
        return "true or false"
    return "" if value == text else "not a plain text"


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return the allowed names, preceded by the nearest match if there is one."""
    names = list(allowed)
    near = difflib.get_close_matches(name, names, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    return f"{question}allowed here: {', '.join(names)}"


def _is_echo(error: dict[str, Any]) -> bool:
    # pydantic also reports a list as empty if its only item is wrong.
    return error["type"] == "too_short" and len(error["input"]) > 0


def _finding(
    model: type[BaseModel], file: Source, error: dict[str, Any], others: Sequence[str]
) -> tuple[tuple[int, int], str]:
    key, value = error["loc"], error["input"]
    found = "nothing" if error["type"] == "missing" else f"found {shown(value)}"
    if error["type"] != "missing" and not file.has(key):
        found += " (a default, not in the file)"
    return file.place(key), str(file.error(key, f"{found}; {_expected(model, error, others)}"))


def _expected(model: type[BaseModel], error: dict[str, Any], others: Sequence[str]) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        *above, name = error["loc"]
        allowed = [*_keys_at(model, above), *([] if above else others)]
        return f"unknown key; {did_you_mean(str(name), allowed)}"
    expected = _EXPECTED.get(kind, str(error["msg"]).removeprefix("Input "))
    return expected + _hint(kind, error["input"])


def _keys_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the keys of the model at a location, through nested models and mappings of models."""
    here: Any = model
    for part in location:
        here = here.model_fields[part].annotation if hasattr(here, "model_fields") else get_args(here)[1]
        # An optional section has the type `Section | None`.
        if NoneType in get_args(here):
            (here,) = set(get_args(here)) - {NoneType}
    return list(here.model_fields)


def _hint(kind: str, value: Any) -> str:
    """Return how to write the value that was probably intended, if YAML reads another type."""
    if kind == "string_type" and value is not None and not isinstance(value, list | dict):
        return ": put it in quotes"
    whole = kind in ("int_type", "int_or_word")
    if whole and isinstance(value, float) and value.is_integer():
        return f": write {int(value)}"
    if (whole or kind == "float_type") and isinstance(value, str) and (number := _number(value)) is not None:
        meant = int(number) if whole and number == int(number) else number
        return f": YAML reads {value} as text here, write {_as_yaml(meant)} without quotes"
    return ""


def _number(text: str) -> float | int | None:
    for parse in (int, float):
        try:
            number = parse(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else None
    return None


def _as_yaml(number: float | int) -> str:
    """Format a number so that YAML 1.1 reads a number: with a dot before an exponent."""
    text = repr(number)
    return text if "." in text or "e" not in text else text.replace("e", ".0e")


def shown(value: Any) -> str:
    """Return a value as Python writes it, shortened to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
