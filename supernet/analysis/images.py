"""The images that an analysis looks at: the first training images, not augmented, in batches of equal size."""

import torch
from torch import Tensor

from supernet.data.images import Splits
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
    pieces = -(-count // batch_size)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    return [
        (splits.normalise(pixels).contiguous(memory_format=memory_format), labels)
        for pixels, labels in zip(
            images.pixels[:count].tensor_split(pieces), images.labels[:count].tensor_split(pieces), strict=True
        )
    ]
