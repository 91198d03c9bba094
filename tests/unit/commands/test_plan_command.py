"""The printed plan: groups by cause, counts, and times."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from checkouts import ROOT

from supernet.audit.causes import Cause
from supernet.audit.dry_run import PlannedJob
from supernet.audit.pending import STALE, Kept, Pending
from supernet.commands import plan as command
from supernet.commands.plan import Times, about_times, blocks, kept_lines, speeds_for, title
from supernet.config.artifacts import RunName
from supernet.io.atomic import write_json
from supernet.pipeline.plan import Plan
from supernet.pipeline.speed import Speed, Speeds, this_host
from supernet.pipeline.workload import Part, Workload, training_work

SPEEDS = Speeds({("training", "darts"): Speed(1.0, 0.0)}, 0.0, "somewhere", ("cpu",))


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return Plan.load({"study": str(ROOT / "tests" / "studies" / "smoke.yaml")}, ROOT)


def job(rule: str, name: str, cause: str, trainings: int = 0, detail: str = "", **wildcards: str) -> Pending:
    work = Workload((Part("training", "darts", 1, 1),)) if rule in ("train", "truth") else None
    return Pending(PlannedJob(rule, wildcards, (), (name,), ""), Cause(cause, detail), work, trainings)


def net(number: int, cause: str, detail: str = "") -> Pending:
    wildcards = {"space": "darts", "setting": f"s{number}", "seed": "0"}
    return job("train", f"net{number}", cause, 1, detail=detail, **wildcards)


def shard(pool: str, number: int, cause: str) -> Pending:
    return job("truth", f"{pool}{number}", cause, trainings=3, pool=pool, shard=str(number))


def lines(found: list[Pending], seconds: dict[str, float], limit: int | None = 2) -> list[str]:
    return list(blocks(found, Times(seconds, 2, SPEEDS), limit))


def test_super_nets_are_listed_by_cause_the_largest_group_first() -> None:
    found = [net(0, "why not", "a file"), *(net(number, "pool.size: 64 → 80") for number in (1, 2, 3))]
    said = lines(found, {"net0": 90.0, "net1": 5.0})
    assert [" ".join(line.split()) for line in said] == [
        "3 super-nets: pool.size: 64 → 80",
        "darts/s1/seed0 5.0 s",
        "darts/s2/seed0",
        "… and 1 more (--all)",
        "1 super-net: why not",
        "darts/s0/seed0 1.5 min a file",
    ]
    assert not any("--all" in line for line in lines(found, {}, None))


def test_ground_truth_is_counted_in_trainings_of_each_pool() -> None:
    found = [shard("darts", 0, "a"), shard("darts", 1, "a"), shard("nasbench101", 0, "a"), shard("darts", 2, "b")]
    said = [" ".join(line.split()) for line in lines(found, {"darts0": 2.0, "darts1": 3.0, "nasbench1010": 1.0})]
    assert said == [
        "9 stand-alone networks of the ground truth in 3 jobs: a",
        "darts 6 networks 5.0 s",
        "nasbench101 3 networks 1.0 s",
        "3 stand-alone networks of the ground truth in 1 job: b",
        "darts 3 networks",
    ]


def test_other_jobs_are_counted_by_rule_and_named() -> None:
    found = [
        *(job(f"table_{name}", name, "title: a → b") for name in ("costs", "spaces", "x")),
        job("metrics", "m", "title: a → b"),
        job("search", "s", "c", space="darts", seed="1"),
        job("an_unknown_rule", "u", "c", space="darts"),
        job("an_unknown_rule", "v", "c", space="macro"),
    ]
    assert lines(found, {"costs": 1.0, "m": 2.5}) == [
        "\n4 other jobs, 3.5 s: title: a → b",
        "  3 tables: costs, spaces, … and 1 more (--all)",
        "  metrics",
        "\n3 other jobs: c",
        "  2 an_unknown_rule: darts, macro",
        "  1 random search: darts/1",
    ]


def test_the_title_has_counts_and_times(plan: Plan) -> None:
    found = [net(0, "a"), net(1, "a"), net(2, "a"), shard("darts", 0, "a")]
    seconds = {"net0": 60.0, "net1": 60.0, "net2": 60.0, "darts0": 120.0}
    named = "Study smoke: 3 of 22 super-nets and 3 of 44 stand-alone networks would be trained"
    assert title(plan, found, Times(seconds, 2, SPEEDS)) == f"{named}, about 3.0 min on 2 cores (5.0 min in total)."
    assert title(plan, found, Times(seconds, 1, SPEEDS)) == f"{named}, about 5.0 min on one core."
    assert title(plan, found, Times({}, 2, None)) == f"{named}."
    # Times of drawing are known, those of training are not.
    mixed = Times({"m": 9.0}, 2, None)
    assert title(plan, [*found, job("metrics", "m", "a")], mixed) == f"{named}."
    drawn = "Study smoke: 0 of 22 super-nets and 0 of 44 stand-alone networks would be trained, about 9.0 s"
    assert title(plan, [job("metrics", "m", "a")], mixed) == f"{drawn} on 2 cores (9.0 s in total)."


def test_jobs_on_a_gpu_run_one_after_another(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "gpus", lambda: ["V100"])
    gpu = Speeds(SPEEDS.by_key, 0.0, "", ("cuda:0",))
    found, seconds = [net(0, "a"), net(1, "a")], {"net0": 60.0, "net1": 60.0}
    assert title(plan, found, Times(seconds, 8, gpu)).endswith(", about 2.0 min on one GPU.")
    monkeypatch.setattr(command, "gpus", lambda: ["V100", "V100"])
    assert title(plan, found, Times(seconds, 8, gpu)).endswith(", about 1.0 min on 2 GPUs (2.0 min in total).")


def test_the_source_of_the_times_is_named_and_what_they_leave_out() -> None:
    found = [net(0, "a"), job("metrics", "m", "a"), job("effects", "e", "a")]
    known = Times({"net0": 1.0, "m": 2.0}, 2, SPEEDS)
    assert list(about_times(found, known)) == [
        "Times are estimated from somewhere.",
        "1 job that neither trains nor scores networks is not in the times; most take seconds.",
    ]
    (said,) = about_times(found, Times({}, 2, None))
    assert said.startswith("No time can be estimated: no job of this study is finished on this machine")
    assert list(about_times([], Times({}, 2, None))) == []


def test_stale_runs_end_with_what_trains_them_again() -> None:
    run = RunName("darts", "baseline", 0)
    said = list(kept_lines([Kept(run, STALE, "code changed: a.py"), Kept(run, STALE, "b"), Kept(run, STALE, "c")], 2))
    assert said[0] == "\nKept, though stale: trained again only on request (3):"
    assert said[1].split() == ["darts/baseline/seed0", "code", "changed:", "a.py"]
    assert said[3] == "  … and 1 more (--all)" and "--forcerun train" in said[4]
    assert list(kept_lines([], 2)) == []


class TestSpeeds:
    """Where speeds come from."""

    @pytest.fixture(autouse=True)
    def calibrated(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """The spaces that are calibrated."""
        self.asked: list[str] = []

        def answer(plan: Plan, spaces: list[str], say: Any) -> Speeds:
            self.asked += spaces
            return Speeds({("training", space): Speed(9.0, 9.0) for space in spaces}, 1.0, "a calibration", ("cpu",))

        monkeypatch.setattr(command, "calibrated_speeds", answer)
        yield self.asked

    def pending(self, plan: Plan, *runs: RunName) -> list[Pending]:
        planned = PlannedJob("train", {}, (), ("x",), "")
        return [Pending(planned, Cause("a"), training_work(plan, run)) for run in runs]

    def finish(self, plan: Plan, run: RunName, host: str) -> None:
        timing = {"device": "cpu", "host": host, "train_seconds": 5.0, "score_seconds": 1.0, "total_seconds": 7.0}
        write_json(Path(plan.artifacts.run(*run).timing), timing, record=False)

    def test_without_work_nothing_is_measured(self, plan: Plan) -> None:
        assert speeds_for(plan, [job("metrics", "m", "a")], calibrate=True) is None
        assert self.asked == []

    def test_finished_jobs_come_before_a_calibration(self, plan: Plan) -> None:
        one, two = RunName("darts", "baseline", 0), RunName("nasbench201", "baseline", 0)
        self.finish(plan, one, this_host())
        found = speeds_for(plan, self.pending(plan, one), calibrate=True)
        assert found is not None and found.source.startswith("1 finished super-net") and self.asked == []
        # A space without one is calibrated.
        found = speeds_for(plan, self.pending(plan, one, two), calibrate=True)
        assert found is not None and found.source.endswith("; the rest from a calibration")
        assert self.asked == ["nasbench201"] and found.by_key[("training", "nasbench201")] == Speed(9.0, 9.0)
        assert found.by_key[("training", "darts")] != Speed(9.0, 9.0)

    def test_another_machine_is_asked_only_without_a_calibration(self, plan: Plan) -> None:
        one = RunName("darts", "baseline", 0)
        self.finish(plan, one, "another")
        found = speeds_for(plan, self.pending(plan, one), calibrate=True)
        assert found is not None and found.source == "a calibration" and self.asked == ["darts"]
        found = speeds_for(plan, self.pending(plan, one), calibrate=False)
        assert found is not None and "on another" in found.source

    def test_without_both_there_is_no_estimate(self, plan: Plan) -> None:
        assert speeds_for(plan, self.pending(plan, RunName("darts", "baseline", 0)), calibrate=False) is None
        assert self.asked == []
