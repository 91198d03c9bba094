"""Files: atomic writing, Parquet, archives and pickles of others that are read safely."""
