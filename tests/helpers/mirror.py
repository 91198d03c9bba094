"""The folder with published tables, for tests with the marker `benchmarks`."""

import os
from pathlib import Path

import pytest

TABLE = Path("benchmarks") / "nasbench101.parquet"


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder that SUPERNET_MIRROR names; the test is skipped if it has no published tables."""
    named = os.environ.get("SUPERNET_MIRROR")
    if named is None:
        pytest.skip(f"set SUPERNET_MIRROR to a folder that has {TABLE}")
    if not (Path(named) / TABLE).is_file():
        pytest.skip(f"SUPERNET_MIRROR is {named}, which is not a folder with {TABLE}")
    return Path(named)
