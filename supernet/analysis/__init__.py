"""Analyses of trained networks beyond their scores: loss landscapes and feature statistics."""
