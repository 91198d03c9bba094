"""The study file as validated models: what is trained, on which data, for how long, and what is measured."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, field_validator, model_validator

from supernet.config.base import Findings, Model
from supernet.config.factors import FACTORS, SPACES, Place, Setting
from supernet.config.fidelity import Fidelity, filled_in
from supernet.config.pool_name import PoolName
from supernet.config.searches import Searches, SystemName
from supernet.config.sections import (
    BnMode,
    Data,
    Features,
    Landscape,
    Metrics,
    Pool,
    Protocol,
    Proxies,
    Scoring,
    Search,
)
from supernet.config.space_section import Seed, SpaceStudy, Truth
from supernet.config.validation import did_you_mean, validate
from supernet.config.yamlfile import YamlFile
from supernet.errors import UserError
from supernet.spaces import subspace

__all__ = [
    "BnMode",
    "Data",
    "Features",
    "Landscape",
    "Metrics",
    "Model",
    "Pool",
    "Protocol",
    "Proxies",
    "Run",
    "Scoring",
    "Search",
    "Searches",
    "Seed",
    "Setting",
    "SpaceName",
    "SpaceStudy",
    "Study",
    "Truth",
    "load_study",
]

if TYPE_CHECKING:
    SpaceName = str
else:
    SpaceName = Literal[SPACES]  # a choice for pydantic, which says what is allowed


class Run(Model):
    """All that one training of a super-net depends on: the argument of `scripts/train.py`."""

    space: SpaceName
    setting: Setting
    seed: Seed
    study_seed: Seed
    data: Data
    protocol: Protocol
    scoring: Scoring

    @property
    def own_space(self) -> str:
        """The space or sub-space whose architectures the super-net has."""
        return subspace(self.space, self.setting.dynamic_channels)

    @model_validator(mode="after")
    def _in_its_place(self) -> Self:
        findings = Findings()
        place = _place(self.space, self.data, self.scoring)
        findings.attempt(partial(Setting.model_validate, self.setting, context=place), "setting")
        findings.raise_all()
        return self


class Study(Model):
    """Spaces x settings x seeds on one data set."""

    study: str = Field(
        description="Name: that of the file, and of the folder under results/.",
        json_schema_extra={"pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$"},
    )
    title: str = Field(description="One line for captions and reports.", json_schema_extra={"pattern": r"^.*\S.*$"})
    seed: Seed = Field(default=0, description="Study seed: draws the pool and the split.")
    fidelity: Fidelity = Field(
        default="corrected",
        description="`authors_code` takes the known traps of the authors' code wherever this file gives no value "
        "itself: see docs/reference/fidelity.md.",
    )
    data: Data
    protocol: Protocol = Protocol()
    pool: Pool = Pool()
    scoring: Scoring = Scoring()
    metrics: Metrics = Metrics()
    search: Search = Search()
    proxies: Proxies = Proxies()
    landscape: Landscape | None = None
    features: Features | None = None
    searches: Searches | None = None
    spaces: dict[str, SpaceStudy] = Field(min_length=1, description="The spaces and what is done in each.")

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, study: Any) -> Any:
        chosen = isinstance(study, dict) and study.get("fidelity") == "authors_code"
        return filled_in(study) if chosen else study

    @field_validator("study")
    @classmethod
    def _name_of_file(cls, name: str, info: ValidationInfo) -> str:
        findings = Findings()
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
            findings.add("should be letters, digits, `_`, `.` and `-`, and start with a letter or digit", name)
        elif isinstance(info.context, Path) and info.context.stem != name:
            findings.add(f"should be the name of the file: {info.context.stem!r}", name)
        findings.raise_all()
        return name

    @field_validator("title")
    @classmethod
    def _one_line(cls, title: str) -> str:
        findings = Findings()
        if not title.strip() or len(title.splitlines()) > 1:
            findings.add("should be one line of text", title)
        findings.raise_all()
        return title

    @field_validator("metrics")
    @classmethod
    def _top_in_pool(cls, metrics: Metrics, info: ValidationInfo) -> Metrics:
        findings = Findings()
        pool = info.data.get("pool")
        if isinstance(pool, Pool) and metrics.top > pool.size:
            findings.add(f"the pool has {pool.size} architectures: at most that many", metrics.top, "top")
        findings.raise_all()
        return metrics

    @field_validator("spaces", mode="wrap")
    @classmethod
    def _in_their_places(cls, spaces: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        if not isinstance(spaces, dict) or not spaces:
            return handler(spaces)
        findings = Findings()
        checked = {}
        for name, space in spaces.items():
            if name not in SPACES:
                findings.add(f"unknown space; {did_you_mean(str(name), SPACES)}", space, str(name))
                continue
            authored = {"baseline": {}, **space} if isinstance(space, dict) else space
            place = _place(name, info.data.get("data"), info.data.get("scoring"))
            checked[name] = findings.attempt(partial(SpaceStudy.model_validate, authored, context=place), name)
        findings.raise_all()
        return checked

    @model_validator(mode="after")
    def _known_before_it_is_drawn(self) -> Self:
        findings = Findings()
        for name, space in self.spaces.items():
            if self.pool.law == "stratified" and (space.published is None or space.truth is not None):
                message = "pool.law is stratified, which needs accuracies before the pool: `published` without `truth`"
                findings.add(message, space.published, "spaces", name, "published")
        findings.raise_all()
        return self

    @model_validator(mode="after")
    def _features_where_they_are_drawn(self) -> Self:
        findings = Findings()
        if self.features is not None and not self.feature_spaces():
            message = "no space sweeps `batch_norm`, whose figure shows them: sweep it, or leave this section out"
            findings.add(message, self.features, "features")
        findings.raise_all()
        return self

    @model_validator(mode="after")
    def _searches_on_plain_supernets(self) -> Self:
        findings = Findings()
        for space, systems in {} if self.searches is None else self.searches.systems.items():
            place = ("searches", "systems", space)
            if space not in self.spaces:
                findings.add("the study does not have this space", systems, *place)
                continue
            baseline = self.spaces[space].baseline
            if baseline.few_shot == "split" or baseline.landmarks == "ranking":
                findings.add(
                    "the baseline has few_shot or landmarks: their super-nets are not searched", systems, *place
                )
            partial = self.searches.pc_darts.partial_channels if self.searches is not None else 1
            if "pc_darts" in systems and baseline.channels % partial:
                message = f"does not divide the {baseline.channels} channels of the baseline of {space}"
                findings.add(message, partial, "searches", "pc_darts", "partial_channels")
        findings.raise_all()
        return self

    def settings(self, space: str) -> Mapping[str, Setting]:
        """Settings of a space by name: `baseline` first, then `{factor}={value}` in the order of the file.

        Then those that go from common practice to the baseline, `cumulative={step}`, less a last one that is swept.
        Names are unique and safe as a path component; a float stands as its repr, which parses to that value.
        UserError if the study lacks the space.
        """
        self._space(space)
        return self._named[space]

    @cached_property
    def _named(self) -> dict[str, Mapping[str, Setting]]:
        """Settings of each space by name, kept: they are asked for so often that large studies would take minutes."""
        return {space: _settings(study) for space, study in self.spaces.items()}

    def single(self, space: str) -> list[str]:
        """Names of the settings of a space that differ from the baseline in one factor, the baseline first."""
        return [name for name in self.settings(space) if not name.startswith("cumulative=")]

    def cumulative(self, space: str) -> list[tuple[str, str]]:
        """From common practice to the baseline: the factor that goes to the baseline's value next, and the setting.

        The last one is the baseline, with no factor; empty if the study has no such settings in this space.
        """
        names = {setting: name for name, setting in reversed(list(self.settings(space).items()))}
        steps = [(factor, names[setting]) for factor, setting in self._space(space).steps()]
        return [*steps, ("", "baseline")] if steps else []

    def setting_of(self, space: str, factor: str, value: Any) -> str:
        """The name of the setting with this factor at this value: `baseline` where that is the baseline's.

        UserError if the space has no such setting; 1 and 1.0 are the same value.
        """
        study = self._space(space)
        if factor not in Setting.model_fields:
            raise UserError(f"unknown factor {factor!r}; {did_you_mean(factor, Setting.model_fields)}")
        baseline = getattr(study.baseline, factor)
        if value == baseline:
            return "baseline"
        swept = study.sweep.get(factor, ())
        if value not in swept:
            values = ", ".join(map(str, dict.fromkeys((baseline, *swept))))
            raise UserError(f"study {self.study!r}: {space} has no setting {factor}={value}; values: {values}")
        return f"{factor}={swept[swept.index(value)]}"

    def seeds(self, space: str, setting: str) -> tuple[int, ...]:
        """Run seeds of a setting; UserError if the space has no such setting."""
        study = self._space(space)
        names = self.settings(space)
        if setting not in names:
            hint = did_you_mean(setting, names)
            raise UserError(f"study {self.study!r}: {space} has no setting {setting!r}; {hint}")
        return study.seeds if setting == "baseline" or study.sweep_seeds is None else study.sweep_seeds

    def pool_of(self, space: str, setting: str, seed: int) -> PoolName:
        """The pool that a run scores; UserError if the space has no such setting."""
        self.seeds(space, setting)
        channels = self.settings(space)[setting].dynamic_channels
        constant = subspace(space, channels) != space
        return PoolName(space, channels if constant else None, seed if self.pool.per_seed else None)

    def main_pool(self, space: str) -> PoolName:
        """The pool that stands for a space: that of the baseline, of its first seed where each has its own."""
        return self.pool_of(space, "baseline", self.seeds(space, "baseline")[0])

    def pools(self) -> tuple[PoolName, ...]:
        """All pools that runs score, each once."""
        return tuple(dict.fromkeys(self.pool_of(*run) for run in self.runs()))

    def landmarks(self) -> tuple[PoolName, ...]:
        """All sets of landmarks that runs train with, each once."""
        found = (self.landmarks_of(space, setting) for space in self.spaces for setting in self.settings(space))
        return tuple(dict.fromkeys(name for name in found if name is not None))

    def runs(self) -> Iterator[tuple[str, str, int]]:
        """All runs as (space, setting name, seed)."""
        for space in self.spaces:
            for setting in self.settings(space):
                for seed in self.seeds(space, setting):
                    yield space, setting, seed

    def run(self, space: str, setting: str, seed: int) -> Run:
        """The part of the study that one run depends on; UserError if the study has no such run."""
        seeds = self.seeds(space, setting)
        if seed not in seeds:
            raise UserError(f"study {self.study!r}: {space}, {setting} has no run seed {seed}; it has {seeds}")
        return Run.model_validate(
            {
                "space": space,
                "setting": self.settings(space)[setting],
                "seed": seed,
                "study_seed": self.seed,
                "data": self.data,
                "protocol": self.protocol,
                "scoring": self.scoring,
            }
        )

    def landmarks_of(self, space: str, setting: str) -> PoolName | None:
        """The architectures of known accuracy that a setting trains with; UserError if the space lacks the setting."""
        found = self.settings(space)[setting]
        if found.landmarks == "none":
            return None
        pool = self.pool_of(space, setting, self.seeds(space, setting)[0])
        return PoolName(space, pool.dynamic_channels, landmarks=True)

    def systems(self, space: str) -> tuple[tuple[SystemName, ...], ...]:
        """The search systems of a space, in as many parts as it has jobs for each seed; none without a search."""
        if self.searches is None or space not in self.searches.systems:
            return ()
        names = self.searches.systems[space]
        parts = min(self.searches.jobs, len(names))
        return tuple(tuple(names[part::parts]) for part in range(parts))

    def landscape_spaces(self) -> tuple[str, ...]:
        """Spaces of which loss landscapes are measured."""
        return () if self.landscape is None else tuple(self.spaces)

    def feature_spaces(self) -> tuple[str, ...]:
        """Spaces of which feature statistics are measured: those that sweep `batch_norm`."""
        swept = (name for name, space in self.spaces.items() if "batch_norm" in space.sweep)
        return () if self.features is None else tuple(swept)

    def tracking(self, space: str) -> str | None:
        """The first setting of a space whose batch norms track statistics, of those that change nothing else."""
        names = ("baseline", *(name for name in self.settings(space) if name.startswith("batch_norm=")))
        tracking = (name for name in names if "tracking" in self.settings(space)[name].batch_norm)
        return next(tracking, None)

    def factors(self) -> list[str]:
        """Factors that at least one space sweeps, in the order of `FACTORS`."""
        swept = {factor for space in self.spaces.values() for factor in space.sweep}
        return [factor for factor in FACTORS if factor in swept]

    def _space(self, space: str) -> SpaceStudy:
        if space not in self.spaces:
            raise UserError(f"study {self.study!r} has no space {space!r}; {did_you_mean(space, self.spaces)}")
        return self.spaces[space]


def load_study(path: Path | str) -> Study:
    """Read and validate a study file.

    UserError with one line for each mistake: file, line, key path, the value found and what is allowed.
    """
    path = Path(path)
    return validate(Study, YamlFile.read(path), context=path)


def _settings(study: SpaceStudy) -> dict[str, Setting]:
    found = {"baseline": study.baseline}
    for factor, values in study.sweep.items():
        for value in values:
            if value != getattr(study.baseline, factor):
                found[f"{factor}={value}"] = study.baseline.model_copy(update={factor: value})
    swept = set(found.values())
    steps = enumerate(setting for _, setting in study.steps())
    return found | {f"cumulative={step}": setting for step, setting in steps if setting not in swept}


def _place(space: str, data: Data | None, scoring: Scoring | None) -> Place:
    """The rules of a space in a file of which these sections are valid (None where they are not)."""
    return Place(
        space=space,
        scoring_portion=None if data is None else data.scoring_portion,
        images=None if data is None else data.name,
        tracked_only=scoring is not None and scoring.bn_modes == ("tracked",),
    )
