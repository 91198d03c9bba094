"""A study through the profile on a real cluster, with one preemption: what a change must not break."""

import subprocess
from pathlib import Path

import pandas as pd
from checkouts import copy_checkout
from cluster import Cluster
from controller import BASELINE, SWEPT, TARGET, found, same_results, snakemake, starts, undisturbed


def test_a_study_with_a_preemption_ends_as_without(slurm: Cluster, tmp_path: Path) -> None:
    folder = copy_checkout(tmp_path / "clone with space")
    with snakemake(folder, TARGET) as controller:
        controller.wait_saved(BASELINE)
        # All of both nodes for one second: whatever trains there is requeued.
        subprocess.run(
            ["sbatch", "-p", "high", "-N", "2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1"], check=True
        )
        expected = undisturbed(tmp_path / "undisturbed")
        controller.finish(200)
    # Snakemake deletes the log when the job starts again, so this is the second start.
    assert starts(folder, BASELINE)[0] > 0, "training did not go on from its checkpoint"
    same_results(folder / "results/cluster", expected, BASELINE, SWEPT)
    pd.testing.assert_frame_equal(found(folder / "results/cluster"), found(expected))
