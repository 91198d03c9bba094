"""The section `searches` of a study: the search systems of each space, their budget and their hyperparameters.

Each description names the source of its default: "their code" was read, "recalled" was not looked up. Most defaults
were chosen for budgets that are a thousand times as large, so studies with small budgets override them.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from supernet.config.base import Findings, Model
from supernet.config.factors import SPACES
from supernet.spaces import KINDS

Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0)]


class RandomSearch(Model):
    """Random search has no hyperparameters: it scores architectures until the budget is spent."""


class RandomNASOptions(Model):
    """Random-NAS (Li & Talwalkar 2019)."""

    first_round: Share = Field(
        default=0.5,
        description="Share of the selection budget for a first round on one mini-batch per architecture; their code "
        "scores 1 000 architectures, and the 10 best again.",
    )


class Evolution(Model):
    """Evolution of SPOS (Guo et al. 2020) and FairNAS (Chu et al. 2021)."""

    population: Annotated[int, Field(ge=2)] = Field(
        default=50,
        description="Number of best architectures that can be parents; 50 in the code of this paper's authors.",
    )
    tournament: Positive = Field(
        default=10,
        description="Members of a tournament, whose best becomes a parent; 10 in the same code.",
    )
    mutation: Probability = Field(
        default=0.1, description="Probability that a choice is drawn again (SPOS: .1, recalled)."
    )
    crossover: Probability = Field(
        default=0.5, description="Share of children with two parents (SPOS: half, recalled)."
    )


class ENASOptions(Model):
    """ENAS (Pham et al. 2018); values of the code of this paper's authors."""

    hidden: Positive = Field(default=64, description="Units of the LSTM.")
    learning_rate: Rate = Field(default=3.5e-3, description="Learning rate of Adam for the controller.")
    temperature: Rate = Field(default=5.0, description="Divides the logits.")
    tanh: Rate = Field(default=1.1, description="Factor of the tanh of the divided logits, which bounds them.")
    entropy: Decay = Field(default=1e-4, description="Weight of the entropy in the reward.")
    baseline: Probability = Field(default=0.99, description="Decay of the moving average of rewards.")
    controller_every: Positive = Field(
        default=4,
        description="Weight steps per controller step: 195 and 50 in an epoch of AutoDL-Projects, which trains weights "
        "and controller in turn, an epoch at a time.",
    )
    aggregate: Positive = Field(
        default=20,
        description="Sampled architectures per controller step, each on another held-out batch, whose gradients are "
        "averaged; 20 in AutoDL-Projects. Each costs a forward pass.",
    )
    clip: Rate = Field(default=5.0, description="Largest norm of the controller's gradient (AutoDL-Projects).")


class NAOOptions(Model):
    """NAO with weight sharing (Luo et al. 2018); values of its code unless another source is named."""

    first: Positive = Field(
        default=100, description="Random architectures that are scored first (this paper's authors' code)."
    )
    new: Positive = Field(
        default=300,
        description="Architectures that each round decodes from improved embeddings (this paper's authors' code).",
    )
    best: Positive = Field(
        default=100, description="Best architectures whose embeddings each round improves. This project's choice."
    )
    random: int = Field(
        default=100, ge=0, description="Random architectures that each round adds. This project's choice."
    )
    epochs: Positive = Field(default=1_000, description="Passes over all scores that train encoder and decoder.")
    learning_rate: Rate = Field(default=1e-3, description="Learning rate of Adam for encoder, predictor and decoder.")
    hidden: Positive = Field(default=32, description="Units of both LSTMs. This project's choice (NAO: 96).")
    trade_off: Share = Field(default=0.8, description="Weight of the predictor's loss; the decoder has the rest.")
    step: Rate = Field(
        default=1.0,
        description="Step along the gradient of the predicted score; it grows until the decoded architecture is new.",
    )


class AdamOptions(Model):
    """Adam on architecture parameters (Liu et al. 2019; the values of their code, taken from its forks)."""

    learning_rate: Rate = Field(default=3e-4, description="Learning rate of Adam for the architecture parameters.")
    weight_decay: Decay = Field(default=1e-3, description="Adam's L2 penalty.")
    beta: Share = Field(default=0.5, description="Adam's first momentum.")


