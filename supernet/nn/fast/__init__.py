"""Faster forms of PyTorch operations, each with the same result as the operation that it replaces."""
