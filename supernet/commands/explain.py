"""Print where a result comes from: runs, settings, code, machines, hours, downloads.

TARGET is a file, or table_NAME or figure_NAME. With --row, only the runs behind some rows of a table:
supernet explain table_learning_rate --row space=darts --row metric=kdt
"""

import argparse
from collections.abc import Mapping, Sequence

from supernet.audit.explain import explanation, text
from supernet.audit.rows import select
from supernet.audit.study_audit import StudyAudit, add_arguments, resolve
from supernet.errors import UserError


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet explain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", metavar="TARGET", help="a file with a record, or table_NAME, or figure_NAME")
    parser.add_argument(
        "--row", action="append", default=[], metavar="COLUMN=VALUE", help="only these rows of a CSV or Parquet file"
    )
    add_arguments(parser)
    return parser.parse_args(arguments)


def conditions(rows: Sequence[str]) -> Mapping[str, str]:
    """Values by column; a value may contain an equals sign. Raises UserError for a row without one."""
    pairs = [row.partition("=") for row in rows]
    if wrong := [row for row, (_, sign, _) in zip(rows, pairs, strict=True) if not sign]:
        raise UserError(f"--row {wrong[0]}: expected COLUMN=VALUE")
    return {column: value for column, _, value in pairs}


def main(arguments: Sequence[str]) -> None:
    """Print the origin of one result, and whether it is still intact."""
    options = parse(arguments)
    study_audit = StudyAudit.open(options)
    path = resolve(options.target, study_audit.plan.results)
    selection = select(path, conditions(options.row)) if options.row else None
    status = study_audit.audit.status(path)
    study_audit.hashes.save()
    sections = explanation(status, study_audit.plan.folders, selection, study_audit.hashes.is_left_out)
    print(f"{path}\n\n{text(sections)}")
