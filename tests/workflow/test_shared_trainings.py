"""Studies that share stand-alone trainings, as Snakemake runs them: a larger pool, another name, another folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from checkouts import copy_checkout

from supernet.io.atomic import read_json
from supernet.provenance.record import read_record

STUDY = """\
study: {name}
title: Ground truth alone
data: {{name: digits, test_portion: 0.5, scoring_portion: 0.25}}
pool: {{size: {size}, seeds: 2, repeated: 2, shards: {shards}}}
metrics: {{top: 2}}
proxies: {{names: []}}
spaces:
  nasbench201:
    truth: {{channels: 4, layers: 1, epochs: 1, batch_size: 128, train_portion: 0.5}}
    baseline: {{channels: 4, layers: 1, epochs: 1, batch_size: 128, train_portion: 0.5}}
    seeds: [0]
"""


class Checkout:
    """A copy of the checkout in which the ground truth of studies is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = copy_checkout(folder)

    def study(self, name: str, size: int, shards: int = 1) -> None:
        (self.folder / f"{name}.yaml").write_text(STUDY.format(name=name, size=size, shards=shards))

    def snakemake(
        self, name: str, *arguments: str, results: str = "results", target: str = "pools/nasbench201.parquet"
    ) -> str:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, f"{results}/{name}/{target}"]
        command += ["--config", f"study={name}.yaml", f"results={results}", f"state={results}-state"]
        ran = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
        return ran.stdout + ran.stderr

    def supernet(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "supernet", *arguments, "--study", f"{name}.yaml"]
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    def counts(self, name: str, results: str = "results") -> list[tuple[int, int]]:
        """How many trainings each shard has made and taken over."""
        files = sorted((self.folder / results / name / "truth" / "nasbench201").glob("*.timing.json"))
        return [(found["trainings"], found["taken_over"]) for found in map(read_json, files)]

    def pool(self, name: str, results: str = "results") -> pd.DataFrame:
        return pd.read_parquet(self.folder / results / name / "pools" / "nasbench201.parquet")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which a study has ground truth, and then another one with a larger pool in two shards."""
    found = Checkout(tmp_path_factory.mktemp("clone with space") / "clone")
    found.study("first", 4)
    found.snakemake("first")
    found.study("second", 6, shards=2)
    found.snakemake("second")
    return found


def test_a_larger_pool_trains_the_difference(checkout: Checkout) -> None:
    assert checkout.counts("first") == [(6, 0)]
    second = checkout.counts("second")
    assert [sum(shard) for shard in zip(*second, strict=True)] == [2, 6]
    small, large = checkout.pool("first"), checkout.pool("second")
    pd.testing.assert_frame_equal(small.merge(large, how="left"), small)


def test_a_part_of_another_study_makes_nothing_run_again(checkout: Checkout) -> None:
    assert "Nothing to be done" in checkout.snakemake("first", "-n")


def test_audit_and_explain_follow_the_chain_to_the_store(checkout: Checkout) -> None:
    pool = "results/second/pools/nasbench201.parquet"
    assert checkout.supernet("second", "audit", pool).returncode == 0
    text = checkout.supernet("second", "explain", pool).stdout
    assert re.search(
        r"results/store/truth/nasbench201/[0-9a-f]{16}: 8 stand-alone trainings, 6 from before its jobs ran", text
    ), text
    everything = checkout.supernet("second", "audit").stdout
    assert "results/store/truth/nasbench201/" in everything
    picture = checkout.folder / "pool.svg"
    assert checkout.supernet("second", "trace", pool, "--output", str(picture)).returncode == 0
    assert picture.read_text().count("<title>stand-alone trainings") == 1


def test_a_renamed_study_trains_nothing_and_a_moved_folder_changes_nothing(checkout: Checkout, tmp_path: Path) -> None:
    checkout.study("third", 6)
    checkout.snakemake("third")
    assert checkout.counts("third") == [(0, 8)]
    pd.testing.assert_frame_equal(checkout.pool("third"), checkout.pool("second"))
    shutil.copytree(checkout.folder / "results", checkout.folder / "elsewhere", symlinks=True)
    assert "Nothing to be done" in checkout.snakemake("third", "-n", "--ignore-incomplete", results="elsewhere")
    checkout.study("fourth", 6)
    checkout.snakemake("fourth", results="elsewhere")
    assert checkout.counts("fourth", "elsewhere") == [(0, 8)]
    shard = checkout.folder / "elsewhere/fourth/truth/nasbench201/shard0.parquet"
    stored = [one["file"] for one in read_record(shard)["made"]["inputs"] if "/store/" in one["file"]]
    assert len(stored) == 8 and all(name.startswith("results/store/truth/nasbench201/") for name in stored)


def test_a_renamed_study_trains_no_super_net(checkout: Checkout) -> None:
    run = "runs/nasbench201/baseline/seed0"
    checkout.study("large", 6)
    checkout.snakemake("large", target=f"{run}/scores.parquet")
    checkout.study("small", 4)
    planned = checkout.supernet("small", "plan", "--no-calibration").stdout
    assert planned.startswith("Study small: 0 of 1 super-nets and 0 of 6 stand-alone networks would be trained"), (
        planned
    )
    assert "1 super-net to copy from the store, without training: not made yet" in planned, planned
    checkout.snakemake("small", target=f"{run}/scores.parquet")
    large, small = (checkout.folder / "results" / name / run for name in ("large", "small"))
    for name in ("weights.safetensors", "curve.parquet", "run.json"):
        assert (large / name).read_bytes() == (small / name).read_bytes()
    assert "taken_over" not in read_json(large / "timing.json") and read_json(small / "timing.json")["taken_over"] == 1
    scored = read_json(small / "scores.timing.json")
    assert (scored["computed"], scored["taken_over"]) == (0, 4 * 2 * 2), "modes and splits"
    target = f"results/small/{run}/weights.safetensors"
    assert checkout.supernet("small", "audit", target).returncode == 0
    text = checkout.supernet("small", "explain", target).stdout
    assert re.search(r"results/store/supernets/nasbench201: 1 super-net, 1 from before its jobs ran", text), text
    (stored,) = (checkout.folder / "results/store/supernets").rglob("weights.safetensors")
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    found = checkout.supernet("small", "audit", target)
    assert found.returncode == 1 and stored.relative_to(checkout.folder).as_posix() in found.stdout


def test_a_forged_part_is_found_and_its_training_repeated(checkout: Checkout) -> None:
    checkout.study("fifth", 4)
    checkout.snakemake("fifth")
    shard = checkout.folder / "results/fifth/truth/nasbench201/shard0.parquet"
    names = [one["file"] for one in read_record(shard)["made"]["inputs"] if "/store/" in one["file"]]
    part = checkout.folder / names[0]
    content = part.read_bytes()
    pd.read_parquet(part).assign(accuracy=1.0).to_parquet(part, index=False)
    found = checkout.supernet("fifth", "audit", "results/fifth/pools/nasbench201.parquet")
    assert found.returncode == 1 and names[0] in found.stdout
    checkout.snakemake("fifth", "--forcerun", "truth")
    assert checkout.counts("fifth") == [(1, 5)] and part.read_bytes() == content
    assert checkout.supernet("fifth", "audit", "results/fifth/pools/nasbench201.parquet").returncode == 0
