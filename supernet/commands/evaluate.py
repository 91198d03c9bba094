"""Evaluate scores of architectures from any code base: rank correlations with ground truth, intervals, references.

supernet evaluate scores.csv --space nasbench201
supernet evaluate losses.parquet --space nasbench101 --score-column loss --lower-is-better loss --json

The file has one row per architecture: a column `arch` and one or more columns of scores. docs/use/evaluate.md
describes all forms.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet import spaces
from supernet.io.atomic import write_text
from supernet.metrics.definitions import SPARSE_THRESHOLD
from supernet.metrics.own_scores.evaluation import RESAMPLES, TOP, Options, evaluate
from supernet.metrics.own_scores.forms import TEXT
from supernet.metrics.own_scores.ground_truth import UNITS, TableFormat
from supernet.metrics.own_scores.report import as_json, text
from supernet.runtime.arguments import natural, positive, positive_number


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scores", type=Path, metavar="SCORES", help="CSV or Parquet file, one row per architecture")
    parser.add_argument("--space", required=True, help=f"one of {', '.join(spaces.KINDS)}, or a sub-space")
    parser.add_argument("--arch-column", default="arch", metavar="COLUMN", help="of architectures (default: arch)")
    parser.add_argument(
        "--form",
        default=TEXT,
        help="how architectures are written: text (default), index or nats-bench (the number in NATS-Bench), naslib, "
        "or another convention of the space",
    )
    parser.add_argument(
        "--score-column", action="append", default=[], metavar="COLUMN", help="may be repeated (default: the only one)"
    )
    parser.add_argument(
        "--lower-is-better",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a score column whose small values are good, such as a loss; may be repeated",
    )
    _add_truth(parser)
    _add_metrics(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write all rows to this CSV file too")
    return parser.parse_args(arguments)


def _add_truth(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("ground truth")
    group.add_argument(
        "--table",
        metavar="TABLE",
        help="file of a table, or the name of a published one (default: the first published table of the space)",
    )
    group.add_argument("--resources", default="resources", metavar="FOLDER", help="of published tables")
    group.add_argument(
        "--table-arch-column", default="arch", metavar="COLUMN", help="of a table of others (default: arch)"
    )
    group.add_argument("--table-form", default=TEXT, metavar="FORM", help="as --form, of a table of others")
    group.add_argument(
        "--accuracy-column", default="accuracy", metavar="COLUMN", help="of a table of others (default: accuracy)"
    )
    group.add_argument("--accuracy-unit", choices=UNITS, help="of a table of others; never guessed")


def _add_metrics(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("metrics")
    group.add_argument(
        "--threshold",
        type=positive_number,
        default=SPARSE_THRESHOLD,
        metavar="FRACTION",
        help="of S-KdT (default: 0.001, which is .1 %%)",
    )
    group.add_argument("--top", type=positive, default=TOP, metavar="K", help=f"of P>R (default: {TOP})")
    group.add_argument("--resamples", type=positive, default=RESAMPLES, help=f"of the bootstrap (default: {RESAMPLES})")
    group.add_argument("--seed", type=natural, default=0, help="of the resamples (default: 0)")


def main(arguments: Sequence[str]) -> None:
    """Print the evaluation, and write it as CSV if a file is named."""
    options = parse(arguments)
    found = evaluate(
        options.scores,
        options.space,
        table=options.table,
        form=options.form,
        arch_column=options.arch_column,
        score_columns=options.score_column,
        lower_is_better=options.lower_is_better,
        table_format=TableFormat(
            options.table_arch_column, options.accuracy_column, options.table_form, options.accuracy_unit
        ),
        options=Options(options.threshold, options.top, options.resamples, options.seed),
        resources=options.resources,
    )
    if options.csv is not None:
        write_text(options.csv, found.frame().to_csv(index=False))
    print(as_json(found) if options.json else text(found))
