"""A deposit as a Workflow Run RO-Crate: a folder with a machine-readable description (JSON-LD).

The crate follows RO-Crate 1.1 with the profiles Process Run Crate 0.5, Workflow Run Crate 0.5 and Workflow RO-Crate 1.0
(https://w3id.org/ro/wfrun). The run of the workflow is one action, from the study file to the results. The records
beside the results list inputs and outputs of each job.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from rocrate.model import ComputationalWorkflow, ContextEntity, File
from rocrate.model.computerlanguage import get_lang
from rocrate.rocrate import ROCrate

from supernet.audit.deposit.content import Content
from supernet.audit.deposit.manifest import CONFIG, LOCK_FILE, MANIFEST, SNAKEFILE, SOURCES
from supernet.config.artifacts import Artifacts
from supernet.config.study import Study
from supernet.errors import UserError
from supernet.io.atomic import publish, write_json
from supernet.provenance.hashes import digests
from supernet.provenance.record import SUFFIX

VERSION = "1.1"
_WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
_PROFILES = MappingProxyType(
    {
        "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
        "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
        _WORKFLOW_CRATE: "Workflow RO-Crate",
    }
)
_TERMS = MappingProxyType({"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"})
"""Terms that are missing in the context of RO-Crate 1.1."""
_FORMATS = MappingProxyType(
    {
        ".csv": "text/csv",
        ".html": "text/html",
        ".json": "application/json",
        ".lock": "text/plain",
        ".md": "text/markdown",
        ".parquet": "application/vnd.apache.parquet",
        ".pdf": "application/pdf",
        ".png": "image/png",
        ".safetensors": "application/octet-stream",
        ".smk": "text/plain",
        ".tex": "text/x-tex",
        ".yaml": "application/yaml",
        ".yml": "application/yaml",
    }
)
_SPDX = "https://spdx.org/licenses/"
LICENCES = (
    "Apache-2.0",
    "BSD-3-Clause",
    "CC-BY-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "GPL-3.0-or-later",
    "MIT",
)
"""Licences that may be named; their identifiers are those of SPDX, with or without hyphens."""


def write_crate(
    content: Content, study: Study, folder: Path, *, snakemake: str, licence: str, authors: Sequence[str]
) -> None:
    """Write a deposit into an empty folder: its files, its manifest, and `ro-crate-metadata.json`.

    `snakemake` is its version, `licence` a URL or one of `LICENCES`, and `authors` are names, with or without
    `<address>`; without them the agent is left out. Raises UserError, before anything is written, for another licence
    or an author without a name.
    """
    licence_url, persons = licence_address(licence), list(map(person, dict.fromkeys(authors)))
    own, deposited = folder / content.manifest.path, folder / content.manifest.study_file
    write_json(own, content.manifest.as_json(), record=False)
    with publish(deposited, record=False) as temporary:
        temporary.write_bytes(content.study)
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_terms.update(_TERMS)
    crate.metadata["conformsTo"] = [{"@id": crate.metadata.profile}, {"@id": _WORKFLOW_CRATE}]
    copied = dict(sorted({**content.files, content.manifest.study_file: deposited}.items()))
    files = {name: _file(crate, name, path, content.files) for name, path in copied.items()}
    files[content.manifest.path] = _file(crate, content.manifest.path, own, {})
    workflow = _workflow(crate, content, snakemake)
    times = sorted(time for one in content.circumstances() for time in (one["started"], one["ended"]))
    _describe(crate, study, content, times[-1], licence_url)
    action = _action(crate, study, content, workflow, files, times)
    people = [_named(crate, f"#author-{quote(one['name'], safe='')}", "Person", **one) for one in persons]
    if people:
        # RO-Crate 1.1 has no lists of one value.
        crate.root_dataset["author"] = action["agent"] = people if len(people) > 1 else people[0]
    crate.write(folder)


def licence_address(licence: str) -> str:
    """Return the URL of a licence, which is a URL or one of `LICENCES`. Raises UserError otherwise."""
    known = {name.replace("-", " ").casefold(): name for name in LICENCES}
    if name := known.get(" ".join(licence.replace("-", " ").split()).casefold()):
        return f"{_SPDX}{name}"
    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w.~%!$&'()*+,;=:@/-]*)?", licence, re.ASCII):
        raise UserError(f"licence: found {licence!r}; expected an http(s) address, or one of {', '.join(LICENCES)}")
    return licence


def person(author: str) -> dict[str, str]:
    """Return the name and, if it is given, the mail address of an author: `A. Person <a@example.org>`.

    Raises UserError if the name is missing or the address has another form.
    """
    found = re.fullmatch(r"\s*([^<>]*[^<>\s])\s*(?:<([^<>\s@]+@[^<>\s@]+)>)?\s*", author)
    if found is None or not author.isprintable():
        raise UserError(f"author: found {author!r}; expected a name, or `A. Person <a@example.org>`")
    name, address = found.groups()
    return {"name": name, **({"email": address} if address else {})}


def _describe(crate: ROCrate, study: Study, content: Content, published: str, licence: str) -> None:
    crate.name = f"Super-net study {study.study}: {study.title.rstrip('.')}"
    root = content.manifest.root_digest
    crate.description = (
        "Which training heuristics make a super-net rank architectures as stand-alone training does: results of one "
        "study, each with the record of what it was made from. Root digest of what was measured, back to the "
        f"downloads: {root}."
    )
    # The date of the results, not of this crate, so that the same results give the same crate.
    crate.datePublished = published
    crate.license = _named(crate, licence, "CreativeWork", licence.removeprefix(_SPDX))
    crate.root_dataset["conformsTo"] = [
        _named(crate, address, "CreativeWork", name, version=address.rpartition("/")[2])
        for address, name in _PROFILES.items()
    ]


def _named(crate: ROCrate, identifier: str, kind: str, name: str, **more: str) -> Any:
    """Add an entity that is not a file."""
    return crate.add(ContextEntity(crate, identifier, {"@type": kind, "name": name, **more}))


def _workflow(crate: ROCrate, content: Content, snakemake: str) -> Any:
    """Add the main entity: the Snakefile."""
    name = content.manifest.own(SNAKEFILE)
    code = content.manifest.code
    properties = {
        "name": "Super-net training heuristics",
        "contentSize": str(content.files[name].stat().st_size),
        "encodingFormat": "text/plain",
        "sha256": digests(content.files[name], ["sha256"])["sha256"],
        "version": f"{code.commit or 'unknown commit'}{', edited' if code.dirty else ''}",
        "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
    }
    workflow = crate.add(ComputationalWorkflow(crate, content.files[name], name, properties=properties))
    crate.mainEntity = workflow
    workflow["programmingLanguage"] = crate.add(get_lang(crate, "snakemake", version=snakemake))
    return workflow


def _action(
    crate: ROCrate, study: Study, content: Content, workflow: Any, files: Mapping[str, Any], times: Sequence[str]
) -> Any:
    manifest = content.manifest
    read = [manifest.study_file, *map(manifest.own, (CONFIG, LOCK_FILE, SOURCES))]
    made = [name for name in files if _is_result(name, manifest.folder)]
    properties = {
        "@type": "CreateAction",
        "name": f"Run of study {study.study}",
        "description": f"Made the results of study {study.study}; the record beside each says how.",
        "startTime": times[0],
        "endTime": times[-1],
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "instrument": workflow,
        "object": [files[name] for name in read],
        "result": [files[name] for name in made],
    }
    action = crate.add(ContextEntity(crate, f"#run-{content.manifest.root_digest[:16]}", properties))
    crate.root_dataset["mentions"] = action
    return action


def _is_result(name: str, folder: str) -> bool:
    paths = Artifacts(folder)
    return str(PurePosixPath(name).parent) in (folder, paths.tables, paths.figures) and not name.endswith(SUFFIX)


def _file(crate: ROCrate, name: str, path: Path, files: Mapping[str, Path]) -> Any:
    """Add a file, described by its caption if it has one; None for the Snakefile, which is the workflow."""
    if PurePosixPath(name).name == "Snakefile":
        return None
    properties: dict[str, Any] = {
        "name": PurePosixPath(name).name,
        "contentSize": str(path.stat().st_size),
        "encodingFormat": _FORMATS[PurePosixPath(name).suffix],
        "sha256": digests(path, ["sha256"])["sha256"],
    }
    caption = files.get(str(PurePosixPath(name).with_suffix(".md")))
    if caption is not None:
        properties["description"] = caption.read_text(encoding="utf-8").splitlines()[0]
    if name.endswith(SUFFIX):
        properties["description"] = f"Provenance record of {PurePosixPath(name).name.removesuffix(SUFFIX)}"
    if PurePosixPath(name).name == MANIFEST:
        properties["description"] = "Content of this deposit, with hashes of the files that it leaves out"
    return crate.add(File(crate, path, name, properties=properties))
