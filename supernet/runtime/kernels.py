"""The environment variable that turns the fast kernels of `supernet.nn.fast` off. Does not import torch."""

import os
from collections.abc import Mapping

from supernet.errors import UserError

VARIABLE = "SUPERNET_REFERENCE_KERNELS"


def reference_kernels(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the environment requests torch's own functions.

    An unset or empty variable and 0 choose the fast kernels, 1 the functions of torch. UserError for another value.
    """
    value = environment.get(VARIABLE) or "0"
    if value not in ("0", "1"):
        raise UserError(f"{VARIABLE}: found {value!r}; expected 0 or 1")
    return value == "1"
