"""DARTS trained by OnceNAS-Bench: a CSV file with one line per training, with a genotype as DARTS' code base prints it.

The validation accuracies after 50 epochs differ from the test accuracies by at most two images of 10 000: both are of
the same images. All published numbers of parameters are those of our networks of 36 channels and 20 cells.
"""

from pathlib import Path

from supernet.published.darts.facts import facts
from supernet.published.darts.trainings import parsed
from supernet.published.formats.csv_table import read_csv
from supernet.published.parsed import ParsedTable

_TEXTS = ("weights_index", "architecture")
_TIMES = ("train_time10", "train_time50")
_HEADER = (
    *_TEXTS,
    "flop",
    "params",
    "train_time10",
    "train_acc10",
    "valid_acc10",
    "train_time50",
    "train_acc50",
    "valid_acc50",
    "test_acc50",
    "gpu_latency",
    "rasp_latency",
    "fpga_latency",
    "mcu_latency",
)


def read(path: Path, table: str) -> ParsedTable:
    """Read one of the tables of the file; UserError if the header is not as expected or a genotype is invalid."""
    known = facts(table)
    columns = {name: "str" if name in (*_TEXTS, *_TIMES) else "float64" for name in _HEADER}
    found = read_csv(path, columns, ("architecture", *known.columns))
    return parsed(path, found.rename(columns={"architecture": "genotype"}), known, first=1)
