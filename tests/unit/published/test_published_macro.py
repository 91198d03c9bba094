"""NAS-Bench-Macro: the official JSON file."""

import json
from pathlib import Path
from typing import Any

import pytest

from supernet.errors import UserError
from supernet.published.macro import official
from supernet.published.schema import RUNS


def entry(*accuracies: float) -> dict[str, Any]:
    return {"test_acc": list(accuracies), "mean_acc": 0.0, "std": 0.0, "params": 890_666, "flops": 47_327_744}


def json_file(folder: Path, content: Any) -> Path:
    path = folder / "nas-bench-macro_cifar10.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_rows(tmp_path: Path) -> None:
    # Percentages that were of single precision.
    found = entry(89.47000122070312, 88.94999694824219, 89.16999816894531)
    parsed = official.read(json_file(tmp_path, {"02012100": found, "00000000": entry(50.0, 50.0, 50.01)}))
    rows = parsed.rows
    assert rows["arch_id"].tolist() == rows["encoding"].tolist() == ["00000000", "02012100"]
    assert rows.loc[1, list(RUNS)].tolist() == [0.8947, 0.8895, 0.8917]
    assert rows["test_acc"].tolist() == [15_001 / 30_000, 26_759 / 30_000]
    assert rows["parameters"].tolist() == [890_666] * 2
    assert parsed.entries == 2 and parsed.truth == "mean over 3 runs of the best test accuracy of 50 epochs"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "found no table of NAS-Bench-Macro"),
        ([], "found no table of NAS-Bench-Macro"),
        ({"00000000": {"params": 1}}, r"found no table of NAS-Bench-Macro \(KeyError\('test_acc'\)\)"),
        ({"00000000": entry(1.0, 2.0)}, "an entry with 2 accuracies"),
        ({"0000000": entry(1.0, 2.0, 3.0)}, "found the architecture '0000000'; expected eight digits"),
        ({"00000000": entry(1.0, 2.0, 300.0)}, "found the test_acc 1.01; expected a fraction from 0 to 1"),
    ],
)
def test_files_that_are_not_the_official_one(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        official.read(json_file(tmp_path, content))
