"""Files: atomic writing, Parquet, and safe reading of third-party archives and pickles."""
