"""The base of all validated models, and a collector of several errors from one validator."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

_Item = TypeVar("_Item", bound=Hashable)
_Value = TypeVar("_Value")


class Model(BaseModel):
    """Base of all config models: immutable, without unknown keys, type coercion or infinities.

    Defaults and instances are validated too, because some rules depend on values elsewhere in the file.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        revalidate_instances="always",
    )


class Findings:
    """Errors that one validator collects and raises together; locations are relative to that validator."""

    def __init__(self) -> None:
        self._errors: list[InitErrorDetails] = []

    def add(self, message: str, value: Any, *location: str | int) -> None:
        """Add an error about the value at a location."""
        self._errors.append(_details("study", message, {}, value, location))

    def attempt(self, validate: Callable[[], _Value], *location: str | int) -> _Value | None:
        """Return the result of a validation, or None after adding its errors under this location."""
        try:
            return validate()
        except ValidationError as error:
            for one in error.errors(include_url=False):
                place = (*location, *one["loc"])
                self._errors.append(_details(one["type"], one["msg"], one.get("ctx", {}), one["input"], place))
            return None

    def raise_all(self) -> None:
        """Raise the collected errors, if any, as one ValidationError."""
        if self._errors:
            raise ValidationError.from_exception_data("study", self._errors)


def distinct(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Return the values; ValidationError at each repeated one (1 and 1.0 are equal)."""
    findings = Findings()
    seen: set[_Item] = set()
    for position, value in enumerate(values):
        if value in seen:
            findings.add("duplicate value in the list", value, position)
        seen.add(value)
    findings.raise_all()
    return values


def _details(kind: str, message: str, context: dict[str, Any], value: Any, location: Any) -> InitErrorDetails:
    # The message is a value, not the template, because it may contain braces.
    error = PydanticCustomError(kind, "{message}", {**context, "message": message})
    return InitErrorDetails(type=error, loc=tuple(location), input=value)
