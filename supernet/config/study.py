"""The study file as validated models, and the runs, settings and pools that follow from it."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, field_validator, model_validator

from supernet.config.artifacts import STORE
from supernet.config.base import Findings, Model
from supernet.config.datasets import TABLES
from supernet.config.factors import FACTORS, LATER_LAWS, SPACES, Setting, SpaceContext
from supernet.config.fidelity import Fidelity, filled_in
from supernet.config.inheritance import EXTENDS, StudyFile
from supernet.config.limits import bounds
from supernet.config.pool_name import PoolName, scored_pool
from supernet.config.searches import SECOND_ORDER, Searches, SystemName
from supernet.config.sections import (
    BnMode,
    Data,
    Evaluation,
    Features,
    Landscape,
    Metrics,
    Pool,
    Protocol,
    Proxies,
    Scoring,
    Search,
    Standalone,
)
from supernet.config.space_section import Seed, SpaceStudy, Truth
from supernet.config.validation import did_you_mean, read_as, validate
from supernet.errors import UserError
from supernet.spaces import load as load_space
from supernet.spaces import subspace
from supernet.spaces.base import Space

__all__ = [
    "BnMode",
    "Data",
    "Evaluation",
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
    "Standalone",
    "Study",
    "Truth",
    "load_study",
]

STANDALONE_FACTORS = ("learning_rate", "batch_norm")
"""Factors with whose values stand-alone networks are trained: those of the paper's first claim."""

if TYPE_CHECKING:
    SpaceName = str
else:
    SpaceName = Literal[SPACES]  # a Literal, so that pydantic lists the allowed names


class Run(Model):
    """The config of one run: everything that the training of a super-net depends on, except images and landmarks.

    How its architectures are scored is not part of it (`supernet.config.jobs.ScoringJob`).
    """

    space: SpaceName
    setting: Setting
    seed: Seed
    study_seed: Seed
    data: Data
    protocol: Protocol

    @property
    def own_space(self) -> str:
        """The space or sub-space of the super-net."""
        return subspace(self.space, self.setting.dynamic_channels)

    def load_space(self) -> Space[Any]:
        """Return the space or sub-space of the super-net, which draws the architectures that are trained."""
        return load_space(self.own_space, self.protocol.darts_concat)

    @model_validator(mode="after")
    def _in_its_place(self) -> Self:
        findings = Findings()
        context = _context(self.space, self.data)
        findings.attempt(partial(Setting.model_validate, self.setting, context=context), "setting")
        findings.raise_all()
        return self


