"""DARTS as trained by NDS: the JSON files in its archive."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published_formats import nds_entry, nds_zip
from table_metadata import about

from supernet import spaces
from supernet.errors import UserError
from supernet.pools.truth import published_costs, with_published
from supernet.published.darts import nds
from supernet.published.schema import COLUMNS, NETWORK, RUNS, write
from supernet.published.table import PublishedTable
from supernet.search.ground_truth import PublishedTruth
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
    assert tuple(parsed.rows.columns) == (*COLUMNS, *NETWORK) and parsed.rows["arch_id"].is_monotonic_increasing
    for place, arch in enumerate(drawn):
        row = rows.loc[SPACE.arch_id(arch)]
        assert SPACE.parse(row["encoding"]) == arch
        assert row["test_acc"] == row[RUNS[0]] == (9467 - 100 * place) / 10_000
        assert row[list(RUNS[1:])].isna().all() and np.isnan(row["valid_acc"])
        assert row["parameters"] == 250_000 and row["uniform"]
        assert row[list(NETWORK)].tolist() == [40_000_000, 16, 20]
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
    # It is not one network, so that no pool has it.
    assert not parsed.rows["uniform"].any()
    assert parsed.epochs is None
    nds = "trained by NDS (Radosavovic et al. 2019)"
    assert parsed.truth == f"test accuracy after the last of 2 to 3 epochs, {nds}, width 16 to 32, depth 20"


DEAD = {
    "normal": [["none", 0], ["none", 1], ["sep_conv_3x3", 2], ["skip_connect", 0], *[["skip_connect", 0]] * 4],
    "normal_concat": [2, 3, 4, 5],
    "reduce": [["skip_connect", 0]] * 8,
    "reduce_concat": [2, 3, 4, 5],
}
"""A genotype whose normal cell convolves zeros."""


def varied(folder: Path) -> PublishedTable:
    """Write a table of networks of three sizes with made-up costs, the last one with a convolution of zeros."""
    archs = [mapping(arch) for arch in genotypes(2)]
    sizes = [(16, 20, 900, 80_000_000), (24, 8, 800, 90_000_000), (8, 2, 700, 10_000_000)]
    entries = []
    for arch, (width, depth, parameters, flops) in zip([*archs, DEAD], sizes, strict=True):
        entry = nds_entry(arch, 5.0, params=parameters, flops=flops)
        entry["net"] |= {"width": width, "depth": depth}
        entries.append(entry)
    rows = read(folder, entries, "DARTS.json").rows
    write(folder / "varied.parquet", rows, about(table="darts-nds-varied", space="darts", size=5_000, rows=3))
    return PublishedTable.load(folder / "varied.parquet")


def test_costs_of_a_pool_are_those_of_the_trained_networks(tmp_path: Path) -> None:
    table = varied(tmp_path)
    rows = table.data.to_pandas()
    pool = with_published(rows[["arch_id", "encoding"]].assign(drawn=range(3)), table, SPACE).set_index("arch_id")
    ids = [SPACE.arch_id(arch) for arch in [*genotypes(2), SPACE.parse(DEAD)]]
    assert pool.loc[ids, "parameters"].tolist() == [900, 800, 700]
    assert pool.loc[ids, "macs"].tolist() == [80_000_000, 90_000_000, 10_000_000]
    # Two cells of 8 channels: the first reduces (L//3 = 0) and so does the second (2L//3 = 1): no normal cell.
    assert pool.loc[ids[2], "live_macs"] == 10_000_000
    for place, size in ((0, SPACE.network_size(16, 20)), (1, SPACE.network_size(24, 8))):
        arch = genotypes(2)[place]
        idle = SPACE.cost(arch, size).macs - SPACE.cost(arch, size, zero_in_zero_out=True).macs
        assert pool.loc[ids[place], "live_macs"] == pool.loc[ids[place], "macs"] - idle
    found = PublishedTruth(table, SPACE).result(SPACE.parse(DEAD))
    assert found is not None and (found.parameters, found.macs) == (700, 10_000_000)


def test_convolutions_of_zeros_are_counted_at_the_trained_size(tmp_path: Path) -> None:
    """Five cells of 8 channels: three normal ones, at 32, 16 and 8 pixels with 8, 16 and 32 channels."""
    entry = nds_entry(DEAD, 5.0, flops=10_000_000)
    entry["net"] |= {"width": 8, "depth": 5}
    rows = read(tmp_path, [entry], "DARTS.json").rows
    costs = published_costs(SPACE, rows.to_dict("records")[0])
    # Two times depthwise 3 x 3 and pointwise.
    idle = sum(2 * side**2 * (9 * c + c * c) for side, c in ((32, 8), (16, 16), (8, 32)))
    assert costs == {"parameters": 250_000, "macs": 10_000_000, "live_macs": 10_000_000 - idle}


def test_costs_of_a_genotype_of_several_sizes_are_refused(tmp_path: Path) -> None:
    wide = nds_entry(DEAD, 5.0)
    wide["net"]["width"] = 32
    (row,) = read(tmp_path, [nds_entry(DEAD, 6.0), wide], "DARTS.json").rows.to_dict("records")
    with pytest.raises(UserError, match="was trained in several sizes"):
        published_costs(SPACE, row)


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
        ([broken(flops=-1)], "found a negative number of multiply-adds"),
        ([broken(net={**broken()["net"], "depth": 0})], "found 0 layers"),
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
