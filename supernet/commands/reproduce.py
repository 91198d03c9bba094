"""Unpack and audit the archives below results/, draw their tables and figures again, and compare them byte for byte.

Effects are computed again as well, and metrics if the images and tables are there that archives leave out. Nothing is
trained and nothing is downloaded. The new files are in build/reproduce/; those of the archive are not changed. Exit
code: 0 all files are identical, 1 some differ or could not be made, 2 there is no archive, or it is broken. Results
that were made by earlier code are reported, and are not a failure.
"""

import argparse
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from supernet.audit.code_origin import code_origins
from supernet.audit.deposit.comparison import Difference, differences
from supernet.audit.deposit.limits import Limits, add_limits
from supernet.audit.deposit.unpack import Unpacked, unpack
from supernet.audit.file_status import State
from supernet.audit.printable import printable
from supernet.config.artifacts import Artifacts
from supernet.config.inheritance import StudyFile
from supernet.config.study import validated
from supernet.errors import UserError
from supernet.launcher.messages import many
from supernet.launcher.redrawing import Place, Redrawing, make_again
from supernet.pipeline.workflow_config import WorkflowConfig
from supernet.provenance.folders import Folders
from supernet.provenance.hashes import digests
from supernet.provenance.record import read_record
from supernet.runtime.arguments import positive
from supernet.runtime.checkout import checkout, config_file, working_folder
from supernet.runtime.machine import available_cores
from supernet.runtime.progress import duration

