"""Write a finished study as a Workflow Run RO-Crate: a folder that can be deposited, with a description in JSON-LD."""

import argparse
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from supernet.audit.deposit.content import collect
from supernet.audit.deposit.crate import write_crate
from supernet.audit.study_audit import CRATE, Auditing, add_arguments
from supernet.io.folders import replaced
from supernet.runtime import program

_MARK = ".supernet-crate"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="FOLDER", help=f"(default: {CRATE} in the study's results)")
    parser.add_argument("--weights", action="store_true", help="with the weights of all super-nets")
    parser.add_argument("--author", action="append", default=[], metavar="NAME", help="who ran the study; repeatable")
    parser.add_argument("--licence", default="MIT", help="of the results: an address, or MIT (default)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    auditing = Auditing.open(options)
    plan = auditing.plan
    content = collect(plan, auditing.hashes, options.weights)
    auditing.hashes.save()
    folder = options.output or Path(plan.results, CRATE)
    with replaced(folder, _MARK, "scripts/crate.py") as temporary:
        write_crate(
            content,
            plan.study,
            temporary,
            snakemake=metadata.version("snakemake"),
            licence=options.licence,
            authors=options.author,
        )
    print(f"{folder}: {len(content.files)} files; root digest: {content.manifest['root_digest']}")


if __name__ == "__main__":
    program.run(main)
