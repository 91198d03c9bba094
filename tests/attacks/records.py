"""Attacks on the results of a study and their records."""

from collections.abc import Iterator

from attacks.attack import Attack, Verdict
from attacks.mutations import of_file
from attacks.study import RESULTS, STUDY_TARGET

FILES = (
    f"{RESULTS}/metrics.parquet",
    f"{RESULTS}/runs/nasbench201/baseline/seed0/weights.safetensors",
    f"{RESULTS}/tables/learning_rate.csv",
)
SEED = 1


def attacks() -> list[Attack]:
    """Return the attacks of this module."""
    return [Attack("nothing is changed", "R0", STUDY_TARGET, lambda: None, Verdict.INTACT), *_changed_files()]


def _changed_files() -> Iterator[Attack]:
    for path in FILES:
        for one in of_file(path, SEED):
            yield Attack(one.name, "R1", STUDY_TARGET, one.apply, Verdict.BROKEN, path)
