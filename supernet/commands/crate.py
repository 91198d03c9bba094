"""Write a finished study as a Workflow Run RO-Crate: a folder for deposit, described in JSON-LD."""

import argparse
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from supernet.audit.deposit.content import collect
from supernet.audit.deposit.crate import LICENCES, write_crate
from supernet.audit.deposit.verify import MARK
from supernet.audit.study_audit import StudyAudit, add_arguments
from supernet.config.artifacts import CRATE
from supernet.io.folders import replaced


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="supernet crate", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=f"(default: {CRATE} in the study's results)")
    parser.add_argument("--weights", action="store_true", help="include the weights of all super-nets")
    parser.add_argument(
        "--author",
        action="append",
        default=[],
        metavar="NAME",
        help="person who ran the study, such as 'A. Person <a@example.org>'; may be repeated",
    )
    known = ", ".join(LICENCES)
    parser.add_argument(
        "--licence", default="MIT", help=f"licence of the results: a URL, or one of {known} (default: MIT)"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Write the crate and print its root digest; an older crate in its place is replaced."""
    options = parse(arguments)
    study_audit = StudyAudit.open(options)
    plan = study_audit.plan
    content = collect(plan, study_audit.hashes, options.weights)
    study_audit.hashes.save()
    folder = options.output or Path(plan.results, CRATE)
    with replaced(folder, MARK, "supernet crate") as temporary:
        write_crate(
            content,
            plan.study,
            temporary,
            snakemake=metadata.version("snakemake"),
            licence=options.licence,
            authors=options.author,
        )
    print(f"{folder}: {content.count} files; root digest: {content.manifest.root_digest}")
