"""Whether an error says that a disk is full, or a quota used up: the user's to correct, whichever library found out."""

import errno
import os

_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_WORDS = tuple(map(os.strerror, _NUMBERS))
HINT = "free some space, or get a larger quota, then start again: finished work is kept"


def is_full(error: BaseException) -> bool:
    """By its number, or by its words: safetensors and pyarrow have errors of their own."""
    return getattr(error, "errno", None) in _NUMBERS or any(words in str(error) for words in _WORDS)
