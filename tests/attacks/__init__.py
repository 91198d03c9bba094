"""Attacks on records, archives, checkpoints, downloads and studies, each with the promised verdict.

A module of this package with a function `attacks()` contributes its attacks; `tests/attacks/README.md` says how.
"""
