"""Draw what a result was made from as an SVG image: one box per job, downloads on the left, the result on the right."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet.audit.lineage import lineage
from supernet.audit.study_audit import StudyAudit, add_arguments, resolve
from supernet.audit.trace.boxes import graph
from supernet.audit.trace.svg import draw
from supernet.io.atomic import write_text
from supernet.provenance.recorder import note_config, note_input


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="supernet trace", description=__doc__)
    parser.add_argument("target", metavar="TARGET", help="a file with a record, or table_NAME, or figure_NAME")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.svg", help="image to write")
    add_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Write the image."""
    options = parse(arguments)
    study_audit = StudyAudit.open(options)
    target = note_input(resolve(options.target, study_audit.plan.results))
    note_config({"trace": options.target})
    nodes = lineage(target, study_audit.plan.folders, study_audit.hashes.is_left_out)
    statuses = {node.path: study_audit.audit.status(node.path) for node in nodes.values() if node.kind == "result"}
    study_audit.hashes.save()
    counted = sum(node.kind == "result" for node in nodes.values())
    notes = [
        f"{target} and the {counted - 1} results that it was made from; today: {statuses[target].state.name.lower()}.",
        "Arrows go from what was read to what was made; those that follow from others are left out. "
        "Times are those of all jobs of a box, one after another.",
        f"Root digest: {study_audit.root_digest() or 'none: broken'}",
    ]
    write_text(options.output, draw(graph(nodes, statuses), f"Where {options.target} comes from", notes))
