"""Fetch published tables and data sets, and check them: for a login node, before jobs without network access."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from supernet.download import command_line
from supernet.download.fetch import Fetched, FetchedForm, fetch
from supernet.download.sources import load_sources
from supernet.errors import UserError
from supernet.runtime import program


def main(arguments: Sequence[str]) -> None:
    """Fetch all requested files; raises UserError with one line per failure after everything else was fetched."""
    options = _parser().parse_args(arguments)
    with program.open_log(options.log):
        failures = [message for job in _jobs(options) if (message := _failure(job))]
        if failures:
            raise UserError("\n".join(failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="supernet download", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--file", nargs="+", metavar="NAME", help="files, by their names in the sources file")
    what.add_argument("--table", nargs="+", metavar="NAME", help="tables, each in the first form that is available")
    what.add_argument(
        "--dataset", nargs="+", metavar="NAME", help="data sets, each in the first form that is available"
    )
    what.add_argument("--all", action="store_true", help="all tables and data sets")
    command_line.add_arguments(parser)
    parser.add_argument("--log", type=Path, help="log file")
    return parser


def _jobs(options: argparse.Namespace) -> list[Callable[[], Fetched | FetchedForm]]:
    """Return one callable per requested file, table or data set, which fetches it."""
    sources = load_sources(options.sources)
    place = (options.downloads, options.mirror or None, options.lock, print)
    files = [sources.file(name) for name in options.file or ()]
    tables = sources.tables if options.all else options.table or ()
    datasets = sources.datasets if options.all else options.dataset or ()
    return [
        *(partial(fetch, file, *place) for file in files),
        *(partial(command_line.fetch_table, name, options) for name in tables),
        *(partial(command_line.fetch_dataset, name, options) for name in datasets),
    ]


def _failure(job: Callable[[], Fetched | FetchedForm]) -> str:
    """Run a job and return the message of its UserError, or an empty string: a failure does not stop other jobs."""
    try:
        job()
    except UserError as error:
        return str(error)
    return ""
