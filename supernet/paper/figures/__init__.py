"""One module a figure, each with `make(results, out_stem)`."""
