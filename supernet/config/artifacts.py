"""The paths of all results of a study. Rules, programs, audit and explain get them from this module only.

Methods take the values that distinguish results of one kind. Each argument defaults to its Snakemake wildcard, so the
same method gives the path of a file and the pattern in a rule:

    Artifacts("results/mini").run("darts", "baseline", 0).scores
    Artifacts("results/mini").run().scores    # results/mini/runs/{space}/{setting}/seed{seed}/scores.parquet
"""

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, Self

Kind = Literal[
    "metrics",
    "references",
    "spaces",
    "effects",
    "halves",
    "pools",
    "baseline_scores",
    "searches",
    "systems",
    "landscapes",
    "features",
    "standalone",
    "contrasts",
    "run_timings",
    "truth_timings",
    "proxy_timings",
    "search_timings",
    "system_timings",
    "analysis_timings",
]
"""Kinds of artifacts that a table or figure declares as its inputs; `supernet/pipeline/files.py` lists their files."""

TABLE_SUFFIXES = (".csv", ".md", ".tex", ".html")
FIGURE_SUFFIXES = (".pdf", ".png", ".csv", ".md")
STORE = "store"
"""Folder beside those of the studies: results that all studies share. No study has this name."""
STORED = ("truth", "scores", "supernets")
"""Kinds of results in the store, each with a folder in it; `EntryName` has the folders below."""
CRATE, DEPOSIT = "ro-crate", "deposit"
"""Folders in the results of a study: the crate, and what an archive has besides results."""
LOCKS = ".locks"
"""Folder in the results of a study with the locks of the study and its jobs."""
OTHERS = frozenset({"logs", "benchmarks", "site", "report.html", LOCKS, CRATE, DEPOSIT})
"""Files and folders in the results of a study that are not results: they may have any content."""
CHECKPOINT = "training.safetensors"
"""Name of the file from which an interrupted training continues."""
_TIMING = "timing.json"
HASH_DIGITS = 16
"""Digits of the SHA-256 in the names of parts and of their folders."""
_NAME, _NUMBER, _HASH = r"[^/]+", r"\d+", rf"[0-9a-f]{{{HASH_DIGITS}}}"
_NUMBERS, _HASHES = ("seed", "shard", "part"), ("digest", "sha256", "inputs")
"""Wildcards that are numbers, and those that are the start of a SHA-256."""


class RunName(NamedTuple):
    """Space, setting and seed: together they name a run of a study."""

    space: str
    setting: str
    seed: int

    def __str__(self) -> str:
        return run_path(*self)


class EntryName(NamedTuple):
    """Kind, space and digest: together they name a folder of the store."""

    kind: str
    space: str
    digest: str

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one super-net: of a run of a study, in the store, or of a copy elsewhere."""

    path: str

    @property
    def curve(self) -> str:
        """Training curve (Parquet)."""
        return f"{self.path}/curve.parquet"

    @property
    def weights(self) -> str:
        """Weights of the super-net (safetensors)."""
        return f"{self.path}/weights.safetensors"

    @property
    def scores(self) -> str:
        """Scores of the pool (Parquet)."""
        return f"{self.path}/scores.parquet"

    @property
    def summary(self) -> str:
        """Config, outcome and number of steps (JSON)."""
        return f"{self.path}/run.json"

    @property
    def timing(self) -> str:
        """Seconds and device of the training (JSON)."""
        return f"{self.path}/{_TIMING}"

    @property
    def scores_timing(self) -> str:
        """Seconds and device of the scoring (JSON)."""
        return f"{self.path}/scores.{_TIMING}"

    @property
    def trained(self) -> tuple[str, ...]:
        """The files that follow from config, code and inputs: those of the training without its seconds."""
        return (self.curve, self.weights, self.summary)

    @property
    def training(self) -> tuple[str, ...]:
        """All files that the training writes."""
        return (*self.trained, self.timing)

    @property
    def scoring(self) -> tuple[str, ...]:
        """All files that the scoring writes."""
        return (self.scores, self.scores_timing)

    @property
    def files(self) -> tuple[str, ...]:
        """All files of a run."""
        return (*self.training, *self.scoring)


@dataclass(frozen=True, slots=True)
class TimedTable:
    """A Parquet table, and a file with the seconds and the device of the job that wrote it."""

    stem: str

    @property
    def table(self) -> str:
        """The table (Parquet)."""
        return f"{self.stem}.parquet"

    @property
    def timing(self) -> str:
        """Seconds and device (JSON)."""
        return f"{self.stem}.{_TIMING}"

    @property
    def files(self) -> tuple[str, ...]:
        """All files that the job writes."""
        return (self.table, self.timing)


@dataclass(frozen=True, slots=True)
class SearchFiles(TimedTable):
    """The architectures that a random search found, and the cost of finding them."""

    @property
    def cost(self) -> str:
        """Number of scored architectures, images and forward passes (JSON)."""
        return f"{self.stem}.json"

    @property
    def files(self) -> tuple[str, ...]:
        """All files that the job writes."""
        return (self.table, self.cost, self.timing)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A table or figure of the paper: files of one stem."""

    stem: str
    suffixes: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """One file per suffix."""
        return tuple(f"{self.stem}{suffix}" for suffix in self.suffixes)


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """A folder of the store: what was made with one config."""

    path: str

    @classmethod
    def supernets(cls, store: str, space: str = "{space}", digest: str = "{digest}") -> Self:
        """The super-nets of one config, which has the seed: one per content of the inputs."""
        return cls(f"{store}/supernets/{space}/{digest}")

    def supernet(self, inputs: str = "{inputs}") -> RunFolder:
        """The super-net that was trained with these inputs, given by their digest."""
        return RunFolder(f"{self.path}/{inputs[:HASH_DIGITS]}")

    @property
    def recipe(self) -> str:
        """Which trainings the folder has, for people (JSON): no job reads it."""
        return f"{self.path}/recipe.json"

    def claim(self, name: str) -> str:
        """Folder of the lock of a process that makes what `name` describes."""
        return f"{self.path}/{LOCKS}/{hashlib.sha256(name.encode()).hexdigest()[:HASH_DIGITS]}"


