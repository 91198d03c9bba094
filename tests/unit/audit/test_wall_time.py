"""Wall times of a few jobs, by hand."""

import pytest

from supernet.audit.dry_run import PlannedJob
from supernet.audit.schedule import wall_seconds


def job(name: str, *needs: str) -> PlannedJob:
    return PlannedJob("rule", {}, needs, (name,), "")


def test_jobs_share_the_cores() -> None:
    jobs = [job(name) for name in "abc"]
    seconds = {"a": 3.0, "b": 2.0, "c": 2.0}
    assert wall_seconds(jobs, seconds, 1) == pytest.approx(7)
    # c starts when b ends.
    assert wall_seconds(jobs, seconds, 2) == pytest.approx(4)
    assert wall_seconds(jobs, seconds, 9) == pytest.approx(3)
    assert wall_seconds([], {}, 2) == 0


def test_a_job_waits_for_its_inputs() -> None:
    jobs = [job("c", "b", "kept"), job("b", "a"), job("a")]
    assert wall_seconds(jobs, {"a": 1.0, "b": 2.0, "c": 4.0}, 8) == pytest.approx(7)
    # A job without an estimate takes no time.
    assert wall_seconds(jobs, {"a": 1.0, "c": 4.0}, 8) == pytest.approx(5)


def test_jobs_that_long_jobs_wait_for_start_first() -> None:
    # Without that order, short jobs would delay the chain: 3 + 1 + 9.
    jobs = [*(job(name) for name in "xyz"), job("first"), job("last", "first")]
    seconds = {"x": 3.0, "y": 3.0, "z": 3.0, "first": 1.0, "last": 9.0}
    assert wall_seconds(jobs, seconds, 2) == pytest.approx(10)


def test_a_chain_can_be_long() -> None:
    count = 5_000
    jobs = [job("0"), *(job(str(number), str(number - 1)) for number in range(1, count))]
    assert wall_seconds(jobs, dict.fromkeys(map(str, range(count)), 1.0), 4) == pytest.approx(count)
