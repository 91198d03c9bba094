"""NASBench-201, Parquet file of a mirror: accuracies in percent after 200 epochs on three data sets.

Columns: `op_eIJ`, the number of the operation on the edge from node I to node J (0 none, 1 skip_connect,
2 nor_conv_1x1, 3 nor_conv_3x3, 4 avg_pool_3x3), and accuracies. `cifar10_test_acc` belongs to the training on
all training images.
"""

from pathlib import Path

from supernet import spaces
from supernet.published.counts import exact
from supernet.published.formats.parquet_table import read_parquet
from supernet.published.nasbench201.facts import EPOCHS, dataset
from supernet.published.parsed import ParsedTable
from supernet.published.schema import tabulate
from supernet.spaces.nasbench201.encoding import EDGES


def read(path: Path, dataset_name: str) -> ParsedTable:
    """Read one data set; UserError if a column is missing or an operation is not in the space."""
    facts, space = dataset(dataset_name), spaces.load("nasbench201")
    edges = [f"op_e{source}{target}" for source, target in EDGES]
    accuracies = dict.fromkeys((facts.mirror_test, facts.mirror_valid), "numbers")
    table = read_parquet(path, {**dict.fromkeys(edges, "integers"), **accuracies})
    texts = [space.format(space.decode(operations, "nats")) for operations in table[edges].to_numpy().tolist()]
    rows = tabulate(
        path,
        texts,
        texts,
        exact(table[facts.mirror_test].astype("float64") / 100, facts.test_images),
        valid_acc=exact(table[facts.mirror_valid].astype("float64") / 100, facts.valid_images),
    )
    return ParsedTable(rows, facts.truth, EPOCHS, len(rows))
