"""The results of all benchmarks in one JSON file."""

import datetime
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.findings import Findings
from benchmarks.harness.targets import TARGETS, Measured
from supernet.errors import UserError
from supernet.io.atomic import read_json, write_json
from supernet.provenance.closure import ROOT

RESULTS = ROOT / "build" / "benchmarks.json"


@dataclass
class Report:
    """The results of a run of all benchmarks."""

    circumstances: dict[str, Any]
    quick: bool
    programs: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    def add(self, found: Findings) -> None:
        """Add the findings of one program."""
        self.findings.figures |= found.figures
        self.findings.lines += found.lines
        self.findings.series |= found.series

    def measured(self) -> list[Measured]:
        """Return each target with its result, in the order of the table."""
        figures = self.findings.figures
        absent = (None, "no program measured it")
        return [Measured(target, *figures.get(key, absent)) for key, target in TARGETS.items()]

    def save(self, path: Path) -> None:
        """Write the results and verdicts as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        verdicts = {one.target.key: one.verdict for one in self.measured()}
        write_json(path, {**asdict(self), "verdicts": verdicts})


def load(path: Path) -> Report:
    """Read results that `Report.save` wrote; UserError if the file does not exist."""
    if not path.exists():
        raise UserError(f"{path}: no results of benchmarks; run `make benchmark` first")
    found = read_json(path)
    figures = {key: (figure, note) for key, (figure, note) in found["findings"]["figures"].items()}
    findings = Findings(figures, found["findings"]["lines"], found["findings"]["series"])
    return Report(found["circumstances"], found["quick"], found["programs"], findings)


def circumstances() -> dict[str, Any]:
    """Return machine, date, versions, and the load: the mean number of running processes in the last minute."""
    from importlib.metadata import version

    return {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "avx512": "avx512f" in _cpuinfo(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "numpy", "snakemake")},
        "load": round(os.getloadavg()[0], 1),
    }


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def _processor() -> str:
    names = [line.partition(":")[2].strip() for line in _cpuinfo().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
