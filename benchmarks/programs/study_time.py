"""Wall time and overhead of finished studies.

This program measures nothing: it reads what `make run` and `make midi` left in this checkout, or in that of
--checkout. A study counts if a single run of Snakemake made all its super-nets, from the first to the last step. Its
wall time comes from Snakemake's log; without such a log there is no result.

Overhead is the share of the study's core time (wall time times cores) in which no network was trained or scored. Work
is the time that torch jobs spent in their phases: training super-nets, scoring pools, training stand-alone networks
for ground truth and with swept values, and training and scoring for searches, zero-cost proxies, landscapes and
features where the study has them. Everything else is overhead: starting Python, importing torch, reading data, drawing,
metrics, Snakemake, and idle cores.
"""

import datetime
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.harness.findings import Findings, parse
from supernet.io.atomic import read_json
from supernet.pipeline.plan import Plan
from supernet.provenance.closure import ROOT

STUDIES = {"mini": ("make_run", "overhead_mini"), "midi": ("make_midi", "overhead_midi")}
FOLDERS = ("runs", "truth", "search", "proxies", "analysis", "systems", "standalone")
"""Folders of results whose jobs import torch and write timing files."""
PARTS = {
    "train_seconds": "training super-nets",
    "score_seconds": "scoring the pools",
    "search_seconds": "searches: training and scoring",
    "retrain_seconds": "searches: training their results",
    "worth_seconds": "searches: training their results",
    "proxies_seconds": "zero-cost proxies",
    "scan_seconds": "loss landscapes and features",
    "measure_seconds": "loss landscapes and features",
}
IN_ANALYSIS = "loss landscapes and features"
TRUTH = "ground truth: stand-alone trainings"
UNSHARED = "stand-alone networks with swept values"
IMPORT, OTHER = "importing torch", "torch jobs, other"


@dataclass(frozen=True)
class Session:
    """One run of Snakemake, from its log."""

    started: datetime.datetime
    seconds: float
    cores: int


def finished(checkout: Path, study: str, runs: int) -> Session | None:
    """Return the last run of Snakemake that trained all runs of a study and finished; None if there is none."""
    for path in sorted((checkout / ".snakemake" / "log").glob("*.snakemake.log"), reverse=True):
        text = path.read_text(encoding="utf-8", errors="replace")
        asked = re.search(r"^ *Command: .*\bstudy=(\S+)", text, re.MULTILINE)
        trained = re.search(rf"^train +{runs}$", text, re.MULTILINE)
        complete = re.search(r"^\d+ of \d+ steps \(100%\) done$", text, re.MULTILINE)
        if (asked[1] if asked else "mini") == study and trained and complete:
            return _session(text)
    return None


def _session(text: str) -> Session:
    def found(pattern: str) -> re.Match[str]:
        match = re.search(pattern, text, re.MULTILINE)
        if match is None:
            raise ValueError(f"Snakemake's log: no line matches {pattern}; the log may come from another version")
        return match

    days, hours, minutes, rest = found(r"^Elapsed time: (?:(\d+) days?, )?(\d+):(\d+):([\d.]+)$").groups("0")
    seconds = 86_400 * int(days) + 3600 * int(hours) + 60 * int(minutes) + float(rest)
    date = datetime.datetime.fromisoformat(found(r"^ *Date: ([\d-]+ [\d:]+)$")[1])
    return Session(date, seconds, int(found(r"^Provided cores: (\d+)")[1]))


def timings(results: Path) -> list[Path]:
    """Return the timing files of all torch jobs."""
    return [path for folder in FOLDERS for path in sorted((results / folder).rglob("*timing.json"))]


def torch_seconds(results: Path) -> dict[str, float]:
    """Return the core seconds of each phase of the jobs that import torch."""
    seconds: dict[str, float] = defaultdict(float)
    for path in timings(results):
        timing, folder = read_json(path), path.relative_to(results).parts[0]
        # A job that finds all of its results in the store does not import torch.
        imports = timing.get("import_seconds", 0.0)
        seconds[IMPORT] += imports
        named = 0.0
        for key, part in PARTS.items():
            if key in timing:
                part = {"truth": TRUTH, "analysis": IN_ANALYSIS, "standalone": UNSHARED}.get(folder, part)
                seconds[part] += timing["threads"] * timing[key]
                named += timing[key]
        seconds[OTHER] += timing["total_seconds"] - imports - named
    return seconds


def other_seconds(results: Path) -> dict[str, float]:
    """Return the wall seconds of the jobs without torch, from Snakemake's benchmark files."""
    seconds: dict[str, float] = defaultdict(float)
    names = {"table": "drawing tables", "figure": "drawing figures", "metrics": "metrics", "effects": "metrics"}
    torch_jobs = {"train", "truth", "search", "score", "proxies", "landscape", "features", "systems", "standalone"}
    for path in (results / "benchmarks").rglob("*.tsv"):
        rule = path.relative_to(results / "benchmarks").parts[0].removesuffix(".tsv")
        if rule not in torch_jobs:
            seconds[names.get(rule, "pools")] += pd.read_csv(path, sep="\t")["s"].sum()
    return seconds


def in_session(paths: Sequence[Path], session: Session) -> bool:
    """Return whether all files were written during that run of Snakemake, within a minute."""
    begin = session.started.timestamp()
    return all(begin - 60 <= path.stat().st_mtime <= begin + session.seconds + 60 for path in paths)


def report(checkout: Path, study: str, found: Findings) -> None:
    """Add wall time, overhead and phases of a study to the findings."""
    wall_key, overhead_key = STUDIES[study]
    runs = len(list(Plan.load({"study": study}, ROOT).study.runs()))
    session, results = finished(checkout, study, runs), checkout / "results" / study
    paths = timings(results)
    if session is None or not paths:
        command = "make run" if study == "mini" else f"make {study}"
        for key in (wall_key, overhead_key):
            found.add(key, None, f"not run here: {command}")
        return
    found.add(wall_key, session.seconds / 60, f"{runs} super-nets, {session.cores} cores, {session.started.date()}")
    if not in_session(paths, session):
        found.add(overhead_key, None, "some jobs ran again later")
        return
    whole = session.seconds * session.cores
    seconds = torch_seconds(results) | other_seconds(results)
    work = sum(taken for part, taken in seconds.items() if part in {TRUTH, UNSHARED, IN_ANALYSIS, *PARTS.values()})
    seconds["Snakemake and idle cores"] = whole - sum(seconds.values())
    found.add(overhead_key, 100 * (1 - work / whole), f"importing torch {seconds[IMPORT] / whole:.0%}")
    for part, taken in sorted(seconds.items(), key=lambda item: -item[1]):
        found.say(f"{study}: {part:42} {taken:6.0f} core seconds {taken / whole:5.1%}")


def main(arguments: Sequence[str]) -> None:
    elsewhere = {"type": Path, "default": ROOT, "help": "checkout with the finished studies (default: this one)"}
    options = parse(__doc__, arguments, [("--checkout", elsewhere)])
    found = Findings()
    for study in STUDIES:
        report(options.checkout, study, found)
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
