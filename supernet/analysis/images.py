"""The images that an analysis looks at: the first training images, not augmented, in batches of equal size."""

from torch import Tensor

from supernet.data.images import Images, Splits
from supernet.errors import UserError


def first_batches(
    splits: Splits, portion: float, count: int, batch_size: int, channels_last: bool
) -> list[tuple[Tensor, Tensor]]:
    """The first `count` images of a portion of the training set, as (B, C, H, W) float32 and labels (B,).

    In batches of at most `batch_size`, of equal size to one image: a small last one would have worse statistics.
    UserError if the portion has fewer images.
    """
    images = splits.training_images(portion)
    if count > len(images):
        raise UserError(f"found {count} images to look at; expected {len(images)} at most, all that are trained on")
    chosen = Images(images.pixels[:count], images.labels[:count])
    return splits.batches(chosen, batch_size, channels_last)
