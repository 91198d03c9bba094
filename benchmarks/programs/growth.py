"""How time grows: a step with channels, cells and batch size, scoring with the pool, `snakemake -n` with the study.

NASBench-201, one thread, random images. Steps of all sizes alternate; each time is the mean over the same architectures
of the median over rounds. Pools are scored as jobs score them, and each pool contains the smaller ones. `snakemake -n`
plans generated studies (`benchmarks/harness/dag.py`) without any result, in processor seconds. The exponent is the
slope of the least-squares line through the logarithms: 1 is proportional. A constant part makes it smaller, so the
slope between the two largest sizes is given as well.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from benchmarks.harness.bench import Bench, Size, drawn, random_splits, seconds, warm
from benchmarks.harness.dag import study
from benchmarks.harness.findings import Findings, parse
from benchmarks.programs.scoring import Scorer
from supernet.data.images import Splits
from supernet.provenance.closure import ROOT
from supernet.training.device import configure

BASE = Size(16, 3, 64, 3)
# Channels, cells per stage, images per batch.
SWEEPS = ((4, 8, 16, 32, 64), (1, 2, 3, 5, 8), (16, 32, 64, 128, 256))
QUICK_SWEEPS = ((4, 8), (1, 2), (8, 16))


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return the slope of the least-squares line through log(size), log(time)."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def step_milliseconds(sizes: Sequence[Size], splits: Splits, architectures: int) -> list[float]:
    """Return the milliseconds of a step of each size, a mean over architectures."""
    benches = [Bench("nasbench201", size, splits) for size in sizes]
    groups = drawn(benches[0], architectures)
    for bench in benches:
        warm(bench, groups)
    taken: list[list[list[float]]] = [[[] for _ in groups] for _ in benches]
    for _ in range(BASE.rounds):
        for bench, times in zip(benches, taken, strict=True):
            for group, own in zip(groups, times, strict=True):
                own.append(seconds(lambda b=bench, g=group: b.step(g)))  # type: ignore[misc]
    return [1000 * statistics.fmean(map(statistics.median, times)) for times in taken]


def pool_seconds(pools: Sequence[int], scorer: Scorer) -> list[float]:
    """Return the seconds to score the first architectures of one list, for each pool size."""
    archs = [group[0] for group in drawn(scorer.bench, max(pools))]
    scorer.one_by_one(archs[:20])
    return [seconds(lambda n=pool: scorer.together(archs[:n])) for pool in pools]  # type: ignore[misc]


def plan_seconds(runs: Sequence[int]) -> list[float]:
    """Return the processor seconds that Snakemake takes to plan a study of each number of runs."""
    with tempfile.TemporaryDirectory(prefix="supernet-growth-") as name:
        return [_plan_seconds(study(count), Path(name, str(count))) for count in runs]


def _plan_seconds(planned: Mapping[str, object], folder: Path) -> float:
    file = folder / f"{planned['study']}.yaml"
    folder.mkdir()
    file.write_text(yaml.safe_dump(planned))
    # Results and state elsewhere, so that runs of this checkout do not interfere and are not disturbed.
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--config", f"study={file}"]
    command += [f"results={folder}/results", f"state={folder}/state"]
    before = _processor_seconds()
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode:
        raise RuntimeError(f"snakemake -n of {planned['study']} failed:\n{ran.stdout[-2000:]}")
    return _processor_seconds() - before


def _processor_seconds() -> float:
    """Return the processor seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str]) -> None:
    options = parse(__doc__, arguments)
    quick = options.quick
    configure(1, "cpu")
    found = Findings()
    splits = random_splits(600, 20) if quick else random_splits(5000, 250)
    architectures = 2 if quick else 4

    def note(name: str, x_label: str, y_label: str, sizes: Sequence[float], times: Sequence[float]) -> None:
        slope = exponent(sizes, times)
        last = exponent(sizes[-2:], times[-2:])
        points = {"sizes": list(sizes), "times": list(times)}
        found.series[name] = {"x": x_label, "y": y_label, **points, "exponent": slope, "last_exponent": last}
        shown = ", ".join(f"{size:g}: {time:.3g}" for size, time in zip(sizes, times, strict=True))
        found.say(f"{y_label} against {x_label}: {shown}; exponent {slope:.2f}, between the last two {last:.2f}")

    base = Size(4, 1, 8, 1) if quick else BASE
    channels, layers, batches = QUICK_SWEEPS if quick else SWEEPS
    swept = {
        "channels": [Size(value, base.layers, base.batch_size, 1) for value in channels],
        "layers": [Size(base.channels, value, base.batch_size, 1) for value in layers],
        "batch_size": [Size(base.channels, base.layers, value, 1) for value in batches],
    }
    labels = {"channels": "channels", "layers": "cells per stage", "batch_size": "images per batch"}
    for name, sizes in swept.items():
        times = step_milliseconds(sizes, splits, architectures)
        note(name, labels[name], "step, ms", [getattr(size, name) for size in sizes], times)
    pools = [5, 10] if quick else [25, 50, 100, 200, 400, 800]
    note("pool", "architectures in the pool", "scoring, s", pools, pool_seconds(pools, Scorer(quick)))
    runs = [50, 100] if quick else [50, 100, 200, 400, 800]
    note("runs", "super-nets in the study", "snakemake -n, processor s", runs, plan_seconds(runs))
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
