"""List the super-nets that the next run would train, the reasons, and an estimate of the time; nothing is trained."""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence

from supernet.audit.lineage import format_duration
from supernet.audit.pending import BROKEN, STALE, TRAINED, Pending, measured_rate, others, pending, read_summary
from supernet.audit.study_audit import KEYS, StudyAudit, add_arguments
from supernet.errors import UserError
from supernet.pipeline.inherited import inherited_lines
from supernet.runtime.checkout import checkout, config_file

SHOWN = 12
"""Runs listed per reason without --all."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="supernet plan", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--all", action="store_true", help=f"list all runs instead of the first {SHOWN} per reason")
    return parser.parse_args(arguments)


def summary(options: argparse.Namespace) -> str:
    """Return the output of `snakemake --summary`; raises UserError with Snakemake's message if it fails."""
    config = [f"{key}={getattr(options, key)}" for key in KEYS if getattr(options, key)]
    # In the current folder, as with Snakemake itself: paths of results are relative.
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(checkout() / "Snakefile"),
        "--configfile",
        str(config_file()),
        "--summary",
        "--cores",
        "1",
    ]
    command += ["--rerun-triggers", "mtime", "params", "input"]
    command += ["--config", *config] if config else []
    found = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if found.returncode:
        raise UserError(f"snakemake --summary failed:\n{found.stderr.strip()}")
    return found.stdout


def lines(found: Sequence[Pending], limit: int | None) -> Iterator[str]:
    """One block of lines per reason; `limit` runs of each, None for all."""
    for reason in (*TRAINED, STALE, BROKEN):
        runs = [one for one in found if one.reason == reason]
        if runs:
            yield f"\n{reason[:1].upper()}{reason[1:]} ({len(runs)}):"
            for one in runs[:limit]:
                yield f"  {one.run!s:48} {format_duration(one.seconds):>9}  {one.detail}".rstrip()
            if limit is not None and len(runs) > limit:
                yield f"  … and {len(runs) - limit} more (--all)"


def main(arguments: Sequence[str]) -> None:
    """Print the plan."""
    options = parse(arguments)
    study_audit = StudyAudit.open(options)
    summarised, rate = read_summary(summary(options)), measured_rate(study_audit.plan)
    found = pending(study_audit.plan, summarised, study_audit.audit, rate)
    study_audit.hashes.save()
    trained = [one for one in found if one.reason in TRAINED]
    total = format_duration(sum(one.seconds for one in trained))
    plan = study_audit.plan
    named = f"Study {plan.study.study}: {len(trained)} of {len(plan.runs)} super-nets would be trained"
    print(f"{named}, about {total} one after another." if trained else f"{named}.")
    for line in inherited_lines(plan.study_file, plan.root, None if options.all else SHOWN):
        print(line)
    for line in lines(found, None if options.all else SHOWN):
        print(line)
    if found:
        print(f"\nTimes are estimated from {rate.source}.")
    if any(one.reason in (STALE, BROKEN) for one in found):
        print("To train these again: `snakemake --cores N --forcerun FILE…`, or `--forcerun train` for all.")
    if counts := others(summarised):
        words = ", ".join(f"{count} of {rule}" for rule, count in sorted(counts.items()))
        print(f"Other files that would be made: {words}.")
