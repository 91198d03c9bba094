"""The paper's 14 training heuristics, and methods beyond it, by name: what `supernet.config.setting` declares."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from supernet.config.factor import BEYOND, LAYER_MULTIPLES, PATH_LAWS, SPACES, Factor
from supernet.config.setting import Setting

__all__ = [
    "BEYOND",
    "FACTORS",
    "LAYER_MULTIPLES",
    "PATH_LAWS",
    "SPACES",
    "Factor",
    "beyond_the_paper",
    "factors_of",
    "of_the_paper",
]


def _declared() -> Iterator[Factor]:
    for name, field in Setting.model_fields.items():
        (factor,) = (part for part in field.metadata if isinstance(part, Factor))
        yield replace(factor, name=name)


FACTORS: Mapping[str, Factor] = MappingProxyType({factor.name: factor for factor in _declared()})


def factors_of(space: str) -> tuple[Factor, ...]:
    """The factors that a space has, in the order of the paper's table, those beyond the paper last."""
    return tuple(factor for factor in FACTORS.values() if space in factor.spaces)


def of_the_paper() -> tuple[Factor, ...]:
    """The paper's 14 heuristics."""
    return tuple(factor for factor in FACTORS.values() if factor.group != BEYOND)


def beyond_the_paper() -> tuple[Factor, ...]:
    """Training methods of later work, factors like the 14 but never counted among them."""
    return tuple(factor for factor in FACTORS.values() if factor.group == BEYOND)
