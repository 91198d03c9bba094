"""Search systems: each gets the same problem and budget, and returns ranked architectures with their cost."""
