"""The images of an analysis: the first training images, without augmentation, in batches of equal size."""

from torch import Tensor

from supernet.data.images import Images, Splits
from supernet.errors import UserError


def first_batches(
    splits: Splits, portion: float, count: int, batch_size: int, channels_last: bool
) -> list[tuple[Tensor, Tensor]]:
    """Return the first `count` images of a portion of the training set: (B, C, H, W) float32 and labels (B,).

    Batches are those of `Splits.batches`. Raises UserError if the portion has fewer images.
    """
    images = splits.training_images(portion)
    if count > len(images):
        raise UserError(f"found {count} images to analyse; expected at most {len(images)}, the training images")
    chosen = Images(images.pixels[:count], images.labels[:count])
    return splits.batches(chosen, batch_size, channels_last)
