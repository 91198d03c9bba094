"""Where the checkout is: the folder with the Snakefile, `config.yaml`, `workflow/` and `docs/`."""

from pathlib import Path

from supernet.errors import UserError
from supernet.provenance.closure import ROOT


def checkout() -> Path:
    """Return the checkout that this package is part of.

    Raises UserError if the package was installed without one.
    """
    if not (ROOT / "Snakefile").is_file():
        raise UserError(
            f"{ROOT}: no Snakefile beside the package; expected the package inside a checkout of the project: "
            "install it there with `pip install --editable .`"
        )
    return ROOT
