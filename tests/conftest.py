"""Shared fixtures; with SUPERNET_NO_SKIP, a test that is skipped because a tool is missing fails."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# One thread each: tests run in parallel, and results depend on the number of threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    # Published tables cannot be installed, so their tests may be skipped without a mirror.
    excused = hasattr(report, "wasxfail") or (
        item.get_closest_marker("benchmarks") is not None and "SUPERNET_MIRROR" not in os.environ
    )
    if report.skipped and not excused and os.environ.get("SUPERNET_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"SUPERNET_NO_SKIP is set, and this was skipped: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    """The path of the checkout."""
    return ROOT