@dataclass(frozen=True, slots=True)
class PartsFolder(StoreFolder):
    """A folder of the store with parts of one kind."""

    @classmethod
    def truth(cls, store: str, space: str = "{space}", digest: str = "{digest}") -> Self:
        """The stand-alone trainings of a space with one recipe."""
        return cls(f"{store}/truth/{space}/{digest}")

    @classmethod
    def scores(cls, store: str, space: str = "{space}", digest: str = "{digest}") -> Self:
        """The scores of one super-net of a space, evaluated in one way."""
        return cls(f"{store}/scores/{space}/{digest}")

    def part(self, sha256: str = "{sha256}") -> str:
        """A part (Parquet), named by the start of the SHA-256 of its content."""
        return f"{self.path}/{sha256[:HASH_DIGITS]}.parquet"


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Paths of one study. Patterns and parsing need no study: only the two folders."""

    results: str
    """Folder of the study's results, such as `results/mini`."""
    resources: str = "resources"
    """Folder of data sets and published tables, which studies share."""

    # Resources

    def images(self, name: str) -> str:
        """The images of a data set (safetensors)."""
        return f"{self.resources}/data/{name}.safetensors"

    def published(self, table: str = "{table}") -> str:
        """A published table of stand-alone accuracies (Parquet)."""
        return f"{self.resources}/tables/{table}.parquet"

    @property
    def downloads(self) -> str:
        """Folder of downloaded files."""
        return f"{self.resources}/downloads"

    @property
    def sources_lock(self) -> str:
        """Hashes of the downloads that no source pins (JSON)."""
        return f"{self.resources}/sources.lock.json"

    def resource_log(self, *names: str) -> str:
        """Log file of a job that makes a resource; `names` as for `log`."""
        return f"{self.resources}/logs/{'/'.join(names)}.log"

    def resource_benchmark(self, *names: str) -> str:
        """Snakemake's measurements of a job that makes a resource; `names` as for `log`."""
        return f"{self.resources}/benchmarks/{'/'.join(names)}.tsv"

    # Pools and their ground truth

    def drawn_pool(self, pool: str = "{pool}") -> str:
        """The architectures of a pool, before their ground truth is known (Parquet)."""
        return f"{self.results}/drawn/{pool}.parquet"

    def pool(self, pool: str = "{pool}") -> str:
        """A pool with its ground truth (Parquet)."""
        return f"{self.results}/pools/{pool}.parquet"

    def truth(self, pool: str = "{pool}", shard: int | str = "{shard}") -> TimedTable:
        """One shard of the stand-alone trainings of a pool."""
        return TimedTable(f"{self.results}/truth/{truth_path(pool, shard)}")

    @property
    def store(self) -> str:
        """Folder of the results that all studies below one folder share."""
        return os.path.join(os.path.dirname(self.results), STORE)

    def proxies(self, pool: str = "{pool}") -> TimedTable:
        """Zero-cost proxies of a pool."""
        return TimedTable(f"{self.results}/proxies/{pool}")

    # Super-nets, searches and analyses

    def run(self, space: str = "{space}", setting: str = "{setting}", seed: int | str = "{seed}") -> RunFolder:
        """The folder of a run."""
        return RunFolder(f"{self.results}/runs/{run_path(space, setting, seed)}")

    def search(self, space: str = "{space}", seed: int | str = "{seed}") -> SearchFiles:
        """Random search on the baseline super-net of a seed."""
        return SearchFiles(f"{self.results}/search/{search_path(space, seed)}")

    def systems(self, space: str = "{space}", seed: int | str = "{seed}", part: int | str = "{part}") -> TimedTable:
        """The search systems that one job runs."""
        return TimedTable(f"{self.results}/systems/{system_path(space, seed, part)}")

    def landscape(self, space: str = "{space}") -> TimedTable:
        """Loss landscapes of a space."""
        return TimedTable(f"{self.results}/analysis/landscape/{space}")

    def features(self, space: str = "{space}") -> TimedTable:
        """Feature statistics of a space."""
        return TimedTable(f"{self.results}/analysis/features/{space}")

    def standalone(self, space: str = "{space}") -> TimedTable:
        """Accuracies of stand-alone networks of the super-net's size, trained with the swept values."""
        return TimedTable(f"{self.results}/standalone/{space}")

    # The study as a whole

    @property
    def metrics(self) -> str:
        """Metrics of all runs (Parquet)."""
        return f"{self.results}/metrics.parquet"

    @property
    def references(self) -> str:
        """Reference predictors and the ceiling of each pool (Parquet)."""
        return f"{self.results}/references.parquet"

    @property
    def spaces(self) -> str:
        """Facts of each pool and its space (JSON)."""
        return f"{self.results}/spaces.json"

    @property
    def effects(self) -> str:
        """Effects of all settings against the baseline (Parquet)."""
        return f"{self.results}/effects.parquet"

    @property
    def halves(self) -> str:
        """Measures of all runs on halves of their pools (Parquet)."""
        return f"{self.results}/halves.parquet"

    @property
    def contrasts(self) -> str:
        """Differences between all values of the factors with which stand-alone networks are trained (Parquet)."""
        return f"{self.results}/contrasts.parquet"

    @property
    def measured(self) -> tuple[str, ...]:
        """All files that are computed from the scores of all runs."""
        return (self.metrics, self.references, self.spaces, self.effects, self.halves)

    @property
    def tables(self) -> str:
        """Folder of the tables."""
        return f"{self.results}/tables"

    def table(self, name: str) -> Drawn:
        """A table of the paper."""
        return Drawn(f"{self.tables}/{name}", TABLE_SUFFIXES)

    @property
    def figures(self) -> str:
        """Folder of the figures."""
        return f"{self.results}/figures"

    def figure(self, name: str) -> Drawn:
        """A figure of the paper."""
        return Drawn(f"{self.figures}/{name}", FIGURE_SUFFIXES)

    @property
    def site(self) -> str:
        """First page of the static site."""
        return f"{self.results}/site/index.html"

    def log(self, *names: str) -> str:
        """Log file of a job: `names` are its rule, and the end of a path that distinguishes jobs of the rule."""
        return f"{self.results}/logs/{'/'.join(names)}.log"

    @property
    def locks(self) -> str:
        """Folder of the locks of the study and its jobs: in the results, because they protect the results."""
        return f"{self.results}/{LOCKS}"

    def benchmark(self, *names: str) -> str:
        """Snakemake's measurements of a job; `names` as for `log`."""
        return f"{self.results}/benchmarks/{'/'.join(names)}.tsv"


