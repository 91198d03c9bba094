"""Write the generated pages (docs/reference), or check that they are in step with models, studies and traps."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from supernet.config import fidelity
from supernet.config.coverage import coverage_text
from supernet.config.reference import page_text, schema_text
from supernet.io.atomic import write_text

ROOT = Path(__file__).resolve().parents[1]
DIRECTORY = ROOT / "docs" / "reference"
STUDIES = ROOT / "workflow" / "studies"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 if `--check` finds a file that is missing or out of step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of step")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="default: %(default)s")
    options = parser.parse_args(arguments)
    texts = {
        options.directory / "study.md": page_text(),
        options.directory / "study.schema.json": schema_text(),
        options.directory / "factors.md": coverage_text(sorted(STUDIES.glob("*.yaml"))),
        options.directory / "fidelity.md": fidelity.page_text(),
    }
    if not options.check:
        for path, text in texts.items():
            write_text(path, text)
        return 0
    stale = [path for path, text in texts.items() if not path.is_file() or path.read_bytes() != text.encode()]
    for path in stale:
        print(
            f"{path}: out of step with the models in supernet or the studies; run: python scripts/reference.py",
            file=sys.stderr,
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
