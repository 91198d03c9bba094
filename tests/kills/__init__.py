"""Kills a small study at random points and compares its results; `python tests/kills` runs it."""
