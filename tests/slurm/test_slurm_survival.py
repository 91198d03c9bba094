"""Failures on a real SLURM cluster: nothing is lost, and results equal those of an undisturbed run."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import HANG, Cluster, output, wait
from controller import (
    BASELINE,
    STUDY,
    SWEPT,
    TESTED,
    cancel,
    environment,
    jobs_of,
    locally,
    preempt,
    same_results,
    snakemake,
    start_step,
    target,
    trained,
    training_log,
    trainings,
    undisturbed,
)

from supernet.io.atomic import read_json

pytestmark = pytest.mark.slurm
POOL = "results/cluster/drawn/nasbench201.parquet"
IMAGES = "resources/data/digits.safetensors"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with data and pool, ready for trainings."""
    folder = tmp_path_factory.mktemp("prepared") / "clone"
    undisturbed(folder, POOL, IMAGES)
    return folder


@pytest.fixture(scope="session")
def expected(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of both runs, trained without a cluster."""
    folder = tmp_path_factory.mktemp("expected") / "clone"
    shutil.copytree(prepared, folder)
    return undisturbed(folder, target(BASELINE), target(SWEPT))


@pytest.fixture
def folder(slurm: Cluster, prepared: Path, tmp_path: Path) -> Path:
    """A copy of the checkout, ready to train on the cluster."""
    return Path(shutil.copytree(prepared, tmp_path / "clone"))


def state_of(job: str) -> str:
    return output("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T")


@contextlib.contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """Stop the training processes of a copy, as with a hanging file system or a swapping node."""
    processes = trainings(folder)
    assert processes
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def test_a_preempted_training_saves_at_the_signal(folder: Path, expected: Path) -> None:
    # No timed checkpoints: the state was saved at the signal, which SLURM sends only to Snakemake.
    with snakemake(folder, target(BASELINE), config=("checkpoint_seconds=1000",)) as controller:
        controller.wait_trained(BASELINE)
        preempt()
        controller.finish()
        assert len(controller.submitted()) == 1
    assert start_step(folder, BASELINE) >= 100
    same_results(folder / "results/cluster", expected, BASELINE)


def test_at_its_time_limit_a_training_goes_on_in_the_next_job(folder: Path, expected: Path) -> None:
    minutes = "train:runtime=1 if attempt < 3 else 10"
    with snakemake(folder, target(BASELINE), "--set-resources", minutes) as controller:
        controller.wait_trained(BASELINE)
        first = trainings(folder)
        with frozen(folder):
            # A third of its limit of one minute is reserved. The training began some seconds after its job.
            time.sleep(42)
        wait(lambda: trainings(folder) != first, "end of the training")
        controller.wait_for("Trying to restart job")
        assert "because its time limit is near" in training_log(folder, BASELINE)
        assert trained(folder, BASELINE) == 0
        # A program that hangs cannot stop by itself: SLURM kills this one at its limit.
        wait(lambda: len(controller.submitted()) == 2 and trained(folder, BASELINE) > 0, "second attempt")
        begun = start_step(folder, BASELINE)
        with frozen(folder):
            second = controller.submitted()[1]
            wait(lambda: state_of(second) == "TIMEOUT", "SLURM's kill at the limit")
        controller.finish()
    assert 100 <= begun <= start_step(folder, BASELINE)
    same_results(folder / "results/cluster", expected, BASELINE)


def test_out_of_memory_is_tried_again_with_more(slurm: Cluster, folder: Path, expected: Path) -> None:
    with snakemake(folder, target(BASELINE), "--set-resources", "train:mem_mb=400*attempt") as controller:
        controller.finish()
        jobs = controller.submitted()
    states = [state_of(job) for job in jobs]
    # FAILED: only the training was killed, and Snakemake survived.
    assert len(jobs) >= 2 and states[0] in ("OUT_OF_MEMORY", "FAILED") and states[-1] == "COMPLETED", states
    assert any(f"oom-kill event(s) in StepId={jobs[0]}.0" in log.read_text() for log in slurm.logs("slurmd"))
    memory = [output("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%m") for job in jobs]
    assert memory == [f"{400 * attempt}M" for attempt in range(1, len(jobs) + 1)]
    same_results(folder / "results/cluster", expected, BASELINE)


def test_two_studies_at_once_train_what_they_share_once(folder: Path) -> None:
    text = (folder / STUDY).read_text().replace("epochs: 60", "epochs: 10")
    assert text.count("seeds: [0]") == 2
    text = text.replace("    seeds: [0]", f"    seeds: {list(range(10))}", 1)
    names = ("left", "right")
    for name in names:
        (folder / f"{name}.yaml").write_text(text.replace("study: cluster", f"study: {name}"))
    runs = [f"nasbench201/baseline/seed{seed}" for seed in range(10)]
    with contextlib.ExitStack() as controllers:
        both = [
            controllers.enter_context(
                snakemake(folder, *(f"results/{name}/runs/{run}/run.json" for run in runs), study=f"{name}.yaml")
            )
            for name in names
        ]
        for controller in both:
            controller.finish()
    timings = [[read_json(folder / f"results/{name}/runs/{run}/timing.json") for run in runs] for name in names]
    trained_by = [sum("taken_over" not in timing for timing in found) for found in timings]
    assert sum(trained_by) == 10 and all(trained_by), trained_by
    assert len(list((folder / "results/store/supernets").rglob("weights.safetensors"))) == 10
    for run in runs:
        left, right = ((folder / f"results/{name}/runs/{run}/weights.safetensors").read_bytes() for name in names)
        assert left == right


def test_when_a_node_fails_its_job_moves(slurm: Cluster, folder: Path, expected: Path) -> None:
    with snakemake(folder, target(BASELINE)) as controller:
        controller.wait_trained(BASELINE)
        (job,) = jobs_of(folder)
        node = output("squeue", "--noheader", f"--jobs={job}", "--format=%N")
        try:
            slurm.kill_node(node)
            wait(lambda: not trainings(folder), "end of all that ran on the node")
            # A health check of the cluster does this; otherwise SLURM waits for SlurmdTimeout.
            subprocess.run(["scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test"], check=True)
            wait(lambda: trained(folder, BASELINE) > 0 and trainings(folder) != [], "training on the other node")
            other = output("squeue", "--noheader", f"--jobs={job}", "--format=%N")
            controller.finish()
        finally:
            slurm.start_node(node)
            subprocess.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"], check=False)
            wait(lambda: slurm.nodes()[node] == "idle", f"{node} back", slurm.said)
    assert {node, other} == {"n1", "n2"} and controller.submitted() == [job]
    assert start_step(folder, BASELINE) > 0
    same_results(folder / "results/cluster", expected, BASELINE)


def test_a_cancelled_job_is_reported_and_the_others_go_on(folder: Path, expected: Path) -> None:
    both = (target(BASELINE), target(SWEPT))
    with snakemake(folder, *both, "--retries", "0") as controller:
        controller.wait_trained(BASELINE, SWEPT)
        comments = dict(line.split("|") for line in output("squeue", "-h", "--format=%k|%A").splitlines())
        cancelled = comments["rule_train_wildcards_nasbench201_baseline_0"]
        subprocess.run(["scancel", cancelled], check=True)
        controller.wait_for(f"SLURM-job '{cancelled}' failed, SLURM status is: 'CANCELLED'", 240)
        controller.finish(code=1)
    same_results(folder / "results/cluster", expected, SWEPT)
    assert not (folder / target(BASELINE)).exists()
    with snakemake(folder, *both) as controller:
        controller.finish()
        assert len(controller.submitted()) == 1
    assert start_step(folder, BASELINE) >= 100
    same_results(folder / "results/cluster", expected, BASELINE, SWEPT)


class TestKilledController:
    def test_an_orphan_and_its_replacement_never_write_at_once(self, folder: Path, expected: Path) -> None:
        with snakemake(folder, target(BASELINE)) as first:
            first.wait_trained(BASELINE)
            first.kill()
            locked = locally(folder, target(BASELINE))
            assert locked.returncode == 1 and "LockException" in locked.stdout + locked.stderr
            # The user confirmed that no job is running, but was wrong.
            assert locally(folder, "--unlock").returncode == 0
            (orphan,) = trainings(folder)
            with frozen(folder), snakemake(folder, target(BASELINE)) as second:
                wait(
                    lambda: "waiting for it" in training_log(folder, BASELINE),
                    "second job",
                    second.last,
                )
                log = training_log(folder, BASELINE)
                assert f"process {orphan} on" in log and f"SLURM job {first.submitted()[0]}" in log
                assert len(trainings(folder)) == 2 and "training 0/" not in log
                os.kill(orphan, signal.SIGCONT)
                second.finish()
        same_results(folder / "results/cluster", expected, BASELINE)

    def test_resume_waits_for_orphans_and_keeps_their_work(self, folder: Path, expected: Path) -> None:
        with snakemake(folder, target(BASELINE)) as first:
            first.wait_trained(BASELINE)
            refused = self.resume(folder, "--wait")
            assert refused.returncode == 2 and f"process {first.process.pid} on" in refused.stderr
            first.kill()
            asked = self.resume(folder)
            assert asked.returncode == 2 and "--wait" in asked.stderr
            assert first.submitted()[0] in asked.stdout and "train nasbench201_baseline_0" in asked.stdout
            done = self.resume(folder, "--wait")
            assert done.returncode == 0, done.stdout + done.stderr
        assert "has been submitted" not in done.stdout + done.stderr
        same_results(folder / "results/cluster", expected, BASELINE)

    def test_resume_cancels_orphans_and_goes_on_from_their_checkpoints(self, folder: Path, expected: Path) -> None:
        with snakemake(folder, target(BASELINE), config=("checkpoint_seconds=1000",)) as first:
            first.wait_trained(BASELINE)
            first.kill()
            done = self.resume(folder, "--cancel")
            assert done.returncode == 0, done.stdout + done.stderr
            assert state_of(first.submitted()[0]) == "CANCELLED"
        assert start_step(folder, BASELINE) >= 100
        same_results(folder / "results/cluster", expected, BASELINE)

    @staticmethod
    def resume(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "supernet",
            "resume",
            *options,
            "--",
            "--profile",
            "slurm",
            target(BASELINE),
            *TESTED,
        ]
        command += ["--config", "study=tests/studies/cluster.yaml", "checkpoint_seconds=0.5"]
        # The installation that runs the tests has the package of another checkout.
        variables = {**environment(), "PYTHONPATH": str(folder)}
        return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=HANG)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_leaves_no_half_file_and_the_next_run_resumes(
    folder: Path, expected: Path, small_disk: Path
) -> None:
    (folder / "state").rename(folder / "state.before")
    shutil.move(folder / "results/cluster", small_disk / "cluster")
    (small_disk / "state").mkdir()
    (folder / "state").symlink_to(small_disk / "state")
    (folder / "results/cluster").symlink_to(small_disk / "cluster")
    with snakemake(folder, target(BASELINE), "--retries", "0") as controller:
        controller.wait_trained(BASELINE)
        with (small_disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"0" * 1024)
        controller.finish(code=1)
        (said,) = (folder / ".snakemake/slurm_logs").rglob(f"{controller.submitted()[0]}.log")
        assert re.search(r"^error: .*No space left on device.*free some space", said.read_text(), re.MULTILINE)
    assert not any((folder / target(BASELINE)).parent.glob("*"))
    (small_disk / "ballast").unlink()
    with snakemake(folder, target(BASELINE)) as controller:
        controller.finish()
    assert start_step(folder, BASELINE) > 0
    same_results(folder / "results/cluster", expected, BASELINE)


def test_a_second_controller_is_refused(folder: Path, tmp_path: Path) -> None:
    elsewhere = Path(shutil.copytree(folder, tmp_path / "another clone"))
    places = tuple(f"{name}={folder / name}" for name in ("results", "state", "resources"))
    with snakemake(folder, target(BASELINE)) as first:
        first.wait_trained(BASELINE, steps=1)
        with snakemake(elsewhere, f"{folder}/{target(BASELINE)}", config=places) as second:
            second.finish(code=1)
            assert f"process {first.process.pid} on" in second.said and "expected one writer" in second.said
            assert not second.submitted()
        same_folder = locally(folder, target(BASELINE))
        assert same_folder.returncode == 1 and "LockException" in same_folder.stdout + same_folder.stderr
        cancel(folder)


LATE = '''
"""The file system of this job shows the last file of a run under another name until someone renames it."""
import os
replace = os.replace
def late(source, target, **options):
    target = os.fspath(target)
    replace(source, target + ".late" if target.endswith("/run.json") else target, **options)
os.replace = os.rename = late
'''


def test_a_file_that_becomes_visible_late_is_waited_for(folder: Path, expected: Path) -> None:
    # Python reads this when a program of the checkout starts, not in Snakemake.
    (folder / "sitecustomize.py").write_text(LATE)
    late = Path(f"{folder / target(BASELINE)}.late")

    def show() -> None:
        wait(late.exists, "the last file")
        time.sleep(5)
        late.rename(folder / target(BASELINE))

    showing = threading.Thread(target=show)
    with snakemake(folder, target(BASELINE)) as controller:
        showing.start()
        controller.finish()
        showing.join()
        assert len(controller.submitted()) == 1
    same_results(folder / "results/cluster", expected, BASELINE)
