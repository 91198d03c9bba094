"""The files of a deposit of a study, and the manifest, which describes the files that are left out."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from supernet.audit.deposit.manifest import CONFIG, FORMAT, LOCK_FILE, SNAKEFILE, SOURCES, Manifest
from supernet.audit.expected import made, shared
from supernet.audit.file_status import Audit, State
from supernet.audit.hash_cache import HashCache
from supernet.audit.lineage import Node, lineage
from supernet.config.artifacts import is_stored
from supernet.config.inheritance import StudyFile
from supernet.errors import UserError
from supernet.pipeline.plan import Plan
from supernet.provenance.folders import RESULTS, Folders
from supernet.provenance.hashes import digests
from supernet.provenance.record import LOCK, SUFFIX, read_record, record_path, root_digest
from supernet.provenance.recorder import commit

WEIGHTS = ".safetensors"
"""Suffix of weights, which are large and left out by default: no table or figure reads them."""


@dataclass(frozen=True)
class Content:
    """Content of a deposit: the file to copy for each path in it, the study, and the manifest."""

    files: Mapping[str, Path]
    study: bytes
    """The study file; if it extends another file, one with all values, because a deposit has no other study."""
    manifest: Manifest

    @property
    def count(self) -> int:
        """Number of files besides the manifest."""
        return len(self.files) + 1

    def circumstances(self) -> Iterator[Mapping[str, Any]]:
        """Yield the circumstances in each record of the deposit: when, where and in which environment a job ran."""
        for file in self.files.values():
            if file.name.endswith(SUFFIX):
                yield read_record(str(file).removesuffix(SUFFIX))["circumstances"]


def collect(plan: Plan, hashes: HashCache, weights: bool) -> Content:
    """Collect the results of a study, the files of the store that their records name, and all records.

    The manifest describes inputs that are not in the deposit. Data sets, published tables and downloads are left out,
    because they can be downloaded again by their pinned hashes. Weights are left out unless `weights` is true. Paths in
    a deposit are the names in records, wherever the folders are. Raises UserError if a result is broken or missing,
    also if an earlier archive has left it out and this one needs it.
    """
    results = made(plan)
    targets = [os.path.normpath(one.path) for one in results]
    configs = {one.path: one.config for one in results}
    audit = Audit(configs, hashes, plan.root, plan.reference_kernels, folders=plan.folders, shared=shared(plan))
    _check(audit, targets)
    nodes = _nodes(targets, plan.folders, hashes)
    recorded = {name: node for name, node in nodes.items() if node.kind == "result"}
    files = {name: Path(node.path) for name, node in recorded.items() if _is_kept(plan, name, weights)}
    if absent := [str(path) for path in files.values() if hashes.is_left_out(str(path))]:
        raise UserError(
            f"{absent[0]}: was left out of the archive that these results come from ({len(absent)} such files); a "
            "deposit with weights needs all of them: leave out --weights, or train these super-nets again"
        )
    omitted = {name: node for name, node in nodes.items() if name not in files and node.kind != "source"}
    files |= {str(record_path(name)): record_path(node.path) for name, node in recorded.items()}
    own, study = dict(_workflow(plan)), _study(plan)
    own_digests = {name: digests(path, ["sha256"])["sha256"] for name, path in own.items()}
    manifest = _manifest(
        {
            "format": FORMAT,
            "study": plan.study.study,
            "results": tuple(sorted(recorded)),
            "root_digest": root_digest(map(audit.record, targets)),
            "code": commit(plan.root),
            "files": {f"study/{plan.study_file.name}": hashlib.sha256(study).hexdigest(), **own_digests},
            "omitted": {name: _omitted(node, hashes) for name, node in sorted(omitted.items())},
        }
    )
    files |= {manifest.own(name): path for name, path in own.items()}
    return Content(dict(sorted(files.items())), study, manifest)


def _manifest(values: Mapping[str, Any]) -> Manifest:
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{where}: found {str(first['input'])[:80]!r}, which a deposit cannot have: {first['msg']}"
        ) from None


def _check(audit: Audit, targets: Sequence[str]) -> None:
    broken = [status for path in targets if (status := audit.status(path)).state is State.BROKEN]
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise UserError(f"{broken[0].cause}{more}; a deposit needs intact results: see `supernet audit`")


def _nodes(targets: Sequence[str], folders: Folders, hashes: HashCache) -> dict[str, Node]:
    """Return all files that results were made from, by the names that records have for them."""
    found: dict[str, Node] = {}
    for target in targets:
        if target not in found:
            found |= lineage(target, folders, hashes.is_left_out)
    return {folders.name(path, node.kind): node for path, node in found.items()}


def _is_kept(plan: Plan, name: str, weights: bool) -> bool:
    own = name.startswith(f"{RESULTS}/{plan.study.study}/") or is_stored(name)
    return own and (weights or not name.endswith(WEIGHTS))


def _omitted(node: Node, hashes: HashCache) -> dict[str, Any]:
    """Return the manifest entry of a file that is left out: kind, size and digests, as needed by an audit."""
    algorithms = {"sha256", *([node.pinned["algorithm"]] if node.pinned else [])}
    found = {algorithm: hashes.digest(node.path, algorithm) for algorithm in sorted(algorithms)}
    return {"kind": node.kind, "size": hashes.size(node.path), "digests": found}


def _study(plan: Plan) -> bytes:
    """Return the study file as it is, or with the values of the files that it extends."""
    file = StudyFile.read(plan.study_file, plan.root / "workflow" / "studies")
    return plan.study_file.read_bytes() if file.parent is None else file.text().encode()


def _workflow(plan: Plan) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the files that define the workflow: rules, config, lock file and sources."""
    root = plan.root
    yield SNAKEFILE, root / "Snakefile"
    yield CONFIG, root / "config.yaml"
    yield LOCK_FILE, root / LOCK
    yield SOURCES, root / "workflow" / "sources.yaml"
    for path in sorted((root / "workflow" / "rules").glob("*.smk")):
        yield f"rules/{path.name}", path
