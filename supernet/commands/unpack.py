"""Unpack a file of `supernet archive` into the current folder; no file that exists there is overwritten."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet.audit.deposit.archive import unpack


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="supernet unpack", description=__doc__)
    parser.add_argument("archive", type=Path, metavar="FILE", help="archive of a study, such as mini.tar.zst")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Unpack the archive and print the number of results."""
    manifest = unpack(parse(arguments).archive, Path())
    print(f"study {manifest['study']}: {len(manifest['results']) - len(manifest['omitted'])} results unpacked")
