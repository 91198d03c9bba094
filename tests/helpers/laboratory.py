"""A small checkout with a chain of results, from a download to a CSV file, each with its record."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supernet.audit.file_status import Audit, FileStatus
from supernet.audit.hash_cache import HashCache
from supernet.io.atomic import publish, write_text
from supernet.provenance.hashes import digests
from supernet.provenance.record import record_path
from supernet.provenance.recorder import Recorder, note_config, note_input, recording

DOWNLOAD = "resources/downloads/bench/table.csv"
TABLE = "resources/tables/bench.parquet"
POOL = "results/s/pools/bench.parquet"
WEIGHTS = "results/s/runs/bench/weights.safetensors"
SCORES = "results/s/runs/bench/scores.parquet"
SEARCH = "results/s/search/bench.parquet"
METRICS = "results/s/metrics.parquet"
CSV = "results/s/tables/factors.csv"
FOUND = "results/s/tables/search.csv"
CHAIN = (TABLE, POOL, WEIGHTS, SCORES, SEARCH, METRICS, CSV, FOUND)
SETTING = {"setting": {"learning_rate": 0.025, "epochs": 3}, "seed": 0}

PROGRAM = "from supernet.train import step\n\n\ndef main():\n    return step(1)\n"
TRAIN = '''"""Training."""

from supernet import layers


def step(x):
    """One step."""
    return layers.width + x
'''
SOURCES = """\
files:
  bench-csv:
    path: bench/table.csv
    title: a table
    licence: MIT
    source: https://example.org/bench
    urls: [https://example.org/table.csv]
    hash:
      sha256: {sha256}
    max_size: 1000
tables:
  bench:
    title: a benchmark
    space: bench
    dataset: digits
    forms:
      csv: bench-csv
datasets: {{}}
"""


class Laboratory:
    """The checkout at `root`, which must be the current folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("supernet/__init__.py", "")
        self.write("supernet/layers.py", "width = 8  # channels\n")
        self.write("supernet/train.py", TRAIN)
        self.write("scripts/program.py", PROGRAM)
        self.write("envs/requirements.lock", "torch==1\n")
        self.write(DOWNLOAD, "arch,acc\na,0.5\n")
        sha256 = digests(root / DOWNLOAD, ["sha256"])["sha256"]
        self.pinned = {"path": "bench/table.csv", "algorithm": "sha256", "digest": sha256}
        self.write("workflow/sources.yaml", SOURCES.format(sha256=sha256))

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def make_all(self) -> None:
        """Make the complete chain of results."""
        with self.program({"table": "bench"}):
            self.publish(TABLE, self.download().read_text())
        self.make(POOL, [TABLE])
        with self.program(SETTING):
            self.publish(WEIGHTS, f"weights of {note_input(self.root / POOL).name}")
            self.publish(SCORES, "scores")
        self.make(SEARCH, [WEIGHTS])
        self.make(METRICS, [POOL, SCORES])
        self.make(CSV, [METRICS])
        self.make(FOUND, [SEARCH, METRICS])

    def download(self) -> Path:
        return note_input(self.root / DOWNLOAD, "download", self.pinned)

    def program(self, config: Any = None, name: str = "program") -> Any:
        """Run a program as `supernet.runtime.program.run` does; its file is created at its first use."""
        path = self.root / "scripts" / f"{name}.py"
        if not path.exists():
            self.write(f"scripts/{name}.py", PROGRAM)
        return _Program(Recorder(path, self.root), config)

    def make(self, name: str, inputs: list[str], content: str = "numbers") -> None:
        with self.program({"made": name}):
            texts = [note_input(self.root / one).read_text() for one in inputs]
            self.publish(name, "\n".join([content, *texts]))

    def publish(self, name: str, text: str) -> None:
        with publish(self.root / name) as temporary:
            temporary.write_text(text)

    def record(self, name: str) -> dict[str, Any]:
        return dict(json.loads(record_path(self.root / name).read_text()))

    def write_record(self, name: str, record: Mapping[str, Any]) -> None:
        write_text(record_path(self.root / name), json.dumps(record))

    def audit(self, cache: Path | None = None, configs: Mapping[str, Any] | None = None) -> Audit:
        return Audit({WEIGHTS: SETTING, **(configs or {})}, HashCache(cache), self.root)

    def status(self, name: str, **options: Any) -> FileStatus:
        return self.audit(**options).status(name)


class _Program:
    def __init__(self, recorder: Recorder, config: Any) -> None:
        self._recording, self._config = recording(recorder), config

    def __enter__(self) -> None:
        self._recording.__enter__()
        note_config(self._config)

    def __exit__(self, *error: Any) -> None:
        self._recording.__exit__(*error)