class RobustDARTSOptions(AdamOptions):
    """RobustDARTS with early stopping (Zela et al. 2020, Sec. 4.3; values of their code where they differ)."""

    checks: Positive = Field(
        default=50, description="Measurements of the eigenvalue over the budget: one per epoch of 50."
    )
    window: Positive = Field(default=5, description="Measurements over which the eigenvalue is averaged.")
    apart: Positive = Field(default=4, description="Measurements between the two averages that are compared.")
    factor: Annotated[float, Field(gt=1)] = Field(
        default=1.3, description="Growth of the average at which the search stops and returns to the earlier state."
    )
    first: int = Field(default=10, ge=0, description="Measurements before the search may stop.")
    tolerance: Rate = Field(default=0.01, description="Relative error of the eigenvalue. This project's choice.")


class SNASOptions(AdamOptions):
    """SNAS (Xie et al. 2019); temperatures are this project's choice."""

    first_temperature: Rate = Field(default=1.0, description="Temperature of the concrete distribution at the start.")
    last_temperature: Rate = Field(default=0.1, description="Temperature at the end; it decays geometrically.")


class SampledOptions(AdamOptions):
    """Systems that update architecture and weights in turn, on samples of the concrete distribution."""

    samples: Literal["one_per_update", "one_per_step"] = Field(
        default="one_per_update",
        description="Whether the two updates of a step have a sample each, as in AutoDL-Projects, whose networks draw "
        "in each forward pass, or share one.",
    )


class GDASOptions(SampledOptions):
    """GDAS (Dong & Yang 2019); values of the code of this paper's authors."""

    learning_rate: Rate = Field(default=6e-4, description="Learning rate of Adam for the architecture parameters.")
    first_temperature: Rate = Field(default=10.0, description="Temperature at the start.")
    last_temperature: Rate = Field(default=0.1, description="Temperature at the end; it decays linearly.")


class FBNetOptions(SampledOptions):
    """FBNet (Wu et al. 2019) without its latency loss; temperatures as in the code of this paper's authors."""

    learning_rate: Rate = Field(
        default=1e-2, description="Learning rate of Adam for the architecture parameters (NNI's FBNet)."
    )
    weight_decay: Decay = Field(default=5e-4, description="Adam's L2 penalty (recalled).")
    first_temperature: Rate = Field(default=5.0, description="Temperature at the start.")
    decay: Rate = Field(default=0.045, description="The temperature is multiplied by e^-decay in each epoch.")
    epochs: Positive = Field(default=90, description="Epochs into which the budget is divided.")
    floor: Rate = Field(default=0.05, description="Lowest temperature.")
    warm_up: Probability = Field(
        default=0.11, description="Share of the budget that only trains weights: 10 of 90 epochs (NNI's FBNet)."
    )


class ProxylessNASOptions(AdamOptions):
    """ProxylessNAS (Cai et al. 2019) without its latency loss; values of the authors' code."""

    learning_rate: Rate = Field(default=1e-3, description="Learning rate of Adam for the architecture parameters.")
    weight_decay: Decay = Field(default=0.0, description="Adam's L2 penalty.")
    beta: Probability = Field(default=0.0, description="Adam's first momentum.")
    warm_up: Probability = Field(
        default=0.25, description="Share of the budget that only trains weights: 40 of 160 epochs."
    )


class PCDARTSOptions(AdamOptions):
    """PC-DARTS (Xu et al. 2020; their code)."""

    learning_rate: Rate = Field(default=6e-4, description="Learning rate of Adam for the architecture parameters.")
    partial_channels: Annotated[int, Field(ge=2)] = Field(
        default=4, description="K: 1/K of the channels pass through the operations. It must divide the channels."
    )
    warm_up: Probability = Field(
        default=0.3, description="Share of the budget that only trains weights: 15 of 50 epochs."
    )