def run_path(space: str = "{space}", setting: str = "{setting}", seed: int | str = "{seed}") -> str:
    """The end of a path that distinguishes runs: results, logs and checkpoints use it below different folders."""
    return f"{space}/{setting}/seed{seed}"


def search_path(space: str = "{space}", seed: int | str = "{seed}") -> str:
    """The end of a path that distinguishes random searches."""
    return f"{space}/seed{seed}"


def system_path(space: str = "{space}", seed: int | str = "{seed}", part: int | str = "{part}") -> str:
    """The end of a path that distinguishes jobs of search systems."""
    return f"{space}/seed{seed}/part{part}"


def truth_path(pool: str = "{pool}", shard: int | str = "{shard}") -> str:
    """The end of a path that distinguishes jobs of stand-alone trainings."""
    return f"{pool}/shard{shard}"


def checkpoint(state: str, space: str, setting: str, seed: int | str) -> str:
    """The checkpoint of a run that is not complete; `state` is the study's folder of checkpoints."""
    return f"{state}/runs/{run_path(space, setting, seed)}/{CHECKPOINT}"


def aside(path: Path) -> Path:
    """Return the file that keeps the state of another training, which had the path of a checkpoint."""
    return path.with_name(f"{path.stem}.other{path.suffix}")


def wildcards(path: str) -> dict[str, str] | None:
    """Return the wildcards in the path of a run, stand-alone training, random search or search system; else None.

    The results may be in any folder.
    """
    return next((found.groupdict() for known in _known() if (found := known.search(path))), None)


