"""The manifest of a deposit: what it holds, what it leaves out, and where its files may be.

The manifest vouches for nothing by itself. `supernet.audit.deposit.verify` compares it with the deposited study, with
the records and with the files.
"""

import os
import re
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from supernet.audit.deposit.limits import MAX_OWN_FILES, MAX_RESULTS
from supernet.config.base import Model
from supernet.errors import UserError
from supernet.provenance.record import record_path

FORMAT = 2
FOLDER = "deposit"
"""Folder in the results of the study for files that are not results: the manifest, the study and the workflow."""
MANIFEST = "manifest.json"
SNAKEFILE, CONFIG, LOCK_FILE, SOURCES = "Snakefile", "config.yaml", "requirements.lock", "sources.yaml"
_STUDY = re.compile(r"study/[^/]+\.ya?ml")
_RULES = re.compile(r"rules/[^/]+\.smk")
CHECKOUT = MappingProxyType(
    dict.fromkeys(
        ["benchmarks", "docs", "envs", "profiles", "scripts", "slurm", "supernet", "tests", "workflow"],
        "is a folder of the project's own files, where no result may be",
    )
)
"""Folders of a checkout in which no deposit may put a file."""


def _inside(value: str) -> str:
    """Refuse a path that is not a plain relative one: `..`, hidden parts, other systems' separators, odd characters."""
    parts = PurePosixPath(value).parts
    plain = value in ("", "/".join(parts)) and value.isprintable() and not set(value) & set('\\:*?"<>|{}~')
    if not plain or value.startswith("/") or any(part.startswith(".") for part in parts):
        raise PydanticCustomError("path", "expected a plain path relative to the deposit")
    if parts and parts[0] in CHECKOUT:
        raise PydanticCustomError("path", "{what}", {"what": f"{parts[0]} {CHECKOUT[parts[0]]}"})
    return value


RelativePath = Annotated[str, Field(max_length=200), AfterValidator(_inside)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{32,128}$")]


class Omitted(Model):
    """A file that is left out: an audit compares these values with the records that name the file as an input."""

    kind: Literal["result", "source", "download"]
    size: Annotated[int, Field(ge=0)]
    digests: dict[str, Digest]


class Code(Model):
    """State of the checkout that wrote the deposit."""

    commit: Annotated[str, Field(pattern="^[0-9a-f]{40,64}$")] | None
    dirty: bool | None


class Manifest(Model):
    """The manifest of a deposit. Paths are relative to the folder of the deposit."""

    format: Literal[2]
    study: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^/]+$"), AfterValidator(_inside)]
    results_folder: RelativePath
    resources_folder: RelativePath
    results: Annotated[tuple[str, ...], Field(max_length=MAX_RESULTS)]
    """All results with a record in the deposit, including those that are left out."""
    root_digest: Digest
    code: Code
    files: Annotated[dict[str, Digest], Field(max_length=MAX_OWN_FILES)]
    """SHA-256 of the deposit's own files, by path in its own folder."""
    omitted: Annotated[dict[str, Omitted], Field(max_length=MAX_RESULTS)]

    @model_validator(mode="after")
    def _own_files(self) -> Self:
        needed = {SNAKEFILE, CONFIG, LOCK_FILE, SOURCES}
        studies = [name for name in self.files if _STUDY.fullmatch(name)]
        others = [
            name for name in self.files if name not in needed and name not in studies and not _RULES.fullmatch(name)
        ]
        if others:
            raise PydanticCustomError("files", "{what}", {"what": f"files: no deposit has {others[0]!r}"})
        if len(studies) != 1 or not needed <= set(self.files):
            raise PydanticCustomError("files", "files: expected one study, a Snakefile, config.yaml, lock and sources")
        for name in self.files:
            _inside(name)
        return self

    @classmethod
    def read(cls, content: bytes, where: str) -> Self:
        """Read a manifest; UserError, which names `where`, if it is not one, or has another format."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            key = ".".join(map(str, first["loc"]))
            place = f"{key[:200]}: " if key else ""
            raise UserError(f"{where}: expected a manifest of format {FORMAT}: {place}{first['msg'][:500]}") from None

    @property
    def folder(self) -> str:
        """Folder of the study's results."""
        return os.path.normpath(os.path.join(self.results_folder, self.study))

    @property
    def path(self) -> str:
        """Path of the manifest."""
        return self.own(MANIFEST)

    @property
    def study_file(self) -> str:
        """Path of the deposited study."""
        return self.own(next(name for name in self.files if _STUDY.fullmatch(name)))

    @property
    def members(self) -> frozenset[str]:
        """All paths that the deposit may have."""
        present = (path for path in self.results if path not in self.omitted)
        records = (str(record_path(path)) for path in self.results)
        return frozenset([self.path, *map(self.own, self.files), *present, *records])

    def own(self, name: str) -> str:
        """Return the path of a file of the deposit's own folder."""
        return f"{self.folder}/{FOLDER}/{name}"

    def as_json(self) -> dict[str, Any]:
        """Return the value that is written as JSON."""
        return self.model_dump(mode="json")