class XNASOptions(Model):
    """XNAS (Nayman et al. 2019)."""

    bound: Rate = Field(
        default=1.0,
        description="L: the largest reward, to which gradients are clipped. The learning rate follows from it and the "
        "number of steps. This project's choice.",
    )


class GAEAOptions(Model):
    """GAEA on DARTS' bilevel scheme (Li et al. 2021; their code)."""

    learning_rate: Rate = Field(default=0.1, description="Learning rate of the exponentiated gradient.")


SystemName = Literal[
    "random_search",
    "random_nas",
    "spos",
    "fairnas",
    "enas",
    "nao",
    "darts_1st",
    "darts_2nd",
    "snas",
    "gdas",
    "fbnet",
    "proxylessnas",
    "pc_darts",
    "robust_darts",
    "xnas",
    "gaea",
]
PATHWISE: tuple[SystemName, ...] = ("random_search", "random_nas", "spos", "fairnas", "enas", "nao")
RELAXED: tuple[SystemName, ...] = (
    "darts_1st", "darts_2nd", "snas", "gdas", "fbnet", "proxylessnas", "pc_darts", "robust_darts", "xnas", "gaea"
)  # fmt: skip
SAMPLED: tuple[SystemName, ...] = ("gdas", "proxylessnas")
"""Relaxed systems that compute one operation per position in most passes."""
SECOND_ORDER: tuple[SystemName, ...] = ("darts_2nd", "robust_darts")
"""Systems that need differences or derivatives of gradients, which bfloat16 does not resolve."""
WITHOUT_RELAXATION = tuple(space for space, kind in KINDS.items() if kind.relaxation is None)
"""Spaces whose super-nets do not compute a sum of operations; their `unrelaxed` gives the reason."""


