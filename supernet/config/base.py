"""The base of all validated models, and the means by which one validator reports several errors."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

_Item = TypeVar("_Item", bound=Hashable)
_Value = TypeVar("_Value")


class Model(BaseModel):
    """Base of all config models: immutable, no unknown keys, no silent conversion of types, no infinities.

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
    """Errors that one validator collects, in order to raise them together; locations are relative to it."""

    def __init__(self) -> None:
        self._errors: list[InitErrorDetails] = []

    def add(self, message: str, value: Any, *location: str | int) -> None:
        """Add an error: what is wrong with the value that stands there."""
        self._errors.append(_details("study", message, {}, value, location))

    def attempt(self, validate: Callable[[], _Value], *location: str | int) -> _Value | None:
        """The result of a validation, or None after adding its errors under this location."""
        try:
            return validate()
        except ValidationError as error:
            for one in error.errors(include_url=False):
                place = (*location, *one["loc"])
                self._errors.append(_details(one["type"], one["msg"], one.get("ctx", {}), one["input"], place))
            return None

    def raise_all(self) -> None:
        """Raise what was added, if anything, as one ValidationError."""
        if self._errors:
            raise ValidationError.from_exception_data("study", self._errors)


def distinct(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """The values; ValidationError at each one that stands earlier in the tuple (1 and 1.0 are the same)."""
    findings = Findings()
    for position, value in enumerate(values):
        if value in values[:position]:
            findings.add("this value stands twice in the list", value, position)
    findings.raise_all()
    return values


def _details(kind: str, message: str, context: dict[str, Any], value: Any, location: Any) -> InitErrorDetails:
    # The message is passed as a value, not as the template: it may quote braces.
    error = PydanticCustomError(kind, "{message}", {**context, "message": message})
    return InitErrorDetails(type=error, loc=tuple(location), input=value)
