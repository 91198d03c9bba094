"""Export the results of a study for other programs: CSV files, or event files of TensorBoard.

supernet export csv --output FOLDER           one file per table; datapackage.json describes the columns
supernet export tensorboard --output FOLDER   curves, scores, metrics and hyperparameters: tensorboard --logdir FOLDER
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet.audit.expected import recorded_root_digest
from supernet.audit.study_audit import load_plan
from supernet.paper.export.csv_folder import write_csv
from supernet.paper.export.event_files import write_events
from supernet.paper.export.tables import finished
from supernet.paper.load import Results


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("format", choices=("csv", "tensorboard"), help="format to write")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="folder to write or replace")
    parser.add_argument("--study", metavar="NAME", help="study, or its YAML file (default: that of config.yaml)")
    parser.add_argument("--results", help="as in config.yaml: results")
    # Other keys of config.yaml have no effect on an export.
    parser.set_defaults(resources=None, state=None, mirror=None)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Write the folder, and print what it contains."""
    options = parse(arguments)
    plan = load_plan(options)
    results = Results(plan.study, Path(plan.results))
    runs = f"{len(finished(results))} of {len(plan.runs)} runs"
    if options.format == "csv":
        print(f"{options.output}: {', '.join(write_csv(results, options.output, recorded_root_digest(plan)))}; {runs}")
    else:
        write_events(results, options.output)
        print(f"{options.output}: {runs}; tensorboard --logdir {options.output}")
