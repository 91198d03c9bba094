"""Layers of stand-alone networks and super-nets, with the heuristics that are part of a layer."""
