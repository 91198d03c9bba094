"""Detection of a full disk or an exhausted quota, which the user has to correct, in errors of any library."""

import errno
import os

_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_WORDS = tuple(map(os.strerror, _NUMBERS))
HINT = "free some space, or get a larger quota, then start again: finished work is kept"


def is_full(error: BaseException) -> bool:
    """Return whether an error means a full disk, by number or text; safetensors and pyarrow have their own errors."""
    return getattr(error, "errno", None) in _NUMBERS or any(words in str(error) for words in _WORDS)
