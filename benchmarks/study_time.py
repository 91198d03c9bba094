"""Where the time of a finished study went, as a Markdown table: import, training, scoring, ground truth, drawing.

Seconds of the torch jobs are their own (timing.json), those of the others Snakemake's wall time of the job.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from supernet import cli
from supernet.files import read_json

PARTS = {
    "import_seconds": "importing torch",
    "train_seconds": "training super-nets",
    "score_seconds": "scoring the pools",
    "search_seconds": "random search: scoring",
    "retrain_seconds": "random search: training what it found",
    "proxies_seconds": "zero-cost proxies",
}
TRUTH = "ground truth: stand-alone trainings"


def torch_seconds(results: Path) -> dict[str, float]:
    """Seconds of each part in the jobs that import torch; what no part covers is `other in torch jobs`."""
    seconds: dict[str, float] = defaultdict(float)
    for folder in ("runs", "truth", "search", "proxies"):
        for path in (results / folder).rglob("*timing.json"):
            timing = read_json(path)
            named = {PARTS[key]: value for key, value in timing.items() if key in PARTS}
            if folder == "truth":
                named[TRUTH] = named.pop(PARTS["train_seconds"])
            for part, value in named.items():
                seconds[part] += value
            seconds["other in torch jobs"] += timing["total_seconds"] - sum(named.values())
    return seconds


def other_seconds(results: Path) -> dict[str, float]:
    """Wall seconds of the jobs without torch, by Snakemake's benchmark files."""
    seconds: dict[str, float] = defaultdict(float)
    names = {"table": "drawing tables", "figure": "drawing figures", "metrics": "metrics"}
    for path in (results / "benchmarks").rglob("*.tsv"):
        rule = path.relative_to(results / "benchmarks").parts[0].removesuffix(".tsv")
        if rule not in ("train", "truth", "search", "score", "proxies"):
            seconds[names.get(rule, "pools")] += pd.read_csv(path, sep="\t")["s"].sum()
    return seconds


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=Path("results/mini"), help="results of a study")
    options = parser.parse_args(arguments)
    seconds = torch_seconds(options.results) | other_seconds(options.results)
    if not seconds:
        print(f"{options.results}: no finished study to look at; run `make run` first")
        return
    total = sum(seconds.values())
    print("| part | core seconds | share |\n| --- | ---: | ---: |")
    for part, value in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"| {part} | {value:.0f} | {100 * value / total:.0f} % |")
    print(f"| **sum** | **{total:.0f}** | |")


if __name__ == "__main__":
    cli.run(main)
