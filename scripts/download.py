"""Fetch published tables and data sets, and check them: for a login node, before jobs that have no network."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from supernet.download import fetching
from supernet.download.fetch import Fetched, FetchedForm, fetch
from supernet.download.sources import load_sources
from supernet.errors import UserError
from supernet.runtime import program


def main(arguments: Sequence[str]) -> None:
    options = _parser().parse_args(arguments)
    with program.open_log(options.log):
        failures = [message for job in _jobs(options) if (message := _failure(job))]
        if failures:
            raise UserError("\n".join(failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--file", nargs="+", metavar="NAME", help="files, by their names in the sources")
    what.add_argument("--table", nargs="+", metavar="NAME", help="tables, each in the first form that can be had")
    what.add_argument("--dataset", nargs="+", metavar="NAME", help="data sets, likewise")
    what.add_argument("--all", action="store_true", help="all tables and data sets")
    fetching.add_arguments(parser)
    parser.add_argument("--log", type=Path, help="log file")
    return parser


def _jobs(options: argparse.Namespace) -> list[Callable[[], Fetched | FetchedForm]]:
    """What fetches each file, table or data set that is asked for."""
    sources = load_sources(options.sources)
    place = (options.downloads, options.mirror or None, options.lock, print)
    files = [sources.file(name) for name in options.file or ()]
    tables = sources.tables if options.all else options.table or ()
    datasets = sources.datasets if options.all else options.dataset or ()
    return [
        *(partial(fetch, file, *place) for file in files),
        *(partial(fetching.table, name, options) for name in tables),
        *(partial(fetching.dataset, name, options) for name in datasets),
    ]


def _failure(job: Callable[[], Fetched | FetchedForm]) -> str:
    """The message of a UserError, so that all that can be had is fetched before the program fails; else nothing."""
    try:
        job()
    except UserError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    program.run(main)
