"""The section of a space in a study file: source of the ground truth, baseline, sweeps and seeds."""

from functools import partial
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError

from supernet.config.base import Findings, Model, distinct
from supernet.config.baselines import BASELINES, SWEEPS
from supernet.config.datasets import CIFAR10, PUBLISHED, RENAMED
from supernet.config.factors import (
    FACTORS,
    BatchSize,
    Count,
    Decay,
    LayersOfSpace,
    Lists,
    Rate,
    Setting,
    SpaceContext,
    TrainPortion,
    factors_of,
)
from supernet.config.validation import did_you_mean
from supernet.nn.heuristics import constant_outputs

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Seeds = Annotated[
    tuple[Seed, ...],
    Field(min_length=1, strict=False, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]


class Truth(Model):
    """The recipe of the stand-alone trainings that give the ground truth of a space."""

    channels: Count = Field(description="Channels of the first cell of a stand-alone network.")
    layers: LayersOfSpace = Field(
        default=None,
        validate_default=True,
        description="Cells of a stand-alone network, counted as by the factor `layers`; null in spaces without it.",
    )
    epochs: Count = Field(description="Passes over the training images.")
    learning_rate: Rate = Field(default=0.1, description="Initial learning rate.")
    weight_decay: Decay = Field(default=5e-4, description="L2 penalty.")
    batch_size: BatchSize = Field(default=128, description="Images of a mini-batch.")
    train_portion: TrainPortion = Field(
        default=0.9,
        description="Share of the training set for training, at most 1 - `data.scoring_portion`.",
    )


class SpaceStudy(Model):
    """The section of one space."""

    published: str | None = Field(
        default=None,
        description="Published table (workflow/sources.yaml) whose accuracies are the ground truth. If `truth` is "
        "given too, the table is used if it or its downloads exist, and otherwise the trainings.",
    )
    truth: Truth | None = Field(
        default=None, description="Recipe of the stand-alone trainings; required without `published`."
    )
    baseline: Setting = Field(
        description="Values of the factors; the others have the baseline of the space in the table of factors."
    )
    sweep: dict[str, tuple[Any, ...]] = Field(
        default={},
        description="Factor: list of values, or `paper` for those of the table of factors. Each value is one setting, "
        "with all other factors at the baseline.",
    )
    cumulative: dict[str, Any] = Field(
        default={},
        description="Factor: value that is common practice. The first setting has all of these values; each further "
        "one sets one more factor, in this order, to the baseline. Empty: no such settings.",
    )
    seeds: Seeds = Field(default=(0, 1, 2), description="Run seeds of the baseline.")
    sweep_seeds: Seeds | None = Field(
        default=None, description="Run seeds of the swept settings; null uses those of the baseline."
    )

    @field_validator("published")
    @classmethod
    def _of_this_space(cls, name: str | None, info: ValidationInfo) -> str | None:
        context = info.context
        if name is None or not isinstance(context, SpaceContext):
            return name
        if name not in PUBLISHED[context.space]:
            allowed = ", ".join(PUBLISHED[context.space])
            now = f", now called {RENAMED[name]}" if name in RENAMED else ""
            raise PydanticCustomError("study", f"not a table of {context.space}{now}; allowed here: {allowed}")
        if context.images not in (None, *CIFAR10):
            allowed = ", ".join(CIFAR10)
            raise PydanticCustomError(
                "study", f"accuracies on CIFAR-10, while data.name is {context.images}; allowed there: {allowed}"
            )
        return name

    @field_validator("truth")
    @classmethod
    def _some_truth(cls, truth: Truth | None, info: ValidationInfo) -> Truth | None:
        # `published` is absent here if it is invalid.
        if truth is None and info.data.get("published", "") is None:
            raise PydanticCustomError("study", "a space needs `truth`, `published`, or both")
        return truth

    @field_validator("baseline", mode="wrap")
    @classmethod
    def _completed(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        context = info.context
        if not isinstance(context, SpaceContext) or not isinstance(value, dict):
            return handler(value)
        findings = Findings()
        known = _known_factors(value, context.space, findings)
        setting = findings.attempt(partial(handler, {**BASELINES[context.space], **known}))
        findings.raise_all()
        return setting

    @field_validator("sweep", mode="before")
    @classmethod
    def _listed(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict):
            return value
        context = info.context
        findings = Findings()
        lists: dict[str, Any] = dict(value)
        if isinstance(context, SpaceContext):
            lists = _known_factors(value, context.space, findings)
            grid = SWEEPS[context.space]
            lists = {name: grid[name] if found == "paper" else found for name, found in lists.items()}
        for name in [name for name, found in lists.items() if not isinstance(found, list | tuple)]:
            findings.add("should be a list of values, or `paper`", lists.pop(name), name)
        checked = findings.attempt(partial(Lists.model_validate, lists, context=context))
        findings.raise_all()
        return {name: getattr(checked, name) for name in lists}

    @field_validator("sweep")
    @classmethod
    def _with_the_baseline(cls, sweep: dict[str, tuple[Any, ...]], info: ValidationInfo) -> dict[str, tuple[Any, ...]]:
        # Other factors of the setting have the values of the baseline, and some combinations are not allowed.
        baseline = info.data.get("baseline")
        if not isinstance(baseline, Setting):
            return sweep
        findings = Findings()
        for name, values in sweep.items():
            for position, value in enumerate(values):
                try:
                    Setting.model_validate({**baseline.model_dump(), name: value}, context=info.context)
                except ValidationError as error:
                    for one in error.errors():
                        findings.add(f"with the baseline's other values: {one['msg']}", value, name, position)
        findings.raise_all()
        return sweep

    @field_validator("cumulative", mode="before")
    @classmethod
    def _of_known_factors(cls, value: Any, info: ValidationInfo) -> Any:
        context = info.context
        if not isinstance(value, dict) or not isinstance(context, SpaceContext):
            return value
        findings = Findings()
        _known_factors(value, context.space, findings)
        findings.raise_all()
        return value

    @field_validator("cumulative")
    @classmethod
    def _each_step_is_a_setting(cls, start: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        baseline = info.data.get("baseline")
        if not isinstance(baseline, Setting):
            return start
        findings = Findings()
        for name, value in start.items():
            if value == getattr(baseline, name, None):
                findings.add("is also the value of the baseline, so that its step would change nothing", value, name)
            if name == "dynamic_channels" and constant_outputs(str(value)) is not None:
                findings.add(
                    "a sub-space has other architectures, so that it is not a step to the baseline", value, name
                )
        for step in range(len(start)):
            rest = dict(list(start.items())[step:])
            try:
                Setting.model_validate({**baseline.model_dump(), **rest}, context=info.context)
            except ValidationError as error:
                for one in error.errors():
                    findings.add(f"after {step} steps: {one['msg']}", one["input"], *one["loc"])
                break
        findings.raise_all()
        # The value as the setting has it: 1 becomes 1.0 if the factor is a float.
        whole = Setting.model_validate({**baseline.model_dump(), **start})
        return {name: getattr(whole, name) for name in start}

    def steps(self) -> list[tuple[str, Setting]]:
        """Return (next factor to change, setting) pairs, from `cumulative` to the setting before the baseline."""
        names = list(self.cumulative)
        rest = [{name: self.cumulative[name] for name in names[step:]} for step in range(len(names))]
        return [(name, self.baseline.model_copy(update=own)) for name, own in zip(names, rest, strict=True)]


def _known_factors(values: dict[str, Any], space: str, findings: Findings) -> dict[str, Any]:
    """Return the values whose factor the space has, and add a finding for each other value."""
    allowed = [factor.name for factor in factors_of(space)]
    for name, value in values.items():
        # A setting has null for factors that its space does not have.
        if name in allowed or (value is None and name in FACTORS and space not in FACTORS[name].spaces):
            continue
        if name not in FACTORS:
            message = f"unknown factor; {did_you_mean(name, allowed)}"
        else:
            message = f"{space} does not have this factor; allowed here: {', '.join(allowed)}"
        findings.add(message, value, name)
    return {name: value for name, value in values.items() if name in allowed}
