"""Check results against their records, back to the pinned downloads: each is intact, stale or broken.

With --archive, check a file of `supernet archive` or a folder of `supernet crate`, on any machine with this code.
Exit code: 0 all intact, 3 some stale, 1 some broken, 2 a mistake in the command line or the study.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from supernet.audit.study_audit import Auditing, add_arguments
from supernet.audit.verdict import State, Verdict
from supernet.errors import UserError

EXIT_CODES = {State.INTACT: 0, State.STALE: 3, State.BROKEN: 1}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet audit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="files or folders (default: all of the study)")
    add_arguments(parser)
    parser.add_argument("--archive", type=Path, metavar="FILE", help="check an archive, or the folder of a crate")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def lines(verdict: Verdict) -> list[str]:
    """What is printed of one file: its state, and why."""
    own = [one.text for one in verdict.findings]
    inherited = [] if not verdict.link or verdict.link.startswith(f"{verdict.path}: ") else [f"through {verdict.link}"]
    head = f"{verdict.state.name.lower():7} {verdict.path}"
    return [head, *(f"{'':10}{one}" for one in (*own, *inherited))]


def counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many files are in each state."""
    return {state.name.lower(): sum(one.state is state for one in verdicts) for state in State}


def as_json(study: str, root: str | None, verdicts: Sequence[Verdict]) -> str:
    """The text that --json prints."""
    targets = [
        {
            "path": one.path,
            "state": one.state.name.lower(),
            "findings": [{"state": found.state.name.lower(), "text": found.text} for found in one.findings],
            "link": one.link,
        }
        for one in verdicts
    ]
    whole = {"study": study, "root_digest": root, "summary": counts(verdicts), "targets": targets}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def of_archive(options: argparse.Namespace) -> tuple[str, str | None, list[Verdict]]:
    """Study, root digest and verdicts of --archive; UserError if targets are named as well."""
    if options.targets:
        raise UserError(f"{options.targets[0]}: found a target beside --archive; expected none: all of it is checked")
    # Here: the rule `audit` does without archives, and without the package that unpacks them.
    from supernet.audit.deposit.verify import opened

    with opened(options.archive) as deposit:
        left_out = len(deposit.manifest["omitted"])
        if left_out and not options.json:
            print(f"{left_out} files are left out; what the manifest and the records say of them is checked")
        verdicts = deposit.verdicts()
        return deposit.manifest["study"], deposit.root_digest(verdicts), verdicts


def main(arguments: Sequence[str]) -> None:
    """Print the state of each result and the root digest; exits with the code of the worst state."""
    options = parse(arguments)
    if options.archive is not None:
        study, root, verdicts = of_archive(options)
    else:
        auditing = Auditing.open(options)
        verdicts = auditing.verdicts(options.targets)
        study, root = auditing.plan.study.study, auditing.root_digest()
    if options.json:
        print(as_json(study, root, verdicts))
    else:
        for verdict in verdicts:
            print("\n".join(lines(verdict)))
        print(", ".join(f"{count} {state}" for state, count in counts(verdicts).items()))
        print(f"root digest of study {study}, downloads through metrics: {root or 'none: broken'}")
    sys.exit(EXIT_CODES[max((one.state for one in verdicts), default=State.INTACT)])
