"""Super-net training heuristics, measured: spaces, networks, training, metrics, figures. No Snakemake in here."""
