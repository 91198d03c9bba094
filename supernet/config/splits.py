"""The number of images of each split of a data set, from the study's portions. Torch-free."""

from dataclasses import dataclass

from supernet.config.sections import Data
from supernet.errors import UserError


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
        count = self.images_of(portion)
        if not 0 < count <= self.train:
            raise UserError(
                f"train_portion {portion}: asks for {count} images; {self.train} are outside the scoring split"
            )
        return count

    def images_of(self, portion: float) -> int:
        """Count the same without a check."""
        return int(portion * (self.train + self.scoring) + 1e-9)


def split_sizes(images: int, official_test: int, config: Data) -> Sizes:
    """Compute the sizes: the test set is the official one or a share of all images, scoring a share of the rest."""
    test = round(config.test_portion * images) if config.test_portion is not None else official_test
    scoring = round(config.scoring_portion * (images - test))
    return Sizes(test, scoring, images - test - scoring)
