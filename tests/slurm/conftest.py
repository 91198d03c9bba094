"""One test cluster for all tests of a session."""

from collections.abc import Iterator

import pytest
from cluster import Cluster, Unavailable, cluster


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster; the test is skipped, with the reason, if there cannot be one."""
    try:
        with cluster(tmp_path_factory.mktemp("cluster")) as one:
            yield one
    except Unavailable as reason:
        pytest.skip(str(reason))
