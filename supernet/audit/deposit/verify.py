"""The audit of a deposit: as of a study's folder, but files that were left out are known by the manifest."""

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
from supernet.provenance.record import ROOT_FILE, root_digest


class DepositedFiles(HashCache):
    """Files of a deposit: what the manifest says of those that were left out, the content of the others."""

    def __init__(self, folder: str, omitted: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(None)
        self._omitted = {os.path.normpath(os.path.join(folder, path)): told for path, told in omitted.items()}

    def exists(self, path: str) -> bool:
        return path in self._omitted or super().exists(path)

    def size(self, path: str) -> int:
        told = self._omitted.get(path)
        return super().size(path) if told is None else int(told["size"])

    def digest(self, path: str, algorithm: str = "sha256") -> str:
        told = self._omitted.get(path)
        # A digest that the manifest lacks fits nothing.
        return super().digest(path, algorithm) if told is None else str(told["digests"].get(algorithm, "unknown"))


@dataclass(frozen=True)
class Deposit:
    """An unpacked deposit."""

    folder: str
    manifest: Mapping[str, Any]

    def root_digest(self, statuses: Sequence[FileStatus]) -> str | None:
        """As the record of metrics.parquet says, of which the manifest is a copy; None where that file is broken."""
        results = f"{self.manifest['results_folder']}/{self.manifest['study']}"
        metrics = os.path.normpath(f"{results}/{ROOT_FILE}")
        sound = any(one.path == metrics and one.state is not State.BROKEN for one in statuses)
        return root_digest(self._path(results)) if sound else None

    def statuses(self) -> list[FileStatus]:
        """On all results that it should have, by their paths in the deposit.

        Code, environment and sources are compared with those of this checkout, config with the deposited study.
        """
        told = self.manifest
        config = {"study": self._path(told["study_file"]), "results": self._path(told["results_folder"])}
        plan = Plan.load({**config, "resources": self._path(told["resources_folder"])}, ROOT)
        configs = {one.path: one.config for one in (*expected(plan), *requested(plan))}
        audit = Audit(configs, DepositedFiles(self.folder, told["omitted"]))
        return [self._named(audit.status(self._path(path))) for path in told["results"]]

    def _named(self, status: FileStatus) -> FileStatus:
        """The status without the folder, which may be gone when it is read."""
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
    """A deposit that is an archive, unpacked for the time of the context, or a crate's folder, as it is."""
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
