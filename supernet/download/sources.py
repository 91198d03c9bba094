"""The model of `workflow/sources.yaml`: files with URLs and hashes, and the forms of tables and data sets."""

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
    """Hashes that identify a file; all given ones must match. Without any, the first download is trusted."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    git_blob: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None = None

    @property
    def given(self) -> dict[str, str]:
        """Digests by algorithm, strongest first."""
        pinned = {algorithm: getattr(self, algorithm) for algorithm in ALGORITHMS}
        return {algorithm: digest for algorithm, digest in pinned.items() if digest is not None}


class File(Model):
    """A file to download: its description, its location, and its hashes."""

    path: Text = Field(description="Path below the folder of downloads, and below a mirror.")
    title: Text = Field(description="Title.")
    licence: Text
    source: Text = Field(description="Reference to cite: a repository with its full commit, or a web page.")
    urls: tuple[str, ...] = Field(default=(), strict=False, description="URLs, tried in this order.")
    headers: dict[str, dict[str, str]] = Field(default={}, description="Headers of requests, by host.")
    manual: str = Field(default="", description="How to get the file by hand; required if there is no URL.")
    hash: Hashes = Field(
        default=Hashes(),
        description="Without any, the first download is trusted, and its hash is required from then on.",
    )
    size: int | None = Field(default=None, gt=0, description="Size in bytes, if known.")
    max_size: int | None = Field(
        default=None, gt=0, description="Upper bound of the size in bytes; required if the size is unknown."
    )

    @property
    def limit(self) -> int:
        """Largest accepted size in bytes."""
        limit = self.max_size if self.size is None else self.size
        assert limit is not None, "validated"
        return limit

    @property
    def name(self) -> str:
        """Name of the file without folders."""
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
    """A form (format) of a table or data set, with its files."""

    form: Text
    """Name of its reader."""
    files: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    """Names of its files."""

    @property
    def file(self) -> str:
        """Name of the file of a form with one file."""
        (name,) = self.files
        return name


def _as_list(forms: Any) -> list[dict[str, Any]]:
    """Convert `{form: file}` or `{form: [file, …]}`, as written in a source file, to fields of `Form`."""
    if not isinstance(forms, Mapping):
        raise PydanticCustomError("dict_type", "should be a mapping of forms to their files")
    return [{"form": form, "files": [files] if isinstance(files, str) else files} for form, files in forms.items()]


class Published(Model):
    """A data set, or the base of a table: something that is available in several forms."""

    title: Text
    forms: Annotated[tuple[Form, ...], BeforeValidator(_as_list), Field(min_length=1, strict=False)] = Field(
        description="Forms (names of readers) with their file or files, best first; they are tried in this order."
    )


class Table(Published):
    """Stand-alone accuracies of the architectures of a space on a data set."""

    space: Text
    dataset: Text


class Sources(Model):
    """A validated source file."""

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
                    for file in () if len(form.files) == 1 else set(form.files) & set(self.files):
                        if not self.files[file].hash.given:
                            message = "should have a `hash`, because the form has several files"
                            findings.add(message, file, section, name, "forms", form.form)
        findings.raise_all()
        return self

    def file(self, name: str) -> File:
        """Return a file by name; UserError for an unknown name."""
        return _entry(self.files, name, "file")

    def table(self, name: str) -> Table:
        """Return a table by name; UserError for an unknown name."""
        return _entry(self.tables, name, "table")

    def dataset(self, name: str) -> Published:
        """Return a data set by name; UserError for an unknown name."""
        return _entry(self.datasets, name, "data set")

    def forms(self, published: Published) -> dict[str, tuple[File, ...]]:
        """Return the files of each form, in the order in which forms are tried."""
        return {form.form: tuple(self.files[name] for name in form.files) for form in published.forms}


def load_sources(path: Path | str) -> Sources:
    """Read and validate a source file; UserError lists file, line and key of each mistake."""
    return validate(Sources, YamlFile.read(Path(path)))


def _entry(entries: Mapping[str, _Entry], name: str, kind: str) -> _Entry:
    if name not in entries:
        raise UserError(f"found the {kind} {name!r}; no such {kind} in the sources; {did_you_mean(name, entries)}")
    return entries[name]


def _is_inside(path: str) -> bool:
    """Return whether a relative path stays below its folder on every system and has no hidden parts."""
    parts = path.split("/")
    return not re.search(r'[\\:*?"<>|\0]', path) and all(part and not part.startswith(".") for part in parts)
