"""Whether a file of the store is as its record says."""

from pathlib import Path
from typing import Any

from supernet.provenance.folders import is_at
from supernet.provenance.hashes import digests
from supernet.provenance.record import RecordError, read_record


def intact_record(path: Path | str) -> dict[str, Any]:
    """Return the record of a file. Raises RecordError unless the file has the content and the place in the record."""
    record = read_record(path)
    made = record["made"]
    if not is_at(made["file"], path):
        raise RecordError(path, f"its record is of {made['file']}: the file was moved or exchanged")
    if made["sha256"] != digests(Path(path), ["sha256"])["sha256"]:
        raise RecordError(path, "its content differs from its record: it was changed after it was made")
    return record
