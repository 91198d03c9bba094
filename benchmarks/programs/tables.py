"""Time to load a published table of NASBench-101's size and to look up architectures.

Compared with plain Python: the same rows read from a CSV file into a dictionary, with one look-up per architecture.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.harness.findings import Findings, parse
from supernet.published.about import About, SourceFile
from supernet.published.nasbench101.cells import SIZE
from supernet.published.schema import tabulate, write
from supernet.published.table import PublishedTable


def simulated_rows(count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return rows with ids, encodings and accuracies of NASBench-101's form."""
    digits = rng.bytes(16 * count).hex()
    ids = [digits[32 * number : 32 * number + 32] for number in range(count)]
    runs = rng.random((count, 3))
    return tabulate(
        Path("simulated"),
        ids,
        [f"I3M331O:{name[:6]}/10000/1001/010/10/1" for name in ids],
        runs.mean(axis=1),
        valid_acc=runs[:, 0],
        runs=runs,
        parameters=rng.integers(10**6, 10**7, count),
    )


def simulated_about(rows: int) -> About:
    """Return metadata, which loading reads as well."""
    text = dict.fromkeys(("table", "space", "dataset", "form", "truth"), "simulated")
    file = dict.fromkeys(SourceFile.model_fields, "simulated")
    numbers = dict.fromkeys(("rows", "size", "uniform_rows"), rows)
    return About.model_validate({**text, **numbers, "files": [file], "complete": True, "merged": 0, "epochs": 108})


def seconds(task: Callable[[], object]) -> float:
    """Return the best wall time of three calls."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        task()
        times.append(time.perf_counter() - started)
    return min(times)


def dictionary(path: Path) -> dict[str, float]:
    """Read test accuracies by id, in plain Python."""
    table = pd.read_csv(path)
    return dict(zip(table["arch_id"], table["test_acc"], strict=True))


def main(arguments: Sequence[str]) -> None:
    options = parse(__doc__, arguments)
    rng = np.random.default_rng(0)
    rows = simulated_rows(1_000 if options.quick else SIZE, rng)
    wanted = rows["arch_id"].iloc[rng.integers(len(rows), size=100 if options.quick else 20_000)].tolist()
    with tempfile.TemporaryDirectory() as folder:
        ours, plain = Path(folder) / "table.parquet", Path(folder) / "table.csv"
        write(ours, rows, simulated_about(len(rows)))
        rows.to_csv(plain, index=False)
        columns = ("arch_id", "encoding", "test_acc")

        def found() -> npt.NDArray[np.float64]:
            table = PublishedTable.load(ours, columns)
            return table.test_acc[table.rows(wanted)]

        def plainly_found() -> npt.NDArray[np.float64]:
            known = dictionary(plain)
            return np.array([known[name] for name in wanted])

        np.testing.assert_allclose(found(), plainly_found())
        times = {
            "load, all columns": (seconds(lambda: PublishedTable.load(ours)), seconds(lambda: dictionary(plain))),
            "load, and look up": (seconds(found), seconds(plainly_found)),
        }
    found_out = Findings()
    found_out.say(f"published table of {len(rows)} architectures, {len(wanted)} looked up")
    for task, (fast, slow) in times.items():
        found_out.say(f"  {task:20} {fast:7.3f} s, plain {slow:7.3f} s, ratio {slow / fast:6.1f}")
    found_out.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
