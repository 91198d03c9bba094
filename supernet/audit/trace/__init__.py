"""Pictures of the lineage of a result."""
