"""Which files a deposit of a study has, and what it says of those that it leaves out."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernet.audit.expected import made
from supernet.audit.file_status import Audit, State
from supernet.audit.hash_cache import HashCache
from supernet.audit.lineage import Node, lineage
from supernet.errors import UserError
from supernet.pipeline.plan import Plan
from supernet.provenance.record import LOCK, SUFFIX, read_record, record_path, root_digest
from supernet.provenance.recorder import commit

FORMAT = 1
FOLDER = "deposit"
"""Folder in the study's results in which a deposit has what is no result: the manifest, the study, the workflow."""
MANIFEST = "manifest.json"
WEIGHTS = ".safetensors"
"""Weights are left out where they are not asked for: nothing is drawn from them, and they are large."""


@dataclass(frozen=True)
class Content:
    """What a deposit has: for each path in it the file to copy, and a manifest."""

    files: Mapping[str, Path]
    manifest: Mapping[str, Any]
    folder: str
    """Of the results of the study; paths in the deposit are those of the working folder."""

    def circumstances(self) -> Iterator[Mapping[str, Any]]:
        """Yield the circumstances in each record of the deposit: when, where and by whom a result was made."""
        for file in self.files.values():
            if file.name.endswith(SUFFIX):
                yield read_record(str(file).removesuffix(SUFFIX))["circumstances"]

    @property
    def manifest_path(self) -> str:
        """Where the manifest stands."""
        return f"{self.folder}/{FOLDER}/{MANIFEST}"


def collect(plan: Plan, hashes: HashCache, weights: bool) -> Content:
    """The results of a study with their records; all that they were made from is a file, or stands in the manifest.

    Left out are data sets, published tables and downloads, which their pinned hashes bring back; and weights, unless
    they are asked for. UserError if a result is broken or missing, or outside of the working folder.
    """
    results = made(plan)
    targets = [os.path.normpath(one.path) for one in results]
    _check(Audit({one.path: one.config for one in results}, hashes, plan.root), targets)
    nodes = _nodes(targets)
    _inside(nodes)
    kept = [path for path, node in nodes.items() if _is_kept(plan, path, node, weights)]
    recorded = [path for path, node in nodes.items() if node.kind == "result"]
    files = {path: Path(path) for path in kept}
    files |= {str(record_path(path)): record_path(path) for path in recorded}
    folder = os.path.normpath(plan.results)
    files |= {f"{folder}/{FOLDER}/{name}": path for name, path in _workflow(plan)}
    omitted = {path: _omitted(path, node, hashes) for path, node in sorted(nodes.items()) if path not in files}
    manifest = {
        "format": FORMAT,
        "study": plan.study.study,
        "study_file": f"{folder}/{FOLDER}/{plan.study_file.name}",
        "results_folder": os.path.dirname(folder),
        "resources_folder": os.path.normpath(plan.resources),
        "results": sorted(recorded),
        "root_digest": root_digest(plan.results),
        "code": commit(plan.root),
        "lock": hashes.digest(str(plan.root / LOCK)),
        "omitted": omitted,
    }
    return Content(dict(sorted(files.items())), manifest, folder)


def _check(audit: Audit, targets: Sequence[str]) -> None:
    broken = [status for path in targets if (status := audit.status(path)).state is State.BROKEN]
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise UserError(f"{broken[0].cause}{more}; a deposit is made of results that hold: see `supernet audit`")


def _nodes(targets: Sequence[str]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for target in targets:
        if target not in found:
            found |= lineage(target)
    return found


def _inside(nodes: Mapping[str, Node]) -> None:
    outside = next((path for path in nodes if os.path.isabs(path) or path.startswith("..")), None)
    if outside is not None:
        raise UserError(f"{outside}: found outside of {os.getcwd()}; start where results and resources are")


def _is_kept(plan: Plan, path: str, node: Node, weights: bool) -> bool:
    inside = path.startswith(f"{os.path.normpath(plan.results)}/")
    return node.kind == "result" and inside and (weights or not path.endswith(WEIGHTS))


def _omitted(path: str, node: Node, hashes: HashCache) -> dict[str, Any]:
    """What the manifest has of a file that is left out: all that an audit asks of it."""
    algorithms = {"sha256", *([node.pinned["algorithm"]] if node.pinned else [])}
    digests = {algorithm: hashes.digest(path, algorithm) for algorithm in sorted(algorithms)}
    return {"kind": node.kind, "size": os.path.getsize(path), "digests": digests}


def _workflow(plan: Plan) -> Iterator[tuple[str, Path]]:
    """The text of the workflow: what is run, on which study, in which environment, from which sources."""
    root = plan.root
    yield plan.study_file.name, plan.study_file
    for name in ("Snakefile", "config.yaml", LOCK, "workflow/sources.yaml"):
        yield Path(name).name, root / name
    for path in sorted((root / "workflow" / "rules").glob("*.smk")):
        yield f"rules/{path.name}", path
