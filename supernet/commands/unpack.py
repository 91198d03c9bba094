"""Unpack a file of `supernet archive` into the folder of results, after it was verified: all of it or nothing.

No file that exists there is overwritten. Broken archives are not unpacked: `supernet audit --archive` lists what is
broken.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from supernet.audit.deposit.limits import Limits, add_limits
from supernet.audit.deposit.unpack import unpack
from supernet.provenance.folders import RESOURCES, RESULTS, Folders


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet unpack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path, metavar="FILE", help="archive of a study, such as mini.tar.zst")
    parser.add_argument("--results", default=RESULTS, metavar="FOLDER", help="folder of results (default: %(default)s)")
    parser.add_argument(
        "--resources", default=RESOURCES, metavar="FOLDER", help="folder of data sets and tables (default: %(default)s)"
    )
    add_limits(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Unpack the archive and print the number of results."""
    options = parse(arguments)
    # By default, this signal ends a process without deleting its temporary folder.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    folders = Folders(options.results, options.resources)
    manifest = unpack(options.archive, folders, Limits(options.max_gigabytes)).manifest
    print(f"study {manifest.study}: {len(set(manifest.results) - set(manifest.omitted))} results unpacked")
