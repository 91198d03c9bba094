"""NAS-Bench-Macro: readers of the official file and of the file of a mirror."""