class Searches(Model):
    """Search systems, each on its own super-net with the values of the baseline, for each seed of the baseline."""

    systems: dict[str, tuple[SystemName, ...]] = Field(
        min_length=1,
        description="The systems of each space, or `all` that are defined there.",
        json_schema_extra={
            "additionalProperties": {
                "anyOf": [
                    {"const": "all"},
                    {"type": "array", "items": {"enum": [*PATHWISE, *RELAXED]}, "minItems": 1, "uniqueItems": True},
                ]
            },
            "propertyNames": {"enum": list(SPACES)},
        },
    )
    images: Positive | None = Field(
        default=None,
        description="Budget of each search: images of all its forward passes. This or one of the next three keys.",
    )
    multiply_adds: Positive | None = Field(
        default=None,
        description="Budget of each search in multiply-adds of the layers that it executes: equal work, where equal "
        "`images` give a mixture of all operations several times the work of a path. A backward pass counts as two "
        "forward passes.",
    )
    trainings: Rate | None = Field(
        default=None,
        description="The same budget, in multiples of the multiply-adds that the training of the baseline's super-net "
        "takes, which depends on the space. With 3, all systems train their super-nets enough for a verdict.",
    )
    seconds: Rate | None = Field(
        default=None, description="Budget of each search in seconds. Results then depend on the machine."
    )
    batch_size: Annotated[int, Field(ge=2)] = Field(default=64, description="Images of a mini-batch.")
    training_share: Share = Field(
        default=0.7,
        description="Share of the budget for training weights, for systems that choose architectures afterwards.",
    )
    scored_images: Positive = Field(
        default=500, description="Images of the scoring split on which an architecture is scored, at most all of them."
    )
    finalists: Positive = Field(
        default=10,
        description="Best-scored architectures of each search that are scored again on the whole scoring split, which "
        "ranks them. Their cost is a part of the budget.",
    )
    finds: Positive = Field(
        default=10,
        description="Number of best architectures of each search whose ground truth is looked up or trained, at most "
        "`finalists`. Systems with a relaxed super-net find one.",
    )
    relaxed_norms: Literal["plain", "baseline"] = Field(
        default="plain",
        description="Batch norms in the cells of relaxed super-nets: without scales and shifts (`plain`, as in the "
        "codes of DARTS and AutoDL-Projects), because a scale can absorb the weight of its operation, or those of the "
        "`baseline`.",
    )
    pooling_norms: bool = Field(
        default=True,
        description="Whether a batch norm without scale and shift follows each pooling of DARTS' relaxed super-nets, "
        "as in DARTS' search network: outputs of all operations but the skip connection then have one magnitude.",
    )
    jobs: Positive = Field(default=1, description="Number of jobs for the systems of a space and seed.")
    in_all: bool = Field(
        default=True,
        description="Whether `all` makes their table and figure, and claim 4 is judged by them. Otherwise the target "
        "`searches` makes table and figure.",
    )
    random_nas: RandomNASOptions = RandomNASOptions()
    spos: Evolution = Evolution()
    fairnas: Evolution = Evolution()
    enas: ENASOptions = ENASOptions()
    nao: NAOOptions = NAOOptions()
    darts: AdamOptions = AdamOptions()
    snas: SNASOptions = SNASOptions()
    gdas: GDASOptions = GDASOptions()
    fbnet: FBNetOptions = FBNetOptions()
    proxylessnas: ProxylessNASOptions = ProxylessNASOptions()
    pc_darts: PCDARTSOptions = PCDARTSOptions()
    robust_darts: RobustDARTSOptions = RobustDARTSOptions()
    xnas: XNASOptions = XNASOptions()
    gaea: GAEAOptions = GAEAOptions()

    @field_validator("systems", mode="before")
    @classmethod
    def _defined(cls, systems: Any) -> Any:
        if not isinstance(systems, dict):
            return systems
        findings = Findings()
        found: dict[str, Any] = {}
        for space, names in systems.items():
            if space not in SPACES:
                findings.add(f"unknown space; allowed: {', '.join(SPACES)}", names, str(space))
                continue
            defined = defined_in(space)
            if names == "all":
                found[space] = defined
                continue
            known = names if isinstance(names, list | tuple) else []
            for place, name in enumerate(known):
                if name in RELAXED and name not in defined:
                    findings.add(f"not defined in {space}, which has no relaxation", name, space, place)
            found[space] = tuple(known) if isinstance(names, list | tuple) else names
        findings.raise_all()
        return found

    @field_validator("systems")
    @classmethod
    def _once(cls, systems: dict[str, Any]) -> dict[str, Any]:
        for space, names in systems.items():
            if not names or len(set(names)) < len(names):
                raise PydanticCustomError("study", f"{space}: expected one or more different systems")
        return systems

    @model_validator(mode="after")
    def _consistent(self) -> "Searches":
        findings = Findings()
        budgets = (self.images, self.multiply_adds, self.trainings, self.seconds)
        if sum(one is not None for one in budgets) != 1:
            message = "expected one of `images`, `multiply_adds`, `trainings` and `seconds`"
            findings.add(message, self.images, "images")
        if self.finds > self.finalists:
            findings.add(f"only {self.finalists} `finalists` are ranked: at most that many", self.finds, "finds")
        findings.raise_all()
        return self

    def finds_of(self, system: str) -> int:
        """Return the most architectures that a system finds."""
        return self.finds if system in PATHWISE else 1

    def options(self, system: str) -> Model:
        """Return the hyperparameters of a system."""
        if system == "random_search":
            return RandomSearch()
        found: Model = getattr(self, "darts" if system.startswith("darts_") else system)
        return found

    def part(self, space: str, systems: tuple[str, ...]) -> "Searches":
        """Return this section for some systems of one space; hyperparameters of other systems have their defaults."""
        named = {"darts" if name.startswith("darts_") else name for name in systems}
        sections = [name for name in type(self).model_fields if isinstance(getattr(self, name), Model)]
        defaults = {name: type(self).model_fields[name].get_default() for name in sections if name not in named}
        return self.model_copy(update={"systems": {space: systems}, "jobs": 1, "in_all": True, **defaults})


def defined_in(space: str) -> tuple[SystemName, ...]:
    """Return the systems that are defined in a space."""
    return PATHWISE if space in WITHOUT_RELAXATION else PATHWISE + RELAXED
