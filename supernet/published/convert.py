"""Conversion of downloaded files to a table in the schema, with its metadata."""

import pandas as pd

from supernet import spaces
from supernet.download.fetch import Fetched, FetchedForm
from supernet.download.sources import Table
from supernet.published.about import About, SourceFile
from supernet.published.readers import read


def convert(name: str, table: Table, fetched: FetchedForm) -> tuple[pd.DataFrame, About]:
    """Return rows and metadata of the table of this name; UserError if the files do not have the expected form."""
    parsed = read(name, table.space, table.dataset, fetched.form, *(one.path for one in fetched.files))
    rows, whole = parsed.rows, spaces.load(table.space).published_size(name)
    # Complete files can have more entries than architectures.
    complete = whole in (len(rows), parsed.entries)
    about = About(
        table=name,
        space=table.space,
        dataset=table.dataset,
        form=fetched.form,
        files=tuple(map(_source, fetched.files)),
        rows=len(rows),
        size=whole,
        complete=complete,
        uniform_rows=int(rows["uniform"].sum()),
        merged=parsed.entries - len(rows),
        epochs=parsed.epochs,
        truth=parsed.truth,
    )
    return rows, about


def _source(one: Fetched) -> SourceFile:
    return SourceFile(
        file=one.file.name,
        origin=one.origin,
        algorithm=one.algorithm,
        digest=one.digest,
        licence=one.file.licence,
        source=one.file.source,
    )
