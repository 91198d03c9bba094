"""The audit of a deposit. For files that are left out, the manifest has sizes and hashes."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from supernet.audit.deposit.archive import read_manifest, unpack
from supernet.audit.deposit.content import FOLDER, MANIFEST
from supernet.audit.expected import expected, requested
from supernet.audit.file_status import Audit, FileStatus, State
from supernet.audit.hash_cache import HashCache
from supernet.errors import UserError
from supernet.pipeline.plan import Plan
from supernet.provenance.closure import ROOT
from supernet.provenance.folders import Folders
from supernet.provenance.record import read_record, root_digest


class DepositedFiles(HashCache):
    """Hashes of the files of a deposit; those of files that were left out are read from the manifest."""

    def __init__(self, folder: str, omitted: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(None)
        self._omitted = {os.path.normpath(os.path.join(folder, path)): entry for path, entry in omitted.items()}

    def exists(self, path: str) -> bool:
        return path in self._omitted or super().exists(path)

    def size(self, path: str) -> int:
        entry = self._omitted.get(path)
        return super().size(path) if entry is None else int(entry["size"])

    def digest(self, path: str, algorithm: str = "sha256") -> str:
        entry = self._omitted.get(path)
        # "unknown" equals no digest.
        return super().digest(path, algorithm) if entry is None else str(entry["digests"].get(algorithm, "unknown"))


@dataclass(frozen=True)
class Deposit:
    """An unpacked deposit."""

    folder: str
    manifest: Mapping[str, Any]

    def root_digest(self, statuses: Sequence[FileStatus]) -> str | None:
        """Return the root digest of these results; None if one is broken."""
        if any(one.state is State.BROKEN for one in statuses):
            return None
        return root_digest(read_record(self._path(one.path)) for one in statuses)

    def statuses(self) -> list[FileStatus]:
        """Return the status of all results of the manifest, with paths in the deposit.

        Code, environment and sources are compared with those of this checkout, configs with the deposited study.
        """
        manifest = self.manifest
        config = {"study": self._path(manifest["study_file"]), "results": self._path(manifest["results_folder"])}
        plan = Plan.load({**config, "resources": self._path(manifest["resources_folder"])}, ROOT)
        configs = {one.path: one.config for one in (*expected(plan), *requested(plan))}
        # Files of the checkout that results were made from, such as published numbers, are described by the manifest.
        folders = Folders(config["results"], self._path(manifest["resources_folder"]), self.folder)
        audit = Audit(configs, DepositedFiles(self.folder, manifest["omitted"]), folders=folders)
        return [self._named(audit.status(self._path(path))) for path in manifest["results"]]

    def _named(self, status: FileStatus) -> FileStatus:
        """Return the status with paths in the deposit, whose folder may be temporary."""
        prefix = self._path("") + os.sep

        def cut(text: str) -> str:
            return text.replace(prefix, "")

        discrepancies = tuple(replace(one, text=cut(one.text)) for one in status.discrepancies)
        inputs = tuple(map(cut, status.inputs))
        return replace(
            status, path=cut(status.path), cause=cut(status.cause), discrepancies=discrepancies, inputs=inputs
        )

    def _path(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.folder, path))


@contextmanager
def open_deposit(path: Path) -> Iterator[Deposit]:
    """Yield the deposit of an archive, unpacked into a temporary folder, or of the folder of a crate.

    Raises UserError if `path` does not exist or is neither.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; expected an archive or a crate")
    if path.is_dir():
        manifests = sorted(path.glob(f"*/*/{FOLDER}/{MANIFEST}"))
        if len(manifests) != 1:
            raise UserError(f"{path}: found {len(manifests)} manifests; expected a crate of `supernet crate`")
        yield Deposit(str(path), read_manifest(manifests[0]))
    else:
        with TemporaryDirectory(prefix="supernet-") as folder:
            yield Deposit(folder, unpack(path, Path(folder)))
