"""Kill a small study at random points, resume it, and compare its results with those of an undisturbed run.

    python tests/kills --kills 40 --seed 0

Each kill is drawn before: a job, one of its phases, and the share of the phase that is done, or the start of the job.
SIGKILL goes to the program of the job, to Snakemake and all its programs, or to Snakemake alone, whose programs then
compete with those of the next Snakemake. The program prints a table of the kills and exits with 1 if a result differs.
When a job passes a point before it can be killed, the point is drawn again for another run of the study.
"""

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from checkouts import copy_checkout

from supernet.config.artifacts import OTHERS, Artifacts
from supernet.io.writers import leftovers
from supernet.provenance.record import SUFFIX, read_record, record_path

STUDY = "kills"
PATHS = Artifacts(f"results/{STUDY}")
TARGETS = (
    PATHS.metrics,
    PATHS.effects,
    PATHS.systems("nasbench201", 0, 0).table,
    PATHS.landscape("nasbench201").table,
)
TARGETS_OF = ("program", "all", "Snakemake")
"""What a kill hits, and how often."""
WEIGHTS = (6, 2, 1)
PROGRAMS = 30
"""Programs that start, at least: a start that is killed is one more."""
STARTS = 0.2
"""Share of the kills that hit a job before it reports progress."""


Phase = tuple[str, str]
"""A job, by the name of its progress file, and one of its phases; the phase of a start is empty."""


@dataclass(frozen=True)
class Point:
    """A point of a run: a phase of a job, and the share that is done.

    For a start, the phase has the number of the program among all that start, and the share is in seconds.
    """

    phase: Phase
    share: float


@dataclass(frozen=True)
class Running:
    """A running program: its script, its number among all programs that have started, and the seconds since."""

    script: str
    number: str
    seconds: float


@dataclass(frozen=True)
class Kill:
    """A kill: what it hit, and where the job was."""

    target: str
    job: str
    phase: str


class Study:
    """The study in a folder; Snakemake runs in a separate process group."""

    def __init__(self, folder: Path, checkout: Path, resources: Path) -> None:
        self.folder, self._checkout, self._resources = folder, checkout, resources
        folder.mkdir()
        self._orphans: list[psutil.Process] = []

    def start(self) -> None:
        """Start Snakemake."""
        config = {"study": "tests/studies/kills.yaml", "checkpoint_seconds": 0.2, "device": "cpu"}
        config |= {"results": self.folder / "results", "state": self.folder / "state", "resources": self._resources}
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "2",
            "--nolock",
            "--rerun-incomplete",
            "--retries",
            "100",
        ]
        targets = [str(self.folder / target) for target in TARGETS]
        command += [*targets, "--config", *(f"{key}={value}" for key, value in config.items())]
        with (self.folder / "snakemake.log").open("ab") as log:
            self._snakemake = psutil.Popen(command, cwd=self._checkout, stdout=log, stderr=log, start_new_session=True)

    @property
    def code(self) -> int | None:
        """Exit code of Snakemake; None while it runs."""
        return self._snakemake.poll()  # type: ignore[no-any-return]

    def check(self) -> None:
        """Exit with a message if Snakemake has failed."""
        if self.code:
            raise SystemExit(f"the study failed:\n{(self.folder / 'snakemake.log').read_text()[-3000:]}")

    def reports(self) -> dict[str, dict[str, Any]]:
        """Return the progress of the running jobs, by the names of their files."""
        found = {}
        for file in (self.folder / "state" / STUDY / "progress").glob("*.json"):
            try:
                report = json.loads(file.read_text())
            except (FileNotFoundError, ValueError):
                continue
            if psutil.pid_exists(report["pid"]):
                found[file.stem] = report
        return found

    def programs(self) -> dict[int, str]:
        """Return the running programs of this Snakemake: their scripts by process id."""
        try:
            children = self._snakemake.children(recursive=True)
        except psutil.NoSuchProcess:
            return {}
        return {one.pid: script for one in children if (script := _script(one))}

    def kill(self, target: str, pid: int) -> None:
        """Kill a program, or Snakemake with or without its programs; it must be one of this study's."""
        if target == "program":
            if pid in self.programs():
                os.kill(pid, signal.SIGKILL)
            return
        if target == "all":
            os.killpg(self._snakemake.pid, signal.SIGKILL)
        else:
            self._orphans += self._snakemake.children(recursive=True)
            self._snakemake.kill()
        self._snakemake.wait()

    def end(self) -> None:
        """Kill the programs that an earlier Snakemake has left, if any still runs."""
        for one in self._orphans:
            if one.is_running():
                one.kill()


