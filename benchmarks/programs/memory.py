"""Peak memory of a training process.

A child process does the same as scripts/train.py up to its first steps, on a file of 60 000 random images of CIFAR-10's
shape: it reads and splits the images, builds the super-net and the trainer, and trains 30 random paths and then the
largest path. The result is the peak resident memory of that process, including torch, in 10⁹ bytes (Linux only).
"""

import importlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from benchmarks.harness.findings import Findings, parse
from supernet.config.datasets import DATASETS
from supernet.provenance.closure import ROOT
from supernet.runtime.startup import TUNABLES


def write_images(path: Path, count: int, official_test: int) -> None:
    """Write random images as scripts/data.py writes those of CIFAR-10."""
    pixels = np.random.default_rng(0).integers(256, size=(count, 3, 32, 32), dtype=np.uint8)
    labels = np.arange(count, dtype=np.int64) % 10
    save_file({"images": pixels, "labels": labels}, path, {"official_test": str(official_test)})


def train(path: Path, quick: bool) -> None:
    """In the child process: train some steps, and print the peak resident bytes after each stage."""
    importlib.import_module("scripts.train")  # everything that the real program imports
    from benchmarks.harness.bench import DATA, LARGE, QUICK, Bench
    from supernet.data.images import load_splits
    from supernet.spaces.nasbench201.encoding import CONV3X3, EDGES
    from supernet.training.device import configure

    configure(1, "cpu")
    peaks = [resident_peak()]
    splits = load_splits(path, DATA, 0)
    peaks.append(resident_peak())
    bench = Bench("nasbench201", QUICK if quick else LARGE["nasbench201"], splits)
    bench.trainer.run(until=2 if quick else 30)
    # The largest path, which random draws rarely reach: all edges of all cells keep features for the backward pass.
    largest = bench.space.parse([CONV3X3] * len(EDGES))
    for _ in range(2):
        bench.step((largest,))
    print(*peaks, resident_peak())


def resident_peak() -> int:
    """Return the peak resident memory of this process in bytes.

    `getrusage` may return the peak of the parent process instead.
    """
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * int(kilobytes)


def main(arguments: Sequence[str]) -> None:
    options = parse(
        __doc__,
        arguments,
        [("--child", {"type": Path, "help": "run as the child process, with the images of this file"})],
    )
    if options.child is not None:
        train(options.child, options.quick)
        return
    found, data = Findings(), DATASETS["cifar10"]
    with tempfile.TemporaryDirectory(prefix="supernet-memory-") as folder:
        path = Path(folder) / "images.safetensors"
        write_images(path, *((200, 50) if options.quick else (data.images, data.official_test)))
        command = [sys.executable, "-m", "benchmarks.programs.memory", "--child", str(path)]
        command += ["--quick"] * options.quick
        printed = subprocess.check_output(command, text=True, cwd=ROOT, env=os.environ | {"GLIBC_TUNABLES": TUNABLES})
    imported, split_up, trained = (int(number) / 1e9 for number in printed.split())
    found.add("memory", trained, f"{imported:.2f} after the imports, {split_up:.2f} after splitting the images")
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
