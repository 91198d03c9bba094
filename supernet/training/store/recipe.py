"""A file for people, which says what the folder of the store with this hash has."""

from pathlib import Path

from supernet.config.artifacts import StoreFolder
from supernet.config.identity import Identity
from supernet.io.atomic import write_json


def describe(folder: StoreFolder, identity: Identity, content: str) -> None:
    """Write recipe.json, unless it is there: `content` is a sentence about the files. No job reads the file."""
    if Path(folder.recipe).exists():
        return
    about = {
        "about": f"{content} The name of this folder is the start of the SHA-256 of `differs_from_defaults`, as JSON "
        "with sorted keys and no spaces.",
        "differs_from_defaults": identity.chosen,
        "recipe": identity.values,
    }
    write_json(folder.recipe, about, record=False)
