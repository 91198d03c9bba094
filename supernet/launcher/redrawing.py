"""Makes tables, figures and metrics of an archived study again, in a folder beside its results.

Snakemake may use only the rules of the files that are made, so nothing is trained and nothing is downloaded.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from supernet.audit.deposit.comparison import Pair
from supernet.audit.deposit.manifest import Manifest
from supernet.config.artifacts import Artifacts
from supernet.launcher.failure import failure_message
from supernet.launcher.log import locked_log
from supernet.launcher.options import Options, parse
from supernet.launcher.watch import run_snakemake
from supernet.provenance.folders import RESULTS, Folders
from supernet.provenance.record import SUFFIX

FOLDER = Path("build", "reproduce")
"""Folder of the files that are made again, relative to the one in which Snakemake runs."""


@dataclass(frozen=True)
class Redrawing:
    """The files of an archive that can be made again from its other files, by the rule that makes them."""

    manifest: Manifest
    drawn: Mapping[str, tuple[str, ...]]
    """Files of tables and figures by rule, as names in the archive."""
    measured: Mapping[str, tuple[str, ...]]
    """Files of metrics and effects by rule."""

    @classmethod
    def of(cls, manifest: Manifest, with_metrics: bool) -> Self:
        """Return the files of an archive; metrics only on request, because they are made from images and tables."""
        paths = Artifacts(manifest.folder)
        metrics = {path: "metrics" for path in (paths.metrics, paths.references, paths.spaces) if with_metrics}
        rules = metrics | dict.fromkeys((paths.effects, paths.halves, paths.contrasts), "effects")
        drawn, measured = dict[str, list[str]](), dict[str, list[str]]()
        for name in (one for one in manifest.results if one not in manifest.omitted):
            folder, stem = str(PurePosixPath(name).parent), PurePosixPath(name).stem
            if folder in (paths.tables, paths.figures):
                kind = "table" if folder == paths.tables else "figure"
                drawn.setdefault(f"{kind}_{stem}", []).append(name)
            elif name in rules:
                measured.setdefault(rules[name], []).append(name)
        return cls(manifest, _frozen(drawn), _frozen(measured))

    def place(self, name: str) -> Path:
        """Return the path of a file that is made again, by its name in the archive."""
        return FOLDER / name

    def prepare(self, folders: Folders) -> None:
        """Copy the archive from the folders of results, without tables and figures, into an empty folder."""
        shutil.rmtree(self.place(self.manifest.folder), ignore_errors=True)
        again = {name for names in self.drawn.values() for name in names}
        own = (name for name in self.manifest.members if name.startswith(f"{self.manifest.folder}/"))
        for name in (one for one in own if one.removesuffix(SUFFIX) not in again):
            path, target = folders.path(name), self.place(name)
            assert path is not None, "names of members are those of results and resources"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def remove_measured(self) -> None:
        """Remove the copies of metrics and effects, so that they are made again."""
        for name in (name for names in self.measured.values() for name in names):
            self.place(name).unlink()

    def pairs(self, folders: Folders) -> Iterator[Pair]:
        """Yield the archived file and the new file of each name."""
        for name in (one for groups in (self.drawn, self.measured) for names in groups.values() for one in names):
            path = folders.path(name)
            assert path is not None, "names of members are those of results and resources"
            yield Pair(name, Path(path), self.place(name))

    def targets(self, groups: Mapping[str, Sequence[str]]) -> list[str]:
        """Return the paths that Snakemake is asked for."""
        return [str(self.place(name)) for names in groups.values() for name in names]


@dataclass(frozen=True)
class Place:
    """Where Snakemake runs, and with what."""

    root: Path
    project: Path
    config_file: Path
    resources: str
    cores: int

    def options(self, redrawing: Redrawing, rules: Iterable[str]) -> Options:
        """Return the options of a run of the archived study that may use these rules only."""
        study = str(redrawing.place(redrawing.manifest.study_file))
        own = ["--study", study, "--results", str(FOLDER / RESULTS), "--cores", str(self.cores)]
        theirs = ["--config", f"resources={self.resources}", f"state={FOLDER / 'state'}", "--allowed-rules", *rules]
        return parse([*own, "--", *theirs], self.root, self.project, self.config_file)


def make_again(redrawing: Redrawing, place: Place) -> str:
    """Make tables and figures, then metrics and effects; return the message of a failure, or an empty text.

    Tables and figures are drawn from the archived metrics and effects, because their notes name the digests of these.
    """
    failure = _make(redrawing, redrawing.drawn, place)
    if failure or not redrawing.measured:
        return failure
    redrawing.remove_measured()
    return _make(redrawing, redrawing.measured, place)


def _make(redrawing: Redrawing, groups: Mapping[str, Sequence[str]], place: Place) -> str:
    options = place.options(redrawing, groups)
    with locked_log(options.root / options.log) as log:
        snakemake, workflow = run_snakemake(options, options.command(redrawing.targets(groups)), log)
    if snakemake.signals:
        return "stopped; run the same command again"
    return failure_message(workflow, snakemake.code, options) if snakemake.code else ""


def _frozen(groups: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {rule: tuple(names) for rule, names in groups.items()}
