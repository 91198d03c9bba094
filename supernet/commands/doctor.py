"""Say what this machine has for this project, and what each missing thing costs; nothing is written or downloaded.

Exit code: 0 if `supernet run` can work, 1 if something is missing without which it cannot.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from supernet.audit.study_audit import KEYS, load_plan
from supernet.errors import UserError
from supernet.launcher.doctor import downloads, limits, software, storage
from supernet.launcher.doctor.finding import Finding, State, failed
from supernet.launcher.doctor.hardware import Accelerators, processor
from supernet.runtime.checkout import checkout


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet doctor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", metavar="NAME", help="study, or its YAML file (default: that of config.yaml)")
    for key in KEYS[1:]:
        parser.add_argument(f"--{key}", help=f"as in config.yaml: {key}")
    parser.add_argument("--hashes", action="store_true", help="check the hashes of downloaded files (minutes)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def findings(options: argparse.Namespace, root: Path = Path("/")) -> Iterator[Finding]:
    """Yield all findings; files of the system, such as /proc/cpuinfo, are read below `root`."""
    with Accelerators() as accelerators:
        yield software.python()
        yield from software.packages(checkout() / "envs" / "requirements.lock")
        yield limits.cores(root, os.environ)
        yield limits.memory(root, os.environ)
        yield processor(root)
        yield storage.clock(checkout() / "Snakefile", time.time())
        device = "auto"
        try:
            plan = load_plan(options)
        except UserError as error:
            yield failed("config", str(error), "correct it")
        else:
            device = plan.config.device
            for name in ("results", "resources", "state"):
                yield storage.folder(name, Path(getattr(plan.config, name)), root)
            yield downloads.mirror(plan.mirror)
            yield from downloads.sources(plan, options.hashes)
        yield from software.programs()
        yield from accelerators.findings(device)


def main(arguments: Sequence[str]) -> None:
    """Print the findings."""
    options = parse(arguments)
    found = []
    for one in findings(options):
        found.append(one)
        if not options.json:
            print(one, flush=True)
    bad = [one.subject for one in found if one.state is State.FAILED]
    if options.json:
        print(json.dumps({"can_run": not bad, "findings": [asdict(one) for one in found]}, indent=2))
    else:
        print(f"\n`supernet run` cannot work: {', '.join(bad)}." if bad else "\n`supernet run` can work.")
    sys.exit(1 if bad else 0)
