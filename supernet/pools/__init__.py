"""Pools: the architectures that a study scores, with their ground truth."""
