"""Which super-nets of a study the store has, so that no job trains them. Does not import torch."""

from collections.abc import Container
from pathlib import Path

from supernet.config.artifacts import RunName
from supernet.pipeline.plan import Plan
from supernet.training.store.supernets import SupernetStore


def is_stored(plan: Plan, run: RunName, remade: Container[str] = frozenset()) -> bool:
    """Return whether the store has the super-net of a run; False before its images and landmarks exist.

    Without them it is not known which of the stored super-nets was trained with the same ones; nor is it if they are
    among the files that are made again.
    """
    images = Path(plan.artifacts.images(plan.study.data.name))
    name = plan.landmarks(run.space, run.setting)
    landmarks = None if name is None else Path(plan.artifacts.pool(name))
    inputs = [images] if landmarks is None else [images, landmarks]
    if any(not path.exists() or str(path) in remade for path in inputs):
        return False
    return SupernetStore(Path(plan.artifacts.store), plan.study.run(*run), images, landmarks).has()
