"""Check results against their records, back to the pinned downloads: each is intact, stale or broken.

Exit code: 0 all intact, 3 some stale, 1 some broken, 2 a mistake in the command line or the study.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from supernet import cli
from supernet.audit import State, Verdict
from supernet.auditing import Auditing, add_arguments

EXIT_CODES = {State.INTACT: 0, State.STALE: 3, State.BROKEN: 1}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="files or folders (default: all of the study)")
    add_arguments(parser)
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


def as_json(auditing: Auditing, verdicts: Sequence[Verdict]) -> str:
    targets = [
        {
            "path": one.path,
            "state": one.state.name.lower(),
            "findings": [{"state": found.state.name.lower(), "text": found.text} for found in one.findings],
            "link": one.link,
        }
        for one in verdicts
    ]
    study = auditing.plan.study.study
    whole = {"study": study, "root_digest": auditing.root_digest(), "summary": counts(verdicts), "targets": targets}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    auditing = Auditing.open(options)
    verdicts = auditing.verdicts(options.targets)
    if options.json:
        print(as_json(auditing, verdicts))
    else:
        for verdict in verdicts:
            print("\n".join(lines(verdict)))
        print(", ".join(f"{count} {state}" for state, count in counts(verdicts).items()))
        root = auditing.root_digest()
        print(f"root digest of study {auditing.plan.study.study}, downloads through metrics: {root or 'none: broken'}")
    sys.exit(EXIT_CODES[max((one.state for one in verdicts), default=State.INTACT)])


if __name__ == "__main__":
    cli.run(main)
