"""The plan of a study: its folders, its jobs and their arguments, as the rules of the workflow need them."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

from supernet import spaces
from supernet.config.artifacts import Artifacts, RunName
from supernet.config.base import Model
from supernet.config.inheritance import StudyFile
from supernet.config.jobs import (
    METRICS_SECTIONS,
    Ahead,
    features_job,
    landscape_job,
    proxies_job,
    scoring_job,
    search_job,
    standalone_values_job,
    systems_job,
    truth_job,
)
from supernet.config.pool_name import PoolName
from supernet.config.study import Study, validated
from supernet.download.sources import File, load_sources
from supernet.errors import UserError
from supernet.pipeline.estimate import estimate, report
from supernet.pipeline.workflow_config import WorkflowConfig, expect_folder, study_file, unsafe_in_rules
from supernet.provenance.folders import Folders
from supernet.provenance.record import record_path
from supernet.runtime.kernels import reference_kernels


def _job(model: Model) -> str:
    """Return the config of a job as JSON for `params` of a rule, without the values that are defaults.

    A key that is added later, with a default that changes nothing, therefore causes no job.
    """
    return _escaped(model.model_dump_json(exclude_defaults=True))


def _sections(study: Study, include: set[str] | None = None) -> str:
    """Return sections of a study as JSON for `params` of a rule.

    Defaults are included: which ones apply depends on the key `fidelity`.
    """
    return _escaped(study.model_dump_json(include=include))


def _escaped(text: str) -> str:
    """Escape a character of JSON for `params` of a rule.

    Snakemake's report writes params into a script element without escaping, where the text `</script>` of a title would
    start elements. The escape is part of JSON: programs read the same values.
    """
    return text.replace("<", "\\u003c")


class PoolSize(NamedTuple):
    """The number of architectures of a pool; the most that it can have if the number is not known yet."""

    architectures: int
    known: bool


@dataclass(frozen=True)
class Plan:
    """A study and its folders; each method returns an argument or a list of files of a rule."""

    config: WorkflowConfig
    study: Study
    study_file: Path
    root: Path
    located: Callable[[str], str] = str
    """Returns the path of a file as Snakemake uses it: as a module the workflow can have a prefix for all paths."""
    available: frozenset[str] | None = None
    """Paths of the published tables that count as available; None: those that exist, or whose files are there."""

    @classmethod
    def load(
        cls,
        config: Mapping[str, Any],
        root: Path,
        located: Callable[[str], str] = str,
        *,
        may_extend: bool = True,
        trains: bool = True,
    ) -> Self:
        """Validate Snakemake's config and the study that it names. UserError lists all mistakes.

        A study that extends another file is an error, and no other file is opened, unless `may_extend`. A folder for
        checkpoints that cannot exist is an error only if the plan `trains`: audits read results without it.
        """
        checked = WorkflowConfig.check(config)
        if reason := unsafe_in_rules(str(root)):
            raise UserError(f"{root}: {reason}: use another folder")
        # A wrong value would otherwise stop each job, on a cluster after it has waited in the queue.
        reference_kernels()
        file = study_file(checked.study, root)
        state = [checked.state_of(file.stem)] if trains else []
        for folder in (checked.results_of(file.stem), checked.resources, *state):
            expect_folder(Path(located(folder)))
        read = StudyFile.read(file, root / "workflow" / "studies") if may_extend else StudyFile.read_whole(file)
        return cls(checked, validated(read), file, root, located)

    @property
    def reference_kernels(self) -> bool:
        """Whether jobs compute with torch's own functions instead of the fast kernels."""
        return self.config.reference_kernels or reference_kernels()

    @property
    def results(self) -> str:
        """Folder of the study's results."""
        return self.config.results_of(self.study.study)

    @property
    def resources(self) -> str:
        """Folder of data sets and published tables."""
        return self.config.resources

    @property
    def folders(self) -> Folders:
        """The folders that provenance records name."""
        return Folders(self.config.results, self.config.resources, os.path.relpath(self.root))

    @property
    def artifacts(self) -> Artifacts:
        """Paths of the study's results."""
        return Artifacts(self.results, self.resources)

    @property
    def state(self) -> str:
        """Folder of the study's checkpoints."""
        return self.config.state_of(self.study.study)

    @property
    def mirror(self) -> str:
        """Folder or address of the mirror; empty without a mirror."""
        return self.config.mirror or os.environ.get("SUPERNET_MIRROR", "")

    @cached_property
    def runs(self) -> tuple[RunName, ...]:
        """All runs."""
        return tuple(RunName(*run) for run in self.study.runs())

    @cached_property
    def pools(self) -> dict[str, PoolName]:
        """Pools and landmarks, all of which have a ground truth, by name."""
        return {str(pool): pool for pool in (*self.study.pools(), *self.study.landmarks())}

    def pool(self, space: str, setting: str, seed: str) -> str:
        """Return the name of the pool that a run scores."""
        return str(self.study.pool_of(space, setting, int(seed)))

    def landmarks(self, space: str, setting: str) -> str | None:
        """Return the name of the landmarks with which a run trains; None if it has none."""
        name = self.study.landmarks_of(space, setting)
        return None if name is None else str(name)

    def trainings(self, pool: str) -> str:
        """Return the arguments of scripts/truth.py that give the number of trainings of a pool."""
        seeds, repeated = self.training_counts(pool)
        return f"--seeds {seeds} --repeated {repeated}"

    def training_counts(self, pool: str) -> tuple[int, int]:
        """Return the trainings per repeated architecture and the number of these; landmarks are trained once."""
        config = self.study.pool
        return (1, 0) if self.pools[pool].landmarks else (config.seeds, config.repeated)

    def trainings_in(self, pool: str, shard: int) -> int:
        """Return the number of stand-alone trainings of one job of a pool, whose rows the jobs take in turn."""
        seeds, repeated = self.training_counts(pool)
        every = self.pool_size(pool).architectures + repeated * (seeds - 1)
        return len(range(shard, every, self.study.pool.shards))

    def others(self, pool: str) -> list[str]:
        """Return the pools whose architectures are excluded from a pool, so that no run scores its landmarks.

        Landmarks are drawn from what the pools of their space leave. If the size of the pools is `all`, landmarks are
        drawn first, and the pools have what they leave.
        """
        own = self.pools[pool]
        first = self.study.pool.size_of(own.space) == "all"
        if own.landmarks == first:
            return []
        return [name for name, other in self.pools.items() if other.space == own.space and other.landmarks == first]

    def pool_size(self, pool: str) -> PoolSize:
        """Return the number of architectures of a pool, or the most that it can have while its table is missing."""
        name, size = self.pools[pool], self.pool_choice(pool)["size"]
        if size != "all":
            return PoolSize(int(size), known=True)
        # Each start of Snakemake imports this module, and other pools do not need pyarrow.
        from supernet.io.parquet import row_count
        from supernet.published.about import read_about

        drawn = Path(self.located(self.artifacts.drawn_pool(pool)))
        if drawn.exists():
            return PoolSize(row_count(drawn), known=True)
        left_out = sum(self.pool_size(other).architectures for other in self.others(pool))
        (table,) = map(Path, map(self.located, self.tables(name.space)))
        # How many rows of a table are in a sub-space is known when they are drawn.
        if table.exists() and name.own_space == name.space:
            return PoolSize(read_about(table).uniform_rows - left_out, known=True)
        published = str(self.study.spaces[name.space].published)
        return PoolSize(spaces.load(name.own_space).published_size(published) - left_out, known=False)

    def pool_arguments(self, pool: str) -> str:
        """Return the arguments of scripts/pool.py that select a pool."""
        choice = self.pool_choice(pool)
        arguments = ["--space", choice["space"], "--size", str(choice["size"]), "--law", choice["law"]]
        arguments += ["--study-seed", str(choice["study_seed"])]
        arguments += ["--landmarks"] * choice["landmarks"]
        arguments += [] if choice["run_seed"] is None else ["--run-seed", str(choice["run_seed"])]
        arguments += ["--darts-concat", choice["darts_concat"]] if "darts_concat" in choice else []
        return " ".join(arguments)

    def pool_choice(self, pool: str) -> dict[str, Any]:
        """Return the values that select a pool, by the names of the arguments of scripts/pool.py."""
        name, config = self.pools[pool], self.study.pool
        size, law = (
            (self.study.protocol.landmarks, "uniform") if name.landmarks else (config.size_of(name.space), config.law)
        )
        concat = self.study.protocol.darts_concat
        return {
            "space": name.own_space,
            "size": size,
            "law": law,
            "study_seed": self.study.seed,
            "landmarks": name.landmarks,
            "run_seed": name.run_seed,
            # Pools of other spaces do not depend on it, and earlier ones of DARTS have the default.
            **({"darts_concat": concat} if name.space == "darts" and concat != "loose_ends" else {}),
        }

    def run(self, space: str, setting: str, seed: str) -> str:
        """Return everything that the training of a run depends on as JSON; only a change of it trains the run again."""
        return _job(self.study.run(space, setting, int(seed)))

    def scoring(self, space: str, setting: str, seed: str) -> str:
        """Return everything that the scores of a run depend on as JSON, except the architectures."""
        return _job(scoring_job(self.study, space, setting, int(seed)))

    def ahead(self, pools: str) -> str:
        """Return what trainings score at once, as JSON; `pools` is the path of a pool, with `{pool}` for its name."""
        return _job(Ahead(scoring=self.study.scoring, pools=pools, per_seed=self.study.pool.per_seed))

    def truth(self, space: str) -> str:
        """Return all that the stand-alone trainings of a space depend on as JSON."""
        return _job(truth_job(self.study, space))

    def search(self, space: str, seed: str) -> str:
        """Return all that a random search depends on as JSON."""
        return _job(search_job(self.study, space, int(seed), trained=not self.tables(space)))

    def systems(self, space: str, seed: str, part: str) -> str:
        """Return all that one part of the search systems of a space depends on as JSON."""
        trained = not self.tables(space)
        return _job(systems_job(self.study, space, int(seed), int(part), trained))

    @cached_property
    def searches(self) -> tuple[tuple[str, int], ...]:
        """Space and seed of each random search, one for each baseline run."""
        return tuple((space, seed) for space in self.study.spaces for seed in self.seeds(space))

    @cached_property
    def system_jobs(self) -> tuple[tuple[str, int, int], ...]:
        """Space, seed and part of each job of search systems."""
        return tuple(
            (space, seed, part) for space, seed in self.searches for part in range(len(self.study.systems(space)))
        )

    @property
    def systems_in_all(self) -> bool:
        """Whether `rule all` runs the search systems."""
        return self.study.searches is not None and self.study.searches.in_all

    @cached_property
    def truth_shards(self) -> tuple[tuple[str, int], ...]:
        """Pool and shard of each job of stand-alone trainings: none for pools whose ground truth is published."""
        trained = [name for name, pool in self.pools.items() if not self.tables(pool.space)]
        return tuple((name, shard) for name in trained for shard in range(self.study.pool.shards))

    @cached_property
    def proxied(self) -> tuple[str, ...]:
        """Names of the pools whose zero-cost proxies are computed: none if the study names no proxies."""
        return tuple(map(str, self.study.pools())) if self.study.proxies.names else ()

    def proxies(self, space: str) -> str:
        """Return all that the zero-cost proxies of a space depend on as JSON."""
        return _job(proxies_job(self.study, space, trained=not self.tables(space)))

    def landscape(self, space: str) -> str:
        """Return all that the loss landscapes of a space depend on as JSON."""
        return _job(landscape_job(self.study, space))

    def features(self, space: str) -> str:
        """Return all that the feature statistics of a space depend on as JSON."""
        return _job(features_job(self.study, space))

    def standalone(self, space: str) -> str:
        """Return all that the stand-alone trainings with swept values of a space depend on as JSON."""
        return _job(standalone_values_job(self.study, space))

    def standalone_count(self, space: str) -> int:
        """Return the number of stand-alone trainings with swept values of a space."""
        section = self.study.standalone
        if section is None:
            return 0
        values = sum(map(len, self.study.standalone_values(space).values()))
        return section.seeds * (section.most + values * section.architectures)

    @property
    def contrasts(self) -> list[str]:
        """The file of differences between all values of factors; empty if no claim needs one."""
        return [self.artifacts.contrasts] if any(map(self.study.contrasted_values, self.study.spaces)) else []

    def first_runs(self, space: str) -> list[RunName]:
        """Return the runs whose features are measured: the first baseline run, and the first that tracks if another."""
        found = self.study.tracking(space)
        settings = ["baseline"] if found in (None, "baseline") else ["baseline", found]
        return [RunName(space, setting, self.study.seeds(space, setting)[0]) for setting in settings]

    def tables(self, space: str) -> list[str]:
        """Return the published table that is the ground truth of a space; an empty list if it is trained here.

        If the study also has a recipe for trainings, the table is used only if it exists already or has a record, as in
        an unpacked archive, or if the downloads or a mirror that is a folder have the files of one of its forms. No
        server is asked before the workflow starts.
        """
        study = self.study.spaces[space]
        if study.published is None:
            return []
        path = self.artifacts.published(study.published)
        return [path] if study.truth is None or self._is_available(study.published, Path(self.located(path))) else []

    def further_tables(self) -> list[str]:
        """Return the published tables with which scores are compared besides the ground truth."""
        return list(map(self.artifacts.published, self.study.metrics.further_truths))

    def metrics(self) -> str:
        """Return the sections of the study on which metrics depend, besides scores and ground truth, as JSON."""
        return _sections(self.study, set(METRICS_SECTIONS))

    def estimate(self) -> str:
        """Return lines about the cost of super-nets and stand-alone trainings of the study, for a dry run."""
        standalone: dict[str, int] = {}
        for pool, shard in self.truth_shards:
            space = self.pools[pool].space
            standalone[space] = standalone.get(space, 0) + self.trainings_in(pool, shard)
        work = estimate(self.study, lambda pool: self.pool_size(pool).architectures)
        sizes = {name: self.pool_size(name) for name in map(str, self.study.pools())}
        unknown = {name: size.architectures for name, size in sizes.items() if not size.known}
        swept = sum(map(self.standalone_count, self.study.standalone_spaces()))
        return report(work, self.config.gpu_tflops, standalone, swept, unknown)

    def paper(self) -> str:
        """Return the study as JSON, for tables and figures."""
        return _sections(self.study)

    def seeds(self, space: str) -> tuple[int, ...]:
        """Return the seeds of the baseline of a space."""
        return self.study.seeds(space, "baseline")

    def forms(self, table: str) -> dict[str, tuple[File, ...]]:
        """Return the files of each form of a published table."""
        sources = load_sources(self.root / "workflow" / "sources.yaml")
        return sources.forms(sources.table(table))

    def _is_available(self, table: str, path: Path) -> bool:
        if self.available is not None:
            return str(path) in self.available
        folders = [Path(self.located(self.artifacts.downloads)), *([Path(self.mirror)] if self.mirror else [])]
        # Ground truth that was taken from the table must not be trained because the table was left out of an archive.
        return any(map(os.path.exists, (path, record_path(path)))) or any(
            all(os.path.exists(folder / file.path) for file in files)
            for folder in folders
            for files in self.forms(table).values()
        )
