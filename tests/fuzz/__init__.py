"""Fuzzers of everything that reads files or texts of others: mutated inputs, and values that the formats can hold.

A module of this package with a function `targets()` contributes its targets; `tests/fuzz/README.md` says how.
"""
