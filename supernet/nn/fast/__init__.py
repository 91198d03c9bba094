"""Faster forms of torch functions, and the switch that chooses between the two (`switch`)."""
