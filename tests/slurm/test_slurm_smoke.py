"""A study with the SLURM profile on a real cluster, with one preemption."""

from pathlib import Path

import pandas as pd
from checkouts import copy_checkout
from cluster import Cluster
from controller import BASELINE, EXACT, SWEPT, preempt, same_results, snakemake, start_step, undisturbed


def test_a_study_with_a_preemption_ends_as_without(slurm: Cluster, tmp_path: Path) -> None:
    folder = copy_checkout(tmp_path / "clone with space")
    with snakemake(folder, "table_search") as controller:
        controller.wait_trained(BASELINE)
        preempt()
        expected = undisturbed(tmp_path / "undisturbed", "table_search")
        controller.finish()  # two minutes on an idle machine
    assert start_step(folder, BASELINE) > 0, "training did not go on from its checkpoint"
    results = folder / "results/cluster"
    same_results(results, expected, BASELINE, SWEPT, files=(*EXACT, "scores.parquet"))
    found = Path("search/nasbench201/seed0.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(results / found), pd.read_parquet(expected / found))
