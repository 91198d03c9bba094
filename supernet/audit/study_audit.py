"""The audit of a study: the arguments, the plan and the statuses that the commands on results share."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from supernet.audit.expected import Expected, made, shared
from supernet.audit.file_status import Audit, FileStatus, State
from supernet.audit.left_out import FilesLeftOut, files_of
from supernet.audit.listing import Listing
from supernet.config.artifacts import CRATE, Artifacts, is_stored
from supernet.config.yamlfile import YamlFile
from supernet.errors import UserError
from supernet.pipeline.plan import Plan
from supernet.provenance.record import SUFFIX, root_digest
from supernet.runtime.checkout import checkout, config_file

KEYS = ("study", "results", "resources", "state", "mirror")
"""Keys of config.yaml that the command line can override."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that select a study and its folders."""
    parser.add_argument("--study", metavar="NAME", help="study, or its YAML file (default: that of config.yaml)")
    for key in KEYS[1:]:
        parser.add_argument(f"--{key}", help=f"as in config.yaml: {key}")
    parser.add_argument("--no-cache", action="store_true", help="hash all files, also those that look unchanged")


@dataclass(frozen=True)
class StudyAudit:
    """A study, the results that it should have, and the audit of those that exist."""

    plan: Plan
    expected: tuple[Expected, ...]
    audit: Audit
    hashes: FilesLeftOut
    listing: Listing

    @classmethod
    def open(cls, options: argparse.Namespace) -> Self:
        """Open the study that the command line and config.yaml name. UserError lists mistakes in them and in it."""
        plan = load_plan(options)
        results = tuple(made(plan))
        known = [one.path for one in results]
        hashes = files_of(plan, known, None if options.no_cache else Path(plan.state) / "hashes.json")
        listing = Listing(plan.results, known)
        configs = {one.path: one.config for one in results}
        audit = Audit(
            configs,
            hashes,
            plan.root,
            plan.reference_kernels,
            folders=plan.folders,
            listing=listing,
            shared=shared(plan),
        )
        return cls(plan, results, audit, hashes, listing)

    def paths(self, targets: list[str]) -> list[str]:
        """Return the targets, with all results of a folder; without targets, the results of the study.

        The results of the study include all other files in its folder, the pages of its site, and the files of the
        store that its records name.

        UserError for a folder without results.
        """
        if not targets:
            known = [os.path.normpath(one.path) for one in self.expected]
            found = [*known, *recorded(self.plan.results), *self.listing.unexpected(), *self.stored()]
            return list(dict.fromkeys(found))
        found = []
        for target in targets:
            within = recorded(target) if os.path.isdir(target) else [target]
            if not within:
                raise UserError(
                    f"{target}: found no results with records in this folder; expected a file or such a folder"
                )
            found += within
        return found

    def stored(self) -> list[str]:
        """Return the files of the store that the records of the study's results name, sorted."""
        inputs = (self.audit.status(one.path).inputs for one in self.expected)
        return sorted({path for found in inputs for path in found if is_stored(path)})

    def root_digest(self) -> str | None:
        """Return the root digest of all results of the study; None if one is missing or broken."""
        paths = [one.path for one in self.expected]
        broken = any(self.audit.status(path).state is State.BROKEN for path in paths)
        return None if broken else root_digest(map(self.audit.record, paths))

    def statuses(self, targets: list[str]) -> list[FileStatus]:
        """Return the status of each of `paths`, and save the hashes."""
        found = [self.audit.status(path) for path in self.paths(targets)]
        self.hashes.save()
        return found


def load_plan(options: argparse.Namespace) -> Plan:
    """Load the plan of the study that config.yaml and the command line name."""
    config = YamlFile.read(config_file()).data
    given = {key: getattr(options, key) for key in KEYS if getattr(options, key)}
    return Plan.load({**config, **given}, checkout(), trains=False)


def resolve(name: str, results: str) -> str:
    """Return the path of a file, or of table_NAME or figure_NAME in the results. Raises UserError if missing."""
    path, paths = name, Artifacts(results)
    for prefix, drawn in (("table_", paths.table), ("figure_", paths.figure)):
        if name.startswith(prefix) and not os.path.exists(name):
            path = f"{drawn(name.removeprefix(prefix)).stem}.csv"
    if not os.path.isfile(path):
        raise UserError(f"{path}: no such file; make it with snakemake, or name another study with --study")
    return os.path.normpath(path)


def recorded(folder: str) -> list[str]:
    """Return the results in a folder and its subfolders that have a record, sorted."""
    names = (os.path.join(place, file) for place, _, files in os.walk(folder) for file in files)
    own = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]
    # A crate contains copies, which are audited as a deposit.
    crate = os.path.join(folder, CRATE, "")
    return sorted(name for name in own if not name.startswith(crate))
