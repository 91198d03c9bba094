"""Cost of provenance records: at the start of a program, per written file, and for an audit.

Targets: 50 ms per file in addition to hashing, 20 s for the audit of 10 000 files.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.findings import Findings, parse
from supernet.audit.file_status import Audit, State
from supernet.audit.hash_cache import HashCache
from supernet.io.atomic import publish
from supernet.pipeline.plan import Plan
from supernet.provenance.closure import ROOT
from supernet.provenance.folders import Folders
from supernet.provenance.record import record_path
from supernet.provenance.recorder import Recorder, recording

PROGRAM = ROOT / "scripts" / "train.py"
RUN_FILES = ("curve.parquet", "weights.safetensors", "scores.parquet", "run.json", "timing.json")
SMALL = b"x" * 1000
"""Content of a file that takes almost no time to hash."""
START = """
import time
from pathlib import Path
from supernet.provenance.recorder import Recorder
started = time.perf_counter()
Recorder(Path({program!r}))
print(time.perf_counter() - started)
"""


def seconds_of_start(repeats: int) -> float:
    """Return the median seconds in which a process records its code; the code cache is kept between processes."""
    command = [sys.executable, "-c", START.format(program=str(PROGRAM))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    runs = [subprocess.check_output(command, text=True, env=environment, cwd=ROOT) for _ in range(repeats + 1)]
    return statistics.median(map(float, runs[1:]))


def seconds_of_file(folder: Path, processes: int, files: int) -> tuple[float, float]:
    """Return the median seconds that a record adds to a small file: to the first of a process, and to each other file.

    Files with and without a record alternate, because the time of a disk sync changes from second to second.
    """
    first: list[float] = []
    others: list[float] = []
    for process in range(processes):
        recorder = Recorder(PROGRAM)
        recorder.use(config())
        for number in range(files):
            without = _seconds_of_one(folder / f"without{process}-{number}.json")
            with recording(recorder):
                added = _seconds_of_one(folder / f"with{process}-{number}.json") - without
            (others if number else first).append(added)
    return statistics.median(first), statistics.median(others)


def _seconds_of_one(path: Path) -> float:
    started = time.perf_counter()
    with publish(path) as temporary:
        temporary.write_bytes(SMALL)
    return time.perf_counter() - started


def config() -> dict[str, object]:
    """Return the config of a training."""
    plan = Plan.load({"study": "mini"}, ROOT)
    found: dict[str, object] = json.loads(plan.run("nasbench201", "baseline", "0"))
    return found


def write_study(folder: Path, runs: int) -> list[str]:
    """Write a study of `runs` runs with five recorded files each, without disk syncs; returns their paths."""
    recorder, paths = Recorder(PROGRAM, folders=Folders(str(folder))), []
    recorder.use(config())

    def write(name: str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(SMALL)
        record_path(path).write_text(json.dumps(recorder.record(path, path), indent=1, sort_keys=True))
        paths.append(str(path))
        return path

    recorder.read(write("pool.parquet"), "result", None)
    for run in range(runs):
        for name in RUN_FILES:
            write(f"runs/nasbench201/baseline/seed{run}/{name}")
    return paths


def seconds_of_audit(paths: list[str], folder: Path, cache: Path) -> float:
    """Return the seconds of the audit of these files, all of which must be intact."""
    started = time.perf_counter()
    hashes = HashCache(cache)
    audit = Audit({}, hashes, folders=Folders(str(folder)))
    states = {audit.status(path).state for path in paths}
    hashes.save()
    if states != {State.INTACT}:
        raise SystemExit(f"found states {states}; expected all files to be intact")
    return time.perf_counter() - started


def timed(label: str, measure: Callable[[], float], target: float | None, unit: float, name: str) -> str:
    """Return a line with a measurement and whether it meets its target."""
    found = measure()
    goal = "" if target is None else f"  target {target * unit:.0f} {name}: {'met' if found <= target else 'missed'}"
    return f"{label:58} {found * unit:8.1f} {name}{goal}"


def main(arguments: Sequence[str]) -> None:
    options = parse(__doc__, arguments)
    files, repeats = (20, 1) if options.quick else (10_000, 7)
    findings = Findings()
    with TemporaryDirectory(prefix="supernet-records-") as name:
        folder = Path(name)
        findings.say(timed("start of a program", lambda: seconds_of_start(repeats), None, 1e3, "ms"))
        first, other = seconds_of_file(folder, repeats, len(RUN_FILES))
        findings.say(timed("record of the first file of a process", lambda: first, 0.05, 1e3, "ms"))
        findings.say(timed("record of each other file", lambda: other, 0.05, 1e3, "ms"))
        paths = write_study(folder / "study", (files - 1) // len(RUN_FILES) + 1)[:files]
        cache, audited = folder / "hashes.json", partial(seconds_of_audit, folder=folder / "study")
        label = f"audit of {len(paths)} small files, "
        findings.say(timed(f"{label}empty cache", lambda: audited(paths, cache=cache), 20, 1, "s"))
        findings.say(timed(f"{label}cached hashes", lambda: audited(paths, cache=cache), 20, 1, "s"))
    findings.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
