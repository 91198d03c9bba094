"""Metadata of a published table: its origin, its extent, and the meaning of its accuracies."""

from pathlib import Path

from pydantic import Field, ValidationError

from supernet.config.base import Model
from supernet.errors import UserError
from supernet.io.parquet import opened

METADATA = b"supernet"
"""Key of the metadata of the Parquet file whose value is an `About` as JSON."""


class SourceFile(Model):
    """A downloaded file that a table was made from."""

    file: str
    """Name of the file."""
    origin: str
    """Where it was fetched: a URL or a file of the mirror."""
    algorithm: str
    """Algorithm of `digest`: sha256, md5 or git_blob."""
    digest: str
    licence: str
    source: str
    """Reference to cite."""


class About(Model):
    """Origin and extent of one table, stored in the file of the table."""

    table: str
    """Name in `workflow/sources.yaml`."""
    space: str
    dataset: str
    """Data set that the architectures were trained on."""
    form: str
    """Published format of the source files."""
    files: tuple[SourceFile, ...] = Field(min_length=1, strict=False)
    """The source files, in the order of `workflow/sources.yaml`."""
    rows: int
    size: int
    """Number of architectures of the complete published table."""
    complete: bool
    """Whether the source files have all architectures of the published table."""
    uniform_rows: int
    """Number of rows that belong to a uniform random sample of the space."""
    merged: int
    """Number of entries of the source files that were averaged into the row of an equal architecture."""
    epochs: int | None
    truth: str
    """Description of `test_acc`."""

    def extent(self) -> str:
        """Return a phrase about the number of rows and the completeness of the table."""
        if self.complete:
            return f"complete, {self.rows} architectures"
        return f"{self.rows} of {self.size} architectures, {self.uniform_rows} of them a uniform sample"


def read_about(path: Path) -> About:
    """Read the metadata of a table without its rows; UserError if the file was not written by scripts/published.py."""
    if not path.exists():
        raise UserError(f"{path}: no such file; scripts/published.py makes it")
    with opened(path) as file:
        metadata = file.schema_arrow.metadata or {}
    if METADATA not in metadata:
        raise UserError(f"{path}: has no metadata of a published table; make it with scripts/published.py")
    try:
        return About.model_validate_json(metadata[METADATA])
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"{path}: its metadata have another version ({'.'.join(map(str, first['loc']))}: {first['msg']}); "
            "make it again with scripts/published.py"
        ) from error
