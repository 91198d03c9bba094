"""Time and peak memory of the metrics of a whole space.

One child process measures a run on all 15 625 cells of NASBench-201, as scripts/metrics.py does: every row of
metrics.parquet, in two batch-norm modes and two splits. Another one runs `supernet evaluate` on as many rows as
NASBench-101 has cells, with made-up names, against a made-up table with three trainings of each.
"""

import contextlib
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness.findings import Findings, parse
from benchmarks.programs.memory import resident_peak
from benchmarks.programs.tables import simulated_about
from supernet import spaces
from supernet.commands import evaluate
from supernet.config.pool_name import PoolName
from supernet.config.splits import Sizes
from supernet.config.study import Study
from supernet.metrics.study_metrics import PoolTruth
from supernet.pools.truth import COSTS
from supernet.provenance.closure import ROOT
from supernet.published.nasbench101.cells import SIZE
from supernet.published.schema import tabulate, write
from supernet.spaces.base import Space


def plain_study() -> Study:
    """Return a study of NASBench-201 with default metrics."""
    sizes = {"channels": 8, "layers": 3, "epochs": 2, "train_portion": 0.75}
    space = {"truth": sizes, "baseline": {"train_portion": 0.75}}
    content = {"study": "census", "title": "A census", "data": {"name": "digits", "scoring_portion": 0.25}}
    return Study.model_validate({**content, "spaces": {"nasbench201": space}})


def scored_pool(cells: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a pool of the first cells of NASBench-201 with ground truth, and its scores in four combinations."""
    space, rng = spaces.load("nasbench201"), np.random.default_rng(0)
    texts = sorted(space.format(space.architecture(number)) for number in range(cells))
    truth = rng.uniform(0.5, 0.95, cells).round(4)
    pool = pd.DataFrame({"arch_id": texts, "encoding": texts, "truth": truth, **dict.fromkeys(COSTS, range(cells))})
    scores = [
        pd.DataFrame({"arch_id": texts, "bn_mode": mode, "split": split}).assign(
            accuracy=(truth + rng.normal(0, 0.1, cells)).clip(0, 1).round(3), loss=rng.random(cells)
        )
        for mode in ("batch", "recalibrated")
        for split in ("scoring", "test")
    ]
    return pool, pd.concat(scores)


def measure_run(cells: int) -> float:
    """In a child process: measure a run on so many cells, and return the seconds."""
    pool, scores = scored_pool(cells)
    started = time.perf_counter()
    truth = PoolTruth(plain_study(), PoolName("nasbench201"), pool, Sizes(10_000, 5_000, 45_000))
    rows = list(truth.run_rows(scores, "complete"))
    seconds = time.perf_counter() - started
    if not all(np.isfinite(row["estimate"]) for row in rows):
        raise ValueError("a metric is undefined")
    return seconds


def write_table(folder: Path, rows: int, space: Space[object]) -> tuple[Path, Path]:
    """Write a published table and scores of its architectures; returns both paths."""
    rng = np.random.default_rng(0)
    digits = rng.bytes(16 * rows).hex()
    names = [digits[32 * number : 32 * number + 32] for number in range(rows)]
    texts = [space.format(cell) for cell in space.sample(rng, count=min(rows, 2_000))]
    runs = (0.9 + 0.03 * rng.standard_normal((rows, 3))).clip(0.1, 0.95).round(4)
    encodings = [texts[number % len(texts)] for number in range(rows)]
    table = tabulate(folder / "table.parquet", names, encodings, runs.mean(axis=1), runs=runs)
    about = simulated_about(rows).model_copy(update={"space": space.name})
    write(folder / "table.parquet", table, about)
    scores = pd.DataFrame({"arch": names, "score": runs[:, 0] + 0.05 * rng.standard_normal(rows)})
    scores.to_csv(folder / "scores.csv", index=False)
    return folder / "scores.csv", folder / "table.parquet"


def evaluate_file(folder: Path) -> float:
    """In a child process: run `supernet evaluate`, and return the seconds without the imports."""
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        evaluate.main([f"{folder}/scores.csv", "--space", "nasbench101", "--table", f"{folder}/table.parquet"])
    return time.perf_counter() - started


def child(task: str, folder: str, size: int) -> tuple[float, float]:
    """Run a task in a child process; returns its seconds and its peak resident memory in GB."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.programs.census",
        "--task",
        task,
        "--folder",
        folder,
        "--size",
        str(size),
    ]
    printed = subprocess.check_output(command, text=True, cwd=ROOT)
    seconds, resident = printed.split()
    return float(seconds), float(resident) / 1e9


def show(found: Findings, what: str, target: float, measured: tuple[float, float]) -> None:
    """Print and keep seconds and peak memory of a task with its target in seconds."""
    seconds, memory = measured
    verdict = "met" if seconds <= target else "missed"
    found.say(f"{what:56} {seconds:6.2f} s, peak {memory:.2f} GB  target {target:g} s: {verdict}")


def main(arguments: Sequence[str]) -> None:
    task = {"choices": ("run", "evaluate"), "help": "run as the child process of this task"}
    folder, size = {"type": Path, "help": "of its files"}, {"type": int, "help": "architectures"}
    options = parse(__doc__, arguments, [("--task", task), ("--folder", folder), ("--size", size)])
    if options.task is not None:
        seconds = measure_run(options.size) if options.task == "run" else evaluate_file(options.folder)
        print(seconds, resident_peak())
        return
    found = Findings()
    cells, rows = (3_000, 2_000) if options.quick else (15_625, SIZE)
    with tempfile.TemporaryDirectory(prefix="supernet-census-") as made:
        show(found, f"metrics of a run on {cells} architectures, 2 modes, 2 splits", 5.0, child("run", made, cells))
        write_table(Path(made), rows, spaces.load("nasbench101"))
        show(found, f"supernet evaluate with {rows} rows", 10.0, child("evaluate", made, rows))
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
