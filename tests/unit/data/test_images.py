"""Images: split, normalisation and augmentation, against references that process one image at a time."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from safetensors.torch import save_file
from tiny import raw_images
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as vision

from supernet.config.splits import Sizes
from supernet.config.study import Data
from supernet.data.images import Augmenter, Images, Splits, load_splits, split
from supernet.errors import UserError


def numbered(count: int) -> Images:
    """Return images with label n and pixels that encode n."""
    pixels = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 1, 8, 8).contiguous()
    return Images(pixels, torch.arange(count))


def parts(splits: Splits) -> list[list[int]]:
    return [part.labels.tolist() for part in (splits.train, splits.scoring, splits.test)]


def config(**values: Any) -> Data:
    return Data(name="digits", **values)


@pytest.mark.parametrize("count", [100, 101, 119])
def test_splits_are_disjoint_and_complete(count: int) -> None:
    splits = split(numbered(count), config(test_portion=0.25, scoring_portion=0.2), 3)
    train, scoring, test = parts(splits)
    assert sorted(train + scoring + test) == list(range(count))
    assert len(test) == round(count / 4)
    assert len(scoring) == round((count - len(test)) / 5)
    assert splits.classes == count
    for part in (splits.train, splits.scoring, splits.test):
        assert part.pixels[:, 0, 0, 0].tolist() == part.labels.tolist()


def official(count: int, test: int) -> Images:
    images = numbered(count)
    return Images(images.pixels, images.labels, test)


def test_an_official_test_set_stays_whole_and_is_never_trained_on() -> None:
    data = Data(name="cifar10", scoring_portion=0.1)
    for seed in (0, 1):
        train, scoring, test = parts(split(official(120, 20), data, seed))
        assert test == list(range(100, 120))
        assert len(scoring) == 10
        assert sorted(train + scoring) == list(range(100))
    assert parts(split(official(120, 20), data, 0)) != parts(split(official(120, 20), data, 1))


@given(
    arrays(np.uint8, st.sampled_from([(2, 3, 8, 8), (3, 1, 4, 4)])),
    st.sampled_from([1, 2, 4]),
)
def test_lower_resolution_is_the_mean_of_blocks(pixels: NDArray[np.uint8], side: int) -> None:
    averaged = Images(torch.from_numpy(pixels), torch.arange(len(pixels)), 1).averaged(side)
    assert averaged.official_test == 1
    assert averaged.pixels.shape == (*pixels.shape[:2], side, side)
    block = pixels.shape[2] // side
    for image, channel, row, column in np.ndindex(*averaged.pixels.shape):
        part = pixels[image, channel, row * block : (row + 1) * block, column * block : (column + 1) * block]
        # Fractions are exact here, and a half goes upwards.
        assert int(averaged.pixels[image, channel, row, column]) == math.floor(part.mean(dtype=np.float64) + 0.5)


@pytest.mark.parametrize("resolution", [None, 4])
def test_held_out_parts_stay_in_the_file_until_they_are_asked_for(tmp_path: Path, resolution: int | None) -> None:
    data, images = Data(name="cifar10", scoring_portion=0.2, resolution=resolution), raw_images(60)
    path = tmp_path / "images.safetensors"
    save_file({"images": images.pixels, "labels": images.labels}, path, {"official_test": "20"})
    there = load_splits(path, data, 5)
    save_file(
        {"images": 255 - images.pixels, "labels": images.labels},
        tmp_path / "other.safetensors",
        {"official_test": "20"},
    )
    (tmp_path / "other.safetensors").replace(path)  # as a download would: what was split is not what is there now
    here = split(Images(images.pixels, images.labels, 20), data, 5)
    assert there.sizes == here.sizes == Sizes(test=20, scoring=8, train=32)
    for ours, theirs in ((there.train, here.train), (there.scoring, here.scoring), (there.test, here.test)):
        assert torch.equal(ours.pixels, theirs.pixels) and torch.equal(ours.labels, theirs.labels)
    assert there.scoring is there.scoring, "taken once"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_training_does_not_hold_what_it_is_scored_on(tmp_path: Path) -> None:
    path = tmp_path / "images.safetensors"
    pixels = torch.zeros(40_000, 3, 32, 32, dtype=torch.uint8)
    save_file({"images": pixels, "labels": torch.arange(40_000) % 10}, path, {"official_test": "35000"})
    program = (
        "import re, sys; from pathlib import Path\n"
        "from supernet.data.images import load_splits; from supernet.config.study import Data\n"
        "def resident():\n"
        "    return int(re.search(r'VmRSS:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024\n"
        "before = resident(); splits = load_splits(Path(sys.argv[1]), Data(name='cifar10', scoring_portion=.2), 0)\n"
        "trains = resident(); splits.test; print(trains - before, resident() - trains)"
    )
    ran = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    while_training, for_scoring = map(int, ran.stdout.split())
    assert for_scoring > 100, "megabytes, of 35 000 images of 3 kB"
    assert while_training < 70, "5 000 images, and what is imported (more with Python 3.13)"


def test_resolution_is_a_choice_of_the_study() -> None:
    images = Images(raw_images(40, height=32, width=32).pixels, torch.arange(40) % 10, 8)
    splits = split(images, Data(name="cifar10", resolution=16), 0)
    assert splits.test.pixels.shape == (8, 2, 16, 16)
    assert torch.equal(splits.test.pixels, images.averaged(16).pixels[-8:])


def test_split_is_a_function_of_the_study_seed() -> None:
    first, again, other = (split(numbered(100), config(), seed) for seed in (0, 0, 1))
    assert parts(first) == parts(again)
    assert all(a != b for a, b in zip(parts(first), parts(other), strict=True))
    # The scoring portion only moves images between scoring and training.
    assert parts(split(numbered(100), config(scoring_portion=0.5), 0))[2] == parts(first)[2]


def test_portions_are_nested_and_count_from_the_whole_training_set() -> None:
    splits = split(numbered(200), config(test_portion=0.5, scoring_portion=0.1), 0)
    before: set[int] = set()
    for portion, count in [(0.01, 1), (0.25, 25), (0.29, 29), (0.57, 57), (0.9, 90)]:
        labels = splits.training_images(portion).labels.tolist()
        assert len(labels) == count
        assert before < set(labels) <= set(splits.train.labels.tolist())
        before = set(labels)


@pytest.mark.parametrize("portion", [0.91, 1.0, 0.001])
def test_impossible_portions(portion: float) -> None:
    splits = split(numbered(200), config(test_portion=0.5, scoring_portion=0.1), 0)
    with pytest.raises(UserError, match=f"train_portion {portion}: .* 90 are outside the scoring split"):
        splits.training_images(portion)


def test_moments_by_counting_are_those_of_the_values() -> None:
    """More images than are counted at once; the same bits as NumPy in double precision."""
    splits = split(raw_images(6000, in_channels=3), config(), 0)
    values = splits.train.pixels.numpy().astype(np.float64) / 255
    assert splits.mean.tolist() == values.mean((0, 2, 3)).astype(np.float32).tolist()
    assert splits.std.tolist() == values.std((0, 2, 3), ddof=1).astype(np.float32).tolist()


def test_training_set_has_zero_mean_and_unit_variance_by_channel() -> None:
    splits = split(raw_images(400, in_channels=3), config(), 0)
    values = splits.normalise(splits.train.pixels)
    assert values.dtype == torch.float32
    torch.testing.assert_close(values.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.var((0, 2, 3)), torch.ones(3), atol=1e-4, rtol=0)
    # The test set is normalised by the training set's statistics.
    test = splits.test.pixels.double() / 255
    expected = (test - splits.mean[:, None, None]) / splits.std[:, None, None]
    torch.testing.assert_close(splits.normalise(splits.test.pixels), expected.float(), atol=1e-5, rtol=1e-5)


def one_image(image: NDArray[np.uint8], top: int, left: int, flip: bool, padding: int) -> NDArray[np.uint8]:
    """The crop at (top, left) of the zero-padded (C, H, W) image, and its mirror image."""
    height, width = image.shape[1:]
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    crop = padded[:, top : top + height, left : left + width]
    return crop[:, :, ::-1] if flip else crop


@pytest.mark.parametrize(("padding", "flip"), [(2, True), (4, False), (0, True)])
@pytest.mark.parametrize("channels_last", [False, True])
def test_batches_are_crops_and_flips_of_single_images(padding: int, flip: bool, channels_last: bool) -> None:
    data = config(crop_padding=padding, flip=flip)
    splits = split(raw_images(80, in_channels=2, height=8, width=6), data, 0)
    epoch = Augmenter(splits.train, splits, data, channels_last).epoch(seed=5, epoch=1, batch_size=16)
    for number in range(2):
        images, labels = epoch.batch(number)
        chosen = slice(16 * number, 16 * (number + 1))
        indices = epoch.order[chosen]
        assert images.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
        assert torch.equal(labels, splits.train.labels[indices])
        expected = [
            one_image(splits.train.pixels[i].numpy(), int(t), int(c), bool(f), padding)
            for i, t, c, f in zip(indices, epoch.top[chosen], epoch.left[chosen], epoch.flip[chosen], strict=True)
        ]
        assert torch.equal(images, splits.normalise(torch.from_numpy(np.stack(expected))))


@pytest.mark.parametrize(("padding", "flip"), [(4, True), (2, False), (0, True)])
def test_batches_are_those_of_torchvision(padding: int, flip: bool) -> None:
    """Crops and flips are the same bytes; the normalisation rounds in another order."""
    data = config(crop_padding=padding, flip=flip)
    splits = split(raw_images(200, in_channels=3, height=16, width=16), data, 0)
    # With this mean and standard deviation, normalisation returns the bytes as numbers.
    bytes_kept = replace(splits, mean=torch.zeros(3), std=torch.full((3,), 1 / 255))
    epoch, of_bytes = (Augmenter(splits.train, one, data, False).epoch(7, 3, 64) for one in (splits, bytes_kept))
    cropped = []
    for index, top, left, mirrored in zip(epoch.order[:64], epoch.top, epoch.left, epoch.flip, strict=False):
        image = vision.crop(vision.pad(splits.train.pixels[index], [padding]), int(top), int(left), 16, 16)
        cropped.append(vision.horizontal_flip(image) if mirrored else image)
    expected = torch.stack(cropped)
    assert torch.equal(of_bytes.batch(0)[0], expected.float())
    assert bool(epoch.flip.any()) == flip
    scaled = vision.to_dtype(expected, torch.float32, scale=True)
    normal = vision.normalize(scaled, splits.mean.tolist(), splits.std.tolist())
    torch.testing.assert_close(epoch.batch(0)[0], normal, atol=2e-6, rtol=1e-6)


def test_lower_resolution_is_that_of_torchvision() -> None:
    """Halving by linear interpolation between pixels is the mean of four; halved again, that of sixteen."""
    images = raw_images(50, in_channels=3, height=32, width=32)
    expected = images.pixels.double()
    for side in (16, 8):
        expected = vision.resize(expected, [side, side], InterpolationMode.BILINEAR, antialias=False)
        assert torch.equal(images.averaged(side).pixels, (expected + 0.5).floor().to(torch.uint8))


def test_crops_and_flips_cover_their_range_evenly() -> None:
    splits = split(raw_images(2_400), config(crop_padding=1), 0)
    epoch = Augmenter(splits.train, splits, config(crop_padding=1), False).epoch(seed=0, epoch=0, batch_size=10)
    count = len(splits.train)
    for offsets in (epoch.top, epoch.left):
        assert offsets.unique().tolist() == [0, 1, 2]
        assert float((offsets == 0).double().mean()) == pytest.approx(1 / 3, abs=4 * (2 / 9 / count) ** 0.5)
    assert float(epoch.flip.double().mean()) == pytest.approx(0.5, abs=4 * (0.25 / count) ** 0.5)
    assert sorted(epoch.order.tolist()) == list(range(count))
    still = Augmenter(splits.train, splits, config(flip=False), False).epoch(seed=0, epoch=0, batch_size=10)
    assert not still.flip.any()


def test_epochs_are_streams_of_their_own() -> None:
    splits = split(raw_images(80), config(), 0)
    augmenter = Augmenter(splits.train, splits, config(), False)

    def choices(seed: int, epoch: int) -> list[Tensor]:
        found = augmenter.epoch(seed, epoch, 16)
        return [found.order, found.top, found.left, found.flip]

    late = choices(0, 7)
    choices(0, 6)  # an epoch does not depend on the order of requests
    assert all(map(torch.equal, late, choices(0, 7)))
    for seed, epoch in [(0, 6), (1, 7)]:
        assert not any(map(torch.equal, late, choices(seed, epoch)))


def test_batch_size_does_not_change_an_epoch() -> None:
    splits = split(raw_images(80), config(), 0)
    augmenter = Augmenter(splits.train, splits, config(), False)
    small, large = augmenter.epoch(0, 0, 8), augmenter.epoch(0, 0, 16)
    pairs = [torch.cat(pair) for pair in zip(small.batch(2), small.batch(3), strict=True)]
    assert all(map(torch.equal, pairs, large.batch(1)))
