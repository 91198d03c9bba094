"""The sizes of the splits of an image file, of which only the header is read. Torch-free: captions need them too."""

from pathlib import Path
from typing import Any

from supernet.config.splits import Sizes, split_sizes
from supernet.config.study import Data
from supernet.io.tensors import opened
from supernet.provenance.recorder import note_input


def file_sizes(path: Path, config: Data) -> Sizes:
    """Compute the sizes for a file of scripts/data.py, of which only the header is read."""
    with opened(note_input(path), "numpy") as file:
        return split_sizes(file.get_slice("labels").get_shape()[0], official_test(file), config)


def official_test(file: Any) -> int:
    """Read how many images at the end of an open file of scripts/data.py are the official test set.

    Raises ValueError if the file does not say that, or has fewer images.
    """
    count = int((file.metadata() or {})["official_test"])
    if not 0 <= count <= file.get_slice("labels").get_shape()[0]:
        raise ValueError(f"official_test is {count}")
    return count
