"""The comparison of images with and without loss, on random images that are encoded here."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import jpeg
from supernet import spaces
from supernet.data.images import Images

COUNT = 1_100


def smooth(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return random images (N, 32, 32, 3) of 4 x 4 blocks, which survive an encoding."""
    return rng.integers(256, size=(count, 8, 8, 3), dtype=np.uint8).repeat(4, 1).repeat(4, 2)


def encoded(image: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=75)
    return np.asarray(Image.open(stream))


@pytest.fixture(scope="module")
def images() -> dict[str, Images]:
    rng = np.random.default_rng(0)
    pixels, labels = smooth(rng, COUNT), torch.arange(COUNT) % 10
    versions = {"lossless": pixels, "jpeg": np.stack([*map(encoded, pixels)]), "others": smooth(rng, 300)}
    tensors = {name: torch.from_numpy(array.transpose(0, 3, 1, 2).copy()) for name, array in versions.items()}
    return {name: Images(tensor, labels[: len(tensor)]) for name, tensor in tensors.items()}


def test_every_image_is_found_among_encoded_ones(images: dict[str, Images]) -> None:
    lossless = images["lossless"].pixels[:50]
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))
    found, differences = jpeg.matches(lossless, images["jpeg"].pixels[order])
    assert order[found].tolist() == list(range(50))
    apart = (lossless.double() - images["jpeg"].pixels[:50].double()).abs().mean((1, 2, 3))
    torch.testing.assert_close(differences.double(), apart, rtol=1e-5, atol=0)
    assert apart.min() > 0


@pytest.mark.parametrize("training", jpeg.TRAININGS)
def test_versions_differ_in_the_held_out_images_only(training: str, images: dict[str, Images]) -> None:
    one, other = jpeg.splits_of(images, training).values()
    for name in ("pixels", "labels"):
        assert torch.equal(getattr(one.train, name), getattr(other.train, name))
    assert torch.equal(one.test.labels, other.test.labels)
    assert not torch.equal(one.test.pixels, other.test.pixels) and torch.equal(one.mean, other.mean)
    everything = images["lossless"].averaged(16).pixels
    rows = {row.numpy().tobytes() for row in everything}
    held_out = {row.numpy().tobytes() for row in one.test.pixels}
    trained = {row.numpy().tobytes() for row in one.train.pixels}
    assert len(held_out) == (COUNT if training == "jpeg-all" else jpeg.HELD_OUT) and held_out <= rows
    assert not held_out & trained
    assert bool(trained <= rows) == (training == "lossless")


def test_the_same_weights_score_both_versions(images: dict[str, Images]) -> None:
    space = spaces.load("nasbench201")
    archs = space.sample(np.random.default_rng(0), "random_a", count=8)
    splits = jpeg.splits_of(images, "lossless")
    found = jpeg.scores(splits, archs, passes=10, seed=0)
    again = jpeg.scores(dict.fromkeys(jpeg.VERSIONS, splits["lossless"]), archs, passes=10, seed=0)
    assert again["lossless"] == again["jpeg"] == found["lossless"] != found["jpeg"]
    line = jpeg.summary(again, np.linspace(0.5, 0.9, 8))
    assert "tau 1.000 by accuracy, 1.000 by loss" in line and "sd of the differences 0.00 points" in line
