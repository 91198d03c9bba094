"""The number of images of each split of a data set. Does not import torch, because captions need it too."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernet.config.study import Data
from supernet.errors import UserError
from supernet.io.tensors import opened
from supernet.provenance.recorder import note_input


@dataclass(frozen=True)
class Sizes:
    """Numbers of images of the three disjoint splits."""

    test: int
    scoring: int
    train: int

    def training_images(self, portion: float) -> int:
        """Count the images of a portion: ⌊portion · set⌋, with the scoring split as part of the training set.

        Raises UserError if the portion is empty or has more images than are outside the scoring split.
        """
        count = int(portion * (self.train + self.scoring) + 1e-9)
        if not 0 < count <= self.train:
            raise UserError(
                f"train_portion {portion}: asks for {count} images; {self.train} are outside the scoring split"
            )
        return count


def split_sizes(images: int, official_test: int, config: Data) -> Sizes:
    """Compute the sizes: the test set is the official one or a share of all images, scoring a share of the rest."""
    test = round(config.test_portion * images) if config.test_portion is not None else official_test
    scoring = round(config.scoring_portion * (images - test))
    return Sizes(test, scoring, images - test - scoring)


def file_sizes(path: Path, config: Data) -> Sizes:
    """Compute the sizes for a file of scripts/data.py, of which only the header is read."""
    with opened(note_input(path), "numpy") as file:
        return split_sizes(file.get_slice("labels").get_shape()[0], official_test(file), config)


def official_test(file: Any) -> int:
    """Read how many images at the end of an open file of scripts/data.py are the official test set.

    Raises ValueError if the file does not say that, or has fewer images.
    """
    count = int((file.metadata() or {})["official_test"])
    if not 0 <= count <= file.get_slice("labels").get_shape()[0]:
        raise ValueError(f"official_test is {count}")
    return count
