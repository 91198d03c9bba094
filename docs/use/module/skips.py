"""Count the skip connections of each architecture of a NASBench-201 pool: the script of the rule `skips`."""
# ruff: noqa: F821 (Snakemake defines the name `snakemake`)

import pandas as pd

pool = pd.read_parquet(snakemake.input.pool)
pool["skips"] = pool["encoding"].str.count("skip_connect")
pool[["arch_id", "skips"]].to_csv(snakemake.output.table, index=False)
