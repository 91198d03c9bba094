"""Image data sets that a study can name, and the published tables of accuracies on them. Torch-free."""

from dataclasses import dataclass
from types import MappingProxyType

from supernet.spaces import KINDS


@dataclass(frozen=True)
class DataSet:
    """Title, side of the square images in pixels, images of the official test set (0 without one), and all images."""

    title: str
    side: int
    official_test: int
    images: int
    channels: int
    classes: int = 10


DATASETS = MappingProxyType(
    {
        "digits": DataSet("scikit-learn's digits, 8 x 8", 8, 0, 1_797, 1),
        "cifar10": DataSet("CIFAR-10", 32, 10_000, 60_000, 3),
        "cifar10-jpeg": DataSet("CIFAR-10, re-encoded as JPEG", 32, 10_000, 60_000, 3),
        "cifar10-first4000": DataSet("CIFAR-10, the first 4 000 training images", 32, 0, 4_000, 3),
        "cifar100": DataSet("CIFAR-100", 32, 10_000, 60_000, 3, classes=100),
        "svhn": DataSet("SVHN, cropped digits", 32, 26_032, 99_289, 3),
    }
)

PUBLISHED = MappingProxyType({space: kind.published for space, kind in KINDS.items()})
"""Tables of each space that can be ground truth on CIFAR-10, by their names in `workflow/sources.yaml`."""
TABLES = MappingProxyType({space: (*kind.published, *kind.further) for space, kind in KINDS.items()})
"""All tables of each space, by their names in `workflow/sources.yaml`."""
RENAMED = MappingProxyType({"darts": "darts-nds", "darts-varied": "darts-nds-varied"})
"""Former names of tables, for messages."""
CIFAR10 = ("cifar10", "cifar10-jpeg", "cifar10-first4000")
"""Data sets on which those tables are ground truth."""
