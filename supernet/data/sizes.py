"""The sizes of the splits of an image file, of which only the header is read. Torch-free: captions need them too."""

import re
from pathlib import Path
from typing import Any

from supernet.config.splits import Sizes, split_sizes
from supernet.config.study import Data
from supernet.errors import UserError
from supernet.io.tensors import open_tensors

MAKER = "scripts/data.py"
"""The program that makes files of images."""


def file_sizes(path: Path, config: Data) -> Sizes:
    """Compute the sizes for a file of scripts/data.py, of which only the header is read."""
    with open_tensors(path, "numpy", MAKER) as file:
        return split_sizes(file.get_slice("labels").get_shape()[0], official_test(path, file), config)


def official_test(path: Path, file: Any) -> int:
    """Read how many images at the end of an open file of scripts/data.py are the official test set.

    Raises UserError if the metadata of the file do not say it.
    """
    found = (file.metadata() or {}).get("official_test", "")
    if not re.fullmatch("[0-9]{1,15}", found) or int(found) > file.get_slice("labels").get_shape()[0]:
        raise UserError(f"{path}: its metadata lack the size of the official test set; {MAKER} makes such a file")
    return int(found)
