"""Pools that are large or the whole space: what captions say, and settings whose effect has no known error."""

from pathlib import Path

import fake_results
import pandas as pd
import pytest
import yaml
from checkouts import ROOT

from supernet.config.artifacts import Artifacts
from supernet.config.study import Study, load_study
from supernet.io.atomic import read_json, write_json
from supernet.metrics.study_effects import effect_rows
from supernet.paper import captions, catalogue
from supernet.paper.load import Results
from supernet.spaces.nasbench201 import NASBench201

FILE = ROOT / "tests" / "studies" / "mini.yaml"


def with_seeds(folder: Path, seeds: list[int]) -> Study:
    """Study `mini` with these seeds in NASBench-201."""
    content = yaml.safe_load(FILE.read_text())
    content["spaces"]["nasbench201"] |= {"seeds": seeds, "sweep_seeds": seeds}
    folder.mkdir()
    (folder / "mini.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return load_study(folder / "mini.yaml")


def test_notes_name_the_pools_whose_intervals_are_not_of_the_bootstrap(tmp_path: Path) -> None:
    study = load_study(FILE)
    folder = fake_results.write_results(study, tmp_path / "results")
    assert captions.large_pools_sentence(Results(study, folder), study.spaces) == ""
    facts = read_json(folder / "spaces.json")
    for space, size in (("nasbench101", 1_000), ("nasbench201", 15_625), ("darts", 5_000)):
        facts[space] |= {"pool": size}
    write_json(folder / "spaces.json", facts)
    sentence = captions.pool_sentence(Results(study, folder), study.spaces)
    # 5 000 genotypes of DARTS are a sample, although `size` counts no others.
    assert sentence.endswith(
        "In NASBench-201 the pool is the whole space: both ends of an interval are the estimate. "
        "In DARTS intervals come from the jackknife, not the bootstrap."
    )


@pytest.mark.parametrize("seeds", [[0, 1], [0, 1, 2]])
def test_an_effect_in_a_whole_space_needs_three_seeds(
    seeds: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = with_seeds(tmp_path / "study", seeds)
    folder = fake_results.write_results(study, tmp_path / "results", frozenset())
    monkeypatch.setattr(NASBench201, "distinct", study.pool.size)
    rows = pd.DataFrame(effect_rows(study, Artifacts(str(folder))))
    assert not (rows["left_out"] == "seeds")[rows["space"] != "nasbench201"].any()
    own = rows[rows["space"] == "nasbench201"]
    assert set(own["left_out"]) == ({"seeds"} if len(seeds) < 3 else {""})
    rows.to_parquet(folder / "effects.parquet")
    catalogue.make_figure("effects", Results(study, folder), tmp_path / "effects")
    found = "too few to tell an effect from noise" in (tmp_path / "effects.md").read_text()
    assert found == (len(seeds) < 3)


def test_ranks_of_a_large_pool_are_a_density(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_study(FILE)
    results = Results(study, fake_results.write_results(study, tmp_path / "results", frozenset()))
    written = []
    for most in (results.facts["darts"].pool, 1):
        monkeypatch.setattr("supernet.paper.figures.kdt_vs_skdt.LARGEST_BOOTSTRAP", most)
        catalogue.make_figure("kdt_vs_skdt", results, tmp_path / "ranks")
        written.append({suffix: (tmp_path / f"ranks{suffix}").read_bytes() for suffix in (".png", ".csv", ".md")})
    markers, density = written
    assert markers[".csv"] == density[".csv"] and markers[".png"] != density[".png"]
    said = b"the top row has their density at the ranks after rounding"
    assert said in density[".md"] and said not in markers[".md"]
