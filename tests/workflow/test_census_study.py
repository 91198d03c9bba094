"""A study with `pool.size: all` on a made-up table: what the real programs draw, score, measure and write."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from programs import ROOT, Programs
from published_sample import sixty_architectures
from safetensors.numpy import save_file

from supernet.pipeline.plan import Plan
from supernet.published.table import PublishedTable
from supernet.spaces.nasbench201 import NASBench201

UNIFORM, LANDMARKS, PROXIES = 40, 4, 10
STUDY: dict[str, Any] = {
    "study": "census",
    "title": "Forty architectures as if they were the space",
    "data": {"name": "cifar10", "resolution": 8, "crop_padding": 1, "scoring_portion": 0.2},
    "protocol": {"landmarks": LANDMARKS},
    "pool": {"size": "all"},
    "scoring": {"bn_modes": ["batch"], "splits": ["scoring"]},
    "search": {"architectures": 10, "retrain": 2},
    "proxies": {"images": 8, "names": ["synflow"], "architectures": PROXIES},
    "spaces": {
        "nasbench201": {
            "published": "nasbench201",
            "baseline": {"channels": 4, "layers": 1, "epochs": 1, "batch_size": 32, "train_portion": 0.5},
            "seeds": [0],
            "sweep": {"landmarks": ["ranking"]},
        }
    },
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Run the study up to its metrics, once; the uniform rows of the table count as the whole space."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("census")
    os.chdir(folder)
    (folder / "census.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    found = Programs(Plan.load({"study": "census.yaml", "device": "cpu"}, ROOT))
    for path in (found.images, found.paths.published("nasbench201")):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    sixty_architectures(Path(found.paths.published("nasbench201")).parent)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, size=(400, 3, 32, 32), dtype=np.uint8)
    save_file({"images": pixels, "labels": np.arange(400) % 10}, found.images, {"official_test": "100"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NASBench201, "distinct", UNIFORM)
        found.pools()
        found.trainings()
        found.analyses()
        found.measures()
        yield found
    os.chdir(before)


def test_every_architecture_is_in_the_pool_or_a_landmark(programs: Programs) -> None:
    pool, landmarks = (pd.read_parquet(programs.paths.pool(name)) for name in programs.plan.pools)
    assert (len(pool), len(landmarks)) == (UNIFORM - LANDMARKS, LANDMARKS)
    table = PublishedTable.load(Path(programs.paths.published("nasbench201")))
    every = table.take(np.flatnonzero(table.uniform))
    found = pd.concat([pool, landmarks]).sort_values("arch_id")
    assert found["arch_id"].tolist() == every["arch_id"].tolist()
    assert found["truth"].tolist() == every["test_acc"].tolist()


def test_the_whole_space_has_no_sampling_error(programs: Programs) -> None:
    table = pd.read_parquet(programs.paths.metrics)
    assert set(table["setting"]) == {"baseline", "landmarks=ranking"} and (table["status"] == "complete").all()
    taus = table[table["metric"] == "kdt"]
    assert (taus["n"] == UNIFORM - LANDMARKS).all() and taus["estimate"].notna().all()
    assert (taus["low"] == taus["estimate"]).all() and (taus["high"] == taus["estimate"]).all()
    effects = pd.read_parquet(programs.paths.effects)
    assert set(effects["left_out"]) == {"seeds"}, "one seed has no error at all"


def test_proxies_are_of_the_first_architectures_of_the_draw(programs: Programs) -> None:
    drawn = pd.read_parquet(programs.paths.drawn_pool("nasbench201"))
    proxies = pd.read_parquet(programs.paths.proxies("nasbench201").table)
    assert set(proxies["arch_id"]) == set(drawn.loc[drawn["drawn"] < PROXIES, "arch_id"])
    rows = pd.read_parquet(programs.paths.references).query("metric == 'kdt'").set_index("name")
    assert (rows.loc["synflow", "n"], rows.loc["macs", "n"]) == (PROXIES, UNIFORM - LANDMARKS)
    # A sample of the space, whose other predictors are known everywhere.
    assert rows.loc["synflow", "low"] < rows.loc["synflow", "estimate"] < rows.loc["synflow", "high"]
    assert rows.loc["macs", "low"] == rows.loc["macs", "high"]


def test_every_table_and_figure_is_made_and_says_what_the_pool_is(programs: Programs) -> None:
    for name in programs.tables:
        programs.table(name)
    for name in programs.figures:
        programs.figure(name)
    notes = Path(f"{programs.paths.figure('kdt_vs_skdt').stem}.md").read_text()
    sentence = "In NASBench-201 the 4 landmarks are not scored and count as outside the space."
    assert f"Architectures in the pool: 36. {sentence}" in notes
    assert "In NASBench-201 the pool is the whole space: both ends of an interval" in notes
    notes = Path(f"{programs.paths.table('spaces').stem}.md").read_text()
    assert "In larger pools, they are of the first 10 architectures of the draw." in notes
