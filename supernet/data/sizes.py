"""The sizes of the splits of an image file, of which only the header is read. Torch-free: captions need them too."""

from pathlib import Path
from typing import Any

from safetensors import safe_open

from supernet.config.splits import Sizes, split_sizes
from supernet.config.study import Data
from supernet.provenance.recorder import note_input


def file_sizes(path: Path, config: Data) -> Sizes:
    """Compute the sizes for a file of scripts/data.py, of which only the header is read."""
    with safe_open(note_input(path), "numpy") as file:
        return split_sizes(file.get_slice("labels").get_shape()[0], official_test(file), config)


def official_test(file: Any) -> int:
    """Read how many images at the end of an open file of scripts/data.py are the official test set."""
    return int(file.metadata()["official_test"])
