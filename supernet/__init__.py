"""Super-net training heuristics, measured: search spaces, networks, training, metrics and figures. No Snakemake in here."""