SUFFIX = ".tar.zst"
SHOWN = 3
"""Kinds of changes named; further ones are counted."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet reproduce", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "archive", nargs="?", metavar="STUDY", help="a study, or its archive (default: all archives below results/)"
    )
    parser.add_argument("--results", metavar="FOLDER", help="folder to unpack to (default: that of config.yaml)")
    parser.add_argument("--resources", metavar="FOLDER", help="folder of data sets and tables (default: likewise)")
    parser.add_argument("--cores", type=positive, default=available_cores(), help="cores to use (default: %(default)s)")
    add_limits(parser)
    return parser.parse_args(arguments)


def archives(name: str | None, results: Path) -> list[Path]:
    """Return the archives of a command line: of one study, one file, or by default all in the folder of results.

    Raises UserError if there are none.
    """
    if name is None:
        if found := sorted(results.glob(f"*{SUFFIX}")):
            return found
        raise UserError(
            f"{results}: found no archive; expected files of `supernet archive` such as {results}/NAME{SUFFIX}, which "
            "a clone has from the repository; to make results instead: supernet run"
        )
    path = Path(name) if name.endswith(SUFFIX) else results / f"{name}{SUFFIX}"
    if not path.is_file():
        known = ", ".join(one.name.removesuffix(SUFFIX) for one in sorted(results.glob(f"*{SUFFIX}"))) or "none"
        raise UserError(f"{path}: no such archive; expected the path of one, or a study of these: {known}")
    return [path]


def audit_lines(unpacked: Unpacked) -> Iterator[str]:
    """Yield what the audit of the archive has found; stale results are not a failure."""
    statuses = unpacked.findings.statuses
    counts = Counter(one.state for one in statuses)
    left_out = sum(one.left_out for one in statuses)
    stale = counts[State.STALE]
    yield f"audit: {counts[State.INTACT]} intact, {stale} stale, 0 broken ({many(left_out, 'file')} left out)"
    changes = Counter(one.text for status in statuses for one in status.discrepancies if one.state is State.STALE)
    for text, count in changes.most_common(SHOWN):
        yield f"  stale: {many(count, 'file')}: {text}"
    if len(changes) > SHOWN:
        yield f"  stale: {many(len(changes) - SHOWN, 'other change')}; `supernet audit --archive` lists them"
    if stale:
        yield "  stale results were made by earlier code or in another environment; this is not a failure"


def origin_lines(unpacked: Unpacked, folders: Folders) -> Iterator[str]:
    """Yield which commits made the results, and whether this repository has their code."""
    paths = map(folders.path, unpacked.manifest.results)
    for one in code_origins(read_record(path) for path in paths if path is not None):
        yield f"code: {one}"


def lacking(unpacked: Unpacked, folders: Folders) -> list[str]:
    """Return the files that metrics are computed from and that are missing here, by their names in records."""
    metrics = folders.path(Artifacts(unpacked.manifest.folder).metrics)
    assert metrics is not None, "a file of the results"
    named = [one["file"] for one in read_record(metrics)["made"]["inputs"]]
    return [name for name in named if not os.path.exists(folders.path(name) or "")]


def outcome_lines(redrawing: Redrawing, found: Sequence[Difference]) -> Iterator[str]:
    """Yield each file that differs, and the number of identical ones of each kind."""
    for one in found:
        yield f"differs: {one.name}: {one.cause}"
    wrong = {one.name for one in found}
    kinds = (("tables and figures", redrawing.drawn), ("metrics and effects", redrawing.measured))
    for kind, groups in kinds:
        names = [name for own in groups.values() for name in own]
        same = sum(name not in wrong for name in names)
        yield f"{kind}: {same} of {many(len(names), 'file')} identical with those of the archive"


def next_step(unpacked: Unpacked, folders: Folders, config: WorkflowConfig) -> str:
    """Return the command that continues the study, which may differ in this checkout from that of the archive."""
    name, deposited = unpacked.manifest.study, folders.path(unpacked.manifest.study_file)
    assert deposited is not None, "a file of the results"
    own = checkout() / "workflow" / "studies" / f"{name}.yaml"
    elsewhere = "" if folders.results == config.results else f" --results {folders.results}"
    command = f"supernet run --study {name}{elsewhere}"
    if not own.is_file():
        return f"to continue the study: cp {deposited} {os.path.relpath(own.parent)}/ && {command}"
    studies = {validated(StudyFile.read(file, own.parent)).model_dump_json() for file in (own, Path(deposited))}
    if len(studies) > 1:
        return f"to continue the study, with what {os.path.relpath(own)} has changed since the archive: {command}"
    return f"to continue the study: {command}"


def reproduce(archive: Path, folders: Folders, place: Place, limits: Limits, config: WorkflowConfig) -> bool:
    """Unpack, audit and compare one archive, and print each step; return whether all files are identical.

    UserError if the archive is broken, or if other results are in its place.
    """
    started = time.monotonic()
    _say(f"{archive}: SHA-256 {digests(archive, ['sha256'])['sha256']}")
    unpacked = unpack(archive, folders, limits)
    manifest = unpacked.manifest
    where = folders.path(manifest.folder)
    _say(f"{'unpacked to' if unpacked.is_new else 'already unpacked, with the same content:'} {where}")
    _say(*audit_lines(unpacked), *origin_lines(unpacked, folders))
    absent = lacking(unpacked, folders)
    redrawing = Redrawing.of(manifest, with_metrics=not absent)
    redrawing.prepare(folders)
    if failure := make_again(redrawing, place):
        print(failure, file=sys.stderr)
        return False
    found = list(differences(redrawing.pairs(folders), unpacked.findings.statuses))
    _say(*outcome_lines(redrawing, found), f"new files: {redrawing.place(manifest.folder)}")
    if absent:
        _say(f"metrics were not computed again: they need {absent[0]}, which the archive leaves out")
    _say(
        f"root digest of study {manifest.study}: {unpacked.findings.root_digest}", next_step(unpacked, folders, config)
    )
    outcome = f"{many(len(found), 'file')} differ{'s' * (len(found) == 1)}" if found else "reproduced"
    _say(f"{archive}: {outcome} ({duration(time.monotonic() - started)})")
    return not found


def _say(*lines: str) -> None:
    for line in lines:
        print(printable(line), flush=True)


def main(arguments: Sequence[str]) -> None:
    """Reproduce the archives; exits with 1 if a file of one of them differs."""
    options = parse(arguments)
    # By default, this signal ends a process without deleting its temporary folder.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    root = working_folder()
    config = WorkflowConfig.read(config_file(), {})
    given = (os.path.abspath(one) if one else None for one in (options.results, options.resources))
    results, resources = (
        one or default for one, default in zip(given, (config.results, config.resources), strict=True)
    )
    found = archives(options.archive, root / config.results)
    place = Place(root, checkout(), config_file(), resources, options.cores)
    paths = [path.absolute() for path in found]
    with contextlib.chdir(root):
        folders, limits = Folders(results, resources), Limits(options.max_gigabytes)
        same = [reproduce(Path(os.path.relpath(path)), folders, place, limits, config) for path in paths]
    sys.exit(0 if all(same) else 1)
