"""The readers of the forms of published tables, by space."""

from collections.abc import Callable, Mapping
from pathlib import Path

from supernet.errors import UserError
from supernet.published.darts import nds
from supernet.published.macro import mirror as macro_mirror
from supernet.published.macro import official as macro_official
from supernet.published.nasbench101 import mirror as nasbench101_mirror
from supernet.published.nasbench101 import nasgraph as nasbench101_nasgraph
from supernet.published.nasbench101 import official as nasbench101_official
from supernet.published.nasbench201 import mirror as nasbench201_mirror
from supernet.published.nasbench201 import nasgraph as nasbench201_nasgraph
from supernet.published.nasbench201 import nats
from supernet.published.parsed import ParsedTable


def read(table: str, space: str, dataset: str, form: str, path: Path) -> ParsedTable:
    """Read a published table in one of its forms.

    Args:
        table: name in the sources; it distinguishes the two DARTS tables of one archive.
        space, dataset: space of the architectures, and data set that they were trained on.
        form: name of the format.
        path: the downloaded file.

    Raises UserError if there is no reader for this form of this space, or if the file does not have this form.
    """
    readers = _readers(table, dataset)
    if (space, form) not in readers:
        known = ", ".join(f"{form} of {space}" for space, form in readers)
        raise UserError(f"table {table}: found the form {form!r} of {space}; there are readers for {known}")
    return readers[space, form](path)


def _readers(table: str, dataset: str) -> Mapping[tuple[str, str], Callable[[Path], ParsedTable]]:
    return {
        ("nasbench101", "nasgraph_csv"): nasbench101_nasgraph.read,
        ("nasbench101", "tfrecord"): nasbench101_official.read,
        ("nasbench101", "mirror"): nasbench101_mirror.read,
        ("nasbench201", "nasgraph_csv"): lambda path: nasbench201_nasgraph.read(path, dataset),
        ("nasbench201", "nats"): lambda path: nats.read(path, dataset),
        ("nasbench201", "mirror"): lambda path: nasbench201_mirror.read(path, dataset),
        ("darts", "nds_json"): lambda path: nds.read(path, _nds_file(table)),
        ("macro", "macro_json"): macro_official.read,
        ("macro", "mirror"): macro_mirror.read,
    }


def _nds_file(table: str) -> str:
    """Return the file in the archive: networks of one width and depth, or of many for tables `…-varied`."""
    return "DARTS.json" if table.endswith("-varied") else "DARTS_fix-w-d.json"
