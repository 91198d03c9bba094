"""The readers of the forms of published tables, by space."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from supernet.errors import UserError
from supernet.published.darts import mirror as darts_mirror
from supernet.published.darts import nas_benchmark, nds, oncenas, swap
from supernet.published.macro import mirror as macro_mirror
from supernet.published.macro import official as macro_official
from supernet.published.nasbench101 import mirror as nasbench101_mirror
from supernet.published.nasbench101 import nasgraph as nasbench101_nasgraph
from supernet.published.nasbench101 import official as nasbench101_official
from supernet.published.nasbench201 import mirror as nasbench201_mirror
from supernet.published.nasbench201 import nasgraph as nasbench201_nasgraph
from supernet.published.nasbench201 import nats, short
from supernet.published.parsed import ParsedTable


class _Reader(NamedTuple):
    read: Callable[..., ParsedTable]
    """Called with the paths of the files of the form."""
    files: int = 1


def read(table: str, space: str, dataset: str, form: str, *files: Path) -> ParsedTable:
    """Read a published table in one of its forms.

    Args:
        table: name in the sources; it distinguishes tables of one file.
        space, dataset: space of the architectures, and data set that they were trained on.
        form: name of the format.
        files: the downloaded files of the form, in the order of the sources.

    Raises UserError if there is no reader for this form of this space, if the form has another number of files, or if
    a file does not have this form.
    """
    readers = _readers(table, dataset)
    if (space, form) not in readers:
        known = ", ".join(f"{form} of {space}" for space, form in readers)
        raise UserError(f"table {table}: found the form {form!r} of {space}; there are readers for {known}")
    reader = readers[space, form]
    if len(files) != reader.files:
        raise UserError(
            f"table {table}: forms: {form}: found {len(files)} files; its reader expects {reader.files}: correct the "
            "sources"
        )
    return reader.read(*files)


def _readers(table: str, dataset: str) -> Mapping[tuple[str, str], _Reader]:
    return {
        ("nasbench101", "nasgraph_csv"): _Reader(nasbench101_nasgraph.read),
        ("nasbench101", "tfrecord"): _Reader(nasbench101_official.read),
        ("nasbench101", "mirror"): _Reader(nasbench101_mirror.read),
        ("nasbench201", "nasgraph_csv"): _Reader(lambda path: nasbench201_nasgraph.read(path, dataset)),
        ("nasbench201", "nats"): _Reader(lambda path: nats.read(path, dataset)),
        ("nasbench201", "mirror"): _Reader(lambda path: nasbench201_mirror.read(path, dataset)),
        ("nasbench201", "mirror_runs"): _Reader(
            lambda means, runs: nasbench201_mirror.read_with_runs(means, runs, dataset), files=2
        ),
        ("nasbench201", "mini_frame"): _Reader(lambda path: short.read_frame(path, dataset)),
        ("nasbench201", "mirror_12epochs"): _Reader(lambda path: short.read_mirror(path, dataset)),
        ("darts", "oncenas_csv"): _Reader(lambda path: oncenas.read(path, table)),
        ("darts", "genotypes_and_curves"): _Reader(
            lambda genotypes, curves: nas_benchmark.read(genotypes, curves, table), files=2
        ),
        ("darts", "swap_csv"): _Reader(lambda path: swap.read(path, table)),
        ("darts", "mirror"): _Reader(lambda path: darts_mirror.read(path, table)),
        ("darts", "nds_json"): _Reader(lambda path: nds.read(path, _nds_file(table))),
        ("macro", "macro_json"): _Reader(macro_official.read),
        ("macro", "mirror"): _Reader(macro_mirror.read),
    }


def _nds_file(table: str) -> str:
    """Return the file in the archive: networks of one width and depth, or of many for tables `…-varied`."""
    return "DARTS.json" if table.endswith("-varied") else "DARTS_fix-w-d.json"
