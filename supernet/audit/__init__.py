"""Checks of results against their records, explanations of their lineage, and archives of studies."""
