"""Checks of the state of a training before it is continued: steps, curve, passes and tensors must agree."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from pydantic import Field, ValidationError
from torch import Tensor, nn

from supernet.config.base import Model


class CurveRow(Model):
    """A row of a training curve, of an epoch without divergence."""

    epoch: int
    step: int
    learning_rate: float
    loss: float = Field(ge=0)
    accuracy: float = Field(ge=0, le=1)


class TrainingNote(Model):
    """The note of a training: steps done, rows of the curve, passes in total and of the current epoch."""

    done: int = Field(ge=1)
    curve: tuple[CurveRow, ...]
    passes: int = Field(ge=0)
    epoch_passes: int = Field(ge=0)


def read_note(note: Any) -> TrainingNote:
    """Validate a note. Raises ValueError with the first finding."""
    try:
        return TrainingNote.model_validate({**note, "curve": tuple(note["curve"])})
    except ValidationError as error:
        one = error.errors(include_url=False)[0]
        place = ".".join(map(str, one["loc"]))
        raise ValueError(f"{place}: found {one['input']!r}; {one['msg']}") from None
    except (KeyError, TypeError):
        raise ValueError("its note is not that of a training") from None


def shape_problem(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], optional: Mapping[str, Tensor]) -> str:
    """Return the first tensor that is missing, unknown, or of another shape or type; an empty text if there is none."""
    return next(_shape_problems(tensors, expected, optional), "")


def network_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return all tensors of a network by their names in a checkpoint."""
    return {f"network.{name}": value for name, value in network.state_dict().items()}


def _shape_problems(
    tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor], optional: Mapping[str, Tensor]
) -> Iterator[str]:
    for name in expected:
        if name not in tensors:
            yield f"tensor {name} is missing"
    known = {**optional, **expected}
    for name, value in tensors.items():
        if name not in known:
            yield f"tensor {name} is unknown"
        elif (value.shape, value.dtype) != (known[name].shape, known[name].dtype):
            yield f"tensor {name} has another shape or type"


def sums_problem(loss: Tensor, correct: Tensor, passes: int, first_bad: int, since: int, done: int) -> str:
    """Return what is wrong with the sums of the current epoch, which began after step `since`; `done` steps are done.

    `first_bad` is the first step whose loss was not finite, at least `done` if there is none. A training whose loss was
    not finite ends with its epoch.
    """
    if not 0 <= float(correct) <= passes or float(loss) < 0:
        return "its sums of the current epoch are out of range"
    if first_bad < since:
        return f"found a loss that was not finite at step {first_bad}; such a training ends with its epoch"
    if first_bad >= done and not bool(torch.isfinite(loss)):
        return "its sum of losses is not finite"
    return ""
