"""What all forms of NASBench-201 share (Dong & Yang 2020, and D-X-Y/NATS-Bench)."""

from collections.abc import Mapping
from dataclasses import dataclass

from supernet.errors import UserError

EPOCHS = 200
# A mean is over one, two or three runs: their common multiple.
_MEANS = 6

_HALVES = (
    "mean test accuracy of the runs at hand (1 to 3) after 200 epochs on the training set; tested on half of the "
    "benchmark's held-out images, the other half is for validation"
)


@dataclass(frozen=True)
class Dataset:
    """How the benchmark split and named one data set."""

    nats_name: str
    """Of the training whose test accuracy counts, in NATS-Bench."""
    nats_valid: str
    """Of the training that has a validation accuracy."""
    mirror_test: str
    mirror_valid: str
    """Columns of the mirror's file, in percent."""
    test_images: int
    """Images tested on, times a common multiple of the number of runs."""
    valid_images: int
    truth: str


def dataset(name: str) -> Dataset:
    """The benchmark's data set of that name; UserError names those that it has."""
    known: Mapping[str, Dataset] = {
        "cifar10": Dataset(
            nats_name="cifar10",
            nats_valid="cifar10-valid",
            mirror_test="cifar10_test_acc",
            mirror_valid="cifar10valid_valid_acc",
            test_images=10_000 * _MEANS,
            valid_images=25_000 * _MEANS,
            truth="mean test accuracy of the runs at hand (1 to 3) after 200 epochs on all 50 000 training images; "
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