def is_part(path: str) -> bool:
    """Return whether a path is that of a part in a folder of the store, wherever the store is."""
    return _part().search(path) is not None


def entry_name(path: str) -> EntryName | None:
    """Return the folder of the store to which a path in the store leads, or into which it leads; None for others."""
    kind, space, digest, *_ = (*path.split("/"), "", "")
    known = kind in STORED and bool(space) and is_digest(digest)
    return EntryName(kind, space, digest) if known else None


def is_digest(name: str) -> bool:
    """Return whether a name has the form of a digest, as the folders and parts of the store have it."""
    return re.fullmatch(_HASH, name) is not None


def is_stored_supernet(path: str) -> bool:
    """Return whether a path is that of a file of a super-net in the store, wherever the store is."""
    return _stored_supernet().search(path) is not None


def is_stored(path: str) -> bool:
    """Return whether a path is that of a file of the store that records of studies name."""
    return is_part(path) or is_stored_supernet(path)


def shared_folder(path: str) -> str:
    """Return the folder of the store whose files have one config or, for parts, those of one space."""
    return os.path.dirname(os.path.dirname(path))


def space_folder(path: str) -> str:
    """Return the folder of the store that has all files of one kind and space, for a path for which `is_stored`."""
    return shared_folder(path) if is_part(path) else os.path.dirname(shared_folder(path))


@cache
def _part() -> re.Pattern[str]:
    return re.compile(f"(?:^|/){_regex(PartsFolder.truth(STORE).part())}$")


@cache
def _stored_supernet() -> re.Pattern[str]:
    folder = StoreFolder.supernets(STORE).supernet()
    names = "|".join(re.escape(os.path.basename(path)) for path in folder.training)
    return re.compile(f"(?:^|/){_regex(folder.path)}/(?:{names})$")


def run_name(path: str) -> RunName | None:
    """Return the run to which a file belongs; None if the path is not that of a file of a run."""
    found = wildcards(path)
    return RunName(found["space"], found["setting"], int(found["seed"])) if found and "setting" in found else None


@cache
def _known() -> tuple[re.Pattern[str], ...]:
    paths = Artifacts("")
    stems = (paths.truth().stem, paths.search().stem, paths.systems().stem)
    endings = [f"{_regex(paths.run().path)}/[^/]+", *(rf"{_regex(stem)}\.[^/]+" for stem in stems)]
    endings += map(_regex, (PartsFolder.truth(paths.store).part(),))
    return tuple(re.compile(f"(?:^|/){ending}$") for ending in endings)


def _regex(pattern: str) -> str:
    """Return the regular expression of a pattern with wildcards, without the slash at its start."""
    parts = re.split(r"{(\w+)}", pattern.lstrip("/"))
    # Every second part is the name of a wildcard.
    found = [re.escape(part) for part in parts]
    found[1::2] = [f"(?P<{name}>{_form(name)})" for name in parts[1::2]]
    return "".join(found)


def _form(wildcard: str) -> str:
    return _NUMBER if wildcard in _NUMBERS else _HASH if wildcard in _HASHES else _NAME


def timings_of(path: str) -> tuple[str, ...]:
    """Return the paths at which the job that wrote a result may have written its timing, the likeliest first."""
    folder, name = os.path.split(path)
    return (os.path.join(folder, f"{name.partition('.')[0]}.{_TIMING}"), os.path.join(folder, _TIMING))
