"""Write the generated pages (docs/reference), or check that they match the models, studies and fidelity notes."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from supernet.config import fidelity
from supernet.config.coverage import coverage_text
from supernet.config.reference import page_text, schema_text
from supernet.io.atomic import write_text
from supernet.runtime.checkout import checkout, clone


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="supernet reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is out of date")
    parser.add_argument("--directory", type=Path, help="folder of the pages (default: docs/reference)")
    return parser.parse_args(arguments)


def texts(directory: Path) -> dict[Path, str]:
    """Contents of the generated files by their paths in the directory."""
    studies = sorted((checkout() / "workflow" / "studies").glob("*.yaml"))
    return {
        directory / "study.md": page_text(),
        directory / "study.schema.json": schema_text(),
        directory / "factors.md": coverage_text(studies),
        directory / "fidelity.md": fidelity.page_text(),
    }


def main(arguments: Sequence[str]) -> None:
    """Write the files; with --check, exit with 1 if a file is missing or out of date."""
    options = parse(arguments)
    expected = texts(options.directory or clone() / "docs" / "reference")
    if not options.check:
        for path, text in expected.items():
            write_text(path, text, record=False)
        return
    stale = [path for path, text in expected.items() if not path.is_file() or path.read_bytes() != text.encode()]
    for path in stale:
        print(f"{path}: out of date; run: supernet reference", file=sys.stderr)
    if stale:
        sys.exit(1)
