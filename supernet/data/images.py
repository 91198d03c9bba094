"""Image data sets on the device: stored as bytes, split once per study, augmented one batch at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from supernet.config.splits import Sizes, split_sizes
from supernet.config.study import Data
from supernet.data.sizes import MAKER, official_test
from supernet.errors import UserError
from supernet.io.tensors import open_tensors
from supernet.rng import stream


@dataclass(frozen=True)
class Images:
    """Images (N, C, H, W) uint8 and labels (N,) int64. The last `official_test` images are the official test set."""

    pixels: Tensor
    labels: Tensor
    official_test: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Images":
        """Return the images at these indices (n,), in this order."""
        chosen = torch.from_numpy(indices).to(self.pixels.device)
        return Images(self.pixels[chosen], self.labels[chosen])

    def averaged(self, side: int) -> "Images":
        """Return images of `side` x `side` pixels, each the mean of a block of pixels, rounded half up.

        `side` divides the original side. The arithmetic is in integers, so that every device gives the same bytes.
        """
        block = self.pixels.shape[-1] // side
        sums = self.pixels.unfold(2, block, block).unfold(3, block, block).sum((4, 5), dtype=torch.int32)
        return Images(((sums + block**2 // 2) // block**2).to(torch.uint8), self.labels, self.official_test)


class HeldOut:
    """The scoring split and the test set, which are taken from all images at the first access.

    Training does not need them, and they would keep a quarter of CIFAR-10 in memory.
    """

    def __init__(self, take: Callable[[], tuple[Images, Images]]) -> None:
        """`take` returns the scoring split and the test set."""
        self._take: Callable[[], tuple[Images, Images]] | None = take

    @cached_property
    def splits(self) -> tuple[Images, Images]:
        """Scoring split and test set, taken once; the source is released."""
        assert self._take is not None, "the splits are cached after the first call"
        taken, self._take = self._take(), None
        return taken


@dataclass(frozen=True)
class Splits:
    """Disjoint splits of a data set, and the (C,) mean and standard deviation that normalise pixels / 255."""

    train: Images
    held_out: HeldOut
    sizes: Sizes
    mean: Tensor
    std: Tensor
    classes: int

    @property
    def scoring(self) -> Images:
        """Scoring split."""
        return self.held_out.splits[0]

    @property
    def test(self) -> Images:
        """Test set."""
        return self.held_out.splits[1]

    def training_images(self, portion: float) -> Images:
        """Return the first ⌊portion · training set⌋ images outside the scoring split, so that portions are nested.

        Raises UserError like `Sizes.training_images`.
        """
        count = self.sizes.training_images(portion)
        return Images(self.train.pixels[:count], self.train.labels[:count])

    def normalise(self, pixels: Tensor) -> Tensor:
        """Map bytes (N, C, H, W) to float32, with zero mean and unit variance per channel of the training set."""
        scale = (1 / (255 * self.std))[:, None, None]
        return pixels.float().mul_(scale).sub_((self.mean / self.std)[:, None, None])

    def batches(self, images: Images, batch_size: int, channels_last: bool) -> list[tuple[Tensor, Tensor]]:
        """Normalise images and cut them into batches: images (B, C, H, W) float32 and labels (B,).

        Batches have equal size, to one image, and at most `batch_size` images: with statistics of the batch, a small
        last batch would be normalised by a worse estimate.
        """
        count, kept = max(1, -(-len(images) // batch_size)), memory_format(channels_last)
        return [
            (self.normalise(pixels).contiguous(memory_format=kept), labels)
            for pixels, labels in zip(images.pixels.tensor_split(count), images.labels.tensor_split(count), strict=True)
        ]


def memory_format(channels_last: bool) -> torch.memory_format:
    """Choose the memory format of images and of networks from the study's `protocol.channels_last`."""
    return torch.channels_last if channels_last else torch.contiguous_format


def load(path: Path) -> Images:
    """Load images and labels of a safetensors file of `scripts/data.py`, memory-mapped.

    Raises UserError if the file does not exist or is not such a file.
    """
    with open_tensors(path, "pt", MAKER) as file:
        pixels, labels = file.get_tensor("images"), file.get_tensor("labels")
        if pixels.dtype != torch.uint8 or pixels.ndim != 4 or labels.dtype != torch.int64 or labels.ndim != 1:
            found = f"images {pixels.dtype} {tuple(pixels.shape)} and labels {labels.dtype} {tuple(labels.shape)}"
            raise UserError(f"{path}: found {found}; expected bytes (N, C, H, W) and int64 (N,): {MAKER} makes them")
        if len(pixels) != len(labels) or not len(labels) or labels.numpy().min() < 0:
            found = f"{len(pixels)} images and {len(labels)} labels"
            raise UserError(f"{path}: found {found}; expected one label from 0 per image: make the file again")
        return Images(pixels, labels, official_test(path, file))


