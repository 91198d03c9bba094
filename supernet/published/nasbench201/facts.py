"""Constants of NASBench-201 that all forms share (Dong & Yang 2020, D-X-Y/NATS-Bench)."""

from collections.abc import Mapping
from dataclasses import dataclass

from supernet.errors import UserError

EPOCHS = 200
IMAGES = 10_000
"""Test images of CIFAR-10."""
# Least common multiple of one, two and three runs, over which means are taken.
_MEANS = 6

_HALVES = (
    "mean test accuracy of the available runs (1 to 3) after 200 epochs on the training set; tested on half of the "
    "held-out images, the other half is the validation split"
)


@dataclass(frozen=True)
class Dataset:
    """Names and numbers of images of one data set in the benchmark."""

    nats_name: str
    """Name in NATS-Bench of the training whose test accuracy is used."""
    nats_valid: str
    """Name in NATS-Bench of the training with a validation accuracy."""
    mirror_test: str
    mirror_valid: str
    """Columns of the file of the mirror, in percent."""
    test_images: int
    """Number of test images, times the least common multiple of the numbers of runs."""
    valid_images: int
    truth: str


def dataset(name: str) -> Dataset:
    """Return a data set of the benchmark by name; UserError for an unknown name."""
    known: Mapping[str, Dataset] = {
        "cifar10": Dataset(
            nats_name="cifar10",
            nats_valid="cifar10-valid",
            mirror_test="cifar10_test_acc",
            mirror_valid="cifar10valid_valid_acc",
            test_images=IMAGES * _MEANS,
            valid_images=25_000 * _MEANS,
            truth="mean test accuracy of the available runs (1 to 3) after 200 epochs on all 50 000 training images; "
            "validation accuracy after 200 epochs on half of them",
        ),
        "cifar100": Dataset(
            nats_name="cifar100",
            nats_valid="cifar100",
            mirror_test="cifar100_test_acc",
            mirror_valid="cifar100_valid_acc",
            test_images=5_000 * _MEANS,
            valid_images=5_000 * _MEANS,
            truth=_HALVES,
        ),
        "imagenet16-120": Dataset(
            nats_name="ImageNet16-120",
            nats_valid="ImageNet16-120",
            mirror_test="imagenet16_120_test_acc",
            mirror_valid="imagenet16_120_valid_acc",
            test_images=3_000 * _MEANS,
            valid_images=3_000 * _MEANS,
            truth=_HALVES,
        ),
    }
    if name not in known:
        raise UserError(f"NASBench-201: found the data set {name!r}; expected one of {', '.join(known)}")
    return known[name]
