"""The factors: the paper's 14 training heuristics and methods of later work, with their values and rules.

A factor is declared at its field of `Setting`: its type gives the values, and its `Factor` all that tables, figures and
the reference show. The values and the compatibility rules of heuristics that live in layers are those of
`supernet.nn.heuristics`. The default of each factor in each space is in `supernet.config.baselines`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, ValidationInfo, create_model, model_validator
from pydantic_core import PydanticCustomError

from supernet.config.base import Findings, Model, distinct
from supernet.nn.heuristics import SLICED, BatchNorm, Dropout, DynamicChannels, OfaKernel, OpPlacement, Wsbn, conflicts
from supernet.spaces import KINDS

FewShot = Literal["none", "split"]
Landmarks = Literal["none", "ranking"]
PathSampling = Literal["random_a", "random_nas", "fairnas", "fairnas_by_weights"]

SPACES = tuple(KINDS)

BEYOND: Literal["beyond the paper"] = "beyond the paper"
"""The group of factors that are not among the paper's 14 heuristics."""

Group = Literal["hyperparameters", "sampling", "low fidelity", "implementation", "beyond the paper"]
Scale = Literal["log", "linear", "category"]
Consumer = Literal["layers", "recipe", "build"]
"""Which code reads the value of a factor: `LayerFactory` (`supernet.nn.factory`) or `Recipe`
(`supernet.training.trainer`), which have a field of its name, or `supernet.training.build` itself."""


@dataclass(frozen=True)
class Factor:
    """A heuristic of the paper (Sec. 3) or of later work (group `BEYOND`), declared at its field of `Setting`."""

    group: Group
    label: str
    meaning: str
    scale: Scale
    consumer: Consumer
    values: tuple[Any, ...] = ()
    """Swept values of a factor beyond the paper, the same in every space; the first one changes nothing. The values of
    the paper's factors are in `supernet.config.baselines`."""
    name: str = ""
    """The name of its field in `Setting`, filled in by `FACTORS`."""

    @property
    def absent(self) -> Mapping[str, str]:
        """The spaces that lack the factor, with the reason."""
        return {space: kind.lacks[self.name] for space, kind in KINDS.items() if self.name in kind.lacks}

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces that have the factor."""
        return tuple(space for space in SPACES if space not in self.absent)


PATH_LAWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {space: (*kind.laws, "fairnas") for space, kind in KINDS.items()}
)
"""The paper's values of `path_sampling` in each space."""
LATER_LAWS = ("fairnas_by_weights",)
"""Values of `path_sampling` beyond the paper, in all spaces."""

LAYER_MULTIPLES: Mapping[str, int] = MappingProxyType({space: kind.layer_multiple for space, kind in KINDS.items()})
"""`layers` must be a multiple of this: NASBench-101 counts the cells of its three stacks together."""


@dataclass(frozen=True)
class SpaceContext:
    """The validation context of rules that depend on the space or on other sections of the study file.

    `scoring_portion` is the share of the training set that is held out for scoring, `images` the name of the data set
    (None if the file's is invalid).
    """

    space: str
    scoring_portion: float | None = None
    images: str | None = None


def _of_space(value: Any, info: ValidationInfo) -> Any:
    context = info.context
    if not isinstance(context, SpaceContext):
        return value
    lacking = info.field_name in KINDS[context.space].lacks
    if lacking != (value is None):
        _refuse(
            f"{context.space} lacks this factor" if lacking else f"{context.space} has this factor: expected a value"
        )
    return value


def _whole_stacks(value: int, info: ValidationInfo) -> int:
    context = info.context
    if isinstance(context, SpaceContext) and value % LAYER_MULTIPLES[context.space]:
        _refuse(f"{context.space} has stacks of equal depth: expected a multiple of {LAYER_MULTIPLES[context.space]}")
    return value


def _law_of_space(value: str, info: ValidationInfo) -> str:
    context = info.context
    if isinstance(context, SpaceContext) and value not in (allowed := (*PATH_LAWS[context.space], *LATER_LAWS)):
        _refuse(f"{context.space} does not have this law; allowed here: {', '.join(allowed)}")
    return value


def _apart_from_scoring(value: float, info: ValidationInfo) -> float:
    context = info.context
    if isinstance(context, SpaceContext) and context.scoring_portion is not None:
        # Portions are decimal fractions: 1 - .1 must allow .9 whatever the rounding.
        limit = round(1 - context.scoring_portion, 9)
        if value > limit:
            _refuse(f"data.scoring_portion keeps {context.scoring_portion} of the training set: at most {limit}")
    return value


