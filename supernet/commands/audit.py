"""Check results against their records, back to the pinned downloads: each is intact, stale or broken.

With --archive, check a file of `supernet archive` or a folder of `supernet crate`, on any machine with this code.
A file that the study does not list is unexpected. In results that were unpacked, weights and resources may be missing
that the manifest of their archive lists as left out. Exit code: 0 all intact, 1 some broken, 2 a mistake in the command
line or the study, 3 some stale, 4 some unexpected. The worst one counts: broken, then unexpected, then stale.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from supernet.audit.deposit.limits import Limits, add_limits
from supernet.audit.file_status import FileStatus, State
from supernet.audit.printable import printable
from supernet.audit.study_audit import StudyAudit, add_arguments
from supernet.errors import UserError

LEFT_OUT = " (left out of the archive)"
EXIT_CODES = {State.INTACT: 0, State.STALE: 3, State.UNEXPECTED: 4, State.BROKEN: 1}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet audit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="files or folders (default: all of the study)")
    add_arguments(parser)
    parser.add_argument("--archive", type=Path, metavar="FILE", help="check an archive, or the folder of a crate")
    add_limits(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def lines(status: FileStatus) -> list[str]:
    """Return the printed lines of one file: its state, and the reasons."""
    own = [one.text for one in status.discrepancies]
    inherited = [] if not status.cause or status.cause.startswith(f"{status.path}: ") else [f"through {status.cause}"]
    head = f"{status.state.name.lower():10} {status.path}{LEFT_OUT if status.left_out else ''}"
    return [printable(one) for one in (head, *(f"{'':13}{one}" for one in (*own, *inherited)))]


def counts(statuses: Sequence[FileStatus]) -> dict[str, int]:
    """Return the number of files in each state."""
    return {state.name.lower(): sum(one.state is state for one in statuses) for state in State}


def as_json(study: str, root: str | None, statuses: Sequence[FileStatus]) -> str:
    """Return the text that --json prints."""
    targets = [
        {
            "path": one.path,
            "state": one.state.name.lower(),
            "left_out": one.left_out,
            "findings": [{"state": found.state.name.lower(), "text": found.text} for found in one.discrepancies],
            "link": one.cause,
        }
        for one in statuses
    ]
    whole = {"study": study, "root_digest": root, "summary": counts(statuses), "targets": targets}
    return json.dumps(whole, indent=2)


def of_archive(options: argparse.Namespace) -> tuple[str, str | None, list[FileStatus]]:
    """Return study, root digest and statuses of --archive; raises UserError if targets are named as well."""
    if options.targets:
        raise UserError(
            f"{options.targets[0]}: found a target beside --archive; expected none: the whole archive is checked"
        )
    # Imported here: the environment of the rule `audit` does not have the package that unpacks archives.
    from supernet.audit.deposit.unpack import open_deposit

    with open_deposit(options.archive, Limits(options.max_gigabytes)) as deposit:
        found = deposit.findings(cached=not options.no_cache)
        return deposit.manifest.study, found.root_digest, list(found.statuses)


def main(arguments: Sequence[str]) -> None:
    """Print the state of each result and the root digest; exits with the code of the worst state."""
    options = parse(arguments)
    if options.archive is not None:
        study, root, statuses = of_archive(options)
    else:
        study_audit = StudyAudit.open(options)
        statuses = study_audit.statuses(options.targets)
        study, root = study_audit.plan.study.study, study_audit.root_digest()
    if options.json:
        print(as_json(study, root, statuses))
    else:
        for status in statuses:
            print("\n".join(lines(status)))
        print(", ".join(f"{count} {state}" for state, count in counts(statuses).items()))
        if left_out := sum(one.left_out for one in statuses):
            print(
                f"data left out: {left_out} of these files; their records and their entries in the manifest are checked"
            )
        print(f"root digest of study {study}, of all its results: {root or 'none: broken'}")
    sys.exit(EXIT_CODES[max((one.state for one in statuses), default=State.INTACT)])
