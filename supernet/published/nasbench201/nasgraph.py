"""NASBench-201, CSV files of NASGraph: one file per data set, accuracies in percent after 200 epochs.

For CIFAR-10, accuracies belong to the training on half of the training images (`cifar10-valid`), not to the training on
all of them, as in the tables of the benchmark. Source: Zhenhan-Huang/NASGraph-Public, `extract_nasbench.py`.
"""

from pathlib import Path

from supernet import spaces
from supernet.errors import UserError
from supernet.published.counts import exact
from supernet.published.formats.csv_table import read_csv
from supernet.published.nasbench201.facts import EPOCHS, dataset
from supernet.published.parsed import ParsedTable
from supernet.published.schema import tabulate

_HEADER = {
    "file id": "int64",
    "arch str": "str",
    "cfg name": "str",
    "C": "int64",
    "N": "int64",
    "train accuracy": "float64",
    "validation accuracy": "float64",
    "test accuracy": "float64",
}
_USED = ("arch str", "validation accuracy", "test accuracy")
_HALF = "mean test accuracy of the available runs (1 to 3) after 200 epochs on half of the 50 000 training images"


def read(path: Path, dataset_name: str) -> ParsedTable:
    """Read the file of one data set; UserError if the header is not as expected or an architecture is invalid."""
    facts, space = dataset(dataset_name), spaces.load("nasbench201")
    table = read_csv(path, _HEADER, _USED)
    texts = []
    for number, text in enumerate(table["arch str"]):
        try:
            texts.append(space.format(space.parse(text)))
        except UserError as error:
            raise UserError(f"{path}:{number + 2}: {error}") from error
    rows = tabulate(
        path,
        texts,
        texts,
        exact(table["test accuracy"] / 100, facts.test_images),
        valid_acc=exact(table["validation accuracy"] / 100, facts.valid_images),
    )
    return ParsedTable(rows, _HALF if dataset_name == "cifar10" else facts.truth, EPOCHS, len(rows))
