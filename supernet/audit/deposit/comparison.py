"""Comparison of archived files with those that were made again, byte for byte."""

import filecmp
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from supernet.audit.file_status import FileStatus

SAME = (
    "code, packages and inputs are those in its record: the archived file was changed together with its record, or "
    "this machine computes other values"
)


@dataclass(frozen=True)
class Pair:
    """A file of an archive: its name in the archive, its path, and the path of the file that was made again."""

    name: str
    archived: Path
    again: Path


@dataclass(frozen=True)
class Difference:
    """A file that is not the one of the archive, and what differs from its record now, in words."""

    name: str
    cause: str


def differences(pairs: Iterable[Pair], statuses: Iterable[FileStatus]) -> Iterator[Difference]:
    """Yield the files that differ from those of the archive, or were not made again.

    The causes come from `statuses`, those of the files of the archive.
    """
    known = {status.path: status for status in statuses}
    for one in pairs:
        if not one.again.is_file():
            yield Difference(one.name, f"{one.again} was not made")
        elif not filecmp.cmp(one.archived, one.again, shallow=False):
            found = known[one.name].discrepancies
            yield Difference(one.name, "; ".join(each.text for each in found) or SAME)
