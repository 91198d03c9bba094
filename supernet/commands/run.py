"""Run a study with Snakemake: show its progress, explain failures, print the outcome."""

import io
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TextIO

from supernet.launcher.failure import failure_message
from supernet.launcher.log import locked_log
from supernet.launcher.messages import RERUN_HINT
from supernet.launcher.options import Options, parse
from supernet.launcher.snakemake import Snakemake
from supernet.launcher.success import success_message
from supernet.launcher.watch import run_snakemake
from supernet.launcher.workflow import Workflow
from supernet.runtime.checkout import checkout, config_file, working_folder
from supernet.runtime.progress import duration


def main(arguments: Sequence[str]) -> None:
    """Run a study and exit with Snakemake's code, or 128 + n if signal n ended it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    options = parse(arguments, working_folder(), checkout(), config_file())
    start = time.monotonic()
    with locked_log(options.root / options.log) as log:
        snakemake, workflow = _run(options, log)
    seconds = time.monotonic() - start
    if not snakemake.code:
        print(success_message(workflow, options, seconds))
    elif snakemake.signals:
        print(f"stopped after {duration(seconds)}; {RERUN_HINT}")
    else:
        print(failure_message(workflow, snakemake.code, options), file=sys.stderr)
    sys.exit(snakemake.code)


def _run(options: Options, log: TextIO) -> tuple[Snakemake, Workflow]:
    """Make missing data of existing results, then everything else; return the Snakemake that ended the run."""
    if not (options.root / options.folder).is_dir():
        return run_snakemake(options, options.command(), log)
    # Imported here, because it takes a second, which the first run of a study does not need.
    from supernet.launcher.continuation import announcement, continued

    with continued(options) as before:
        if options.starts_jobs:
            _print(before.keep_times())
        _print(announcement(before))
        if options.starts_jobs and (missing := before.missing()):
            ended = run_snakemake(options, options.command(missing), log)
            if ended[0].code or ended[0].signals:
                return ended
            _print(before.keep_times())
        return run_snakemake(options, options.command(again=before.again), log)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)
