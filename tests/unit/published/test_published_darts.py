"""DARTS as trained by NDS: the JSON files in its archive."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published_formats import nds_entry, nds_zip

from supernet import spaces
from supernet.errors import UserError
from supernet.published.darts import nds
from supernet.published.schema import COLUMNS, RUNS
from supernet.spaces.darts.encoding import Genotype

SPACE = spaces.load("darts")
FIXED = "DARTS_fix-w-d.json"


def genotypes(count: int) -> list[Genotype]:
    drawn: list[Genotype] = SPACE.sample(np.random.default_rng(0), count=count)
    return drawn


def mapping(genotype: Genotype, mirrored: bool = False) -> dict[str, Any]:
    """A genotype as JSON has it; `mirrored` with the two edges of each node swapped."""
    found: dict[str, Any] = {}
    for name, cell in (("normal", genotype.normal), ("reduce", genotype.reduce)):
        edges = [list(edge) for edge in cell.edges]
        if mirrored:
            edges = [edges[place ^ 1] for place in range(len(edges))]
        found |= {name: edges, f"{name}_concat": list(cell.concat)}
    return found


def read(folder: Path, content: Any, name: str = FIXED) -> Any:
    return nds.read(nds_zip(folder / "data.zip", {name: content}), name)


def test_rows(tmp_path: Path) -> None:
    drawn = genotypes(4)
    parsed = read(tmp_path, [nds_entry(mapping(arch), 5.33 + place) for place, arch in enumerate(drawn)])
    rows = parsed.rows.set_index("arch_id")
    assert tuple(parsed.rows.columns) == COLUMNS and parsed.rows["arch_id"].is_monotonic_increasing
    for place, arch in enumerate(drawn):
        row = rows.loc[SPACE.arch_id(arch)]
        assert SPACE.parse(row["encoding"]) == arch
        assert row["test_acc"] == row[RUNS[0]] == (9467 - 100 * place) / 10_000
        assert row[list(RUNS[1:])].isna().all() and np.isnan(row["valid_acc"])
        assert row["parameters"] == 250_000 and row["uniform"]
    assert (parsed.epochs, parsed.entries) == (3, 4)
    nds = "trained by NDS (Radosavovic et al. 2019)"
    assert parsed.truth == f"test accuracy after the last of 3 epochs, {nds}, width 16, depth 20"


def test_concatenated_states_are_those_of_the_file(tmp_path: Path) -> None:
    """All nodes, where the space would take the loose ends."""
    (arch,) = genotypes(1)
    entry = nds_entry({**mapping(arch), "normal_concat": [2, 3, 4, 5]}, 5.0)
    (text,) = read(tmp_path, [entry]).rows["encoding"]
    assert SPACE.parse(text).normal.concat == (2, 3, 4, 5) != arch.normal.concat


def test_equal_genotypes_are_averaged_and_counted(tmp_path: Path) -> None:
    one, other = genotypes(2)
    errors = [4.0, 5.0, 6.0, 9.0]
    entries = [nds_entry(mapping(one, mirrored=place % 2 == 1), error) for place, error in enumerate(errors)]
    parsed = read(tmp_path, [*entries, nds_entry(mapping(other), 7.0, params=1)])
    rows = parsed.rows.set_index("arch_id")
    assert (len(rows), parsed.entries) == (2, 5)
    merged = rows.loc[SPACE.arch_id(one)]
    assert merged["test_acc"] == pytest.approx(0.94)
    assert merged[list(RUNS)].tolist() == [0.96, 0.95, 0.94]
    assert merged["parameters"] == 250_000 and rows.loc[SPACE.arch_id(other), "parameters"] == 1


def test_parameters_of_equal_genotypes_that_differ_are_unknown(tmp_path: Path) -> None:
    (arch,) = genotypes(1)
    wide = nds_entry(mapping(arch), 5.0, params=500_000)
    wide["net"]["width"] = 32
    wide["test_ep_top1"] = [50.0, 5.0]
    parsed = read(tmp_path, [nds_entry(mapping(arch), 6.0), wide], "DARTS.json")
    assert parsed.rows["parameters"].isna().all()
    assert parsed.epochs is None
    nds = "trained by NDS (Radosavovic et al. 2019)"
    assert parsed.truth == f"test accuracy after the last of 2 to 3 epochs, {nds}, width 16 to 32, depth 20"


def test_list_may_be_laid_out_in_any_way(tmp_path: Path) -> None:
    entries = [nds_entry(mapping(arch), 5.0) for arch in genotypes(3)]
    text = "\n [ " + " ,\n".join(json.dumps(entry, indent=1) for entry in entries) + " ]\n"
    assert len(read(tmp_path, text).rows) == 3


def broken(**changes: Any) -> dict[str, Any]:
    (arch,) = genotypes(1)
    return {**nds_entry(mapping(arch), 5.0), **changes}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "found no training"),
        ({"top": [], "mid": []}, "found no JSON list"),
        (b"[\xff]", "not UTF-8 text"),
        ('[{"net": ', "not valid JSON: "),
        (json.dumps([broken()])[:-1], "not valid JSON: "),
        ([broken(), broken(test_ep_top1=[])], r"entry 1 \(from 0\) is not a training of DARTS \(IndexError"),
        ([broken(params=None)], r"entry 0 \(from 0\) is not a training of DARTS \(TypeError"),
        (
            [broken(net={"width": 1, "depth": 1})],
            r"entry 0 \(from 0\) is not a training of DARTS \(KeyError\('genotype'",
        ),
        ([1], r"entry 0 \(from 0\) is not a training of DARTS"),
        (
            [nds_entry({"normal": [], "normal_concat": [], "reduce": [], "reduce_concat": []}, 5.0)],
            r"entry 0 \(from 0\) is not a training of DARTS \(UserError\('DARTS: found 0 edges",
        ),
        ([broken(test_ep_top1=[-1.0])], "found the test_acc 1.01; expected a fraction"),
        ([broken(test_ep_top1=[float("nan")])], "found the test_acc nan; expected a fraction"),
    ],
)
def test_files_that_are_not_of_nds(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, content)


def test_archive_without_the_file(tmp_path: Path) -> None:
    path = nds_zip(tmp_path / "data.zip", {"ENAS.json": []})
    with pytest.raises(UserError, match=r"data\.zip: no member 'nds_data/DARTS_fix-w-d\.json'"):
        nds.read(path, FIXED)