def _script(process: psutil.Process) -> str:
    """Return the name of the program that a process runs; empty for shells and for a process that has ended."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return ""
    scripts = [Path(part).name for part in command[:6] if part.endswith(".py") and "/scripts/" in part]
    return scripts[0] if "supernet.runtime.start" in command and scripts else ""


def phases_of(study: Study) -> list[Phase]:
    """Run the study undisturbed, and return the phases that its jobs report."""
    study.start()
    seen: dict[Phase, None] = {}
    while study.code is None:
        seen |= {(job, report["phase"]): None for job, report in study.reports().items()}
        time.sleep(0.02)
    study.check()
    return list(seen)


def draw(phases: list[Phase], count: int, rng: random.Random) -> list[Point]:
    """Draw points, all phases and programs being equally likely."""
    number = sum(rng.random() < STARTS for _ in range(count))
    starts = [Point(("", str(rng.randrange(PROGRAMS))), rng.uniform(0.0, 5.0)) for _ in range(number)]
    return [*starts, *(Point(rng.choice(phases), rng.random()) for _ in range(count - len(starts)))]


def run(study: Study, points: list[Point], rng: random.Random) -> Iterator[Kill]:
    """Run the study to its end, kill it at the points that are met, and yield the kills."""
    study.start()
    since: dict[int, float] = {}
    left = list(points)
    while study.code is None:
        now, reports, programs = time.monotonic(), study.reports(), study.programs()
        for pid in programs:
            since.setdefault(pid, now)
        running = {
            pid: Running(programs[pid], str(number), now - start)
            for number, (pid, start) in enumerate(since.items())
            if pid in programs
        }
        found = _met(left, reports, running)
        if found is None:
            time.sleep(0.02)
            continue
        point, pid, kill = found
        left.remove(point)
        target = rng.choices(TARGETS_OF, WEIGHTS)[0]
        study.kill(target, pid)
        yield Kill(target, *kill)
        if target != "program":
            study.start()
    study.check()


def _met(
    points: list[Point], reports: dict[str, dict[str, Any]], running: dict[int, Running]
) -> tuple[Point, int, tuple[str, str]] | None:
    """Return a point that a job has reached, the job's process, and its name and phase; None if there is none."""
    reported = {report["pid"] for report in reports.values()}
    for point in points:
        job, phase = point.phase
        for pid, one in running.items():
            if not job and one.number == phase and one.seconds >= point.share and pid not in reported:
                return point, pid, (one.script, f"start, {one.seconds:.1f} s")
        report = reports.get(job)
        there = report is not None and report["phase"] == phase and report["pid"] in running
        if report is not None and there and report["done"] >= point.share * report["total"]:
            return point, report["pid"], (job, f"{phase} {report['done']}/{report['total']}")
    return None


def contents(folder: Path) -> dict[str, bytes]:
    """Return results by path, and digests of their records; timings, logs and locks differ between any two runs."""
    results, found = folder / "results" / STUDY, {}
    for path in sorted(one for one in results.rglob("*") if one.is_file()):
        name = path.relative_to(results).as_posix()
        if name.split("/")[0] in OTHERS or "timing.json" in name or name.endswith(SUFFIX):
            continue
        found[name] = path.read_bytes()
        found[f"digest of {name}"] = read_record(path)["digest"].encode()
    return found


def resumed(folder: Path) -> int:
    """Count the jobs of a study whose records name a resumption."""
    paths = [*folder.rglob("timing.json"), *folder.rglob("*.timing.json")]
    return sum("resumed" in read_record(path)["circumstances"] for path in paths if record_path(path).exists())


def main() -> None:
    """Run, kill, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, began = random.Random(options.seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="supernet-kills-") as name:
        checkout, resources = copy_checkout(Path(name, "checkout")), Path(name, "resources")
        undisturbed = Study(Path(name, "undisturbed"), checkout, resources)
        phases = phases_of(undisturbed)
        expected, seconds = contents(undisturbed.folder), time.monotonic() - began
        print(f"undisturbed: {len(expected) // 2} results, {len(phases)} phases in {seconds:.0f} s", flush=True)
        kills: list[Kill] = []
        differences = rounds = again = 0
        while len(kills) < options.kills:
            rounds += 1
            study = Study(Path(name, f"round{rounds}"), checkout, resources)
            try:
                for kill in run(study, draw(phases, options.kills - len(kills), rng), rng):
                    kills.append(kill)
                    print(f"{len(kills):3} {kill.target:9} {kill.job:32} {kill.phase}", flush=True)
            finally:
                study.end()
            again += resumed(study.folder / "results")
            differences += _compare(study.folder, expected)
    hit = Counter((kill.job, re.sub(r",? [\d./]+( s)?$", "", kill.phase)) for kill in kills)
    print("\n| job | phase | kills |\n|---|---|---:|")
    print("\n".join(f"| {job} | {phase} | {count} |" for (job, phase), count in sorted(hit.items())))
    counts = ", ".join(f"{count} of {target}" for target, count in Counter(kill.target for kill in kills).items())
    print(f"\n{len(kills)} kills ({counts}) in {rounds} rounds, {time.monotonic() - began:.0f} s.")
    print(f"{again} jobs say where they were resumed; {differences} differences.")
    sys.exit(differences > 0)


def _compare(folder: Path, expected: dict[str, bytes]) -> int:
    """Print and count differences from the undisturbed results, and files that are left over."""
    found = contents(folder)
    wrong = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    state = folder / "state" / STUDY
    wrong += [f"left: {path}" for path in [*leftovers(folder), *state.rglob("*.safetensors"), *state.rglob("*.jsonl")]]
    for name in wrong:
        print(f"differs: {name}")
    return len(wrong)


if __name__ == "__main__":
    main()
