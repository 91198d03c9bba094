"""The sections of a study file that do not depend on a space."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from supernet.config.base import Findings, Model, distinct
from supernet.config.datasets import DATASETS

BnMode = Literal["batch", "tracked", "recalibrated"]
BnModes = Annotated[
    tuple[BnMode, ...],
    Field(min_length=1, strict=False, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]
SplitName = Literal["scoring", "test"]
Splits = Annotated[
    tuple[SplitName, ...],
    Field(min_length=1, strict=False, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]
ProxyName = Literal["synflow", "jacov", "naswot"]
ProxyNames = Annotated[
    tuple[ProxyName, ...],
    Field(strict=False, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]
if TYPE_CHECKING:
    DataName = str
else:
    DataName = Literal[tuple(DATASETS)]  # a Literal, so that pydantic lists the allowed names
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]


class Data(Model):
    """The images and their splits; the seed of the study draws the splits once."""

    name: DataName = Field(
        description="Data set: `digits` is scikit-learn's (1 797 images of 8 x 8); `cifar10`, `cifar100` and `svhn` "
        "(cropped digits) are the official files; `cifar10-jpeg` has the 60 000 images of CIFAR-10 with lossy "
        "re-encoding, and `cifar10-first4000` the first 4 000 without loss, which some mirrors have."
    )
    test_portion: Share | None = Field(
        default=None,
        description="Share of all images in the test set, by default .25; only for data sets without an official "
        "test set.",
    )
    scoring_portion: Share = Field(
        default=0.1,
        description="Share of the training set on which architectures are scored. It is not trained on.",
    )
    crop_padding: int = Field(
        default=4, ge=0, description="Zero padding in pixels before a random crop of the original size."
    )
    flip: bool = Field(
        default=True,
        description="Mirror images left to right at random; false for digits (`digits`, `svhn`), which do not stay "
        "the same.",
    )
    resolution: Positive | None = Field(
        default=None,
        description="Side in pixels to which images are averaged down, a divisor of their side; null keeps their size.",
    )

    @field_validator("test_portion")
    @classmethod
    def _official(cls, value: float | None, info: ValidationInfo) -> float | None:
        # The name is absent if it is invalid.
        known = DATASETS.get(info.data.get("name", ""))
        if known is None or known.official_test == 0:
            return 0.25 if value is None else value
        if value is not None:
            raise PydanticCustomError("study", f"{info.data['name']} has an official test set: leave this key out")
        return value

    @field_validator("resolution")
    @classmethod
    def _whole_blocks(cls, value: int | None, info: ValidationInfo) -> int | None:
        known = DATASETS.get(info.data.get("name", ""))
        if value is None or known is None or known.side % value == 0:
            return value
        allowed = ", ".join(str(side) for side in range(4, known.side + 1) if known.side % side == 0)
        name = info.data["name"]
        message = f"images of {name} have {known.side} x {known.side} pixels: expected one of {allowed}"
        raise PydanticCustomError("study", "{message}", {"message": message})


class Protocol(Model):
    """Hyperparameters that all trainings share: optimiser, budget of FairNAS, and methods beyond the paper."""

    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of SGD.")
    final_learning_rate: float = Field(
        default=0.001, ge=0, description="Learning rate at the end of the cosine schedule."
    )
    clip: float = Field(default=5.0, gt=0, description="Largest global norm of the gradient.")
    untouched: Literal["rest", "decay"] = Field(
        default="rest",
        description="What an optimiser step does to weights that no path of the step used: they `rest`, or they "
        "`decay`: after their first use they move by momentum and weight decay, as with a gradient of zeros.",
    )
    bn_momentum: Annotated[float, Field(gt=0, le=1)] | Literal["benchmark", "authors_code"] = Field(
        default="benchmark",
        description="Weight of a batch in the running statistics: a number, or `benchmark` (NASBench-101: .003, else "
        ".1), or `authors_code` (NASBench-101: .997, TensorFlow's weight of the past used as torch's weight of the "
        "batch; else .1).",
    )
    nasbench101_widths: Literal["benchmark", "doubled"] = Field(
        default="benchmark",
        description="Channels of the three stacks of NASBench-101 for a stem of C: C, 2C, 4C (`benchmark`), or 2C, 4C, "
        "8C (`doubled`, the authors' code), in super-nets and stand-alone networks.",
    )
    outer_norms: Literal["batch_norm", "affine+tracking"] = Field(
        default="batch_norm",
        description="Norms of super-nets outside the operations of NASBench-101 and DARTS: of the stem, of "
        "NASBench-101's projection of a cell's input to its output, and, with operations on edges, of DARTS' "
        "projections of cell inputs. As the factor `batch_norm` says, or always `affine+tracking` (the authors' code): "
        "the BN mode `batch` then uses their tracked statistics.",
    )
    darts_drop_path: Literal["cell", "edge", "authors_code"] = Field(
        default="cell",
        description="What drop-path (`dropout: path-P`) drops in DARTS: the output of cell i of L with probability "
        "P i/L (`cell`), or each edge to node j of 4 with probability P (i/L) (j/4) (`edge`); `authors_code` has 1 - P "
        "in place of P there. Edges are dropped in training only.",
    )
    darts_concat: Literal["loose_ends", "all"] = Field(
        default="loose_ends",
        description="Nodes that a DARTS cell concatenates where genotypes are drawn (in training, in pools without a "
        "table and by searches): its loose ends, or `all`, as in DARTS and in its published tables. A pool from a "
        "table that has no genotypes of the drawn kind is an error.",
    )
    random_paths: Positive = Field(
        default=1,
        description="Architectures that Random-A and Random-NAS train on each mini-batch; their gradients are "
        "averaged. The paper uses one.",
    )
    fairnas_gradient: Literal["sum", "mean"] = Field(
        default="sum", description="How FairNAS combines the gradients of the models of one step."
    )
    fairnas_budget: Literal["equal_steps", "equal_passes"] = Field(
        default="equal_passes",
        description="Whether FairNAS has as many optimiser steps or as many forward-backward passes as the other laws.",
    )
    epoch_images: Literal["train_portion", "all"] = Field(
        default="train_portion",
        description="Images that count as an epoch of a super-net: those of `train_portion`, so that a smaller portion "
        "takes fewer steps, or `all` outside the scoring split, so that it takes as many steps on fewer images.",
    )
    few_shot_shared: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="Beyond the paper, if `few_shot` is split: share of the steps before the super-net is copied. "
        "This project's choice.",
    )
    landmarks: Annotated[int, Field(ge=2)] = Field(
        default=30,
        description="Beyond the paper, if `landmarks` is ranking: architectures whose known accuracies are used in "
        "training. They are not scored. 30 in Yu et al.",
    )
    landmark_pairs: Positive = Field(
        default=1,
        description="Pairs of landmarks per mini-batch, with two passes each. 1 in the authors' scripts.",
    )
    landmark_weight: float = Field(
        default=10.0,
        gt=0,
        description="Coefficient of the landmark loss at the last step; it rises from 0 along half a cosine. 10 in the "
        "authors' scripts.",
    )
    landmark_start: float = Field(
        default=0.375,
        ge=0,
        lt=1,
        description="Share of the steps before that rise. The authors' scripts: 150 of 400 epochs for NASBench-201 "
        "(NASBench-101 100 of 200, DARTS 100 of 400).",
    )
    channels_last: bool = Field(
        default=True,
        description="Memory format of images and weights; changes speed, not results beyond rounding.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="Precision of forward passes when super-nets and the ground truth are trained. `bfloat16` uses "
        "torch's autocast and is for GPUs that support it; weights, updates and scores stay float32. The difference is "
        "more than rounding: do not compare runs of different precision.",
    )

    @field_validator("bn_momentum", mode="wrap")
    @classmethod
    def _one_message(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        # A union reports one error per branch.
        result = Findings().attempt(lambda: handler(value))
        if result is None:
            message = "should be `benchmark`, `authors_code`, or a number greater than 0 and at most 1"
            raise PydanticCustomError("study", "{message}", {"message": message})
        return result


def _one_message(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    # A union reports one error per branch.
    findings = Findings()
    result = findings.attempt(lambda: handler(value))
    if result is None:
        raise PydanticCustomError("int_or_word", "should be `all`, or an integer of at least 3")
    return result


PoolCount = Annotated[Annotated[int, Field(ge=3)] | Literal["all"], WrapValidator(_one_message)]


class Pool(Model):
    """The architectures of each space that every run scores."""

    size: PoolCount = Field(
        default=200,
        description="Architectures in the pool, or intervals of accuracy if `law` is stratified. `all`: every "
        "architecture of the space if its published table is complete, else all rows of the table that are a uniform "
        "sample of the space; it needs `published` without `truth`.",
    )
    sizes: dict[str, PoolCount] = Field(
        default_factory=dict,
        description="Space: its `size`, for spaces with another one than `size`.",
    )
    seeds: Positive = Field(default=1, description="Stand-alone trainings of a repeated architecture.")
    repeated: int = Field(
        default=0,
        ge=0,
        description="Architectures that are trained with all seeds (the others with the first), at most `size`; from "
        "them the noise of the ground truth is estimated. Above 0 if and only if `seeds` is above 1.",
    )
    shards: Positive = Field(
        default=1,
        description="Number of jobs for the stand-alone trainings of a space, at most `size`.",
    )
    law: Literal["uniform", "stratified"] = Field(
        default="uniform",
        description="`uniform` over the space (the paper), or `stratified`: the best architecture of each of `size` "
        "equal intervals of published accuracy that are not empty (400 in SUMNAS and DYNAS). Correlations on pools of "
        "different laws are not comparable.",
    )
    per_seed: bool = Field(
        default=False,
        description="Each run seed has its own pool, as in the authors' code; by default all seeds share one pool.",
    )

    def size_of(self, space: str) -> int | Literal["all"]:
        """Return the size of the pool of a space."""
        return self.sizes.get(space, self.size)

    @property
    def all_sizes(self) -> tuple[int | Literal["all"], ...]:
        """The sizes of all pools, and the one of spaces that `sizes` does not name."""
        return (self.size, *self.sizes.values())

    @property
    def smallest(self) -> int | None:
        """The smallest size that is a number; None if there is none."""
        return min((size for size in self.all_sizes if size != "all"), default=None)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        findings = Findings()
        if "all" in self.all_sizes:
            self._whole(findings)
        if (size := self.smallest) is None:
            return self
        if self.repeated > size:
            findings.add(f"the pool has {size} architectures: at most that many", self.repeated, "repeated")
        if self.shards > size:
            findings.add(f"the pool has {size} architectures: at most that many", self.shards, "shards")
        if self.repeated > 0 and self.seeds == 1:
            findings.add("has no effect while pool.seeds is 1: set pool.seeds to 2 or more", self.repeated, "repeated")
        if self.repeated == 0 and self.seeds > 1:
            findings.add("has no effect while pool.repeated is 0: set pool.repeated", self.seeds, "seeds")
        if self.per_seed and self.law == "stratified":
            findings.add("has no effect while pool.law is stratified: nothing is drawn", self.per_seed, "per_seed")
        findings.raise_all()
        return self

    def _whole(self, findings: Findings) -> None:
        """Raise for the keys that choose or train architectures: `all` leaves nothing to choose or to train."""
        reasons = {
            "law": "nothing is chosen: leave it at `uniform`, or set pool.size to a number",
            "per_seed": "all seeds would have the same pool: leave it out, or set pool.size to a number",
            **dict.fromkeys(("seeds", "repeated", "shards"), "ground truth is published, not trained: leave it out"),
        }
        for name, reason in reasons.items():
            if (value := getattr(self, name)) != type(self).model_fields[name].default:
                findings.add(f"has no effect while the size of a pool is all: {reason}", value, name)
        findings.raise_all()


class Evaluation(Model):
    """How one score is measured: what the accuracy of an architecture depends on besides weights, mode and split."""

    batch_size: Annotated[int, Field(ge=2)] = Field(
        default=250,
        description="Images of a scored batch. Scores with the statistics `batch` depend on it.",
    )
    recalibration_batches: Positive = Field(
        default=4, description="Training batches from which `recalibrated` re-estimates the statistics."
    )
    dropout_at_evaluation: bool = Field(
        default=False,
        description="Whether path dropout stays on when architectures are scored, as in the authors' code. Its draws "
        "depend only on run seed, architecture, statistics, split and batch. Dropout before the classifier is off.",
    )
    shuffle_at_evaluation: bool = Field(
        default=False,
        description="Whether `dynamic_channels: shuffled` draws channels at each pass of scoring too, as in the "
        "authors' code; by default a layer keeps one draw. The draws depend on the same as those of "
        "`dropout_at_evaluation`.",
    )


class Scoring(Evaluation):
    """How a trained super-net scores the pool."""

    bn_modes: BnModes = Field(
        default=("batch", "recalibrated"),
        description="Batch-norm statistics at evaluation: of the scored batch (required), tracked in training (skipped "
        "if tracking is off), or re-estimated for each architecture.",
    )
    splits: Splits = Field(
        default=("scoring", "test"),
        description="Splits that are scored: `scoring`, on which architectures are ranked, and `test`.",
    )
    ranked_on: SplitName = Field(
        default="scoring",
        description="Split on which the search, tables and figures rank architectures, one of `splits`. The authors' "
        "code uses `test`.",
    )

    @field_validator("splits")
    @classmethod
    def _ranked(cls, splits: Splits) -> Splits:
        if "scoring" not in splits:
            raise PydanticCustomError("study", "architectures are ranked on `scoring`: it should be in the list")
        return splits

    @field_validator("ranked_on")
    @classmethod
    def _scored(cls, ranked_on: str, info: ValidationInfo) -> str:
        splits = info.data.get("splits", (ranked_on,))
        if ranked_on not in splits:
            raise PydanticCustomError("study", "is not scored: add it to scoring.splits, or rank on `scoring`")
        return ranked_on

    @property
    def evaluation(self) -> Evaluation:
        """The part on which a single score depends."""
        return Evaluation(**{name: getattr(self, name) for name in Evaluation.model_fields})

    def defined_modes(self, tracks: bool) -> tuple[BnMode, ...]:
        """Return the BN modes that a super-net has: `tracked` only if its norms track their statistics."""
        return tuple(bn_mode for bn_mode in self.bn_modes if bn_mode != "tracked" or tracks)


class Metrics(Model):
    """How runs are measured."""

    top: Positive = Field(
        default=5,
        description="K: architectures that the search returns (paper: 10 for NASBench-201, else 5), "
        "at most `pool.size`.",
    )
    threshold: Share | Literal["auto"] = Field(
        default="auto",
        description="Rounding of the ground truth in S-KdT, as a fraction; `auto` is .001, or the noise of the ground "
        "truth if one image is more than that.",
    )
    s_kdt: Literal["rounded", "positional_0.1", "positional_1"] = Field(
        default="rounded",
        description="The S-KdT of tables and figures: Kendall's tau with ground truth `rounded` to `threshold`, "
        "or the positional one of the authors' code at .1 % (their training) or 1 % (their tables). All are in "
        "metrics.parquet.",
    )
    top_order: Literal["sorted", "permuted_twice"] = Field(
        default="sorted",
        description="How the K best architectures are selected: `sorted` by score, or `permuted_twice` as in the "
        "authors' result scripts, which shuffles them.",
    )
    resamples: Annotated[int, Field(ge=100)] = Field(
        default=10_000, description="Bootstrap resamples of the pool for each interval."
    )
    same_function: Literal["separate", "averaged"] = Field(
        default="separate",
        description="Beyond the paper: scores of architectures of the pool that compute the same function are kept "
        "`separate`, or each is replaced by their mean (`averaged`). Only NASBench-201 and macro have such "
        "architectures.",
    )
    further_truths: Annotated[tuple[str, ...], AfterValidator(distinct)] = Field(
        default=(),
        strict=False,
        description="Further published tables (workflow/sources.yaml) of the study's spaces: accuracies on other data "
        "sets, or after fewer epochs. Scores are compared with each of them as with the ground truth, on the "
        "architectures of the pool that it has, and its own accuracies are a reference for scores.",
        json_schema_extra={"uniqueItems": True},
    )

    @property
    def positional_percent(self) -> str | None:
        """The threshold of the printed positional S-KdT in percent; None if the rounded S-KdT is printed."""
        return None if self.s_kdt == "rounded" else self.s_kdt.removeprefix("positional_")

    @field_validator("threshold", mode="wrap")
    @classmethod
    def _one_message(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        # A union reports one error per branch.
        findings = Findings()
        result = findings.attempt(lambda: handler(value))
        if result is None:
            message = "should be `auto`, or a number greater than 0 and less than 1"
            raise PydanticCustomError("threshold", "{message}", {"message": message})
        return result


class Search(Model):
    """Random search on the baseline super-nets; the best architectures are trained stand-alone."""

    architectures: Positive = Field(default=100, description="Architectures that random search draws and scores.")
    retrain: Positive = Field(
        default=5,
        description="Best-scored architectures that are trained stand-alone with the recipe of the ground "
        "truth, at most `architectures`.",
    )

    @model_validator(mode="after")
    def _enough(self) -> Self:
        findings = Findings()
        if self.retrain > self.architectures:
            findings.add(
                f"only {self.architectures} architectures are drawn: at most that many",
                self.retrain,
                "retrain",
            )
        findings.raise_all()
        return self


class Proxies(Model):
    """Zero-cost proxies: scores of untrained networks, as references for every tau."""

    names: ProxyNames = Field(
        default=("synflow", "jacov", "naswot"),
        description="Zero-cost proxies to compute; an empty list for none.",
    )
    images: Annotated[int, Field(ge=2)] = Field(
        default=64,
        description="Images for `jacov` and `naswot`: the first training images, not augmented. `jacov` is informative "
        "only if they are fewer than the values of one image.",
    )
    seeds: Positive = Field(default=1, description="Number of initialisations over which a proxy is averaged.")
    architectures: Positive = Field(
        default=500,
        description="Architectures of a pool whose proxies are computed, at most: the first of the draw.",
    )


class Landscape(Model):
    """Loss landscapes of the baseline super-net and of a stand-alone network; without this section there are none."""

    grid: Annotated[int, Field(ge=3)] = Field(
        default=21, description="Points per side of the plane, an odd number: the network is the point in the middle."
    )
    images: Annotated[int, Field(ge=2)] = Field(
        default=512,
        description="Training images on which each point is evaluated: the first ones, not augmented, in batches of "
        "at most `scoring.batch_size`.",
    )
    paths: Positive = Field(
        default=8, description="Number of architectures over which the surface of random paths is averaged, drawn once."
    )

    @field_validator("grid")
    @classmethod
    def _with_a_middle(cls, grid: int) -> int:
        findings = Findings()
        if grid % 2 == 0:
            findings.add("should be odd: the network is the point in the middle", grid)
        findings.raise_all()
        return grid


class Standalone(Model):
    """Stand-alone networks of the super-net's size, trained with swept values; without this section there are none."""

    architectures: Annotated[int, Field(ge=3)] = Field(
        default=16,
        description="Architectures that are trained with each value of `learning_rate` and `batch_norm` that the space "
        "sweeps: the first ones in the order in which the pool was drawn, at most `pool.size`.",
    )
    ceiling: Annotated[int, Field(ge=3)] | None = Field(
        default=None,
        description="Architectures that are trained with the values of the baseline: at least `architectures`, the "
        "default, and at most `pool.size`. More give a narrower interval of the reference `fidelity`.",
    )
    epochs: Positive = Field(description="Passes over the training images: those of a short schedule.")
    seeds: Positive = Field(default=1, description="Trainings of each architecture with each value.")

    @model_validator(mode="after")
    def _ceiling_contains_all(self) -> Self:
        findings = Findings()
        if self.ceiling is not None and self.ceiling < self.architectures:
            message = f"should be at least `architectures`, which is {self.architectures}"
            findings.add(message, self.ceiling, "ceiling")
        findings.raise_all()
        return self

    @property
    def most(self) -> int:
        """Architectures that are trained with the values of the baseline."""
        return self.architectures if self.ceiling is None else self.ceiling


class Features(Model):
    """Statistics of the inputs of batch norms if `batch_norm` is swept; without this section there are none."""

    steps: Annotated[int, Field(ge=2)] = Field(
        default=400,
        description="First steps of the baseline super-net and of a stand-alone network, which are trained again to "
        "record the statistics of each step (all steps if a training has fewer).",
    )
    architectures: Annotated[int, Field(ge=2)] = Field(
        default=16, description="Architectures whose statistics are compared at the end of training, drawn once."
    )
    batches: Annotated[int, Field(ge=2)] = Field(
        default=8, description="Batches of training images for that comparison, with the batch size of training."
    )
