"""Provenance: the record beside each result, and hashes of the code that made it."""
