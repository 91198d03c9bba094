"""What the programs that fetch share: their arguments, and from a name in the sources to files at hand."""

import argparse
import os
from pathlib import Path

from supernet.download.fetch import FetchedForm, fetch_first
from supernet.download.sources import load_sources
from supernet.provenance.recorder import note_input


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every program that fetches."""
    parser.add_argument("--sources", type=Path, default=Path("workflow/sources.yaml"), help="what can be downloaded")
    parser.add_argument(
        "--downloads", type=Path, default=Path("resources/downloads"), help="folder in which downloads are kept"
    )
    parser.add_argument(
        "--mirror",
        default=os.environ.get("SUPERNET_MIRROR", ""),
        help="folder or address that is asked first (default: the variable SUPERNET_MIRROR)",
    )
    parser.add_argument(
        "--lock",
        type=Path,
        default=Path("resources/sources.lock.json"),
        help="hashes of files that have no published one, recorded at first use",
    )


def fetch_dataset(name: str, options: argparse.Namespace) -> FetchedForm:
    """The files of an image data set."""
    sources = load_sources(options.sources)
    forms = sources.forms(sources.dataset(name))
    return _noted(fetch_first(name, forms, options.downloads, options.mirror or None, options.lock, print))


def fetch_table(name: str, options: argparse.Namespace) -> FetchedForm:
    """The files of a published table."""
    sources = load_sources(options.sources)
    forms = sources.forms(sources.table(name))
    return _noted(fetch_first(name, forms, options.downloads, options.mirror or None, options.lock, print))


def _noted(form: FetchedForm) -> FetchedForm:
    """The same; its files are noted in the records of what is made from them, with the hashes they were known by."""
    for one in form.files:
        pinned = {"path": one.file.path, "algorithm": one.algorithm, "digest": one.digest}
        note_input(one.path, "download", pinned)
    return form
