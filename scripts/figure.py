"""Draw one figure of the paper: STEM.pdf, STEM.png, STEM.csv (drawn numbers) and STEM.md (caption)."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet.config.study import load_study
from supernet.paper import catalogue
from supernet.paper.load import Results
from supernet.provenance.recorder import note_config
from supernet.runtime.program import open_log, run


def main(arguments: Sequence[str]) -> None:
    """Parse the command line and make one figure.

    Raises UserError for an unknown name or a missing artifact.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="figure of the study; an unknown name lists them")
    parser.add_argument("--study-file", type=Path, required=True, metavar="YAML", help="the study")
    parser.add_argument(
        "--results", type=Path, required=True, metavar="FOLDER", help="results of the study, such as results/mini"
    )
    parser.add_argument("--output-stem", type=Path, required=True, metavar="STEM", help="output path without a suffix")
    parser.add_argument("--log", type=Path, metavar="FILE", help="log file; without it, messages go to stdout")
    options = parser.parse_args(arguments)
    with open_log(options.log):
        study = load_study(options.study_file)
        note_config({"figure": options.name, "study": study.model_dump(mode="json")})
        results = Results(study, options.results)
        catalogue.make_figure(options.name, results, options.output_stem)


if __name__ == "__main__":
    run(main)
