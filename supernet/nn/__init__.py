"""Layers of stand-alone networks and super-nets; a heuristic that lives in a layer lives here, in one place."""
