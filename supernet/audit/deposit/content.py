"""The files of a deposit of a study, and the manifest, which describes the files that are left out."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernet.audit.expected import made
from supernet.audit.file_status import Audit, State
from supernet.audit.hash_cache import HashCache
from supernet.audit.lineage import Node, lineage
from supernet.config.artifacts import DEPOSIT
from supernet.errors import UserError
from supernet.pipeline.plan import Plan
from supernet.provenance.folders import Folders
from supernet.provenance.record import LOCK, SUFFIX, read_record, record_path, root_digest
from supernet.provenance.recorder import commit

FORMAT = 1
FOLDER = DEPOSIT
"""Folder in the results of the study for files that are not results: the manifest, the study and the workflow."""
MANIFEST = "manifest.json"
WEIGHTS = ".safetensors"
"""Suffix of weights, which are large and left out by default: no table or figure reads them."""


@dataclass(frozen=True)
class Content:
    """Content of a deposit: the file to copy for each path in it, and the manifest."""

    files: Mapping[str, Path]
    manifest: Mapping[str, Any]
    folder: str
    """Folder of the results of the study; paths in the deposit are relative to the working folder."""

    def circumstances(self) -> Iterator[Mapping[str, Any]]:
        """Yield the circumstances in each record of the deposit: when, where and in which environment a job ran."""
        for file in self.files.values():
            if file.name.endswith(SUFFIX):
                yield read_record(str(file).removesuffix(SUFFIX))["circumstances"]

    @property
    def manifest_path(self) -> str:
        """Path of the manifest in the deposit."""
        return f"{self.folder}/{FOLDER}/{MANIFEST}"


def collect(plan: Plan, hashes: HashCache, weights: bool) -> Content:
    """Collect the results of a study with their records; the manifest describes inputs that are not in the deposit.

    Data sets, published tables and downloads are left out, because they can be downloaded again by their pinned hashes.
    Weights are left out unless `weights` is true. Raises UserError if a result is broken, missing or outside the
    working folder.
    """
    results = made(plan)
    targets = [os.path.normpath(one.path) for one in results]
    configs = {one.path: one.config for one in results}
    audit = Audit(configs, hashes, plan.root, plan.reference_kernels, folders=plan.folders)
    _check(audit, targets)
    nodes = _nodes(targets, plan.folders)
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
        "root_digest": root_digest(map(audit.record, targets)),
        "code": commit(plan.root),
        "lock": hashes.digest(str(plan.root / LOCK)),
        "omitted": omitted,
    }
    return Content(dict(sorted(files.items())), manifest, folder)


def _check(audit: Audit, targets: Sequence[str]) -> None:
    broken = [status for path in targets if (status := audit.status(path)).state is State.BROKEN]
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise UserError(f"{broken[0].cause}{more}; a deposit needs intact results: see `supernet audit`")


def _nodes(targets: Sequence[str], folders: Folders) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for target in targets:
        if target not in found:
            found |= lineage(target, folders)
    return found


def _inside(nodes: Mapping[str, Node]) -> None:
    outside = next((path for path in nodes if os.path.isabs(path) or path.startswith("..")), None)
    if outside is not None:
        raise UserError(f"{outside}: is outside {os.getcwd()}; start in the folder of results and resources")


def _is_kept(plan: Plan, path: str, node: Node, weights: bool) -> bool:
    inside = path.startswith(f"{os.path.normpath(plan.results)}/")
    return node.kind == "result" and inside and (weights or not path.endswith(WEIGHTS))


def _omitted(path: str, node: Node, hashes: HashCache) -> dict[str, Any]:
    """Return the manifest entry of a file that is left out: kind, size and digests, as needed by an audit."""
    algorithms = {"sha256", *([node.pinned["algorithm"]] if node.pinned else [])}
    digests = {algorithm: hashes.digest(path, algorithm) for algorithm in sorted(algorithms)}
    return {"kind": node.kind, "size": os.path.getsize(path), "digests": digests}


def _workflow(plan: Plan) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the files that define the workflow: study, rules, config, lock file and sources."""
    root = plan.root
    yield plan.study_file.name, plan.study_file
    for name in ("Snakefile", "config.yaml", LOCK, "workflow/sources.yaml"):
        yield Path(name).name, root / name
    for path in sorted((root / "workflow" / "rules").glob("*.smk")):
        yield f"rules/{path.name}", path
