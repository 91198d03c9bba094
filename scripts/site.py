"""Write the static site of a study: index.html and its pages, which open from disk and without a network."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet.audit.expected import recorded_root_digest
from supernet.paper.load import Results
from supernet.pipeline.plan import Plan
from supernet.provenance.closure import ROOT
from supernet.provenance.folders import Folders
from supernet.runtime.program import open_log, run
from supernet.site.build import Site


def main(arguments: Sequence[str]) -> None:
    """Parse the command line and write the site.

    Raises UserError for a missing artifact or a folder with other files.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study-file", type=Path, required=True, metavar="YAML", help="the study")
    parser.add_argument(
        "--results", type=Path, required=True, metavar="FOLDER", help="its results, with tables and figures"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder to write; an older site is replaced",
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="log file; without it, messages go to stdout")
    options = parser.parse_args(arguments)
    with open_log(options.log):
        # Of the study in its usual place: a study elsewhere has no root digest.
        folders = {"results": str(options.results.parent), "resources": Folders.of_environment().resources}
        plan = Plan.load({"study": str(options.study_file), **folders}, ROOT)
        Site(Results(plan.study, options.results), recorded_root_digest(plan)).write(options.output)


if __name__ == "__main__":
    run(main)
