"""How many images each part of a data set has; torch-free, because captions need it too."""

from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from supernet.study import Data


@dataclass(frozen=True)
class Sizes:
    """Images of the three disjoint parts."""

    test: int
    scoring: int
    train: int


def part_sizes(images: int, config: Data) -> Sizes:
    """The test set is a share of all images, the scoring split a share of the training set."""
    test = round(config.test_portion * images)
    scoring = round(config.scoring_portion * (images - test))
    return Sizes(test, scoring, images - test - scoring)


def file_sizes(path: Path, config: Data) -> Sizes:
    """The same for a file of scripts/data.py, of which only the header is read."""
    with safe_open(path, "numpy") as file:
        return part_sizes(file.get_slice("labels").get_shape()[0], config)
