"""Limits of what is read from an archive or a crate, so that a small hostile one cannot fill a disk or the memory."""

import argparse
import math
from dataclasses import dataclass

GIGABYTE = 1_000_000_000
MAX_GIGABYTES = 20.0
"""Unpacked size of an archive, in 10⁹ bytes; archives with weights may need more, so that commands have an option."""
MAX_RATIO = 200
"""Unpacked bytes per packed byte, beyond the first `FREE_BYTES`. The results of `mini` without pictures have 18."""
FREE_BYTES = 50_000_000
"""Unpacked bytes for which the ratio is not checked: records of one job are almost equal, so that they pack well."""
MAX_RESULTS = 100_000
"""Results in a manifest; the study `paper` has 2 400."""
MAX_OWN_FILES = 200
"""Files in the deposit's own folder: the study, the configuration, the lock file, the sources and the rules."""
MAX_MANIFEST_BYTES = 64_000_000
MAX_OWN_BYTES = 4_000_000
"""Size of a file in the deposit's own folder."""
MAX_HEADER_BYTES = 1_000_000
"""Bytes of the archive between the contents of two members. The reader of tar files keeps headers in memory."""


@dataclass(frozen=True)
class Limits:
    """The limits that a user can raise."""

    gigabytes: float = MAX_GIGABYTES
    """Unpacked size, in 10⁹ bytes."""

    @property
    def bytes(self) -> int:
        """The unpacked size in bytes."""
        return int(self.gigabytes * GIGABYTE)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of commands that read an archive."""
    parser.add_argument(
        "--max-gigabytes",
        type=_positive,
        default=MAX_GIGABYTES,
        metavar="GB",
        help="refuse an archive that unpacks to more (default: %(default)g)",
    )


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a number above 0")
    return value