def _unsigned_zero(value: float) -> float:
    return value + 0.0  # -0.0 equals 0.0, but its setting would have another name and record


def _refuse(message: str) -> None:
    raise PydanticCustomError("study", "{message}", {"message": message})


Rate = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0), AfterValidator(_unsigned_zero)]
Count = Annotated[int, Field(gt=0)]
# Batch norm in training needs two values per channel where a layer's output is a single pixel.
BatchSize = Annotated[int, Field(ge=2)]
LayerCount = Annotated[int, Field(gt=0), AfterValidator(_whole_stacks)]
LayersOfSpace = Annotated[LayerCount | None, AfterValidator(_of_space)]
TrainPortion = Annotated[float, Field(gt=0, le=1), AfterValidator(_apart_from_scoring)]


class Setting(Model):
    """One value for each factor: the paper's (Sec. 3) and two methods of later work, which are off by default.

    Each field is a factor. The rules of a space are checked if the validation context is a `SpaceContext`.
    """

    batch_norm: Annotated[
        BatchNorm,
        Factor(
            "hyperparameters",
            "Batch norm",
            "learnable scale and shift (affine), running statistics (tracking)",
            "category",
            "layers",
        ),
    ] = Field(description="Learnable scale and shift (affine) and running statistics (tracking).")
    learning_rate: Annotated[
        Rate,
        Factor("hyperparameters", "Learning rate", "initial rate of SGD, annealed by a cosine", "log", "recipe"),
    ] = Field(description="Initial learning rate of SGD, annealed by a cosine.")
    epochs: Annotated[
        Count,
        Factor("hyperparameters", "Epochs", "passes over the training images", "linear", "build"),
    ] = Field(description="Passes over the training images.")
    weight_decay: Annotated[Decay, Factor("hyperparameters", "Weight decay", "L2 penalty in SGD", "log", "recipe")] = (
        Field(description="L2 penalty in SGD.")
    )
    path_sampling: Annotated[
        PathSampling,
        AfterValidator(_law_of_space),
        Factor("sampling", "Path sampling", "which architecture each mini-batch trains", "category", "build"),
    ] = Field(
        description="Distribution from which the architecture of each mini-batch is drawn. Beyond the paper: groups of "
        "`fairnas_by_weights` use operations with more weights more often (this project's method)."
    )
    layers: Annotated[
        LayersOfSpace,
        Factor("low fidelity", "Layers", "cells of the super-net; in NASBench-201 cells per stage", "linear", "build"),
    ] = Field(
        default=None,
        description="Cells: in total for NASBench-101 (a multiple of 3) and DARTS, per stage for NASBench-201.",
    )
    train_portion: Annotated[
        TrainPortion,
        Factor("low fidelity", "Train portion", "share of the training set that is trained on", "linear", "build"),
    ] = Field(
        description="Share of the training set that is trained on. The scoring split is never part of it: at most "
        "1 - `data.scoring_portion`."
    )
    batch_size: Annotated[
        BatchSize,
        Factor("low fidelity", "Batch size", "images per mini-batch", "log", "recipe"),
    ] = Field(description="Images per mini-batch.")
    channels: Annotated[Count, Factor("low fidelity", "Channels", "channels of the first cell", "log", "build")] = (
        Field(description="Channels of the first cell.")
    )
    dynamic_channels: Annotated[
        DynamicChannels | None,
        AfterValidator(_of_space),
        Factor(
            "implementation",
            "Dynamic channels",
            "how one weight serves several channel counts",
            "category",
            "layers",
        ),
    ] = Field(
        default=None,
        description="How an architecture uses c of C channels: the first ones (fixed), a random subset (shuffled) or "
        "averages (interpolation), of the kernels (v2) or of the output features (v1). constant-K: only cells with K "
        "vertices wired to the output, whose weights are not sliced; this is a sub-space with its own pool and size.",
    )
    ofa_kernel: Annotated[
        OfaKernel | None,
        AfterValidator(_of_space),
        Factor("implementation", "OFA kernel", "small kernels cropped from the largest one", "category", "layers"),
    ] = Field(
        default=None,
        description="The smaller kernels of a position are the centre of the largest one (crop), or the centre times a "
        "learnable matrix (transform).",
    )
    wsbn: Annotated[
        Wsbn | None,
        AfterValidator(_of_space),
        Factor(
            "implementation",
            "WSBN",
            "one batch norm per input configuration",
            "category",
            "layers",
        ),
    ] = Field(
        default=None,
        description="One batch norm per input configuration of a position (per_input). It needs affine or tracking, "
        "and in DARTS `op_placement: node`.",
    )
    dropout: Annotated[
        Dropout | None,
        AfterValidator(_of_space),
        Factor("implementation", "Dropout", "path and global dropout in training", "category", "layers"),
    ] = Field(
        default=None,
        description="In training, path-P drops the output of a cell for single images, with a probability that rises "
        "with depth up to P; global-P drops features before the classifier.",
    )
    op_placement: Annotated[
        OpPlacement | None,
        AfterValidator(_of_space),
        Factor(
            "implementation",
            "Op placement",
            "operations owned by nodes or by edges",
            "category",
            "layers",
        ),
    ] = Field(
        default=None, description="Each edge has its own operations (edge), or the edges into a node share them (node)."
    )
    # Zhao, Wang, Tian, Fonseca, Guo: "Few-shot Neural Architecture Search", ICML 2021.
    few_shot: Annotated[
        FewShot,
        Factor(
            BEYOND,
            "Few-shot",
            "super-net split by one operation during training",
            "category",
            "build",
            values=get_args(FewShot),
        ),
    ] = Field(
        default="none",
        description="Beyond the paper: during training the super-net is copied once per operation of one position, "
        "and the copies are trained separately (split; Zhao et al., ICML 2021).",
    )
    # Yu, Ranftl, Salzmann: "Landmark Regularization", CVPR 2021.
    landmarks: Annotated[
        Landmarks,
        Factor(
            BEYOND,
            "Landmarks",
            "ranking loss on architectures of known accuracy",
            "category",
            "build",
            values=get_args(Landmarks),
        ),
    ] = Field(
        default="none",
        description="Beyond the paper: an additional loss for pairs of architectures of known accuracy that the "
        "super-net ranks in the wrong order (ranking; Yu et al., CVPR 2021).",
    )

    @model_validator(mode="after")
    def _together(self, info: ValidationInfo) -> Self:
        findings = Findings()
        found = conflicts(
            self.batch_norm,
            self.dynamic_channels or SLICED,
            self.ofa_kernel or "none",
            self.wsbn or "none",
            self.op_placement,
            self.channels,
        )
        for heuristic, value, reason in found:
            findings.add(reason, value, heuristic)
        findings.raise_all()
        return self

    @property
    def tracks(self) -> bool:
        """Whether batch norms track their statistics in training."""
        return "tracking" in self.batch_norm

    def values_for(self, consumer: Consumer) -> dict[str, Any]:
        """Return the values that a consumer reads, by factor; factors that the space lacks (null) are left out."""
        names = [factor.name for factor in FACTORS.values() if factor.consumer == consumer]
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def _list_of(factor: str) -> Any:
    field = Setting.model_fields[factor]
    item: Any = field.rebuild_annotation()
    values: Any = Annotated[tuple[item, ...], Field(min_length=1, strict=False), AfterValidator(distinct)]
    return values, Field(default=None, validate_default=False)


# Lists of values with the types and rules of `Setting`.
Lists: type[Model] = create_model("Lists", __base__=Model, **{name: _list_of(name) for name in Setting.model_fields})


def _declared() -> Iterator[Factor]:
    for name, field in Setting.model_fields.items():
        (factor,) = (part for part in field.metadata if isinstance(part, Factor))
        yield replace(factor, name=name)


FACTORS: Mapping[str, Factor] = MappingProxyType({factor.name: factor for factor in _declared()})


def factors_of(space: str) -> tuple[Factor, ...]:
    """Return the factors of a space in the order of the paper's table, those beyond the paper last."""
    return tuple(factor for factor in FACTORS.values() if space in factor.spaces)


def of_the_paper() -> tuple[Factor, ...]:
    """Return the paper's 14 heuristics."""
    return tuple(factor for factor in FACTORS.values() if factor.group != BEYOND)


def beyond_the_paper() -> tuple[Factor, ...]:
    """Return the factors of later work, which are never counted among the 14."""
    return tuple(factor for factor in FACTORS.values() if factor.group == BEYOND)
