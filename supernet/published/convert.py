"""Conversion of a downloaded file to a table in the schema, with its metadata."""

import pandas as pd

from supernet import spaces
from supernet.download.fetch import FetchedForm
from supernet.download.sources import Table
from supernet.errors import UserError
from supernet.published.about import About
from supernet.published.readers import read


def convert(name: str, table: Table, fetched: FetchedForm) -> tuple[pd.DataFrame, About]:
    """Return rows and metadata of the table of this name; UserError if the file does not have the expected form."""
    if len(fetched.files) != 1:
        raise UserError(
            f"table {name}: the form {fetched.form} has {len(fetched.files)} files and its reader expects one; "
            "correct the sources"
        )
    (one,) = fetched.files
    parsed = read(name, table.space, table.dataset, fetched.form, one.path)
    rows, whole = parsed.rows, spaces.load(table.space).size
    complete = parsed.entries == whole
    about = About(
        table=name,
        space=table.space,
        dataset=table.dataset,
        form=fetched.form,
        file=one.file.name,
        origin=one.origin,
        algorithm=one.algorithm,
        digest=one.digest,
        licence=one.file.licence,
        source=one.file.source,
        rows=len(rows),
        size=whole,
        complete=complete,
        uniform_rows=int(rows["uniform"].sum()),
        merged=parsed.entries - len(rows),
        epochs=parsed.epochs,
        truth=parsed.truth,
    )
    return rows, about
