"""Pack a finished study into one reproducible file, with its records, study file, workflow and lock file.

`supernet audit --archive FILE` checks the file on any machine, and `supernet unpack FILE` unpacks it. Data sets,
published tables and downloads are left out; weights are included on request.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet.audit.deposit.archive import write_archive
from supernet.audit.deposit.content import collect
from supernet.audit.study_audit import StudyAudit, add_arguments
from supernet.provenance.hashes import digests


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="supernet archive", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="archive to write (default: STUDY.tar.zst)")
    parser.add_argument("--weights", action="store_true", help="include the weights of all super-nets")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Write the archive and print its size, its SHA-256 and the root digest."""
    options = parse(arguments)
    study_audit = StudyAudit.open(options)
    content = collect(study_audit.plan, study_audit.hashes, options.weights)
    study_audit.hashes.save()
    path = options.output or Path(f"{study_audit.plan.study.study}.tar.zst")
    write_archive(path, content)
    megabytes = path.stat().st_size / 1e6
    print(f"{path}: {content.count} files, {len(content.manifest.omitted)} left out, {megabytes:.1f} MB")
    print(f"SHA-256: {digests(path, ['sha256'])['sha256']}")
    print(f"root digest: {content.manifest.root_digest}")
