"""Pack a finished study into one reproducible file, with records, study, workflow and lock; or unpack one.

scripts/audit.py --archive FILE checks it anywhere. Data sets, published tables and downloads are left out, and weights
unless they are asked for.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet.audit.deposit.archive import unpack, write_archive
from supernet.audit.deposit.content import collect
from supernet.audit.study_audit import Auditing, add_arguments
from supernet.runtime import program


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="archive to write (default: STUDY.tar.zst)")
    parser.add_argument("--weights", action="store_true", help="with the weights of all super-nets")
    parser.add_argument(
        "--unpack", type=Path, metavar="FILE", help="unpack this archive into the current folder instead"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    if options.unpack is not None:
        manifest = unpack(options.unpack, Path())
        print(f"study {manifest['study']}: {len(manifest['results']) - len(manifest['omitted'])} results unpacked")
        return
    auditing = Auditing.open(options)
    content = collect(auditing.plan, auditing.hashes, options.weights)
    auditing.hashes.save()
    path = options.output or Path(f"{auditing.plan.study.study}.tar.zst")
    write_archive(path, content)
    megabytes = path.stat().st_size / 1e6
    print(f"{path}: {len(content.files)} files, {len(content.manifest['omitted'])} left out, {megabytes:.1f} MB")
    print(f"root digest: {content.manifest['root_digest']}")


if __name__ == "__main__":
    program.run(main)
