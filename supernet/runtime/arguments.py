"""Types of command-line numbers: argparse prints the option, what was found and what is expected, and exits with 2."""

import argparse
import math


def natural(text: str) -> int:
    """Return an integer of 0 or more; argparse reports anything else."""
    return _integer(text, 0)


def positive(text: str) -> int:
    """Return an integer of 1 or more; argparse reports anything else."""
    return _integer(text, 1)


def positive_number(text: str) -> float:
    """Return a finite number above 0; argparse reports anything else."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected a number above 0")
    return number


def _integer(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"found {text!r}; expected an integer of {least} or more")
    return number
