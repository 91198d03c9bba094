"""Results of finished search systems, from which a killed job continues."""

import json
from pathlib import Path
from typing import Any

import pytest
from checkouts import ROOT

from supernet.errors import UserError
from supernet.io.sealed import sealed_line
from supernet.provenance.recorder import Recorder, recording
from supernet.search.results import FinishedSearches
from supernet.training.fingerprint import Fingerprint

ROW: dict[str, Any] = {
    "system": "gdas", "forward_passes": 3, "backward_passes": 3, "images": 48,
    "multiply_adds": 9, "trained": 96.0, "baseline_trained": 100, "architectures": 0, "invalid": 0,
    "passed_over": 0, "source": "trained here", "kind": "pool", "population": 6, "truth": 0.5, "truth_quantile": 0.25,
    "parameters": 10, "macs": 20, "status": "complete", "rank": 1, "arch_id": "a", "encoding": "b", "score": None,
}  # fmt: skip
TIMING = {"seconds": 1.5, "peak_bytes": None}


def finished(folder: Path) -> tuple[FinishedSearches, Path]:
    found = FinishedSearches(folder, Fingerprint("one"))
    found.save("gdas", [ROW, {**ROW, "rank": 2}], TIMING)
    return found, folder / "gdas.json"


def test_rows_and_timing_are_kept_without_a_record(tmp_path: Path) -> None:
    # In a program, whose results have records.
    with recording(Recorder(ROOT / "scripts" / "systems.py")):
        found, path = finished(tmp_path)
    assert found.load("gdas") == ([ROW, {**ROW, "rank": 2}], TIMING)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert found.load("spos") is None
    assert FinishedSearches(tmp_path, Fingerprint("another")).load("gdas") is None
    (tmp_path / "gdas.json.prov.json").write_text("{}")  # as earlier versions wrote it
    found.discard("gdas")
    assert list(tmp_path.iterdir()) == []


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    found, path = finished(tmp_path)
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 7]) + content[place + 1 :])
        with pytest.raises(UserError, match=r"gdas\.json: damaged result of a search .*delete the file"):
            found.load("gdas")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("truth", 17.0), ("truth_quantile", -0.5), ("rank", 7), ("system", "spos"), ("status", "perfect"),
        ("images", -1), ("multiply_adds", 0.5), ("trained", -1.0), ("parameters", "many"), ("more", 1),
    ],
)  # fmt: skip
def test_values_out_of_range_are_found_though_the_checksum_is_right(tmp_path: Path, key: str, value: Any) -> None:
    found, path = finished(tmp_path)
    content = json.loads(path.read_text())
    del content["checksum"]
    content["rows"][0][key] = value
    path.write_text(sealed_line(content))
    with pytest.raises(UserError, match=r"gdas\.json: damaged result of a search"):
        found.load("gdas")