def load_splits(path: Path, config: Data, study_seed: int, device: torch.device | str = "cpu") -> Splits:
    """Load and split the images of a file. Held-out splits stay in the memory-mapped file until they are accessed."""
    return split(load(path), config, study_seed, device, again=load(path))


def split(
    images: Images,
    config: Data,
    study_seed: int,
    device: torch.device | str = "cpu",
    again: Images | None = None,
) -> Splits:
    """Shuffle images by the study seed and split them: test set first, then scoring split, then training.

    An official test set is kept, and only the training set is shuffled. Held-out splits are taken at first access, from
    `again`, the same images, or from `images`.
    """
    sizes = split_sizes(len(images), images.official_test, config)
    order = stream(study_seed, "split").permutation(len(images) - images.official_test)
    if images.official_test:
        order = np.concatenate([np.arange(len(order), len(images)), order])
    test, scoring, train = np.split(order, [sizes.test, sizes.test + sizes.scoring])

    def take(source: Images, indices: np.ndarray) -> Images:
        part = source.take(indices)
        part = Images(part.pixels.to(device), part.labels.to(device))
        return part if config.resolution is None else part.averaged(config.resolution)

    later = images if again is None else again
    chosen = take(images, train)
    return Splits(
        chosen,
        HeldOut(lambda: (take(later, scoring), take(later, test))),
        sizes,
        *_moments(chosen.pixels),
        int(images.labels.max()) + 1,
    )


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean and standard deviation (C,) of pixels / 255.

    Bytes are counted, some images at a time: all images in double precision would take eight times their memory,
    twice.
    """
    counts = torch.zeros(pixels.shape[1], 256, dtype=torch.float64, device=pixels.device)
    for part in pixels.tensor_split(-(-len(pixels) // 4096)):
        counts += torch.stack([channel.flatten().bincount(minlength=256) for channel in part.unbind(1)])
    values = torch.arange(256, device=pixels.device).double() / 255
    count = counts.sum(1)
    mean = counts @ values / count
    variance = (counts * (values - mean[:, None]) ** 2).sum(1) / (count - 1)
    return mean.float(), variance.sqrt().float()


class Augmenter:
    """Makes random crops of zero-padded images and random flips, as one gather from a view of all windows.

    Images are padded one batch at a time, because padded copies of all images would take more memory than the images.
    """

    def __init__(self, images: Images, splits: Splits, config: Data, channels_last: bool) -> None:
        self._images, self._splits, self._config = images, splits, config
        self._format = memory_format(channels_last)

    def epoch(self, seed: int, epoch: int, batch_size: int) -> "Epoch":
        """Draw order, crops and flips of an epoch: a function of the run seed and the epoch."""
        count = len(self._images)
        order = stream(seed, "batches", epoch).permutation(count)
        rng = stream(seed, "augmentation", epoch)
        offsets = rng.integers(2 * self._config.crop_padding + 1, size=(2, count))
        flips = rng.random(count) < (0.5 if self._config.flip else 0.0)
        device = self._images.labels.device
        return Epoch(
            self,
            batch_size,
            *(torch.from_numpy(a).to(device) for a in (order, offsets[0], offsets[1], flips)),
        )

    def batch(self, indices: Tensor, top: Tensor, left: Tensor, flip: Tensor) -> tuple[Tensor, Tensor]:
        """Make normalised images (B, C, H, W) float32 and labels (B,)."""
        pixels = self._images.pixels.index_select(0, indices)
        if padding := self._config.crop_padding:
            height, width = pixels.shape[2:]
            # (B, C, 2p + 1, 2p + 1, H, W): a view without memory.
            windows = F.pad(pixels, (padding,) * 4).unfold(2, height, 1).unfold(3, width, 1)
            pixels = windows[torch.arange(len(indices), device=indices.device), :, top, left]
        if self._config.flip:
            pixels = torch.where(flip[:, None, None, None], pixels.flip(3), pixels)
        images = self._splits.normalise(pixels).contiguous(memory_format=self._format)
        return images, self._images.labels[indices]


@dataclass(frozen=True)
class Epoch:
    """The mini-batches of one epoch; images that do not fill a batch are left out until the next shuffle."""

    augmenter: Augmenter
    batch_size: int
    order: Tensor
    top: Tensor
    left: Tensor
    flip: Tensor

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Return images (B, C, H, W) and labels (B,) of a batch."""
        part = slice(number * self.batch_size, (number + 1) * self.batch_size)
        return self.augmenter.batch(self.order[part], self.top[part], self.left[part], self.flip[part])
