"""One module per figure, each with `make(results, out_stem)`; `_sweep` draws other factors."""
