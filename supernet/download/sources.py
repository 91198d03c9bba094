"""What can be downloaded (`workflow/sources.yaml`): files with their addresses and hashes, and the forms of tables."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from supernet.config.base import Findings, Model
from supernet.config.validation import did_you_mean, validate
from supernet.config.yamlfile import YamlFile
from supernet.errors import UserError
from supernet.provenance.hashes import ALGORITHMS

Text = Annotated[str, Field(min_length=1)]
_Entry = TypeVar("_Entry")


class Hashes(Model):
    """What a file is known by; all that are given must agree. None given: the first download is trusted."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    git_blob: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None = None

    @property
    def given(self) -> dict[str, str]:
        """Digests by algorithm, the strongest first."""
        pinned = {algorithm: getattr(self, algorithm) for algorithm in ALGORITHMS}
        return {algorithm: digest for algorithm, digest in pinned.items() if digest is not None}


class File(Model):
    """A file to download: what it is, where it lies, and how to tell that it is the right one."""

    path: Text = Field(description="Where it lies below the folder of downloads, and below a mirror.")
    title: Text = Field(description="What it is.")
    licence: Text
    source: Text = Field(description="What to cite: repository with its full commit, or a page.")
    urls: tuple[str, ...] = Field(default=(), strict=False, description="Addresses, tried in this order.")
    headers: dict[str, dict[str, str]] = Field(
        default={}, description="Host of an address: headers that a request to it needs."
    )
    manual: str = Field(default="", description="How to get it by hand; required where there is no address.")
    hash: Hashes = Field(default=Hashes(), description="None: trusted on first use, and enforced from then on.")
    size: int | None = Field(default=None, gt=0, description="Bytes, if known.")
    max_size: int | None = Field(default=None, gt=0, description="Most bytes; required where the size is unknown.")

    @property
    def limit(self) -> int:
        """Most bytes that are accepted."""
        limit = self.max_size if self.size is None else self.size
        assert limit is not None, "validated"
        return limit

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return PurePosixPath(self.path).name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        findings = Findings()
        if not _is_inside(self.path):
            findings.add("should be a relative path; no part of it empty or starting with a dot", self.path, "path")
        for position, url in enumerate(self.urls):
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                findings.add("should be an http or https address", url, "urls", position)
        unused = set(self.headers) - {urlsplit(url).hostname for url in self.urls}
        for host in sorted(unused):
            findings.add("no address of this file is on this host", self.headers[host], "headers", host)
        if not self.urls and not self.manual:
            findings.add("should say how to get the file by hand, since it has no address", self.manual, "manual")
        if (self.size is None) == (self.max_size is None):
            findings.add("should be given if and only if `size` is not", self.max_size, "max_size")
        findings.raise_all()
        return self


class Form(Model):
    """One form in which something was published."""

    form: Text
    """Name of its reader."""
    files: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    """Names of its files."""

    @property
    def file(self) -> str:
        """The name of the one file of a form that has one."""
        (name,) = self.files
        return name


def _as_list(forms: Any) -> list[dict[str, Any]]:
    """`{form: file}` or `{form: [file, …]}`, as a source file has it, as the fields of `Form`."""
    if not isinstance(forms, Mapping):
        raise PydanticCustomError("dict_type", "should be a mapping of forms to their files")
    return [{"form": form, "files": [files] if isinstance(files, str) else files} for form, files in forms.items()]


class Published(Model):
    """One thing that was published in several forms."""

    title: Text
    forms: Annotated[tuple[Form, ...], BeforeValidator(_as_list), Field(min_length=1, strict=False)] = Field(
        description="Each form (the name of its reader) with its file or files; the best first. Tried in this order."
    )


class Table(Published):
    """Stand-alone accuracies of a space's architectures on a data set."""

    space: Text
    dataset: Text


class Sources(Model):
    """A source file, validated."""

    files: dict[str, File]
    tables: dict[str, Table]
    datasets: dict[str, Published]

    @model_validator(mode="after")
    def _resolved(self) -> Self:
        findings = Findings()
        seen: dict[str, str] = {}
        for name, file in self.files.items():
            if (first := seen.setdefault(file.path, name)) != name:
                findings.add(f"`{first}` has this path too", file.path, "files", name, "path")
        for section in ("tables", "datasets"):
            for name, published in getattr(self, section).items():
                for form in published.forms:
                    for file in set(form.files) - set(self.files):
                        message = f"no such file under `files`; {did_you_mean(file, self.files)}"
                        findings.add(message, file, section, name, "forms", form.form)
        findings.raise_all()
        return self

    def file(self, name: str) -> File:
        """The file of a name; UserError if there is none."""
        return _entry(self.files, name, "file")

    def table(self, name: str) -> Table:
        """The table of a name; UserError if there is none."""
        return _entry(self.tables, name, "table")

    def dataset(self, name: str) -> Published:
        """The data set of a name; UserError if there is none."""
        return _entry(self.datasets, name, "data set")

    def forms(self, published: Published) -> dict[str, tuple[File, ...]]:
        """The files of each form, in the order in which the forms are tried."""
        return {form.form: tuple(self.files[name] for name in form.files) for form in published.forms}


def load_sources(path: Path | str) -> Sources:
    """Read and validate a source file; UserError with file, line and key of each mistake."""
    return validate(Sources, YamlFile.read(Path(path)))


def _entry(entries: Mapping[str, _Entry], name: str, kind: str) -> _Entry:
    if name not in entries:
        raise UserError(f"found the {kind} {name!r}; no such {kind} in the sources; {did_you_mean(name, entries)}")
    return entries[name]


def _is_inside(path: str) -> bool:
    """Whether a path stays below the folder that it is put under, on any system, and hides nothing."""
    parts = path.split("/")
    return not re.search(r'[\\:*?"<>|\0]', path) and all(part and not part.startswith(".") for part in parts)
