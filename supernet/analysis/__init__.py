"""Analyses of trained networks that need more than their scores: loss landscapes, feature statistics."""
