"""The command line of `supernet run`, and the Snakemake command line that it is translated to."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from supernet.errors import UserError
from supernet.pipeline.workflow_config import WorkflowConfig, expect_writable, study_file
from supernet.runtime.machine import available_cores

_FOLDERS: tuple[str, ...] = ("study", "results", "state")
_NO_JOBS = frozenset({"-n", "--dry-run", "--dryrun", "-t", "--touch", "--unlock"})
"""Options with which Snakemake starts no job."""
_FORCED = ("--forcerun", "-R")


@dataclass(frozen=True)
class Options:
    """Parsed options of `supernet run`."""

    root: Path
    """The folder in which Snakemake runs."""
    project: Path
    """The folder with the Snakefile."""
    config_file: Path
    workflow: WorkflowConfig
    """The study and its folders, from config.yaml and the command line."""
    cores: int
    config: tuple[str, ...]
    """All values of `--config`: Snakemake takes the last `--config` only."""
    targets: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def study(self) -> str:
        """Name of the study."""
        return self.workflow.study_name

    @property
    def state(self) -> Path:
        """Folder of checkpoints, progress files and the log, relative to `root`."""
        return Path(self.workflow.state_of(self.study))

    @property
    def log(self) -> Path:
        """Log of Snakemake's output, relative to `root`."""
        return self.state / "run.log"

    @property
    def folder(self) -> Path:
        """Folder of the study's results, relative to `root`."""
        return Path(self.workflow.results_of(self.study))

    @property
    def study_file(self) -> Path:
        """The study's file."""
        return self.root / study_file(self.workflow.study, self.project)

    @property
    def starts_jobs(self) -> bool:
        """Whether Snakemake may start jobs, instead of listing them."""
        return _NO_JOBS.isdisjoint(self.extra)

    def command(self, targets: Sequence[str] | None = None, again: Sequence[str] = ()) -> list[str]:
        """Return Snakemake's command line for some targets, by default those of the user.

        The files `again` are made again. Options with several values come after the targets.
        """
        triggers = ["--rerun-triggers", "mtime", "params", "input"]
        wanted = self.targets if targets is None else targets
        snakemake = [sys.executable, "-m", "snakemake", *wanted, "--cores", str(self.cores)]
        config = ["--config", *self.config]
        if self.root != self.project:
            config = ["--snakefile", str(self.project / "Snakefile"), "--configfile", str(self.config_file), *config]
        return [*snakemake, *triggers, "--rerun-incomplete", *config, *_forced(["--nocolor", *self.extra], again)]


def parse(
    arguments: Sequence[str], root: Path, project: Path | None = None, config_file: Path | None = None
) -> Options:
    """Parse the command line, with defaults from config.yaml.

    Snakemake runs in `root`; the Snakefile is in `project`, which is `root` unless it is given. Raises UserError for a
    mistake in config.yaml, an invalid name of a study, two different values of one key, and a folder in which nothing
    can be written.
    """
    project = project or root
    config_file = config_file or project / "config.yaml"
    ours = list(takewhile(lambda argument: argument != "--", arguments))
    found = _parser().parse_args(ours)
    given, extra = _values(found, arguments[len(ours) + 1 :])
    workflow = WorkflowConfig.read(config_file, {key: given[key] for key in _FOLDERS if key in given})
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*", workflow.study_name):
        raise UserError(f"study {workflow.study!r}: expected the name of a file in workflow/studies, without .yaml")
    # The study is always named: a profile could name another one, which the display would not know.
    config = {"study": workflow.study, **given}
    options = Options(
        root=root,
        project=project,
        config_file=config_file,
        workflow=workflow,
        cores=found.cores,
        config=tuple(f"{key}={value}" for key, value in config.items()),
        targets=tuple(found.targets),
        extra=tuple(extra),
    )
    for folder in (options.folder, options.state):
        expect_writable(root / folder)
    return options


def _forced(arguments: Sequence[str], files: Sequence[str]) -> list[str]:
    """Return Snakemake's arguments, which begin with an option, and files that it makes again.

    Snakemake takes the last `--forcerun` only, so the files are added to one of the user.
    """
    for place, argument in enumerate(arguments):
        name, sign, value = argument.partition("=")
        if name in _FORCED:
            return [*arguments[:place], name, *files, *([value] if sign else []), *arguments[place + 1 :]]
    return [*([_FORCED[0], *files] if files else []), *arguments]


def _values(found: argparse.Namespace, theirs: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return all values of `--config`, those of our options included, and Snakemake's other arguments."""
    own = {key: value for key in ("study", "results") if (value := getattr(found, key))}
    pairs, extra = split_config(theirs)
    for key in own.keys() & pairs.keys():
        if own[key] != pairs[key]:
            raise UserError(f"{key}: found --{key} {own[key]} and, after --, --config {key}={pairs[key]}; give one")
    return {**own, **pairs}, extra


def split_config(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the values of all `--config` in Snakemake's arguments by key, and the other arguments.

    Snakemake takes the last `--config` only, so several are merged; the last value of a key counts. Raises UserError
    for a value without a key.
    """
    pairs, rest, inside = list[str](), list[str](), False
    for argument in arguments:
        name, sign, value = argument.partition("=")
        if name in ("--config", "-C"):
            inside = not sign
            pairs += [value] if sign else []
        elif inside and not argument.startswith("-"):
            pairs.append(argument)
        else:
            inside = False
            rest.append(argument)
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise UserError(f"--config: found {wrong[0]!r}; expected KEY=VALUE: targets come before it or after `--`")
    return dict(pair.split("=", 1) for pair in pairs), rest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="supernet run",
        description="Run a study with Snakemake: show its progress, explain failures, print the outcome.",
        epilog="Arguments after -- are passed to Snakemake: supernet run -- --dry-run",
    )
    parser.add_argument("--study", help="a name in workflow/studies/, or a YAML file (default: the one in config.yaml)")
    parser.add_argument(
        "--cores", type=_positive, default=available_cores(), help="cores to use (default: %(default)s)"
    )
    parser.add_argument("--results", help="folder of all results (default: the one in config.yaml)")
    parser.add_argument("targets", nargs="*", help="files or rules to make (default: everything)")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {value}; expected 1 or more")
    return value
