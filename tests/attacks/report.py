"""Run the attacks and print a table; exit code 1 if a verdict is not the promised one.

python tests/attacks [--short] [--only TEXT] [--verbose] [--seconds N]
"""

import argparse
import sys
from collections import Counter

from attacks.attack import PROMISABLE
from attacks.catalogue import all_attacks, short
from attacks.execution import SECONDS, Result, run


def main() -> None:
    """Run the attacks that the command line selects."""
    parser = argparse.ArgumentParser(prog="python tests/attacks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="only the first attack of each promise")
    parser.add_argument("--only", default="", metavar="TEXT", help="only attacks whose promise or name has this text")
    parser.add_argument("--verbose", action="store_true", help="print what the user reads after each attack")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="longest time of an attack (default: %(default)s)"
    )
    options = parser.parse_args()
    chosen = [one for one in all_attacks() if options.only in f"{one.promise} {one.target.name}: {one.name}"]
    results = []
    for result in run(short(chosen) if options.short else chosen, options.seconds):
        results.append(result)
        print(line(result), flush=True)
        if options.verbose or not result.right:
            print("    " + result.outcome.message.strip().replace("\n", "\n    "), flush=True)
    print(summary(results))
    sys.exit(0 if results and all(result.right for result in results) else 1)


def line(result: Result) -> str:
    """Return the row of an attack: promise, seconds, verdict, target and name."""
    attack, verdict = result.attack, result.outcome.verdict
    wrong = "" if result.right else f"  WRONG, promised {attack.verdict}"
    return f"{attack.promise:4}{result.seconds:5.1f} s  {verdict:14}{attack.target.name}: {attack.name}{wrong}"


def summary(results: list[Result]) -> str:
    """Return the number of attacks by outcome, and of those with a wrong verdict."""
    counts = Counter(result.outcome.verdict for result in results)
    wrong = [result for result in results if not result.right]
    parts = [f"{counts[verdict]} {verdict}" for verdict in counts if verdict in PROMISABLE]
    kinds = Counter(f"wrongly {one.outcome.verdict}" for one in wrong if one.outcome.verdict in PROMISABLE)
    kinds += Counter(str(one.outcome.verdict) for one in wrong if one.outcome.verdict not in PROMISABLE)
    bad = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "0 tracebacks, 0 hangs"
    return f"{len(results)} attacks: {', '.join(parts)}; {len(wrong)} wrong: {bad}"
