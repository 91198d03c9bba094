"""NAS-Bench-Macro: the official file and a mirror's."""
