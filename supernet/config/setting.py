"""The factors, each with its values, their meaning and the rules that a value must keep in its space."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, create_model, model_validator
from pydantic_core import PydanticCustomError

from supernet.config.base import Findings, Model, distinct
from supernet.config.factor import BEYOND, LAYER_MULTIPLES, PATH_LAWS, Factor
from supernet.spaces import KINDS

DynamicChannels = Literal[
    "fixed-v2", "fixed-v1", "shuffled-v2", "shuffled-v1", "interpolation-v2", "interpolation-v1",
    "constant-1", "constant-2", "constant-4",
]  # fmt: skip
OfaKernel = Literal["none", "crop", "transform"]
Wsbn = Literal["none", "per_input"]
Dropout = Literal["none", "path-0.1", "path-0.2", "global-0.1", "global-0.2"]
OpPlacement = Literal["edge", "node"]
FewShot = Literal["none", "split"]
Landmarks = Literal["none", "ranking"]
BatchNorm = Literal["affine+tracking", "affine", "tracking", "none"]
PathSampling = Literal["random_a", "random_nas", "fairnas"]


@dataclass(frozen=True)
class Place:
    """Where a value stands: the validation context of the rules that need more than the value.

    `scoring_portion` is the share of the training set that is never trained on, `images` the data set (None: the
    file's is invalid); `tracked_only` says that scores are made with tracked statistics and no others.
    """

    space: str
    scoring_portion: float | None = None
    images: str | None = None
    tracked_only: bool = False


def _has_score(value: str, info: ValidationInfo) -> str:
    place = info.context
    if isinstance(place, Place) and place.tracked_only and not value.endswith("tracking"):
        _refuse("scoring.bn_modes has `tracked` alone, which needs tracking: such a run would have no score")
    return value


def _of_space(value: str | None, info: ValidationInfo) -> str | None:
    place = info.context
    if not isinstance(place, Place):
        return value
    lacking = info.field_name in KINDS[place.space].lacks
    if lacking != (value is None):
        _refuse(f"{place.space} lacks this factor" if lacking else f"{place.space} has this factor: expected a value")
    return value


def _whole_stacks(value: int, info: ValidationInfo) -> int:
    place = info.context
    if isinstance(place, Place) and value % LAYER_MULTIPLES[place.space]:
        _refuse(f"{place.space} has stacks of equal depth: expected a multiple of {LAYER_MULTIPLES[place.space]}")
    return value


def _law_of_space(value: str, info: ValidationInfo) -> str:
    place = info.context
    if isinstance(place, Place) and value not in PATH_LAWS[place.space]:
        _refuse(f"{place.space} does not have this law; allowed here: {', '.join(PATH_LAWS[place.space])}")
    return value


def _apart_from_scoring(value: float, info: ValidationInfo) -> float:
    place = info.context
    if isinstance(place, Place) and place.scoring_portion is not None:
        # Portions are decimal fractions: 1 - .1 must allow .9 whatever the rounding.
        limit = round(1 - place.scoring_portion, 9)
        if value > limit:
            _refuse(f"data.scoring_portion keeps {place.scoring_portion} of the training set: at most {limit}")
    return value


def _unsigned_zero(value: float) -> float:
    return value + 0.0  # -0.0 equals 0.0, but would get a name and a record of its own


def _refuse(message: str) -> None:
    raise PydanticCustomError("study", "{message}", {"message": message})


Rate = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0), AfterValidator(_unsigned_zero)]
Count = Annotated[int, Field(gt=0)]
# A batch norm in training needs two values, where a layer's output is a single pixel.
BatchSize = Annotated[int, Field(ge=2)]
LayerCount = Annotated[int, Field(gt=0), AfterValidator(_whole_stacks)]
TrainPortion = Annotated[float, Field(gt=0, le=1), AfterValidator(_apart_from_scoring)]


class Setting(Model):
    """One value for each factor; paper, Sec. 3, and two methods beyond it, which are off unless named.

    A field is a factor: its `Factor` says all that tables, figures and the reference need. The rules of a space are
    checked where the validation context is a `Place`.
    """

    batch_norm: Annotated[
        BatchNorm,
        AfterValidator(_has_score),
        Factor(
            "hyper-parameters",
            "Batch norm",
            "learnable scale and shift (affine), running statistics (tracking)",
            "category",
        ),
    ] = Field(description="Learnable scale and shift (affine) and running statistics (tracking).")
    learning_rate: Annotated[
        Rate, Factor("hyper-parameters", "Learning rate", "initial rate of SGD, annealed by a cosine", "log")
    ] = Field(description="Initial learning rate of SGD, annealed by a cosine.")
    epochs: Annotated[Count, Factor("hyper-parameters", "Epochs", "passes over the training images", "linear")] = Field(
        description="Passes over the training images."
    )
    weight_decay: Annotated[Decay, Factor("hyper-parameters", "Weight decay", "L2 penalty in SGD", "log")] = Field(
        description="L2 penalty in SGD."
    )
    path_sampling: Annotated[
        PathSampling,
        AfterValidator(_law_of_space),
        Factor("sampling", "Path sampling", "which architecture each mini-batch trains", "category"),
    ] = Field(description="Law of the architecture that each mini-batch trains.")
    layers: Annotated[
        LayerCount, Factor("low fidelity", "Layers", "cells of the super-net (per stage in NASBench-201)", "linear")
    ] = Field(description="Cells: in all for NASBench-101 (a multiple of 3) and DARTS, per stage for NASBench-201.")
    train_portion: Annotated[
        TrainPortion,
        Factor("low fidelity", "Train portion", "share of the training set that is trained on", "linear"),
    ] = Field(
        description="Share of the training set that is trained on; the scoring split is never part of it, "
        "so that at most 1 - `data.scoring_portion` is allowed."
    )
    batch_size: Annotated[BatchSize, Factor("low fidelity", "Batch size", "images of a mini-batch", "log")] = Field(
        description="Images of a mini-batch."
    )
    channels: Annotated[Count, Factor("low fidelity", "Channels", "channels of the first cell", "log")] = Field(
        description="Channels of the first cell."
    )
    dynamic_channels: Annotated[
        DynamicChannels | None,
        AfterValidator(_of_space),
        Factor(
            "implementation",
            "Dynamic channels",
            "how one weight serves several channel counts",
            "category",
        ),
    ] = Field(
        default=None,
        description="What stands for c of C channels: the first, a random subset, or averages; of the kernels (v2), or "
        "of the features of all (v1). constant-K: only cells with K vertices wired to the output, which need no "
        "slices: a sub-space with a pool and a size of its own.",
    )
    ofa_kernel: Annotated[
        OfaKernel | None,
        AfterValidator(_of_space),
        Factor("implementation", "OFA kernel", "small kernels cropped from the largest one", "category"),
    ] = Field(
        default=None,
        description="Smaller kernels of a position are the centre of its largest (crop), or that times a learnt "
        "matrix (transform).",
    )
    wsbn: Annotated[
        Wsbn | None,
        AfterValidator(_of_space),
        Factor(
            "implementation",
            "WSBN",
            "one batch norm for each input configuration",
            "category",
        ),
    ] = Field(
        default=None,
        description="One batch norm for each input configuration of a position; needs affine or tracking, and in "
        "DARTS operations on nodes.",
    )
    dropout: Annotated[
        Dropout | None,
        AfterValidator(_of_space),
        Factor("implementation", "Dropout", "path and global dropout in training", "category"),
    ] = Field(
        default=None,
        description="In training: path-P drops cell outputs of single images, the deeper the likelier, up to P; "
        "global-P drops features before the classifier.",
    )
    op_placement: Annotated[
        OpPlacement | None,
        AfterValidator(_of_space),
        Factor(
            "implementation",
            "Op placement",
            "operations owned by a node or by an edge",
            "category",
        ),
    ] = Field(default=None, description="Whether each edge owns operations, or each node does for its incoming edges.")
    # Zhao, Wang, Tian, Fonseca, Guo: "Few-shot Neural Architecture Search", ICML 2021.
    few_shot: Annotated[
        FewShot,
        Factor(
            BEYOND,
            "Few-shot",
            "super-net split by one operation on the way",
            "category",
            values=("none", "split"),
        ),
    ] = Field(
        default="none",
        description="Beyond the paper: the super-net is copied on the way, once for each operation of one position, "
        "and the copies go on alone (split; Zhao et al., ICML 2021).",
    )
    # Yu, Ranftl, Salzmann: "Landmark Regularization", CVPR 2021.
    landmarks: Annotated[
        Landmarks,
        Factor(
            BEYOND,
            "Landmarks",
            "ranking loss on architectures of known accuracy",
            "category",
            values=("none", "ranking"),
        ),
    ] = Field(
        default="none",
        description="Beyond the paper: a loss for pairs of architectures of known accuracy that the super-net orders "
        "wrongly (ranking; Yu et al., CVPR 2021).",
    )

    @model_validator(mode="after")
    def _together(self, info: ValidationInfo) -> Self:
        findings = Findings()
        if self.wsbn == "per_input" and self.batch_norm == "none":
            findings.add(
                "batch_norm is none: without affine or tracking there is nothing to specialise", self.wsbn, "wsbn"
            )
        if self.wsbn == "per_input" and self.op_placement == "edge":
            findings.add("op_placement is edge: each operation has one input, nothing to specialise", self.wsbn, "wsbn")
        channels = self.dynamic_channels
        constant = channels is not None and channels.startswith("constant-")
        if constant and self.channels % int(channels[-1]):  # type: ignore[index]
            findings.add(f"{self.channels} channels cannot be shared equally", channels, "dynamic_channels")
        mixed = not constant and channels not in (None, "fixed-v2")
        if mixed and (self.wsbn == "per_input" or self.ofa_kernel != "none"):
            findings.add(
                "does not go together with wsbn or ofa_kernel: leave those at none", channels, "dynamic_channels"
            )
        if channels in ("shuffled-v2", "interpolation-v2") and self.batch_norm.endswith("tracking"):
            message = "batch_norm tracks, but no channel has statistics of its own: use affine or none"
            findings.add(message, channels, "dynamic_channels")
        findings.raise_all()
        return self


def _list_of(factor: str) -> Any:
    field = Setting.model_fields[factor]
    item: Any = field.rebuild_annotation()
    values: Any = Annotated[tuple[item, ...], Field(min_length=1, strict=False), AfterValidator(distinct)]
    return values, Field(default=None, validate_default=False)


# Lists of values with the types and rules of `Setting`: a factor is defined once.
Lists: type[Model] = create_model("Lists", __base__=Model, **{name: _list_of(name) for name in Setting.model_fields})
