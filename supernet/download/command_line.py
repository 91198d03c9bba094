"""Command-line arguments of the programs that fetch, and fetching by the name of a data set or table."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from supernet.download.fetch import FetchedForm, fetch_first
from supernet.download.sources import load_sources
from supernet.provenance.recorder import note_input


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that all programs that fetch have in common."""
    parser.add_argument("--sources", type=Path, default=Path("workflow/sources.yaml"), help="file that lists downloads")
    parser.add_argument("--downloads", type=Path, default=Path("resources/downloads"), help="folder of downloads")
    parser.add_argument(
        "--mirror",
        default=os.environ.get("SUPERNET_MIRROR", ""),
        help="folder or URL that is tried first (default: the environment variable SUPERNET_MIRROR)",
    )
    parser.add_argument(
        "--lock",
        type=Path,
        default=Path("resources/sources.lock.json"),
        help="file with the hashes of files that have no published hash, recorded at first use",
    )


def fetch_dataset(name: str, options: argparse.Namespace, opens: Callable[[str, Path], object]) -> FetchedForm:
    """Fetch the files of an image data set. Arguments and errors are those of `fetch_first`."""
    sources = load_sources(options.sources)
    forms = sources.forms(sources.dataset(name))
    return _noted(fetch_first(name, forms, options.downloads, options.mirror or None, options.lock, opens, print))


def fetch_table(name: str, options: argparse.Namespace, opens: Callable[[str, Path], object]) -> FetchedForm:
    """Fetch the files of a published table. Arguments and errors are those of `fetch_first`."""
    sources = load_sources(options.sources)
    forms = sources.forms(sources.table(name))
    return _noted(fetch_first(name, forms, options.downloads, options.mirror or None, options.lock, opens, print))


def _noted(form: FetchedForm) -> FetchedForm:
    """Note the files as inputs in the provenance record, with the hashes that identified them, and return `form`."""
    for one in form.files:
        pinned = {"path": one.file.path, "algorithm": one.algorithm, "digest": one.digest}
        note_input(one.path, "download", pinned)
    return form
