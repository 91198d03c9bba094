"""The manifest of a deposit: what it holds, what it leaves out, and where its files may be.

The manifest is not believed. `supernet.audit.deposit.verify` compares it with the deposited study, with
the records and with the files.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from supernet.audit.deposit.limits import MAX_OWN_FILES, MAX_RESULTS
from supernet.config.artifacts import DEPOSIT
from supernet.config.base import Model
from supernet.errors import UserError
from supernet.provenance.folders import RESULTS
from supernet.provenance.record import record_path

FORMAT = 2
MANIFEST = "manifest.json"
SNAKEFILE, CONFIG, LOCK_FILE, SOURCES = "Snakefile", "config.yaml", "requirements.lock", "sources.yaml"
_STUDY = re.compile(r"study/[^/]+\.ya?ml")
_RULES = re.compile(r"rules/[^/]+\.smk")


def _one_name(value: str) -> str:
    """Refuse a name that is not one plain part of a path."""
    if value.startswith((".", "~")) or not value.isprintable() or set(value) & set('/\\:*?"<>|{}'):
        raise PydanticCustomError("name", "expected a plain name of a file or folder")
    return value


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_name)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{32,128}$")]


class Omitted(Model):
    """A file that is left out: an audit compares these values with the records that name the file as an input."""

    kind: Literal["result", "download"]
    size: Annotated[int, Field(ge=0)]
    digests: dict[str, Digest]


class Code(Model):
    """State of the checkout that wrote the deposit."""

    commit: Annotated[str, Field(pattern="^[0-9a-f]{40,64}$")] | None
    dirty: bool | None


class Manifest(Model):
    """The manifest of a deposit. Paths in it are the names that records have: `results/STUDY/...`, `resources/...`."""

    format: Literal[2]
    study: Name
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
            _one_name(name.rpartition("/")[2])
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
        return f"{RESULTS}/{self.study}"

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
        return f"{self.folder}/{DEPOSIT}/{name}"

    def as_json(self) -> dict[str, Any]:
        """Return the value that is written as JSON."""
        return self.model_dump(mode="json")