class Study(Model):
    """Spaces x settings x seeds on one data set."""

    study: str = Field(
        description="Name of the study, of its file, and of its folder in results/.",
        json_schema_extra={"pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$"},
    )
    title: str = Field(
        description="Title for captions and reports, one line.", json_schema_extra={"pattern": r"^.*\S.*$"}
    )
    seed: Seed = Field(default=0, description="Study seed, which draws the pools and the splits.")
    fidelity: Fidelity = Field(
        default="corrected",
        description="`authors_code` uses the known deviations of the authors' code for all keys that neither this file "
        "nor one that it extends sets: see docs/reference/fidelity.md.",
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
    standalone: Standalone | None = None
    searches: Searches | None = None
    spaces: dict[str, SpaceStudy] = Field(min_length=1, description="The spaces of the study.")

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
        elif kind := read_as(name):
            message = f"is {kind} to YAML or Snakemake: rename study and file so that a letter comes first"
            findings.add(message, name)
        elif name.lower() == STORE:
            findings.add("is the folder of what all studies share: rename study and file", name)
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
        if isinstance(pool, Pool) and pool.smallest is not None and metrics.top > pool.smallest:
            findings.add(f"the pool has {pool.smallest} architectures: at most that many", metrics.top, "top")
        findings.raise_all()
        return metrics

    @field_validator("standalone")
    @classmethod
    def _trained_in_pool(cls, standalone: Standalone | None, info: ValidationInfo) -> Standalone | None:
        findings = Findings()
        pool = info.data.get("pool")
        if isinstance(pool, Pool) and pool.smallest is not None and standalone is not None:
            for name in ("architectures", "ceiling"):
                count = getattr(standalone, name)
                if count is not None and count > pool.smallest:
                    findings.add(f"the pool has {pool.smallest} architectures: at most that many", count, name)
        findings.raise_all()
        return standalone

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
            context = _context(name, info.data.get("data"))
            checked[name] = findings.attempt(partial(SpaceStudy.model_validate, authored, context=context), name)
        findings.raise_all()
        return checked

    @model_validator(mode="after")
    def _known_before_it_is_drawn(self) -> Self:
        findings = Findings()
        for name in self.pool.sizes:
            if name not in self.spaces:
                findings.add("the study does not have this space", self.pool.sizes[name], "pool", "sizes", name)
        for name, space in self.spaces.items():
            needs = []
            if self.pool.law == "stratified":
                needs.append("pool.law is stratified, which needs accuracies before the pool")
            if self.pool.size_of(name) == "all":
                needs.append("the size of its pool is all, which needs published accuracies of the space")
            if space.published is None or space.truth is not None:
                for need in needs:
                    message = f"{need}: `published` without `truth`"
                    findings.add(message, space.published, "spaces", name, "published")
        findings.raise_all()
        return self

    @model_validator(mode="after")
    def _further_truths_of_the_spaces(self) -> Self:
        findings = Findings()
        known = [table for space in self.spaces for table in TABLES[space]]
        others = f"not a table of the spaces of this study; allowed here: {', '.join(known)}"
        for position, table in enumerate(self.metrics.further_truths):
            place = ("metrics", "further_truths", position)
            if table not in known:
                findings.add(others, table, *place)
            elif any(table == space.published for space in self.spaces.values()):
                findings.add("is the ground truth of this study already: leave it out", table, *place)
        findings.raise_all()
        return self

    @model_validator(mode="after")
    def _features_where_they_are_drawn(self) -> Self:
        findings = Findings()
        if self.features is not None and not self.feature_spaces():
            message = (
                "no space sweeps `batch_norm`, whose figure shows these statistics: sweep it, or leave this section out"
            )
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
                    "the baseline has few_shot or landmarks, whose super-nets are not searched", systems, *place
                )
            second = [name for name in systems if name in SECOND_ORDER]
            if self.protocol.precision != "float32" and second:
                message = (
                    f"{' and '.join(second)} need second derivatives, for which `protocol.precision` "
                    f"{self.protocol.precision} is too coarse: leave these systems out, or use float32"
                )
                findings.add(message, systems, *place)
            partial = self.searches.pc_darts.partial_channels if self.searches is not None else 1
            if "pc_darts" in systems and baseline.channels % partial:
                message = f"does not divide the {baseline.channels} channels of the baseline of {space}"
                findings.add(message, partial, "searches", "pc_darts", "partial_channels")
        findings.raise_all()
        return self

    @model_validator(mode="after")
    def _can_run_to_its_end(self) -> Self:
        findings = Findings()
        for bound in bounds(self):
            if not bound.kept:
                findings.add(bound.message, bound.value, *bound.key)
        if "batch" not in self.scoring.bn_modes:
            message = "effects, tables and figures read scores with the statistics `batch`: add it to the list"
            findings.add(message, self.scoring.bn_modes, "scoring", "bn_modes")
        findings.raise_all()
        return self

    def settings(self, space: str) -> Mapping[str, Setting]:
        """Return the settings of a space by name.

        The order is `baseline`, then `{factor}={value}` as in the file, then the steps from common practice to the
        baseline, `cumulative={step}`, except those that are swept already. Names are unique and safe as a path
        component; a float has its repr. Raises UserError if the study does not have the space.
        """
        self._space(space)
        return self._named[space]

    @cached_property
    def _named(self) -> dict[str, Mapping[str, Setting]]:
        """Settings of each space by name; cached, because large studies would otherwise take minutes."""
        return {space: _settings(study) for space, study in self.spaces.items()}

    def single(self, space: str) -> list[str]:
        """Return the baseline and the settings that differ from it in one factor."""
        return [name for name in self.settings(space) if not name.startswith("cumulative=")]

    def cumulative(self, space: str) -> list[tuple[str, str]]:
        """Return (next factor to change, setting) pairs from common practice to the baseline.

        The last pair is the baseline without a factor. Empty if the space has no such settings.
        """
        names = {setting: name for name, setting in reversed(list(self.settings(space).items()))}
        steps = [(factor, names[setting]) for factor, setting in self._space(space).steps()]
        return [*steps, ("", "baseline")] if steps else []

    def setting_of(self, space: str, factor: str, value: Any) -> str:
        """Return the name of the setting with this value of a factor: `baseline` for the value of the baseline.

        1 and 1.0 are the same value. Raises UserError if the space has no such setting.
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
        """Return the run seeds of a setting. Raises UserError if the space has no such setting."""
        study = self._space(space)
        names = self.settings(space)
        if setting not in names:
            hint = did_you_mean(setting, names)
            raise UserError(f"study {self.study!r}: {space} has no setting {setting!r}; {hint}")
        return study.seeds if setting == "baseline" or study.sweep_seeds is None else study.sweep_seeds

    def pool_of(self, space: str, setting: str, seed: int) -> PoolName:
        """Return the pool that a run scores. Raises UserError if the space has no such setting."""
        self.seeds(space, setting)
        return scored_pool(space, self.settings(space)[setting].dynamic_channels, seed, self.pool.per_seed)

    def main_pool(self, space: str) -> PoolName:
        """Return the pool of the baseline of a space; of its first seed if each seed has its own."""
        return self.pool_of(space, "baseline", self.seeds(space, "baseline")[0])

    def pools(self) -> tuple[PoolName, ...]:
        """Return all pools that runs score, without duplicates."""
        return tuple(dict.fromkeys(self.pool_of(*run) for run in self.runs()))

    def landmarks(self) -> tuple[PoolName, ...]:
        """Return all landmarks with which runs train, without duplicates."""
        found = (self.landmarks_of(space, setting) for space in self.spaces for setting in self.settings(space))
        return tuple(dict.fromkeys(name for name in found if name is not None))

    def scorable(self, pool: PoolName) -> int:
        """Return the most architectures that a pool can have: all of its space, except landmarks if it has the rest.

        If it has as many, no other pool can be drawn.
        """
        size = load_space(pool.own_space).distinct
        if self.pool.size_of(pool.space) != "all":
            return size
        return size - self.protocol.landmarks * sum(one.own_space == pool.own_space for one in self.landmarks())

    def runs(self) -> Iterator[tuple[str, str, int]]:
        """Yield all runs as (space, name of the setting, seed)."""
        for space in self.spaces:
            for setting in self.settings(space):
                for seed in self.seeds(space, setting):
                    yield space, setting, seed

    def run(self, space: str, setting: str, seed: int) -> Run:
        """Return the config of a run. Raises UserError if the study has no such run."""
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
            }
        )

    def landmarks_of(self, space: str, setting: str) -> PoolName | None:
        """Return the landmarks with which a setting trains; None if it has none."""
        found = self.settings(space)[setting]
        if found.landmarks == "none":
            return None
        pool = self.pool_of(space, setting, self.seeds(space, setting)[0])
        return PoolName(space, pool.dynamic_channels, landmarks=True)

    def systems(self, space: str) -> tuple[tuple[SystemName, ...], ...]:
        """Return the search systems of a space, in one part per job; empty without search systems."""
        if self.searches is None or space not in self.searches.systems:
            return ()
        names = self.searches.systems[space]
        parts = min(self.searches.jobs, len(names))
        return tuple(tuple(names[part::parts]) for part in range(parts))

    def landscape_spaces(self) -> tuple[str, ...]:
        """Return the spaces whose loss landscapes are measured."""
        return () if self.landscape is None else tuple(self.spaces)

    def feature_spaces(self) -> tuple[str, ...]:
        """Return the spaces whose feature statistics are measured: those that sweep `batch_norm`."""
        swept = (name for name, space in self.spaces.items() if "batch_norm" in space.sweep)
        return () if self.features is None else tuple(swept)

    def standalone_spaces(self) -> tuple[str, ...]:
        """Return the spaces in which stand-alone networks are trained with the swept values."""
        return () if self.standalone is None else tuple(self.spaces)

    def standalone_values(self, space: str) -> dict[str, tuple[Any, ...]]:
        """Return the values of each factor of `STANDALONE_FACTORS` that a space sweeps, without the baseline's value.

        A factor that has only the value of the baseline is left out.
        """
        study = self._space(space)
        swept = {
            factor: tuple(value for value in study.sweep.get(factor, ()) if value != getattr(study.baseline, factor))
            for factor in STANDALONE_FACTORS
        }
        return {factor: values for factor, values in swept.items() if values}

    def contrasted_values(self, space: str) -> dict[str, tuple[Any, ...]]:
        """Return the swept values of factors whose values are also compared with each other, not only the baseline.

        These are the factors of stand-alone networks (claim 1), and `path_sampling` if the baseline's law is beyond the
        paper: then claim 2 compares the paper's laws with each other.
        """
        found = self.standalone_values(space) if self.standalone is not None else {}
        study = self._space(space)
        if study.baseline.path_sampling in LATER_LAWS and (laws := study.sweep.get("path_sampling", ())):
            found["path_sampling"] = tuple(law for law in laws if law != study.baseline.path_sampling)
        return found

    def tracking(self, space: str) -> str | None:
        """Return the first setting that tracks batch-norm statistics and changes nothing else; None without one."""
        names = ("baseline", *(name for name in self.settings(space) if name.startswith("batch_norm=")))
        tracking = (name for name in names if self.settings(space)[name].tracks)
        return next(tracking, None)

    def factors(self) -> list[str]:
        """Return the factors that at least one space sweeps, in the order of `FACTORS`."""
        swept = {factor for space in self.spaces.values() for factor in space.sweep}
        return [factor for factor in FACTORS if factor in swept]

    def _space(self, space: str) -> SpaceStudy:
        if space not in self.spaces:
            raise UserError(f"study {self.study!r} has no space {space!r}; {did_you_mean(space, self.spaces)}")
        return self.spaces[space]


def load_study(path: Path | str, studies: Path | None = None) -> Study:
    """Read and validate a study file, with the files that it extends; `studies` is as in `StudyFile.read`.

    Raises UserError with one line per mistake: file, line, path of the key, the value, and the allowed values.
    """
    return validated(StudyFile.read(Path(path), studies))


def validated(file: StudyFile) -> Study:
    """Return the study of a file; raises UserError as `load_study`."""
    return validate(Study, file, context=file.path, others=(EXTENDS,))


def _settings(study: SpaceStudy) -> dict[str, Setting]:
    found = {"baseline": study.baseline}
    for factor, values in study.sweep.items():
        for value in values:
            if value != getattr(study.baseline, factor):
                found[f"{factor}={value}"] = study.baseline.model_copy(update={factor: value})
    swept = set(found.values())
    steps = enumerate(setting for _, setting in study.steps())
    return found | {f"cumulative={step}": setting for step, setting in steps if setting not in swept}


def _context(space: str, data: Data | None) -> SpaceContext:
    """Return the context in which settings of a space are validated; invalid sections are None."""
    return SpaceContext(
        space=space,
        scoring_portion=None if data is None else data.scoring_portion,
        images=None if data is None else data.name,
    )
