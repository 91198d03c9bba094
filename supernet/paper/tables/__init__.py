"""One module per table, each with `make(results, out_stem)`; `factor` makes the table of any factor."""
