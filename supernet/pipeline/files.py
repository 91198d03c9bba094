"""The files that a study has of each kind of artifact, for rules, tables, figures and audit."""

from collections.abc import Iterable
from dataclasses import dataclass

from supernet.config.artifacts import Artifacts, Kind, RunName
from supernet.pipeline.plan import Plan


@dataclass(frozen=True)
class StudyFiles:
    """Lists the files of a study: one property per kind, empty for a kind that the study does not have."""

    plan: Plan

    def of(self, kinds: Iterable[Kind], runs: Iterable[RunName] = ()) -> list[str]:
        """Return the files of these kinds; `run_timings` are those of `runs`."""
        found: list[str] = []
        for kind in kinds:
            found += self._run_timings(runs) if kind == "run_timings" else getattr(self, kind)
        return found

    def _run_timings(self, runs: Iterable[RunName]) -> list[str]:
        folders = [self._paths.run(*run) for run in runs]
        return [path for folder in folders for path in (folder.timing, folder.scores_timing)]

    @property
    def metrics(self) -> list[str]:
        """Metrics of all runs."""
        return [self._paths.metrics]

    @property
    def references(self) -> list[str]:
        """Reference predictors and ceilings."""
        return [self._paths.references]

    @property
    def spaces(self) -> list[str]:
        """Facts of each pool and its space."""
        return [self._paths.spaces]

    @property
    def effects(self) -> list[str]:
        """Effects of all settings."""
        return [self._paths.effects]

    @property
    def halves(self) -> list[str]:
        """Measures of all runs on halves of their pools."""
        return [self._paths.halves]

    @property
    def all_pools(self) -> list[str]:
        """Every pool that runs score, with its ground truth."""
        return [self._paths.pool(str(name)) for name in self.plan.study.pools()]

    @property
    def pools(self) -> list[str]:
        """Pools that the baseline runs score, with their ground truth."""
        names = [self.plan.pool(space, "baseline", str(seed)) for space, seed in self.plan.searches]
        return [self._paths.pool(name) for name in dict.fromkeys(names)]

    @property
    def published(self) -> list[str]:
        """Published tables that are ground truth."""
        return list(dict.fromkeys(path for space in self.plan.study.spaces for path in self.plan.tables(space)))

    @property
    def proxies(self) -> list[str]:
        """Zero-cost proxies of all pools."""
        return [self._paths.proxies(name).table for name in self.plan.proxied]

    @property
    def scores(self) -> list[str]:
        """Scores of all runs."""
        return [self._paths.run(*run).scores for run in self.plan.study.runs()]

    @property
    def summaries(self) -> list[str]:
        """Outcomes of all runs."""
        return [self._paths.run(*run).summary for run in self.plan.study.runs()]

    @property
    def baseline_scores(self) -> list[str]:
        """Scores of the baseline runs."""
        return [self._paths.run(space, "baseline", seed).scores for space, seed in self.plan.searches]

    @property
    def searches(self) -> list[str]:
        """What random searches found, and what they cost."""
        found = [self._paths.search(*search) for search in self.plan.searches]
        return [path for one in found for path in (one.table, one.cost)]

    @property
    def systems(self) -> list[str]:
        """What search systems found, and how long they took."""
        return [path for job in self.plan.system_jobs for path in self._paths.systems(*job).files]

    @property
    def landscapes(self) -> list[str]:
        """Loss landscapes."""
        return [self._paths.landscape(space).table for space in self.plan.study.landscape_spaces()]

    @property
    def features(self) -> list[str]:
        """Feature statistics."""
        return [self._paths.features(space).table for space in self.plan.study.feature_spaces()]

    @property
    def standalone(self) -> list[str]:
        """Stand-alone networks trained with the swept values."""
        return [self._paths.standalone(space).table for space in self.plan.study.standalone_spaces()]

    @property
    def contrasts(self) -> list[str]:
        """Differences between all values of the factors of stand-alone networks."""
        return self.plan.contrasts

    @property
    def truth_timings(self) -> list[str]:
        """Timings of stand-alone trainings, of spaces whose ground truth is trained here."""
        return [self._paths.truth(*shard).timing for shard in self.plan.truth_shards]

    @property
    def proxy_timings(self) -> list[str]:
        """Timings of zero-cost proxies."""
        return [self._paths.proxies(name).timing for name in self.plan.proxied]

    @property
    def search_timings(self) -> list[str]:
        """Timings of random searches."""
        return [self._paths.search(*search).timing for search in self.plan.searches]

    @property
    def system_timings(self) -> list[str]:
        """Timings of search systems."""
        return [self._paths.systems(*job).timing for job in self.plan.system_jobs]

    @property
    def analysis_timings(self) -> list[str]:
        """Timings of loss landscapes, feature statistics and stand-alone networks with swept values."""
        study, paths = self.plan.study, self._paths
        landscapes = [paths.landscape(space).timing for space in study.landscape_spaces()]
        features = [paths.features(space).timing for space in study.feature_spaces()]
        return landscapes + features + [paths.standalone(space).timing for space in study.standalone_spaces()]

    @property
    def _paths(self) -> Artifacts:
        return self.plan.artifacts
