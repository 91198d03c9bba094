"""Fetch published tables and data sets, and check them: for a login node, before jobs without network access."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from supernet.data.readers import read as read_images
from supernet.download import command_line
from supernet.download.fetch import Fetched, FetchedForm, fetch
from supernet.download.sources import Sources, load_sources
from supernet.errors import UserError
from supernet.published.readers import read as read_table
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
    place = (options.downloads, options.mirror or None, options.lock)
    files = options.file or ()
    tables = sources.tables if options.all else options.table or ()
    datasets = sources.datasets if options.all else options.dataset or ()
    return [
        *(partial(fetch, sources.file(name), *place, partial(_open, sources, name), print) for name in files),
        *(partial(command_line.fetch_table, name, options, _table(sources, name)) for name in tables),
        *(partial(command_line.fetch_dataset, name, options, partial(read_images, name)) for name in datasets),
    ]


def _table(sources: Sources, name: str) -> Callable[[str, Path], object]:
    """Return the reader of a table, called with the form and its file."""
    table = sources.table(name)
    return partial(read_table, name, table.space, table.dataset)


def _open(sources: Sources, file: str, path: Path) -> None:
    """Read a file with the reader of its form; UserError if that fails, or if no form consists of this file."""
    for name, table in sources.tables.items():
        for form in table.forms:
            if form.files == (file,):
                _table(sources, name)(form.form, path)
                return
    for name, dataset in sources.datasets.items():
        for form in dataset.forms:
            if form.files == (file,):
                read_images(name, form.form, path)
                return
    raise UserError(f"{path}: no table or data set of the sources consists of {file}; give the file a hash")


def _failure(job: Callable[[], Fetched | FetchedForm]) -> str:
    """Run a job and return the message of its UserError, or an empty string: a failure does not stop other jobs."""
    try:
        job()
    except UserError as error:
        return str(error)
    return ""
