"""Metadata of a made-up published table."""

from typing import Any

from supernet.published.about import About, SourceFile

WHOLE = 423_624
SOURCE = SourceFile(
    file="nasbench101.parquet",
    origin="a mirror",
    algorithm="sha256",
    digest="0" * 64,
    licence="MIT",
    source="a repository",
)


def about(**changes: Any) -> About:
    known: dict[str, Any] = {
        "table": "nasbench101",
        "space": "nasbench101",
        "dataset": "cifar10",
        "form": "mirror",
        "files": (SOURCE,),
        "rows": 3,
        "size": WHOLE,
        "complete": False,
        "uniform_rows": 2,
        "merged": 0,
        "epochs": 108,
        "truth": "mean test accuracy of 3 runs",
    }
    return About(**{**known, **changes})
