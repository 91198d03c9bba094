"""The command line of `supernet run`, and the Snakemake command line that it is translated to."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from supernet.config.yamlfile import YamlFile
from supernet.errors import UserError


@dataclass(frozen=True)
class Options:
    """Parsed options of `supernet run`."""

    root: Path
    """The folder in which Snakemake runs."""
    project: Path
    """The folder with the Snakefile."""
    config_file: Path
    study: str
    cores: int
    results: str
    config: tuple[str, ...]
    targets: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def state(self) -> Path:
        """Folder of checkpoints, progress files and the log, relative to `root`."""
        return Path("state", self.study)

    @property
    def log(self) -> Path:
        """Log of Snakemake's output, relative to `root`."""
        return self.state / "run.log"

    @property
    def folder(self) -> Path:
        """Folder of the study's results, relative to `root`."""
        return Path(self.results, self.study)

    @property
    def study_file(self) -> Path:
        """The study's file."""
        return self.project / "workflow" / "studies" / f"{self.study}.yaml"

    def command(self) -> list[str]:
        """Return Snakemake's command line; options with several values come after the targets."""
        config = ["--config", *self.config] if self.config else []
        if self.root != self.project:
            config = ["--snakefile", str(self.project / "Snakefile"), "--configfile", str(self.config_file), *config]
        triggers = ["--rerun-triggers", "mtime", "params", "input"]
        snakemake = [sys.executable, "-m", "snakemake", *self.targets, "--cores", str(self.cores)]
        return [*snakemake, *triggers, "--rerun-incomplete", "--nocolor", *config, *self.extra]


def parse(
    arguments: Sequence[str], root: Path, project: Path | None = None, config_file: Path | None = None
) -> Options:
    """Parse the command line, with defaults from config.yaml; raises UserError for an invalid name of a study.

    Snakemake runs in `root`; the Snakefile is in `project`, which is `root` unless it is given.
    """
    project = project or root
    config_file = config_file or project / "config.yaml"
    ours = list(takewhile(lambda argument: argument != "--", arguments))
    found = _parser().parse_args(ours)
    given = {"study": found.study, "results": found.results}
    defaults = {"study": "mini", "results": "results", **_config(config_file)}
    study = found.study or str(defaults["study"])
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*", study):
        raise UserError(f"study {study!r}: expected the name of a file in workflow/studies, without .yaml")
    return Options(
        root=root,
        project=project,
        config_file=config_file,
        study=study,
        cores=found.cores,
        results=found.results or str(defaults["results"]),
        config=tuple(f"{key}={value}" for key, value in given.items() if value),
        targets=tuple(found.targets),
        extra=tuple(arguments[len(ours) + 1 :]),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="supernet run",
        description="Run a study with Snakemake: show its progress, explain failures, print the outcome.",
        epilog="Arguments after -- are passed to Snakemake: supernet run -- --dry-run",
    )
    parser.add_argument("--study", help="name of a file in workflow/studies/ (default: the one in config.yaml)")
    parser.add_argument(
        "--cores", type=_positive, default=_available_cores(), help="cores to use (default: %(default)s)"
    )
    parser.add_argument("--results", help="folder of all results (default: the one in config.yaml)")
    parser.add_argument("targets", nargs="*", help="files or rules to make (default: everything)")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {value}; expected 1 or more")
    return value


def _available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _config(path: Path) -> dict[str, object]:
    """Return the top level of config.yaml; empty if it is missing, which Snakemake reports.

    Raises UserError if it is not valid YAML.
    """
    if not path.exists():
        return {}
    return {key: value for key, value in YamlFile.read(path).data.items() if value is not None}
