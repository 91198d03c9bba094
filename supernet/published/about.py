"""What is known about a published table: where it comes from, how complete it is, what its accuracies are."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from supernet.config.base import Model
from supernet.errors import UserError

METADATA = b"supernet"
"""Key of the Parquet file's metadata that holds an `About` as JSON."""


class About(Model):
    """The provenance and extent of one table; it travels in the table's own file."""

    table: str
    """Name in `workflow/sources.yaml`."""
    space: str
    dataset: str
    """Images that the architectures were trained on."""
    form: str
    """Published format that it was read from."""
    file: str
    """Name of the file that it was read from."""
    origin: str
    """Where that file was fetched: an address, or the mirror."""
    algorithm: str
    """Of `digest`: sha256, md5 or git_blob."""
    digest: str
    licence: str
    source: str
    """What to cite."""
    rows: int
    size: int
    """Architectures of the whole published table."""
    complete: bool
    """Whether the file listed all of them."""
    uniform_rows: int
    """Rows that belong to a uniform random sample of the space."""
    merged: int
    """Entries of the file that were averaged into a row of an equal architecture."""
    epochs: int | None
    truth: str
    """What `test_acc` is."""

    def extent(self) -> str:
        """How much of the published table this is, in words."""
        if self.complete:
            return f"complete, {self.rows} architectures"
        return f"{self.rows} of {self.size} architectures, {self.uniform_rows} of them a uniform sample"


def read_about(path: Path) -> About:
    """What is known about a table; reads no rows. UserError if this is no table of ours."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; scripts/published.py makes it") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a Parquet file ({error}); make it again with scripts/published.py") from error
    if METADATA not in metadata:
        raise UserError(f"{path}: does not say which published table it is; make it with scripts/published.py")
    try:
        return About.model_validate_json(metadata[METADATA])
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"{path}: its metadata are of another version ({'.'.join(map(str, first['loc']))}: {first['msg']}); "
            "make it again with scripts/published.py"
        ) from error
